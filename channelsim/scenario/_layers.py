"""The kinds of layers that a model is a chain of, and the shape that each makes of the one below."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from channelsim.scenario._given import Matrix, Numbers, Tuples, misfit
from channelsim.scenario._own import Own, Use, own_or_word
from channelsim.scenario._table import Table, TableError
from channelsim.scenario._types import Count, NoneWord, PositiveInt

TransferName = Literal["tanh", "logistic", "relu", "linear", "softmax"]
Transfer = Annotated[TransferName | Own, BeforeValidator(own_or_word, json_schema_input_type=TransferName | Use | Own)]
"""One of the transfer functions that there are, or one of the user's own."""
Shape = tuple[int, ...]
"""(units,) of a vector, (channels, height, width) of a map."""

MOST_VALUES = 2**26
"""Of the input, padding included, and of the activity of each layer: synapses can then be counted in 64 bits."""


def _like_size(keys: dict[str, Any]) -> int:
    return int(keys["size"])


class _Kind(Table):
    kind: str
    """What the layer is."""
    repeat: PositiveInt = 1
    """So many equal layers, one after another."""

    @property
    def synapses(self) -> bool:
        """Whether it has weights and biases that learn."""
        return False

    @property
    def biased(self) -> bool:
        """Whether its neurons have biases, unless the model says that no layer has (see `Model.chain`)."""
        return False

    @property
    def nonlinearity(self) -> TransferName | Literal["own"]:
        """Its transfer function f; linear where there is none to choose, "own" where it is the user's."""
        return "linear"

    @property
    def own(self) -> Own | None:
        """A transfer function of the user's own."""
        return None

    @property
    def transfer_in_words(self) -> str:
        """What f is called in tables."""
        return self.own.label if self.own else self.nonlinearity

    def shape(self, below: Shape) -> Shape:
        """Shape of its activity on top of a layer of shape `below`; TableError with the key that does not fit."""
        raise TypeError(f"{type(self).__name__} is no kind of layer")


class _Learner(_Kind):
    """A layer of neurons that have synapses and a transfer function to choose."""

    transfer: Transfer
    """The transfer function f; softmax (with cross-entropy) only at the top. Or a function of a Python file."""
    bias: Annotated[bool | None, NoneWord] = None
    """Whether its neurons have biases b; "none": as the model says."""
    W: Annotated[Matrix | None, NoneWord, Tuples] = None
    """Initial weights, a row for each input and in it a number for each unit (conv2d: for each channel, row and column
    of a kernel, and for each map); "none": drawn."""
    b: Annotated[Numbers | None, NoneWord, Tuples] = None
    """Initial biases, one for each unit (conv2d: for each map); "none": 0."""

    @property
    def synapses(self) -> bool:
        return True

    @property
    def biased(self) -> bool:
        return self.bias is not False

    def _check_given(self, shape: tuple[int, int], rows: str, columns: str) -> None:
        """Raises TableError for numbers of another shape than that of W."""
        if self.W is not None and (text := misfit(self.W, shape, rows, columns)):
            raise TableError([(("W",), text)])
        if self.b is not None and len(self.b) != shape[1]:
            raise TableError([(("b",), f" has {len(self.b)} numbers; accepted: {shape[1]}, one for each {columns}")])

    @property
    def nonlinearity(self) -> TransferName | Literal["own"]:
        return "own" if isinstance(self.transfer, Own) else self.transfer

    @property
    def own(self) -> Own | None:
        return self.transfer if isinstance(self.transfer, Own) else None


class Dense(_Learner):
    """A fully connected layer: S = W x + b, O = f(S). A map below is taken as a vector."""

    kind: Literal["dense"]
    """What the layer is."""
    units: PositiveInt
    """Number of neurons."""

    def shape(self, below: Shape) -> Shape:
        self._check_given((math.prod(below), self.units), "input", "unit")
        return (self.units,)


class Conv2d(_Learner):
    """A convolution (cross-correlation, as is usual) of a map with one square kernel for each pair of channels."""

    kind: Literal["conv2d"]
    """What the layer is."""
    channels: PositiveInt
    """Number of maps that it makes, each with kernels and a bias of its own."""
    kernel: PositiveInt
    """Side of a kernel."""
    stride: PositiveInt = 1
    """Steps of the kernel, down and across."""
    padding: Count = 0
    """Rows and columns of zeros around the map below."""

    def shape(self, below: Shape) -> Shape:
        padded = math.prod([*below[:1], *(side + 2 * self.padding for side in below[1:])])
        if padded > MOST_VALUES:
            text = f" = {self.padding}: makes {padded:,} values of the map {shape_in_words(below)} below"
            raise TableError([(("padding",), f"{text}; accepted: at most {MOST_VALUES:,}")])
        sides = _sides(below, "kernel", self.kernel, self.stride, self.padding)
        self._check_given((below[0] * self.kernel**2, self.channels), "channel, row and column of a kernel", "map")
        return (self.channels, *sides)


class _Pool(_Kind):
    size: PositiveInt
    """Side of a window; windows that would reach over the edge are left out."""
    stride: PositiveInt = Field(default_factory=_like_size)
    """Steps of the window, down and across; without the key as large as the window."""

    def shape(self, below: Shape) -> Shape:
        return (below[0], *_sides(below, "size", self.size, self.stride))


class MaxPool(_Pool):
    """The largest value of each window of a map; an error goes to the neuron that had it. No synapses."""

    kind: Literal["maxpool"]
    """What the layer is."""


class AvgPool(_Pool):
    """The mean of each window of a map; an error is shared evenly among the window's neurons. No synapses."""

    kind: Literal["avgpool"]
    """What the layer is."""


class Flatten(_Kind):
    """A map as a vector, passed on as it is by a layer of relays. No synapses."""

    kind: Literal["flatten"]
    """What the layer is."""

    def shape(self, below: Shape) -> Shape:
        return (math.prod(below),)


Layer = Annotated[Dense | Conv2d | MaxPool | AvgPool | Flatten, Field(discriminator="kind")]


def shape_in_words(shape: Shape) -> str:
    """E.g. "100" or "3 x 32 x 32"."""
    return " x ".join(map(str, shape))


def _sides(below: Shape, key: str, window: int, stride: int, padding: int = 0) -> tuple[int, int]:
    """Height and width that a square window makes of a map. Raises TableError where it does not fit."""
    if len(below) != 3:
        text = f": there is no map below, but a vector of {shape_in_words(below)}; accepted: a map, that is an input "
        raise TableError([((), text + "[channels, height, width], conv2d, maxpool or avgpool")])
    room = min(below[1:]) + 2 * padding
    if window > room:
        around = f" with padding {padding}" if padding else ""
        more = " (or more padding)" if key == "kernel" else ""
        text = f" = {window}: does not fit into the map {shape_in_words(below)}{around} below"
        raise TableError([((key,), f"{text}; accepted: 1 to {room}{more}")])
    height, width = ((side + 2 * padding - window) // stride + 1 for side in below[1:])
    return height, width
