"""A network description: a chain of layers between an input and a top layer."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Literal, Self, get_args

from pydantic import Field, PrivateAttr, model_validator

from channelsim.scenario._given import WeightsFile, epoch_problems
from channelsim.scenario._layers import (
    MOST_VALUES,
    Conv2d,
    Dense,
    Layer,
    Shape,
    TransferName,
    shape_in_words,
)
from channelsim.scenario._table import Table, TableError
from channelsim.scenario._types import Listed, NoneWord, PositiveFloat, PositiveInt

MOST_LAYERS = 1000
"""With so many layers of MOST_VALUES all synapses can still be counted in 64 bits."""


class Weights(Table):
    """How initial weights are drawn; biases start at 0."""

    distribution: Literal["normal", "uniform", "orthogonal"] = "normal"
    """Shape of the distribution."""
    scale: Literal["glorot", "he"] | PositiveFloat = "glorot"
    """Standard deviation: glorot sqrt(2 / (fan_in + fan_out)), he sqrt(2 / fan_in), or a number."""
    file: Annotated[WeightsFile | None, NoneWord] = Field(default=None, alias="from")
    """W, b and, where the rule has C and the file too, C are read from this file: a trace, an .npz or a state dict of
    PyTorch; "none": drawn."""
    epoch: Annotated[PositiveInt | None, NoneWord] = None
    """Of a trace: after this epoch; "none": the last one that it keeps."""
    feedback: bool = True
    """false: C is drawn even if the file has it."""

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        problems = epoch_problems(self.file, self.epoch)
        for key in ("distribution", "scale") if self.file is not None else ():
            if getattr(self, key) != type(self).model_fields[key].default:
                problems.append(((key,), " is not used, as the weights are read from a file; accepted: no such key"))
        if problems:
            raise TableError(problems)
        return self


class Model(Table):
    """A network: its input and its layers 1..L, from the input to the top."""

    name: Annotated[str, Field(min_length=1)]
    """What the network is called."""
    input: Annotated[tuple[PositiveInt, ...], Listed]
    """Shape of a sample: [values], or [channels, height, width]."""
    layers: Annotated[tuple[Layer, ...], Listed, Field(min_length=1)]
    """The layers, from the one next to the input to the top."""
    weights: Weights = Weights()
    """How the initial weights of all layers are drawn, or the file that they are read from."""
    bias: bool = True
    """Whether neurons have biases b, in layers that do not say it themselves."""

    _path: Path | None = PrivateAttr(None)

    @model_validator(mode="after")
    def _sound(self) -> Self:
        problems: list[tuple[tuple[str | int, ...], str]] = []
        if len(self.input) not in (1, 3):
            text = f" = {list(self.input)}; accepted: [values] or [channels, height, width]"
            problems.append((("input",), text))
        top = len(self.layers) - 1
        for i, layer in enumerate(self.layers):
            if layer.nonlinearity == "softmax" and (i < top or layer.repeat > 1):
                accepted = ", ".join(f'"{name}"' for name in get_args(TransferName) if name != "softmax")
                text = f" = 'softmax' below the top; accepted there: {accepted}"
                problems.append((("layers", i, "transfer"), text))
        for i, layer in enumerate(self.layers):
            problems += [(("layers", i, key), text) for key, text in self._unfit_numbers(layer)]
        if not self.layers[-1].synapses:
            text = f' = {self.layers[-1].kind!r}: the top layer must learn; accepted there: "dense", "conv2d"'
            problems.append((("layers", top, "kind"), text))
        if self.depth > MOST_LAYERS:
            problems.append((("layers",), f": {self.depth:,} layers; accepted: at most {MOST_LAYERS:,}"))
        if math.prod(self.input) > MOST_VALUES:
            text = f" = {list(self.input)}: {math.prod(self.input):,} values; accepted: at most {MOST_VALUES:,}"
            problems.append((("input",), text))
        if not problems:
            problems = self._misfit()
        if problems:
            raise TableError(problems)
        return self

    def _unfit_numbers(self, layer: Layer) -> list[tuple[str, str]]:
        """Keys of a layer that give numbers where they cannot be used, and why."""
        if not isinstance(layer, Dense | Conv2d):
            return []
        found = []
        if self.weights.file is not None:
            text = " is given, but so is weights.from; accepted: one of them"
            found += [(key, text) for key in ("W", "b") if getattr(layer, key) is not None]
        if layer.b is not None and not (self.bias if layer.bias is None else layer.bias):
            found.append(("b", " is given, but the layer has no biases; accepted: bias = true, or no such key"))
        return found

    def _misfit(self) -> list[tuple[tuple[str | int, ...], str]]:
        """The lowest layer that does not fit onto the one below it, told with the sizes of all layers below."""
        shapes = [self.input]
        for i, layer in enumerate(self.layers):
            for _ in range(layer.repeat):
                try:
                    shapes.append(layer.shape(shapes[-1]))
                except TableError as error:
                    path, text = error.problems[0]
                    sizes = ", ".join(map(shape_in_words, shapes))
                    told = f"{text} (layer {len(shapes)}, {layer.kind}; sizes below it, from the input up: {sizes})"
                    return [(("layers", i, *path), told)]
                if math.prod(shapes[-1]) > MOST_VALUES:
                    text = f": {shape_in_words(shapes[-1])} units in layer {len(shapes) - 1}; accepted: at most "
                    return [(("layers", i), f"{text}{MOST_VALUES:,}")]
        return []

    def chain(self) -> tuple[Layer, ...]:
        """Layers 1..L, with every `repeat` written out, and each told whether it has biases."""
        return tuple(self._told(layer) for layer in self.layers for _ in range(layer.repeat))

    def _told(self, layer: Layer) -> Layer:
        if not isinstance(layer, Dense | Conv2d):
            return layer.model_copy(update={"repeat": 1})
        return layer.model_copy(update={"repeat": 1, "bias": self.bias if layer.bias is None else layer.bias})

    def own_uses(self) -> dict[str, str]:
        """The functions of Python files that it names: key -> "FILE.py:FUNCTION"."""
        return {f"model.layers[{i}].transfer": layer.own.use for i, layer in enumerate(self.layers) if layer.own}

    def shapes(self) -> tuple[Shape, ...]:
        """Of the activities of layers 0..L, 0 being the input: (units,), or (channels, height, width) of a map."""
        shapes: list[Shape] = [self.input]
        for layer in self.chain():
            shapes.append(layer.shape(shapes[-1]))
        return tuple(shapes)

    @property
    def where(self) -> str:
        """Where a user finds it, for messages: the file it was read from, or "model"."""
        return str(self._path) if self._path else "model"

    @property
    def depth(self) -> int:
        """L, the number of layers above the input."""
        return sum(layer.repeat for layer in self.layers)

    def __str__(self) -> str:
        """The shapes from the input to the top, e.g. 784-100-100-10 or 1x28x28-16x24x24-16x12x12-10."""
        return "-".join("x".join(map(str, shape)) for shape in self.shapes())
