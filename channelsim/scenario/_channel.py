"""A channel: what a physical link does to the messages between two layers, and the links that they share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import BeforeValidator, Field, model_validator

from channelsim.scenario._own import Stages
from channelsim.scenario._table import Table, TableError
from channelsim.scenario._types import Count, Duration, Magnitude, NoneWord, Probability, Rate, Scale

DirectionName = Literal["forward", "learning"]


class Ends(NamedTuple):
    """Where a channel leads from and to."""

    direction: DirectionName
    source: int
    target: int


def channel_name(direction: DirectionName, layer: int) -> str:
    """The name of the channel on which `layer` receives, as in [channels] and in a trace: "learning.2"."""
    return f"{direction}.{layer}"


def names_of(channels: Sequence[Ends]) -> tuple[str, ...]:
    """The names of a network's channels: where several lead to a layer, each is also named by its source, if they have
    several, and counted, if they have the same: "learning.1.from.3.copy.2"."""
    alike, same_target = Counter(channels), Counter((ends.direction, ends.target) for ends in channels)
    found, counted = [], Counter[Ends]()
    for ends in channels:
        counted[ends] += 1
        name = channel_name(ends.direction, ends.target)
        if same_target[ends.direction, ends.target] > alike[ends]:
            name += f".from.{ends.source}"
        if alike[ends] > 1:
            name += f".copy.{counted[ends]}"
        found.append(name)
    return tuple(found)


def tables_of(name: str) -> list[str]:
    """The tables of [channels] that hold for a channel, from the general to the specific: "learning", "learning.1",
    "learning.1.from.3", "learning.1.from.3.copy.2"."""
    parts = name.split(".")
    return [".".join(parts[:length]) for length in (1, *range(2, len(parts) + 1, 2))]


FIXED_WIDTHS = {"sign": 1, "ternary": 2, "abs": 31}
BITS = {"log2": (1, 6), "uniform": (2, 16)}
"""Lengths of a word that a quantizer can be given."""


class Threshold(Table):
    """Only values larger in magnitude than `value` are sent."""

    value: Magnitude
    """The threshold: x is sent where |x| > value."""


class LowPrecision(Table):
    """Few-bit values.

    `log2` is a sign(x) 2^round(clip(log2|x/a|, -E+1, 0)) with E exponents (the paper's Q); `uniform` has 2^bits - 1
    levels, symmetric about 0; `sign` is a sign(x), 1 bit; `ternary` is -a, 0 or a, 2 bits.
    """

    kind: Literal["log2", "uniform", "sign", "ternary"]
    """Which quantizer."""
    bits: Annotated[Annotated[int, Field(ge=1, le=16)] | None, NoneWord] = None
    """Bits of a value: log2 1 to 6, which makes 2^(bits - 1) exponents, or one fewer with `silence`; uniform 2 to 16;
    not for sign and ternary, which have 1 and 2."""
    exponents: Annotated[Annotated[int, Field(ge=1, le=32)] | None, NoneWord] = None
    """E of log2, in place of `bits`: what the paper calls its bits. A word has the ceil(log2 2 E) bits that 2 E values
    need, or with `silence` ceil(log2 (2 E + 1))."""
    silence: bool = False
    """Whether log2 keeps one word for silence. Without it, where no word is free, each word of a dense message with a
    silent unit is one bit longer."""
    scale: Scale = "max"
    """The scale a: a number, or "max" or "rms" of the values that are quantized together; of a message it is then sent
    with it (32 bits)."""
    rounding: Literal["nearest", "stochastic"] = "nearest"
    """How `uniform` rounds."""

    @model_validator(mode="after")
    def _fits_kind(self) -> Self:
        problems: list[tuple[tuple[str | int, ...], str]] = []
        fixed = FIXED_WIDTHS.get(self.kind)
        lowest, most = BITS.get(self.kind, (0, 0))
        lowest += self.silence
        accepted = f"accepted for {self.kind}: an integer from {lowest} to {most}"
        if fixed and self.bits is not None:
            problems.append((("bits",), f" = {self.bits}: {self.kind} always has {fixed}; accepted: no key"))
        elif self.kind == "log2" and self.bits is not None and self.exponents is not None:
            problems.append((("exponents",), f" = {self.exponents} beside bits = {self.bits}; accepted: one of them"))
        elif not fixed and self.bits is None and (self.kind != "log2" or self.exponents is None):
            or_exponents = ", or exponents = 1 to 32" if self.kind == "log2" else ""
            problems.append((("bits",), f" is missing; {accepted}{or_exponents}"))
        elif self.bits is not None and not lowest <= self.bits <= most:
            problems.append((("bits",), f" = {self.bits}; {accepted}"))
        if self.kind != "log2":
            only = f"only log2 has it; accepted for {self.kind}: no key"
            if self.exponents is not None:
                problems.append((("exponents",), f" = {self.exponents}: {only}"))
            if self.silence:
                problems.append((("silence",), f" = true: {only}"))
        if self.rounding == "stochastic" and self.kind != "uniform":
            text = f" = 'stochastic': only uniform rounds so; accepted for {self.kind}: \"nearest\""
            problems.append((("rounding",), text))
        if problems:
            raise TableError(problems)
        return self

    @property
    def levels(self) -> int:
        """Magnitudes of its values beside 0: E of log2, 2^(bits - 1) - 1 of uniform, 1 of sign and ternary; 0: any."""
        if self.kind == "uniform":
            return int(2 ** ((self.bits or 0) - 1)) - 1
        if self.kind == "log2":
            return self.exponents or int(2 ** ((self.bits or 0) - 1)) - self.silence
        return 0 if self.kind == "abs" else 1

    @property
    def width(self) -> int:
        """Bits of a code word."""
        if self.kind == "log2":
            return self.bits or (2 * self.levels + self.silence - 1).bit_length()
        return FIXED_WIDTHS.get(self.kind) or self.bits or 0

    @property
    def has_silence(self) -> bool:
        """Whether a word of this length is free for silence: the zero of uniform and ternary, an unused one of log2."""
        return self.kind != "sign" and (self.kind != "log2" or int(2**self.width) > 2 * self.levels)


class Quantize(LowPrecision):
    """Few-bit messages."""

    at: Literal["sender", "receiver"] = "sender"
    """What a learning channel carries: "sender": the values of the layer that sends; "receiver": what C makes of them,
    one value for each unit that receives (Baldi, Sadowski and Lu 2018). All stages then act on that."""


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
    """A duration as the width of a uniform distribution, and "none" as no jitter."""
    return value if isinstance(value, dict | Jitter) else {"value": 0 if value == "none" else value}


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
    stage: Stages = ()
    """Stages of your own (channelsim.extend), a table or a list of tables; "none": no stage."""
    latency: Duration = 0
    """From the end of sending to arrival."""
    jitter: Annotated[Jitter, BeforeValidator(_jitter, json_schema_input_type=Duration | Jitter | Literal["none"])] = (
        Jitter(value=0)
    )
    """Random extra latency of each message; a duration alone is the width of a uniform distribution. "none": 0."""
    bandwidth: Annotated[Rate | None, NoneWord] = None
    """A message of N bits occupies the link for N / bandwidth; "none": no time at all."""
    queue: Annotated[Count | None, NoneWord] = None
    """How many messages may wait for the link; one that finds the queue full is lost. "none": any number."""
    deadline: Annotated[Duration | None, NoneWord] = None
    """Events that arrive later than this after they were offered are lost; "none": no deadline."""
    encoding: Literal["dense", "aer", "auto", "entropy"] = "dense"
    """dense: all n values; aer: address and value of each event; auto: the shorter of the two, message by message;
    entropy: an adaptive arithmetic code of quantized values, without bit errors."""
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
