"""The tables of a scenario beside its channels: data, training, learning, clock, cost and trace."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, PrivateAttr, WithJsonSchema, model_validator

from channelsim.errors import InputError
from channelsim.paths import path_of
from channelsim.rules import RULES, SYNONYMS, Message, Route, Wiring
from channelsim.scenario._channel import Channel, LowPrecision
from channelsim.scenario._given import Matrix, WeightsFile, epoch_problems
from channelsim.scenario._inline import INLINE, inline_problems
from channelsim.scenario._rates import RateDecay, RateDecays, Rates, rate_of
from channelsim.scenario._recording import Events, Record, Window
from channelsim.scenario._table import Table, TableError, accepted, nearest, shown
from channelsim.scenario._types import Count, Duration, Energy, Listed, NoneWord, PositiveFloat, PositiveInt
from channelsim.units import SECOND

DATA_SETS = (
    "digits",
    "mnist",
    "fashion-mnist",
    "cifar10",
    "synthetic",
    "synthetic.blobs",
    "synthetic.sparse",
)
"""The names that `channelsim.data` knows; data flow one way, so they cannot be imported from there."""
if TYPE_CHECKING:
    RuleName = str
else:
    RuleName = Annotated[Literal[tuple(RULES)], WithJsonSchema({"enum": [*RULES, *SYNONYMS], "type": "string"})]

RouteWord = Annotated[
    str,
    Field(
        pattern=r"^(layered|skipped|cascade|from [1-9]\d*(, [1-9]\d*)*)$",
        json_schema_extra={"x-accepted": '"layered", "skipped", "cascade", "from N" or "from N, M"'},
    ),
]


def _data_set(name: str) -> str:
    """A known name, or the absolute path of an .npz file."""
    if name in (*DATA_SETS, INLINE):
        return name
    if name.endswith(".npz"):
        return str(path_of(name).absolute())
    known = ", ".join(DATA_SETS)
    raise InputError(f"no such data set{nearest(name, DATA_SETS)}; accepted: {known}, or the path of an .npz")


_Row = Annotated[tuple[float, ...], Field(min_length=1), Listed]
_Rows = Annotated[
    Annotated[tuple[_Row, ...], Field(min_length=1), Listed] | None,
    NoneWord,
    WithJsonSchema({"type": "array", "items": {"type": "array"}, "x-accepted": "a list of lists of numbers"}),
]
_Targets = Annotated[
    Annotated[tuple[int | float | _Row, ...], Field(min_length=1), Listed] | None,
    NoneWord,
    WithJsonSchema({"type": "array", "x-accepted": "a list of class numbers, of numbers, or of lists of numbers"}),
]


class Data(Table):
    """The samples."""

    name: Annotated[
        str,
        AfterValidator(_data_set),
        WithJsonSchema({"anyOf": [{"enum": list(DATA_SETS)}, {"type": "string", "pattern": r"\.npz$"}]}),
    ] = INLINE
    """A data set by name, or the path of an .npz file (relative to the scenario file). Without it the samples are
    train_x and train_y."""
    train_x: _Rows = None
    """The training samples themselves, one list of input values each: for tiny problems, in place of `name`."""
    train_y: _Targets = None
    """Their targets: class numbers (integers), real numbers, or one list of n_L real numbers each."""
    test_x: _Rows = None
    """Test samples, as train_x; without them nothing is tested."""
    test_y: _Targets = None
    """Their targets, as train_y."""
    target: Literal["auto", "classes", "real", "input"] = "auto"
    """What is learned: "classes", from class numbers or one-hot rows; "real" numbers; the "input" itself (an
    autoencoder); "auto": classes or real numbers, by what the data look like."""
    train: Annotated[PositiveInt | None, NoneWord] = None
    """Only the first so many training samples; "none": all."""
    test: Annotated[PositiveInt | None, NoneWord] = None
    """Only the first so many test samples; "none": all."""
    validation: Count = 0
    """So many samples are taken from the end of the training set, to be measured on and not learnt from."""
    scale: Literal["auto", "none"] | PositiveFloat = "auto"
    """What all values are divided by; "none": used as they are. "auto": sets known by name have values of 0..1; in an
    .npz file integers are divided by 255 if the largest needs 8 bits (128..255), all else is used as it is."""
    normalize: bool = False
    """Each channel gets zero mean and unit variance over the training samples."""
    flip: bool = False
    """Each training image is mirrored, left to right, with probability 1/2 each time that it is shown."""
    shift: Count = 0
    """Each training image is moved by up to so many pixels down or up and across each time that it is shown; zeros
    come in."""

    @model_validator(mode="after")
    def _either_named_or_here(self) -> Self:
        problems = inline_problems(self, accepted(Data, "name"))
        if problems:
            raise TableError(problems)
        return self


RATE = 0.1
"""The learning rate where a scenario says nothing."""


class Training(Table):
    """Stochastic gradient descent."""

    epochs: PositiveInt = 5
    """How often the training set is shown."""
    batch: PositiveInt | Literal["all"] = 100
    """Samples in a frame; 1 is online learning, "all" full-batch learning: one frame an epoch."""
    loss: Annotated[Literal["cross-entropy", "squared"] | None, NoneWord] = None
    """What is minimized: "cross-entropy" with a softmax top, half the "squared" error with any other; "none": what the
    top layer's transfer function says."""
    learning_rate: Rates = RATE
    """eta of the first update: a number, or { default = 0.1, 2 = 0.0 } with rates of single layers; 0: that layer is
    frozen."""
    learning_rate_decay: RateDecays = RateDecay(per_update=0.0)
    """The learning rate is multiplied by one minus this after each update: a number, or a table with another form."""
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """V = momentum * V + gradient; the update is eta * V."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    """L2: each update subtracts eta * weight_decay * w, from W and b alike, as PyTorch's SGD does."""
    shuffle: bool = True
    """A new random order in every epoch."""

    @model_validator(mode="before")
    @classmethod
    def _named(cls, data: Any) -> Any:
        if isinstance(data, dict) and "decay" in data:
            text = " is unknown: rates have learning_rate_decay, weights weight_decay; accepted: one of these keys"
            raise TableError([(("decay",), text)])
        return data

    def frame_size(self, samples: int) -> int:
        """Samples in a full frame, of a training set of so many."""
        return samples if self.batch == "all" else self.batch

    def rate(self, layer: int) -> float:
        """eta of the first update of a layer's W and b; of layer 0, which has none, that of layers not named."""
        return rate_of(self.learning_rate, layer, RATE)


def _by_layer(value: Any) -> Any:
    """The keys of a table of C as text: in Python they may be numbers."""
    if not isinstance(value, dict):
        return value
    return {str(key): matrix for key, matrix in value.items()}


class Feedback(Table):
    """How the feedback weights C are drawn, or where they are given."""

    distribution: Literal["normal", "uniform", "sign", "binary", "orthogonal"] = "normal"
    """sign: +-scale; binary: 0 or scale, evenly, so that mean and standard deviation are half of it."""
    scale: Literal["glorot", "he"] | PositiveFloat = "glorot"
    """Standard deviation, as of weights."""
    mean: float = 0.0
    """What is added to each number that is drawn."""
    redraw: Annotated[Literal["frame"] | None, NoneWord] = None
    """"frame": C is drawn anew for each frame (mini-batch); "none": once."""
    copies: PositiveInt = 1
    """So many C, each with a learning channel of its own; the mean of their errors is the error."""
    rank: Annotated[PositiveInt | None, NoneWord] = None
    """C = P Q with so many columns of P: that many values travel in place of the sender's units; "none": C itself."""
    per: Literal["neuron", "synapse"] = "neuron"
    """What the errors are of: each receiving "neuron", so that all of its synapses learn from one; or each "synapse",
    with feedback weights of its own (small networks)."""
    connections: Annotated[PositiveInt | None, NoneWord] = None
    """Wires per receiving unit, on average; "none": all."""
    bits: Annotated[Annotated[int, Field(ge=1, le=16)] | None, NoneWord] = None
    """C itself has so few bits; "none": float32."""
    congruent: bool = False
    """C has at the start the signs of the weights that it stands for."""
    C: Annotated[dict[str, Matrix], BeforeValidator(_by_layer)] = Field(default_factory=dict)
    """Initial C by the number of the layer that it leads to: a row for each unit that sends, in it a number for each
    unit that receives. Layers that are not named have drawn ones."""
    file: Annotated[WeightsFile | None, NoneWord] = Field(default=None, alias="from")
    """All C are read from this file, as `weights` of a model are; "none": drawn."""
    epoch: Annotated[PositiveInt | None, NoneWord] = None
    """Of a trace: after this epoch; "none": the last one that it keeps."""

    @property
    def given(self) -> bool:
        """Whether any C is given, here or in a file of its own."""
        return bool(self.C) or self.file is not None

    @model_validator(mode="after")
    def _drawable(self) -> Self:
        problems = epoch_problems(self.file, self.epoch)
        unused = ("C", "connections", "distribution", "scale", "mean", "redraw", "copies", "rank")
        for key in unused if self.file is not None else ():
            if getattr(self, key) != type(self).model_fields[key].get_default(call_default_factory=True):
                problems.append(((key,), " is not used, as C is read from a file; accepted: no such key"))
        if problems:
            raise TableError(problems)
        if self.distribution == "orthogonal" and self.connections is not None:
            text = " is given, but an orthogonal C has all wires; accepted: no key, or another distribution"
            raise TableError([(("connections",), text)])
        if self.redraw is not None:
            self._redrawable()
        for key, usual in (("connections", None), ("redraw", None), ("congruent", False), ("mean", 0.0), ("C", {})):
            if self.rank is not None and getattr(self, key) != usual:
                text = f" is given beside {key}, but C = P Q is two random matrices; accepted: one of the keys"
                raise TableError([(("rank",), text)])
        if self.C and self.copies > 1:
            text = f" = {self.copies}: C that are given have no copies; accepted: 1, or C that are drawn"
            raise TableError([(("copies",), text)])
        return self

    def _redrawable(self) -> None:
        """Raises TableError where a C that is drawn anew for each frame cannot be what other keys say."""
        once = {
            "bits": "the levels of its largest magnitude",
            "congruent": "the signs of the initial weights",
            "C": "numbers of its own",
        }
        for key, has in once.items():
            if getattr(self, key) not in (None, False, {}):
                text = f' = "frame": with {key} C has {has}, once, at the start; accepted: "none", or no {key}'
                raise TableError([(("redraw",), text)])
        if self.distribution == "orthogonal":
            text = ' = "frame": an orthogonal C is made of all of its draws together; accepted: another distribution'
            raise TableError([(("redraw",), text)])


class Learning(Table):
    """The learning rule (Baldi, Sadowski, Lu 2018)."""

    rule: RuleName = "bp"
    """bp, sbp (skipped), or random feedback: rbp (layered), srbp (skipped), arbp, asrbp (adaptive), sign, drtp; or top.
    fa is rbp and dfa srbp; frsf, brsf and usf are sign with keys of `feedback`."""
    derivative: bool = True
    """R = f'(S) * (C m); false leaves f' out."""
    route: Annotated[
        Literal["layered", "skipped", "cascade"] | tuple[str, ...] | None,
        BeforeValidator(
            lambda value: tuple(value) if isinstance(value, list) else None if value == "none" else value,
            json_schema_input_type=Literal["layered", "skipped", "cascade"] | list[RouteWord] | None,
        ),
    ] = None
    """Where errors come from: "layered" (h+1 -> h), "skipped" (L -> h), "cascade" (from every layer above), or a list
    with one word for each hidden layer from 1 upwards: one of these, "from N" or, of several, "from N, M". "none":
    what the rule says."""
    feedback: Feedback = Feedback()
    """How C is drawn."""
    learning_rate: Annotated[Rates | None, NoneWord] = None
    """The feedback learning rate, at which an adaptive C learns: a number, or a table by the layer that C leads to;
    "none", or of layers that are not named without a default: that of the layer's weights."""
    weight_decay: Annotated[Annotated[float, Field(ge=0)] | None, NoneWord] = None
    """L2 of an adaptive C, as training.weight_decay; "none": that of the weights."""

    _called: str | None = PrivateAttr(None)

    def __init__(self, /, **data: Any):
        called = data.get("rule")
        if not isinstance(called, str) or called not in SYNONYMS:
            super().__init__(**data)
            return
        synonym = SYNONYMS[called]
        if synonym.feedback:
            data = {**data, "feedback": _with_keys(called, data.get("feedback", {}))}
        super().__init__(**{**data, "rule": synonym.rule})
        self._called = called

    @property
    def called(self) -> str | None:
        """The synonym by which the rule was named, if it was."""
        return self._called

    @model_validator(mode="after")
    def _fits_rule(self) -> Self:
        rule, feedback = RULES[self.rule], self.feedback
        if feedback.redraw is not None and rule.adaptive:
            text = f' = "frame": {self.rule} learns its C, of which nothing would be left; accepted: "none", or a rule'
            raise TableError([(("feedback", "redraw"), f"{text} whose C does not learn")])
        if feedback.copies > 1 and not rule.has_feedback:
            why = "has no learning channels" if rule.route is None else "sends errors back through W, which is one"
            others = ", ".join(name for name, other in RULES.items() if other.has_feedback)
            text = f" = {feedback.copies}: {self.rule} {why}: copies of it would all be the same; accepted: 1, or a"
            raise TableError([(("feedback", "copies"), f"{text} rule whose C are drawn ({others})")])
        if feedback.rank is not None and rule.wiring != Wiring.DENSE:
            others = ", ".join(name for name, other in RULES.items() if other.wiring == Wiring.DENSE)
            text = f" = {feedback.rank}: the C of {self.rule} is not drawn as a product; accepted: "
            raise TableError([(("feedback", "rank"), f'{text}"none", or a rule whose C is a matrix ({others})')])
        return self

    def sources(self, depth: int) -> list[tuple[int, ...]]:
        """For each hidden layer 1..depth-1 the layers that its errors come from; [] where none comes (top).

        Raises InputError if the route does not fit a network of `depth` layers or the rule.
        """
        rule = RULES[self.rule]
        if rule.route is None:
            return []
        words = self.route or rule.route
        hidden = depth - 1
        words = (words,) * hidden if isinstance(words, str) else words
        if len(words) != hidden:
            raise _bad_route(f"names {len(words)} layers; accepted: {hidden}, one entry for each hidden layer")
        sources = [_sources(word, h, depth) for h, word in enumerate(words, start=1)]
        if rule.adjacent and any(above != (h,) for h, above in enumerate(sources, start=2)):
            text = f"skips layers, but {self.rule} sends errors back through the weights of the layer above"
            raise _bad_route(f'{text}; accepted: "layered", or another rule')
        if rule.message == Message.TARGET and any(above != (depth,) for above in sources):
            raise _bad_route(f'is not from the top, but {self.rule} sends the target; accepted: "skipped"')
        return sources


def _with_keys(called: str, feedback: Any) -> Any:
    """A table [learning.feedback] with the keys that a synonym sets."""
    keys = SYNONYMS[called].feedback
    if isinstance(feedback, Feedback):
        feedback = feedback.model_dump(exclude_unset=True)
    if not isinstance(feedback, dict):
        return feedback
    for key, value in keys.items():
        if feedback.get(key, value) != value:
            text = f' = {shown(feedback[key])}: {called} is {SYNONYMS[called].rule} with {key} = "{value}"'
            raise TableError([(("feedback", key), f"{text}; accepted: no key, or another rule")])
    return {**feedback, **keys}


def _bad_route(text: str) -> TableError:
    return TableError([(("learning", "route"), f" {text}")])


def _sources(word: str, layer: int, depth: int) -> tuple[int, ...]:
    """The layers that `word` of a route names as the sources of the errors at hidden layer `layer`, from below."""
    if word == Route.LAYERED:
        return (layer + 1,)
    if word == Route.SKIPPED:
        return (depth,)
    if word == Route.CASCADE:
        return tuple(range(layer + 1, depth + 1))
    if re.fullmatch(r"from \d+(, \d+)*", word):
        found = [int(number) for number in re.findall(r"\d+", word)]
        if all(layer < source <= depth for source in found) and len(set(found)) == len(found):
            return tuple(sorted(found))
    allowed = (
        f'"layered", "skipped", "cascade", "from N" or "from N, M" with different N, M from {layer + 1} to {depth}'
    )
    raise TableError([(("learning", "route", layer - 1), f" = {word!r}; accepted: {allowed}")])


def _one_or_many(value: Any) -> Any:
    return tuple(value) if isinstance(value, list | tuple) else (value,)


Durations = Annotated[
    tuple[Duration, ...], BeforeValidator(_one_or_many, json_schema_input_type=Duration | list[Duration])
]


class Compute(Table):
    """How long a layer computes for each sample's message: one duration, or a list with one a layer, 1..L."""

    forward: Durations = (0,)
    """From the last input to the activity."""
    learning: Durations = (0,)
    """From the last error to the updated weights."""


class QuantizeUpdate(LowPrecision):
    """Few-bit updates, or only their signs or absolute values."""

    kind: Literal["log2", "uniform", "sign", "ternary", "abs"]  # type: ignore[assignment]
    """Which quantizer; abs: the absolute value, a float32 without its sign."""
    per: Literal["batch", "sample"] = "batch"
    """What is one message: "batch": the step that a frame makes; "sample": the step of each sample, before their mean
    is taken."""

    @model_validator(mode="after")
    def _abs_has_no_scale(self) -> Self:
        if self.kind == "abs" and "scale" in self.model_fields_set:
            raise TableError([(("scale",), f" = {self.scale!r}: abs changes nothing but signs; accepted: no key")])
        return self


class Synapses(Table):
    """The precision of the synapses themselves."""

    update: Annotated[QuantizeUpdate | None, NoneWord] = None
    """Quantizes each weight update; "none": float32."""
    weight: Annotated[LowPrecision | None, NoneWord] = None
    """Quantizes the stored weight after each update; "none": float32."""


class Change(Table):
    """From some epoch or frame on, these channel keys have these values."""

    epoch: PositiveInt | None = None
    """From the start of this epoch, counted from 1."""
    frame: Annotated[int, Field(ge=0, lt=2**63)] | None = None
    """From this frame, counted from 0 over the whole run."""
    channels: Annotated[dict[str, Channel], Field(min_length=1)]
    """As [channels]; keys that are not named stay as they are."""

    @model_validator(mode="after")
    def _when(self) -> Self:
        if (self.epoch is None) == (self.frame is None):
            raise TableError([((), ": when it holds is not clear; accepted: either epoch or frame")])
        for name, channel in self.channels.items():
            if "link" in channel.model_fields_set:
                text = " cannot change during a run; accepted: the other keys of a channel"
                raise TableError([(("channels", name, "link"), text)])
        return self


class Schedule(Table):
    """When frames enter the network."""

    mode: Literal["sequential", "pipelined"] = "sequential"
    """sequential: when all that the last frame caused is done; pipelined: every `interval`."""
    interval: Annotated[Duration | None, NoneWord] = None
    """pipelined: from one frame to the next."""
    arrivals: Literal["fixed", "poisson"] = "fixed"
    """pipelined: exactly or on average `interval` apart."""
    stash: Annotated[PositiveInt | None, NoneWord] = None
    """pipelined: how many frames a layer remembers; "none": every frame in flight."""
    on_miss: Literal["drop", "current"] = "drop"
    """what becomes of an error whose frame is no longer in the stash: "drop", no update; "current", an update
    with the newest activity."""
    max_in_flight: PositiveInt = 10_000
    """pipelined: a run with more frames in flight stops, because it cannot keep up."""
    change: Annotated[tuple[Change, ...], Listed] = ()
    """Changes of channels during the run, in the order of time."""

    @model_validator(mode="after")
    def _fits_mode(self) -> Self:
        if self.mode == "pipelined" and not self.interval:
            text = ' must be above 0 when mode = "pipelined"; accepted: a duration such as "20 us"'
            raise TableError([(("interval",), text)])
        return self


class EnergyCosts(Table):
    """What operations cost.

    Defaults: 45 nm at 0.9 V, from M. Horowitz, "Computing's energy problem (and what we can do about it)",
    ISSCC 2014. A multiply-accumulate is a 32-bit floating point product (3.7 pJ) and sum (0.9 pJ). A synapse
    is one 32-bit word of an 8 kB cache (10 pJ for 64 bits); writing is taken to cost as much as reading. A
    bit leaves the chip, at the lower end of what DRAM access costs there (1.3 nJ for 64 bits).
    """

    bit: Energy = 20e-12
    """Of each bit that a link carries."""
    mac: Energy = 4.6e-12
    """Of each multiply-accumulate."""
    synapse_read: Energy = 5e-12
    """Of each weight that is read."""
    synapse_write: Energy = 5e-12
    """Of each weight that is written."""


class Trace(Table):
    """What the trace keeps, beside metrics and counters."""

    events: Events = "first 10 frames"
    """Messages one by one: "none", "first N frames", or tables { from = "epoch 3", frames = 100, channels = [...] }."""
    record: Annotated[tuple[Record, ...], Listed] = ()
    """Values of layers and channels, every so many frames."""
    weights: Annotated[
        str,
        Field(pattern=r"^(none|last|epoch|every [1-9]\d{0,8} epochs?)$"),
        Field(json_schema_extra={"x-accepted": '"none", "last", "epoch" or "every N epochs"'}),
    ] = "epoch"
    """Weights: "none", "last", "epoch" or "every N epochs"."""
    alignment: Literal["none", "epoch"] = "none"
    """Angle between learning signals and gradients, measured after each epoch."""
    probe: PositiveInt = 500
    """So many of the first training samples are what alignment is measured on."""
    checkpoint: Duration = 10 * SECOND
    """Wall time between checkpoints."""

    @property
    def windows(self) -> tuple[Window, ...]:
        """The frames of which messages are kept."""
        if isinstance(self.events, str):
            return () if self.events == "none" else (Window(frames=int(self.events.split()[1])),)
        return self.events

    @property
    def weights_every(self) -> int | None:
        """Weights are kept after every so many epochs; 0: after the last one only; None: never."""
        if self.weights.startswith("every"):
            return int(self.weights.split()[1])
        return {"none": None, "last": 0, "epoch": 1}[self.weights]
