"""The constants of a run, `Net`: made of a plan and a data set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple
from typing import Any

import numpy as np
from numpy.typing import NDArray

from channelsim import hashing
from channelsim.data import Dataset
from channelsim.engine.channel import own_stages
from channelsim.engine.config import COUNTED_MESSAGES
from channelsim.engine.kernels import counter_hash
from channelsim.engine.layers import inputs, own_losses, own_steps, own_transfers
from channelsim.engine.setup.demands import always_ideal, may_defer, tables
from channelsim.engine.tables import geometry, strides
from channelsim.engine.tables.handles import records
from channelsim.engine.tables.layouts import CONFIG, OWN_STAGE, OWN_TRANSFER, Net
from channelsim.extend import PLACES
from channelsim.hashing import Stream
from channelsim.plan import Direction, Kind, Plan, Recording, Series, Window


def net_of(plan: Plan, dataset: Dataset, *, recording: Recording, frozen: bool, capture: bool) -> Net:
    """The constants of a run, at its first epoch. The flags are those of `state.start`."""
    config = _config(plan, recording, frozen, capture)
    leaving, leaving_start = _learning_channels(plan, "source")
    arriving, arriving_start = _learning_channels(plan, "target")
    images = np.ascontiguousarray(dataset.train_x, np.float32)
    ideal = always_ideal(plan)
    reads_events = plan.batch == 1 and plan.layers[1]["kind"] == Kind.DENSE and ideal[0] and not config[0]["augmented"]
    labels, targets = split(dataset.train_y)
    event_start, event_index, event_value = _events_of(images, lists=bool(reads_events))
    widest = int(plan.layers["n"].max())
    return Net(
        config=config,
        layers=records(strides.lay_out(plan)),
        geometry=geometry.geometry(plan.layers),
        list_offset=_list_offset(plan, bool(reads_events)),
        channels=records(plan.channels.copy()),
        links=records(plan.links.copy()),
        leaving=leaving,
        leaving_start=leaving_start,
        arriving=arriving,
        arriving_start=arriving_start,
        ideal=ideal,
        roots=_roots(plan),
        own_stages=_own_stages(plan),
        own_start=_own_start(plan),
        own_transfers=_own_transfers(plan),
        c_start=plan.c_start,
        c_index=plan.c_index,
        identity=np.arange(widest, dtype=np.int32),
        zeros=np.zeros(int(plan.layers["w_columns"].max()), np.float32),
        order=sample_order(plan, 0),
        images=images.reshape(-1),
        labels=labels,
        targets=targets,
        event_start=event_start,
        event_index=event_index,
        event_value=event_value,
        windows=_rows(recording.windows, 3),
        series=_rows(recording.series, 6),
    )


def _config(plan: Plan, recording: Recording, frozen: bool, capture: bool) -> NDArray[Any]:
    config = records(np.zeros(1, CONFIG))
    row = config[0]
    row["top"], row["batch"], row["frames"] = plan.top, plan.batch, plan.frames
    row["frames_per_epoch"], row["train_size"] = plan.frames_per_epoch, plan.train_size
    row["pipelined"], row["poisson"], row["interval"] = plan.pipelined, plan.poisson, plan.interval
    row["timed"] = any(links["ps_numerator"].any() for _, links in tables(plan))
    row["stash"] = plan.stash
    row["on_miss_current"] = plan.pipelined and plan.stash > 0 and plan.on_miss_current
    row["derivative"], row["frozen"] = plan.derivative, frozen
    row["deferred"] = may_defer(plan)
    if plan.own_rule is not None:
        part, top = plan.own_rule.part, plan.own_rule.top
        row["step_w"] = own_steps.address_of(part, "step_w") if plan.own_rule.step_w else 0
        row["step_c"] = own_steps.address_of(part, "step_c") if plan.own_rule.step_c else 0
        row["step_top"] = top
    row["log_keep"], row["rate_decay"], row["decay_form"] = plan.log_keep, plan.learning_rate_decay, plan.decay_form
    row["momentum"], row["weight_decay"], row["feedback_decay"] = plan.momentum, plan.weight_decay, plan.feedback_decay
    row["seed"], row["capture"] = plan.seed, capture
    row["record_first"] = min((window.first for window in recording.windows), default=0)
    row["record_stop"] = max((window.stop for window in recording.windows), default=0)
    row["watching"], row["watch_from"] = recording.values, plan.frames
    row["watch_rows"] = 2 * plan.batch * (len(plan.channels) + 1)
    row["watch_values"] = 2 * plan.batch * int(plan.channels["n"].sum() + plan.layers["n"].max())
    row["count_every"] = 1 << max((plan.train_size // COUNTED_MESSAGES).bit_length() - 1, 0)
    row["flip"], row["shift"] = plan.flip and not frozen, 0 if frozen else plan.shift  # a probe sees what is there
    row["augmented"] = row["flip"] or row["shift"] > 0
    row["own_loss"] = 0 if plan.own_loss is None else own_losses.address_of(plan.own_loss)
    return config


def _rows(entries: Sequence[Window] | Sequence[Series], columns: int) -> NDArray[np.int64]:
    """What is recorded, as rows of numbers."""
    return np.array([astuple(entry) for entry in entries], np.int64).reshape(-1, columns)


def split(y: NDArray[Any]) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """(labels, targets) of class numbers (N,) or of real targets (N, n_L): one of them flat, the other empty."""
    if y.ndim == 1:
        return np.ascontiguousarray(y, np.int32), np.zeros(0, np.float32)
    return np.zeros(0, np.int32), np.ascontiguousarray(y, np.float32).reshape(-1)


def sample_order(plan: Plan, epoch: int) -> NDArray[np.int64]:
    """The order in which an epoch's samples enter."""
    if not plan.shuffle:
        return np.arange(plan.train_size, dtype=np.int64)
    return hashing.permutation(hashing.key(plan.seed, Stream.ORDER.of(), epoch), plan.train_size).astype(np.int64)


def _events_of(
    images: NDArray[np.float32], lists: bool = True
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]]:
    """Images as events, made once: (starts, neuron indices, values). A zero activity is no event.

    Without `lists` only the starts are made.
    """
    start = np.zeros(len(images) + 1, np.int64)
    flat, n = images.reshape(-1), images[0].size
    inputs.count_events(flat, n, start[1:])
    np.cumsum(start, out=start)
    if not lists:
        return start, np.zeros(0, np.int32), np.zeros(0, np.float32)
    room = start[-1] + n  # behind the last list may stand as much as has been read
    index, value = np.empty(room, np.int32), np.empty(room, np.float32)
    inputs.list_events(flat, n, start, index, value)
    return start, index[: start[-1]], value[: start[-1]]


def _roots(plan: Plan) -> NDArray[np.int64]:
    streams = 64 * np.arange(len(plan.channels))[:, None] + np.arange(int(counter_hash.PURPOSES))
    return hashing.roots(plan.seed, streams.ravel()).view(np.int64)


def _own_stages(plan: Plan) -> NDArray[Any]:
    table = np.zeros(len(plan.own_stages), OWN_STAGE)
    for row, own in zip(table, plan.own_stages, strict=True):
        row["address"] = own_stages.address_of(own.part)
        row["first_draw"], row["normals"] = own.first_draw, own_stages.normals(own.part)
        row["state_offset"], row["state_size"] = own.state_offset, own.state_size
    return records(table)


def _own_transfers(plan: Plan) -> NDArray[Any]:
    table, kept = np.zeros(len(plan.layers), OWN_TRANSFER), 0
    for h, (row, layer) in enumerate(zip(table, plan.layers, strict=True)):
        part = plan.own_transfers[h] if plan.own_transfers else None
        row["kind"], row["sum_offset"] = layer["transfer"], kept if layer["keeps_sums"] else -1
        kept += int(layer["n"] * layer["keeps_sums"])
        if part is not None:
            row["function"], row["derivative"] = own_transfers.addresses_of(part)
    return records(table)


def _own_start(plan: Plan) -> NDArray[np.int64]:
    places = [own.channel * len(PLACES) + own.place for own in plan.own_stages]
    return np.searchsorted(places, np.arange(len(plan.channels) * len(PLACES) + 1)).astype(np.int64)


def _learning_channels(plan: Plan, end: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The learning channels by the layer at one end, "source" or "target", and where those of each layer start."""
    channels, starts = [], [0]
    for h in range(len(plan.layers)):
        rows = plan.channels
        channels += list(np.flatnonzero((rows["direction"] == Direction.LEARNING) & (rows[end] == h)))
        starts.append(len(channels))
    return np.array(channels, np.int64), np.array(starts, np.int64)


def _list_offset(plan: Plan, from_data: bool) -> NDArray[np.int64]:
    """Where a dense layer's event list begins, and last where they all end; `from_data`: layer 1 reads the data set's.

    Only frames of one sample are held as events.
    """
    is_listed = (plan.layers["kind"] == Kind.DENSE) & (plan.batch == 1)
    sizes = np.where(is_listed, plan.layers["fan_in"], 0)
    if from_data:
        sizes[1] = 0
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
