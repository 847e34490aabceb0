"""The tables of a scenario beside its channels and [learning]: data, training, clock, cost and trace."""

from __future__ import annotations

from pathlib import Path as FilePath
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from channelsim.data import NAMES
from channelsim.errors import InputError
from channelsim.paths import path_of
from channelsim.scenario._channel import Channel, LowPrecision
from channelsim.scenario._inline import INLINE, source_problems
from channelsim.scenario._own import Own, Use, own_or_word
from channelsim.scenario._rates import RateDecay, RateDecays, Rates, rate_of
from channelsim.scenario._recording import Events, Record, Window
from channelsim.scenario._table import Table, TableError, accepted, nearest
from channelsim.scenario._types import Count, Duration, Energy, Listed, Magnitude, NoneWord, PositiveFloat, PositiveInt
from channelsim.units import SECOND


def _data_set(name: str) -> str:
    """A known name, or the absolute path of an .npz file or a folder."""
    if name in (*NAMES, INLINE):
        return name
    if is_path(name):
        return str(path_of(name).absolute())
    known = ", ".join(NAMES)
    raise InputError(
        f"no such data set{nearest(name, NAMES)}; accepted: {known}, or the path of an .npz or of a folder with "
        'IDX files, "./FOLDER"'
    )


def is_path(name: str) -> bool:
    """Whether the name of a data set is a path: it ends in .npz, or has a slash."""
    return name.endswith(".npz") or "/" in name or "\\" in name


_Row = Annotated[tuple[float, ...], Field(min_length=1), Listed]
_Rows = Annotated[
    Annotated[tuple[_Row, ...], Field(min_length=1), Listed] | None,
    NoneWord,
    WithJsonSchema(
        {
            "anyOf": [{"type": "array", "items": {"type": "array"}, "minItems": 1}, {"type": "null"}],
            "x-accepted": 'a list of lists of numbers, or "none"',
        }
    ),
]
_Targets = Annotated[
    Annotated[tuple[int | float | _Row, ...], Field(min_length=1), Listed] | None,
    NoneWord,
    WithJsonSchema(
        {
            "anyOf": [{"type": "array", "minItems": 1}, {"type": "null"}],
            "x-accepted": 'a list of class numbers, of numbers, or of lists of numbers, or "none"',
        }
    ),
]


IdxFile = Annotated[str, AfterValidator(lambda name: str(path_of(name).absolute()))]
IdxPart = Annotated[IdxFile | None, NoneWord]


class Idx(Table):
    """The IDX files of a data set, gzip or not, by their paths."""

    train_x: IdxFile
    """The training images."""
    train_y: IdxPart = None
    """Their labels."""
    test_x: IdxPart = None
    """The test images."""
    test_y: IdxPart = None
    """Their labels."""
    validation_x: IdxPart = None
    """Images that are measured on and not learnt from."""
    validation_y: IdxPart = None
    """Their labels."""

    @property
    def files(self) -> dict[str, FilePath]:
        """Key -> path, of those that are given."""
        return {key: FilePath(name) for key, name in self.model_dump().items() if name is not None}


class Data(Table):
    """The samples."""

    name: Annotated[
        str,
        AfterValidator(_data_set),
        WithJsonSchema({"anyOf": [{"enum": list(NAMES)}, {"type": "string", "pattern": r"\.npz$|[/\\]"}]}),
        Field(json_schema_extra=lambda schema: schema.pop("default", None)),  # left out, not a word to write
    ] = INLINE
    """A data set by name, or the path of an .npz file or of a folder with IDX files ("./FOLDER"), relative to the
    scenario file. Without it the samples are those of `dataset`, `idx`, or train_x and train_y."""
    idx: Annotated[Idx | None, NoneWord] = None
    """The IDX files of a set, one by one, in place of `name`."""
    dataset: Annotated[Own | None, NoneWord] = None
    """A data set of your own, in place of `name`: a function of a Python file that returns its arrays, and its
    parameters."""
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
        elsewhere = [key for key in ("idx", "dataset") if getattr(self, key) is not None]
        problems = source_problems(self, self.name, elsewhere, accepted(Data, "name"))
        if problems:
            raise TableError(problems)
        return self

    @property
    def called(self) -> str:
        """What the set is called: its name or path, or "mine.py:blobs"."""
        if self.idx is not None:
            return FilePath(self.idx.train_x).name
        return self.name if self.dataset is None else FilePath(self.dataset.use).name

    @property
    def source(self) -> str:
        """The key that says where the samples are, with its value, as errors show it."""
        if self.idx is not None:
            return f"data.idx.train_x = {self.idx.train_x!r}"
        return f"data.name = {self.name!r}" if self.dataset is None else f"data.dataset = {self.dataset.use!r}"


LossName = Literal["cross-entropy", "squared"]
Loss = Annotated[
    LossName | Own | None,
    NoneWord,
    BeforeValidator(own_or_word, json_schema_input_type=LossName | Use | Own | None),
]
"""What the top layer says anyway, or a loss of the user's own."""
RATE = 0.1
"""The learning rate where a scenario says nothing."""


class Training(Table):
    """Stochastic gradient descent."""

    epochs: PositiveInt = 5
    """How often the training set is shown."""
    batch: PositiveInt | Literal["all"] = 100
    """Samples in a frame; 1 is online learning, "all" full-batch learning: one frame an epoch."""
    loss: Loss = None
    """What is reported as the loss, and what the error of the top follows from: "cross-entropy" with a softmax top,
    half the "squared" error with any other; "none": what the top layer's transfer function says. Or a function of a
    Python file."""
    learning_rate: Rates = RATE
    """eta of the first update: a number, or { default = 0.1, 2 = 0.0 } with rates of single layers; 0: that layer is
    frozen."""
    learning_rate_decay: RateDecays = RateDecay(per_update=0.0)
    """The learning rate is multiplied by one minus this after each update: a number, or a table with another form."""
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """V = momentum * V + gradient; the update is eta * V."""
    weight_decay: Magnitude = 0.0
    """L2: weight_decay * w is taken from the gradient before momentum, of W and b alike, as PyTorch's SGD does."""
    shuffle: bool = True
    """A new random order in every epoch."""

    @property
    def own_loss(self) -> Own | None:
        """A loss of the user's own."""
        return self.loss if isinstance(self.loss, Own) else None

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
        if self.kind == "abs" and self.scale != QuantizeUpdate.model_fields["scale"].default:
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

    epoch: Annotated[PositiveInt | None, NoneWord] = None
    """From the start of this epoch, counted from 1."""
    frame: Annotated[Annotated[int, Field(ge=0, lt=2**63)] | None, NoneWord] = None
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
