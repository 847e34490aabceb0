"""From `[trace]` of a scenario to what is written down: frames, layers and channels as numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from channelsim.errors import InputError
from channelsim.plan.layout import Direction
from channelsim.plan.recording import ALL, Recording, Series, Snapshots, Watched, Window
from channelsim.rules import WITHOUT_FEEDBACK
from channelsim.scenario import SYNAPSES, Record, Scenario


@dataclass(frozen=True)
class Places:
    """What of a network has values: numbers of layers by what they have, and the names of all channels."""

    activity: Sequence[int]
    error: Sequence[int]
    weights: Sequence[int]
    biases: Sequence[int]
    feedback: Sequence[int]
    channels: Sequence[str]


def places_of(layers: NDArray[Any], channels: NDArray[Any], names: Sequence[str]) -> Places:
    """Those of a network: LAYER and CHANNEL records, and the names of the channels."""
    top = len(layers) - 1
    receives = channels[channels["direction"] == Direction.LEARNING]
    return Places(
        activity=range(1, top + 1),
        error=sorted({*receives["target"].tolist(), top}),
        weights=np.flatnonzero(layers["w_size"]).tolist(),
        biases=np.flatnonzero(layers["b_size"]).tolist(),
        feedback=sorted({*receives["target"][~np.isin(receives["wiring"], WITHOUT_FEEDBACK)].tolist()}),
        channels=names,
    )


def recording_of(scenario: Scenario, places: Places, frames_per_epoch: int) -> Recording:
    """What a run of a scenario writes down.

    Raises InputError for a layer or channel that has no such values, and a frame that never comes.
    """
    frames = frames_per_epoch * scenario.training.epochs
    windows = []
    for i, window in enumerate(scenario.trace.windows):
        key = f"trace.events[{i}]"
        first = _frame(window.start, frames_per_epoch, frames, f"{key}.from")
        chosen = [ALL] if window.channels is None else _numbers(window.channels, places.channels, f"{key}.channels")
        windows += [Window(first, first + window.frames, channel) for channel in chosen]
    series: list[Series] = []
    snapshots: list[Snapshots] = []
    for i, record in enumerate(scenario.trace.record):
        key = f"trace.record[{i}]"
        first = _frame(record.start, frames_per_epoch, frames, f"{key}.from")
        stop = ALL if record.frames is None else first + record.frames
        count, unit = record.every.split()
        every = int(count) * (frames_per_epoch if unit.startswith("epoch") else 1)
        if record.what in SYNAPSES:
            layers = _layers(record, places, key)
            snapshots.append(Snapshots(record.what, tuple(layers), first, stop, every))
            continue
        kind = Watched[record.what.upper()]
        samples = ALL if record.samples is None else record.samples
        if kind in (Watched.ACTIVITY, Watched.ERROR):
            at = _layers(record, places, key)
        else:
            at = _numbers(record.channels or places.channels, places.channels, f"{key}.channels")
        series += [Series(kind, place, first, stop, every, samples) for place in at]
    return Recording(tuple(windows), tuple(series), tuple(snapshots))


def _frame(instant: str, frames_per_epoch: int, frames: int, key: str) -> int:
    """The frame that is meant by "epoch N" or "frame N"."""
    unit, number = instant.split()
    frame = (int(number) - 1) * frames_per_epoch if unit == "epoch" else int(number)
    if frame >= frames:
        raise InputError(
            f"{key} = {instant!r} never comes; accepted: up to epoch {math.ceil(frames / frames_per_epoch)},"
            f" or frame {frames - 1}"
        )
    return frame


def _layers(record: Record, places: Places, key: str) -> list[int]:
    there: Sequence[int] = getattr(places, record.what)
    wanted = list(dict.fromkeys(record.layers)) if record.layers is not None else list(there)
    for layer in wanted:
        if layer not in there:
            known = ", ".join(map(str, there)) or "none"
            raise InputError(f"{key}.layers: layer {layer} has no {record.what}; accepted: {known}")
    return wanted


def _numbers(names: Sequence[str], there: Sequence[str], key: str) -> list[int]:
    for name in names:
        if name not in there:
            raise InputError(f"{key}: no channel {name!r}; accepted: {', '.join(there)}")
    return [list(there).index(name) for name in dict.fromkeys(names)]


def frames_of(one: Series | Snapshots, frames: int) -> range:
    """The frames of a run of so many whose values are written down. Synapses are those before a frame enters, and those
    at the end of the run, which stand for its frame `frames`."""
    last = frames + isinstance(one, Snapshots)
    return range(one.first, last if one.stop == ALL else min(one.stop, last), one.every)
