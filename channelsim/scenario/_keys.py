"""The keys of a scenario, and what follows from them: routes, settings of channels, times of changes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, PrivateAttr

from channelsim.errors import InputError
from channelsim.paths import path_of
from channelsim.scenario._channel import Channel, DirectionName, Ends, Link, channel_name, names_of, tables_of
from channelsim.scenario._document import read_model
from channelsim.scenario._learning import Learning
from channelsim.scenario._model import Model
from channelsim.scenario._own import Own, named_metrics
from channelsim.scenario._rates import rate_of
from channelsim.scenario._sections import (
    Change,
    Compute,
    Data,
    EnergyCosts,
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
        return read_model(path_of(value))
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


class Keys(Table):
    """A scenario whose tables are sound each by itself; `Scenario` also holds them against each other."""

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
    """"forward" and "learning": all channels of a kind; "forward.H" and "learning.H": those to layer H; where several
    lead to one layer, "learning.H.from.N", "learning.H.copy.K", "learning.H.from.N.copy.K": one of them."""
    links: dict[str, Link] = Field(default_factory=dict)
    """Links that several channels share; a channel names one by `link`."""
    compute: Compute = Compute()
    synapses: Synapses = Synapses()
    schedule: Schedule = Schedule()
    energy: EnergyCosts = EnergyCosts()
    metrics: Annotated[dict[str, Own], AfterValidator(named_metrics)] = Field(default_factory=dict)
    """Metrics of your own, computed after each epoch: functions of a Python file, by name, with their parameters."""
    trace: Trace = Trace()
    sweep: dict[str, Any] = Field(default_factory=dict)
    """The grid that `channelsim sweep` runs: dotted keys and the values that they take; `zip` names keys that vary
    together, `samples` says how often keys with a distribution are drawn."""

    _path: Path | None = PrivateAttr(None)

    @property
    def depth(self) -> int:
        """L, the number of layers above the input."""
        return self.model.depth

    def routes(self) -> dict[int, tuple[int, ...]]:
        """For each hidden layer that receives errors, the layers that they come from, from the lowest layer upwards.

        A hidden layer receives errors if it has synapses, or if it is the source of another layer's errors: a pooling
        layer receives what it can pass on. None does if only the top learns.
        """
        sources = self.learning.sources(self.depth)
        layers = self.model.chain()
        routes: dict[int, tuple[int, ...]] = {}
        needed: set[int] = set()
        for h, above in enumerate(sources, start=1):
            if layers[h - 1].synapses or h in needed:
                routes[h] = above
                needed |= set(above)
        return routes

    def ends(self) -> dict[str, Ends]:
        """The channels that exist, by name: forward.1 .. forward.L, then the learning channels from the topmost layer
        that receives errors down, those to one layer from the lowest source up, each with its copies."""
        layers, copies = self.model.chain(), self.learning.feedback.copies
        found = [Ends("forward", h - 1, h) for h in range(1, self.depth + 1)]
        for target, sources in reversed(self.routes().items()):
            for source in sources:
                has_feedback = source > target + 1 or layers[source - 1].synapses  # a pool has its own transpose
                found += [Ends("learning", source, target)] * (copies if has_feedback else 1)
        return dict(zip(names_of(found), found, strict=True))

    def grid(self) -> Grid:
        """The axes of [sweep], checked."""
        return read_sweep(self.sweep, type(self))

    @property
    def channel_names(self) -> list[str]:
        """The names of the channels that exist, in the order of `ends`."""
        return list(self.ends())

    def channel(self, direction: DirectionName, layer: int, changes: Sequence[Change] = ()) -> Channel:
        """The settings of the channel on which `layer` receives, as `settings`."""
        return self.settings(channel_name(direction, layer), changes)

    def settings(self, name: str, changes: Sequence[Change] = ()) -> Channel:
        """The settings of a channel by name: specific keys over general over defaults.

        `changes` are laid over it in their order, as they are from the moment the last of them holds.
        """
        merged = Channel()
        for table in (self.channels, *(change.channels for change in changes)):
            for key in tables_of(name):
                if key in table:
                    merged = table[key].over(merged)
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

    def feedback_rate(self, layer: int) -> float:
        """eta_C of the first update of an adaptive C that leads to `layer`."""
        return rate_of(self.learning.learning_rate, layer, self.training.rate(layer))

    def compute_times(self, layer: int) -> tuple[int, int]:
        """Picoseconds that `layer` (1..L) computes for a sample's message: forward, learning."""
        forward, learning = (
            times[0] if len(times) == 1 else times[layer - 1] for times in (self.compute.forward, self.compute.learning)
        )
        return forward, learning
