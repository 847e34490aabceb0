"""The scenario: everything that a run depends on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, PrivateAttr, model_validator

from channelsim.errors import InputError
from channelsim.scenario import _checks, _document, _words
from channelsim.scenario._channel import Channel, DirectionName, Link, channel_ends, channel_name
from channelsim.scenario._model import Model
from channelsim.scenario._sections import (
    Change,
    Compute,
    Data,
    EnergyCosts,
    Learning,
    Schedule,
    Synapses,
    Trace,
    Training,
)
from channelsim.scenario._sweep import Grid
from channelsim.scenario._sweep import read as read_sweep
from channelsim.scenario._table import Table, TableError

ModelFile = Annotated[str, Field(json_schema_extra={"x-accepted": "the path of a model file"})]


def _model(value: Any) -> Any:
    """The model that stands in a file, if `value` is a path."""
    if not isinstance(value, str | Path):
        return value
    try:
        return _document.read_model(Path(value))
    except InputError as error:
        raise TableError([((), f": {error}")]) from None


def _unquoted(value: Any) -> Any:
    """Refuses [channels.learning.2], which TOML reads as a key 2 of the channel "learning"."""
    problems: list[tuple[tuple[str | int, ...], str]] = [
        ((name, key), f' is unknown; accepted: a quoted name, [channels."{name}.{key}"]')
        for name, table in (value.items() if isinstance(value, dict) else ())
        for key in (table if isinstance(table, dict) else ())
        if str(key).isdecimal()
    ]
    if problems:
        raise TableError(problems)
    return value


class Scenario(Table):
    """A network, its data, its channels and how it learns: all that a run depends on.

    Built from a TOML file (`load`) or in Python with the same keys, tables being dicts or the classes of
    `channelsim.scenario`. In Python, paths are relative to the working directory.

    Raises InputError that names the key and what would be accepted.
    """

    name: Annotated[
        str,
        Field(pattern=r"^\w[\w .+=,@-]*$", max_length=200),
        Field(json_schema_extra={"x-accepted": "letters, digits, spaces and .-_+=,@"}),
    ]
    """What the run and its trace are called."""
    model: Annotated[Model, BeforeValidator(_model, json_schema_input_type=ModelFile | Model)]
    """A path to a model file (relative to the scenario file), or the model itself."""
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    """Of every random draw."""
    data: Data
    training: Training = Training()
    learning: Learning = Learning()
    channels: Annotated[dict[str, Channel], BeforeValidator(_unquoted)] = Field(default_factory=dict)
    """"forward" and "learning": all channels of a kind; "forward.H" and "learning.H": the one to layer H."""
    links: dict[str, Link] = Field(default_factory=dict)
    """Links that several channels share; a channel names one by `link`."""
    compute: Compute = Compute()
    synapses: Synapses = Synapses()
    schedule: Schedule = Schedule()
    energy: EnergyCosts = EnergyCosts()
    trace: Trace = Trace()
    sweep: dict[str, Any] = Field(default_factory=dict)
    """The grid that `channelsim sweep` runs: dotted keys and the values that they take; `zip` names keys that vary
    together, `samples` says how often keys with a distribution are drawn."""

    _path: Path | None = PrivateAttr(None)
    _text: str = PrivateAttr("")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        problems = _checks.problems(self)
        if problems:
            raise TableError(problems)
        return self

    @property
    def path(self) -> Path | None:
        """The file it was read from."""
        return self._path

    @property
    def text(self) -> str:
        """The TOML text it was read from; empty for a scenario built in Python."""
        return self._text

    @property
    def depth(self) -> int:
        """L, the number of layers above the input."""
        return self.model.depth

    def routes(self) -> dict[int, int]:
        """For each hidden layer that hears errors, the layer that they come from, in the order of the layers upwards.

        A hidden layer hears errors if it has synapses, or if a layer that hears errors names it as their source: a
        pooling layer hears what it can pass on. Nobody does if only the top learns.
        """
        sources = self.learning.sources(self.depth)
        layers = self.model.chain()
        routes: dict[int, int] = {}
        asked: set[int] = set()
        for h, source in enumerate(sources, start=1):
            if layers[h - 1].synapses or h in asked:
                routes[h] = source
                asked.add(source)
        return routes

    def grid(self) -> Grid:
        """The axes of [sweep], checked."""
        return read_sweep(self.sweep, Scenario)

    def channel_names(self) -> list[str]:
        """The channels that exist: forward.1 .. forward.L, then the learning channels from the top down."""
        learning = reversed(self.routes())
        forward = range(1, self.depth + 1)
        return [channel_name("forward", h) for h in forward] + [channel_name("learning", h) for h in learning]

    def channel(self, direction: DirectionName, layer: int, changes: Sequence[Change] = ()) -> Channel:
        """The settings of the channel on which `layer` receives: specific keys over general over defaults.

        `changes` are laid over it in their order, as they are from the moment the last of them holds.
        """
        merged = Channel()
        for table in (self.channels, *(change.channels for change in changes)):
            for name in (direction, channel_name(direction, layer)):
                if name in table:
                    merged = table[name].over(merged)
        return merged

    def changes(self, frames_per_epoch: int) -> list[tuple[int, Change]]:
        """The changes during a run, each with the frame (0-based) from which it holds, in the order of time.

        Raises InputError for a change at a frame that never comes.
        """
        last = frames_per_epoch * self.training.epochs - 1
        timetable = []
        for i, change in enumerate(self.schedule.change):
            frame = change.frame or 0 if change.epoch is None else (change.epoch - 1) * frames_per_epoch
            if frame > last:
                place = f"{self._path}: " if self._path else ""
                text = f"schedule.change[{i}].frame = {frame} never comes; accepted: 0 to {last}"
                raise InputError(place + text)
            timetable.append((frame, change))
        return sorted(timetable, key=lambda entry: entry[0])

    def compute_times(self, layer: int) -> tuple[int, int]:
        """Picoseconds that `layer` (1..L) computes for a sample's message: forward, learning."""
        forward, learning = (
            times[0] if len(times) == 1 else times[layer - 1] for times in (self.compute.forward, self.compute.learning)
        )
        return forward, learning

    def document(self) -> dict[str, Any]:
        """The keys that were set, as plain values: what one would write to get this scenario again."""
        return self.model_dump(mode="json", exclude_unset=True)

    def with_(self, changes: Mapping[str, Any] | None = None, /, **tables: Any) -> Scenario:
        """A new scenario with some keys changed: dotted, `with_({"learning.rule": "rbp"})`, or nested dicts.

        A name with a dot in it is quoted, as in TOML: `{'channels."learning.2".latency': "20 us"}`. A dict
        for a section, a channel or a link changes the keys in it; other values, such as `quantize`, are
        replaced whole.
        Raises InputError as the constructor does.
        """
        document = self.document()
        for key, value in {**(changes or {}), **tables}.items():
            _document.lay_over(document, _document.parse_key(key), value)
        return _document.build(Scenario, document, self._path, self._text)

    def resolved(self) -> dict[str, Any]:
        """Every key with its value, defaults filled in and channels merged, as values that JSON knows.

        Durations, rates and energies are text with units. `Scenario(**scenario.resolved())` means the same.
        """
        document = self.model_dump(mode="json")
        document["model"]["layers"] = [layer.model_dump(mode="json") for layer in self.model.chain()]
        document["channels"] = {
            name: self.channel(*channel_ends(name)).model_dump(mode="json") for name in self.channel_names()
        }
        for written, change in zip(document["schedule"]["change"], self.schedule.change, strict=True):
            for name, channel in change.channels.items():
                settings = written["channels"][name]
                written["channels"][name] = {key: settings[key] for key in sorted(channel.model_fields_set)}
        for key in ("forward", "learning"):
            times = document["compute"][key]
            document["compute"][key] = times * self.depth if len(times) == 1 else times
        return document

    def digest(self) -> str:
        """12 hexadecimal digits for what is computed: the same whatever the names, trace and sweep."""
        document = self.resolved()
        for key in ("name", "trace", "sweep"):
            del document[key]
        del document["model"]["name"]
        for key in ("normalize", "flip", "shift"):  # unused they say nothing, as before there were such keys
            if not document["data"][key]:
                del document["data"][key]
        return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()[:12]

    def advice(self) -> list[str]:
        """What is allowed but hardly meant, a sentence each: e.g. a deadline that nothing can meet."""
        return _checks.advice(self)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Scenario) and self.resolved() == other.resolved()

    def __hash__(self) -> int:
        return hash(self.digest())

    def __repr__(self) -> str:
        return "\n".join(f"{label:<12}{value}" for label, value in _words.summary(self))

    __str__ = __repr__

    def _repr_html_(self) -> str:
        from html import escape

        left = "style='text-align:left'"
        rows = "".join(
            f"<tr><th {left}>{escape(label)}</th><td {left}>{escape(value)}</td></tr>"
            for label, value in _words.summary(self)
        )
        return f"<table>{rows}</table>"
