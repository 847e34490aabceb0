"""A network description: a chain of layers between an input and a top layer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, PrivateAttr, model_validator

from channelsim.scenario._table import Table, TableError
from channelsim.scenario._types import Listed, PositiveInt

TransferName = Literal["tanh", "logistic", "relu", "linear", "softmax"]


class Weights(Table):
    """How initial weights are drawn; biases start at zero."""

    distribution: Literal["normal", "uniform", "orthogonal"] = "normal"
    """Shape of the distribution."""
    scale: Literal["glorot", "he"] | Annotated[float, Field(gt=0)] = "glorot"
    """Standard deviation: glorot sqrt(2 / (fan_in + fan_out)), he sqrt(2 / fan_in), or a number."""


class Dense(Table):
    """A fully connected layer: S = W x + b, O = f(S)."""

    kind: Literal["dense"]
    """What the layer is."""
    units: PositiveInt
    """Number of neurons."""
    transfer: TransferName
    """The transfer function f; softmax (with cross-entropy) only at the top."""
    repeat: PositiveInt = 1
    """So many equal layers, one after another."""


Layer = Dense


class Model(Table):
    """A network: its input and its layers 1..L, from the input to the top."""

    name: Annotated[str, Field(min_length=1)]
    """What the network is called."""
    input: Annotated[tuple[PositiveInt, ...], Listed]
    """Shape of a sample: [values], or [channels, height, width]."""
    layers: Annotated[tuple[Layer, ...], Listed, Field(min_length=1)]
    """The layers, from the one next to the input to the top."""
    weights: Weights = Weights()
    """How the initial weights of all layers are drawn."""

    _path: Path | None = PrivateAttr(None)

    @model_validator(mode="after")
    def _sound(self) -> Self:
        problems: list[tuple[tuple[str | int, ...], str]] = []
        if len(self.input) not in (1, 3):
            text = f" = {list(self.input)}; accepted: [values] or [channels, height, width]"
            problems.append((("input",), text))
        top = len(self.layers) - 1
        for i, layer in enumerate(self.layers):
            if layer.transfer == "softmax" and (i < top or layer.repeat > 1):
                text = ' = \'softmax\' below the top; accepted there: "tanh", "logistic", "relu", "linear"'
                problems.append((("layers", i, "transfer"), text))
        if problems:
            raise TableError(problems)
        return self

    def chain(self) -> tuple[Layer, ...]:
        """Layers 1..L, with every `repeat` written out."""
        return tuple(layer.model_copy(update={"repeat": 1}) for layer in self.layers for _ in range(layer.repeat))

    @property
    def where(self) -> str:
        """Where a user finds it, for messages: the file it was read from, or "model"."""
        return str(self._path) if self._path else "model"

    @property
    def depth(self) -> int:
        """L, the number of layers above the input."""
        return sum(layer.repeat for layer in self.layers)

    def __str__(self) -> str:
        """The widths from the input to the top, e.g. 784-100-100-10."""
        return "-".join(["x".join(map(str, self.input)), *(str(layer.units) for layer in self.chain())])
