"""A channel: what a physical link does to the messages between two layers, and the links that they share."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from channelsim.scenario._table import Table, TableError
from channelsim.scenario._types import Count, Duration, Magnitude, NoneWord, Probability, Rate, Scale

DirectionName = Literal["forward", "learning"]


def channel_name(direction: DirectionName, layer: int) -> str:
    """The name of the channel on which `layer` receives, as in [channels] and in a trace: "learning.2"."""
    return f"{direction}.{layer}"


def channel_ends(name: str) -> tuple[DirectionName, int]:
    """Direction and receiving layer of such a name."""
    direction, layer = name.split(".")
    return ("forward" if direction == "forward" else "learning"), int(layer)


FIXED_WIDTHS = {"sign": 1, "ternary": 2}


class Threshold(Table):
    """Only activities larger in magnitude than `value` are sent."""

    value: Magnitude
    """The threshold: x is sent where |x| > value."""


class Quantize(Table):
    """Few-bit values.

    `log2` is a sign(x) 2^round(clip(log2|x/a|, -bits+1, 0)) (the paper's Q); `uniform` has 2^bits - 1 levels,
    symmetric about 0; `sign` is a sign(x), 1 bit; `ternary` is -a, 0 or a, 2 bits.
    """

    kind: Literal["log2", "uniform", "sign", "ternary"]
    """Which quantizer."""
    bits: Annotated[Annotated[int, Field(ge=1, le=16)] | None, NoneWord] = None
    """Bits of a value: log2 1 to 16, uniform 2 to 16; not for sign and ternary, which have 1 and 2."""
    scale: Scale = "max"
    """The scale a: a number, or "max" or "rms" of the message, which is then sent with it (32 bits)."""
    rounding: Literal["nearest", "stochastic"] = "nearest"
    """How `uniform` rounds."""

    @model_validator(mode="after")
    def _fits_kind(self) -> Self:
        problems: list[tuple[tuple[str | int, ...], str]] = []
        fixed = FIXED_WIDTHS.get(self.kind)
        lowest = 2 if self.kind == "uniform" else 1
        accepted = f"accepted for {self.kind}: an integer from {lowest} to 16"
        if fixed and self.bits is not None:
            problems.append((("bits",), f" = {self.bits}: {self.kind} always has {fixed}; accepted: no key"))
        elif not fixed and self.bits is None:
            problems.append((("bits",), f" is missing; {accepted}"))
        elif self.bits is not None and self.bits < lowest:
            problems.append((("bits",), f" = {self.bits}; {accepted}"))
        if self.rounding == "stochastic" and self.kind != "uniform":
            text = f" = 'stochastic': only uniform rounds so; accepted for {self.kind}: \"nearest\""
            problems.append((("rounding",), text))
        if problems:
            raise TableError(problems)
        return self

    @property
    def width(self) -> int:
        """Bits of a code word."""
        return FIXED_WIDTHS.get(self.kind) or self.bits or 0


class Noise(Table):
    """Gaussian noise of standard deviation sigma * scale, added to each value that is sent."""

    sigma: Magnitude
    """Standard deviation, in units of `scale`."""
    scale: Scale = 1.0
    """A number, or "max" or "rms" of the message's values before they were quantized."""


class BitErrors(Table):
    """Each bit of a value's code word flips with some probability."""

    probability: Probability
    """That a bit flips."""


class Drop(Table):
    """Each event is lost with some probability."""

    probability: Probability
    """That an event is lost."""
    rescale: bool = False
    """Divide what arrives by 1 - probability, so that the expected value stays the same."""

    @model_validator(mode="after")
    def _something_arrives(self) -> Self:
        if self.rescale and self.probability == 1:
            text = " = true: with probability = 1 nothing arrives that could be divided; accepted: false"
            raise TableError([(("rescale",), text)])
        return self


class Jitter(Table):
    """A random delay of each message, beside the latency."""

    distribution: Literal["uniform", "exponential"] = "uniform"
    """uniform: between 0 and `value`; exponential: with mean `value`."""
    value: Duration
    """Width or mean."""


def _jitter(value: Any) -> Any:
    return value if isinstance(value, dict | Jitter) else {"value": value}


class Channel(Table):
    """What happens to a message: the stages in their order, then clock and code."""

    threshold: Annotated[Threshold | None, NoneWord] = None
    """Send large values only."""
    quantize: Annotated[Quantize | None, NoneWord] = None
    """Send few bits per value; without it a value is a 32-bit float."""
    residual: Annotated[Literal["threshold", "error_feedback"] | None, NoneWord] = None
    """What a sender keeps and adds to its next value: "threshold": values that the threshold held back;
    "error_feedback": what was to be sent minus what was sent, that is also what the quantizer rounded off."""
    noise: Annotated[Noise | None, NoneWord] = None
    """Additive noise."""
    bit_errors: Annotated[BitErrors | None, NoneWord] = None
    """Flipped bits in the code words."""
    drop: Annotated[Drop | None, NoneWord] = None
    """Lost events."""
    latency: Duration = 0
    """From the end of sending to arrival."""
    jitter: Annotated[Jitter, BeforeValidator(_jitter, json_schema_input_type=Duration | Jitter)] = Jitter(value=0)
    """Random extra latency of each message; a duration alone is the width of a uniform distribution."""
    bandwidth: Annotated[Rate | None, NoneWord] = None
    """A message of N bits occupies the link for N / bandwidth; "none": no time at all."""
    queue: Annotated[Count | None, NoneWord] = None
    """How many messages may wait for the link; one that finds the queue full is lost. "none": any number."""
    deadline: Annotated[Duration | None, NoneWord] = None
    """Events that would arrive later than this after sending are lost; "none": no deadline."""
    encoding: Literal["dense", "aer", "auto"] = "dense"
    """dense: all n values; aer: address and value of each event; auto: the shorter, message by message."""
    header: Annotated[int, Field(ge=0, le=2**20)] = 0
    """Bits of header with each message."""
    link: Annotated[str | None, NoneWord] = None
    """The [links] entry that this channel shares with others, whose bandwidth and queue then hold."""

    @model_validator(mode="after")
    def _one_link(self) -> Self:
        if self.link is not None:
            for key in ("bandwidth", "queue"):
                if getattr(self, key) is not None:
                    text = f" is given beside link = {self.link!r}; accepted: {key} in [links.{self.link}]"
                    raise TableError([((key,), text)])
        return self

    def over(self, general: Channel) -> Channel:
        """`general` with the keys that this channel sets in place of its own, key by key.

        A link and a bandwidth or queue of its own exclude each other: the more specific one holds.
        """
        update: dict[str, Any] = {}
        if self.link is not None:
            update |= {"bandwidth": None, "queue": None}
        elif self.bandwidth is not None or self.queue is not None:
            update["link"] = None
        update |= {key: getattr(self, key) for key in self.model_fields_set}
        return general.model_copy(update=update)


class Link(Table):
    """A physical link (a bus) that several channels share, first come first served."""

    bandwidth: Rate
    """A message of N bits occupies the link for N / bandwidth."""
    queue: Annotated[Count | None, NoneWord] = None
    """How many messages may wait; "none": any number."""
    broadcast: bool = False
    """One transmission of a layer's message serves all channels of that layer on this link."""
