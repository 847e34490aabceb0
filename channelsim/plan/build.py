"""Scenario -> Plan: flat float32 buffers with offsets, and record arrays. What the engine and the reference read."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from channelsim import hashing
from channelsim.hashing import Stream
from channelsim.plan import shapes, sizes, wiring
from channelsim.plan.channels import channel_table, link_table
from channelsim.plan.layout import CHANNEL, LINK, Direction, Kind
from channelsim.plan.settings import FLOAT_BITS
from channelsim.rules import Message, Wiring
from channelsim.scenario import Scenario


@dataclass(frozen=True)
class Change:
    """From the entry of frame `frame` on, these tables hold."""

    frame: int
    channels: NDArray[Any]
    links: NDArray[Any]


@dataclass(frozen=True, repr=False)
class Plan:
    """A network with its channels as tables and buffers (see `layout` for the records).

    Layer h's weights are `weights[w_offset : w_offset + w_size]` in the layout (fan-in, units), so that an incoming
    event touches one contiguous row. Channel c's wiring is `feedback[c_offset : c_offset + c_size]`: (source units,
    target units) where it is dense; for sparse wiring the wires of sending neuron j are the entries
    `c_start[start_offset + j] .. c_start[start_offset + j + 1]`, counted from `c_offset`, and `c_index` names their
    targets.
    """

    layers: NDArray[Any]
    channels: NDArray[Any]
    links: NDArray[Any]
    channel_names: tuple[str, ...]
    layer_names: tuple[str, ...]
    link_names: tuple[str, ...]
    draw_weights: Callable[[], NDArray[np.float32]]  # as a rule the largest buffer, so that no plan holds it
    biases: NDArray[np.float32]
    feedback: NDArray[np.float32]
    c_start: NDArray[np.int32]
    c_index: NDArray[np.int32]
    changes: tuple[Change, ...]
    shape: tuple[int, ...]
    classes: int
    train_size: int
    batch: int
    epochs: int
    learning_rate: float
    feedback_learning_rate: float
    decay: float
    momentum: float
    derivative: bool
    shuffle: bool
    flip: bool  # training images are mirrored at random
    shift: int  # and moved by up to so many pixels
    seed: int
    pipelined: bool
    interval: int
    poisson: bool
    stash: int  # frames a layer remembers; 0: every frame in flight
    on_miss_current: bool
    max_in_flight: int
    energy_bit: float  # J
    energy_mac: float
    energy_read: float
    energy_write: float

    @property
    def weights(self) -> NDArray[np.float32]:
        """W before the first frame, drawn each time that it is asked for."""
        return self.draw_weights()

    @property
    def synapses(self) -> int:
        """How many values all W have together."""
        return int(self.layers["w_size"].sum())

    def with_weights(self, weights: NDArray[np.float32]) -> Plan:
        """The same with this W before the first frame."""
        return replace(self, draw_weights=lambda: weights)

    @property
    def top(self) -> int:
        """L, the index of the output layer."""
        return len(self.layers) - 1

    @property
    def frames_per_epoch(self) -> int:
        return math.ceil(self.train_size / self.batch)

    @property
    def frames(self) -> int:
        """Frames of the whole run."""
        return self.frames_per_epoch * self.epochs

    @property
    def maps(self) -> bool:
        """Whether a layer is of a kind that works on maps."""
        return bool((self.layers["kind"] > Kind.DENSE).any())

    @property
    def trains(self) -> NDArray[np.bool_]:
        """Per layer: whether it has synapses that learn in this plan."""
        heard = np.zeros(len(self.layers), bool)
        heard[self.channels["target"][self.channels["direction"] == Direction.LEARNING]] = True
        heard[self.top] = True
        return heard & (self.layers["w_size"] > 0)

    def __repr__(self) -> str:
        units = "-".join(str(n) for n in self.layers["n"])
        sizes = f"{self.synapses:,} synapses, {self.feedback.size:,} wires"
        return f"Plan({units}, {len(self.channels)} channels, {sizes})"


@dataclass(frozen=True)
class Tables:
    """The records of a plan: all that is known of a network before any of its weights is drawn."""

    layers: NDArray[Any]
    channels: NDArray[Any]
    links: NDArray[Any]
    channel_names: tuple[str, ...]
    link_names: tuple[str, ...]
    link_of: dict[str, int]  # channel name -> index of its link


def tables(scenario: Scenario, shape: tuple[int, ...], classes: int) -> Tables:
    """The records of a scenario's layers, channels and links. Raises InputError when model and data do not fit."""
    layers = shapes.layer_table(scenario, shape, classes)
    links, link_names, link_of = link_table(scenario)
    channels, names = channel_table(scenario, layers, link_of)
    return Tables(layers, channels, links, names, link_names, link_of)


def build(scenario: Scenario, shape: tuple[int, ...], classes: int, train_size: int) -> Plan:
    """The plan of a scenario for data of this input shape, number of classes and number of training samples.

    Raises InputError when model and data do not fit, or the synapses do not fit into the machine's memory.
    """
    records = tables(scenario, shape, classes)
    layers, channels = records.layers, records.channels
    sizes.refuse_excess(scenario, layers, channels)
    feedback, c_start, c_index = _feedback(scenario, layers, channels)
    training, schedule, learning = scenario.training, scenario.schedule, scenario.learning
    pipelined = schedule.mode == "pipelined"
    per_epoch = math.ceil(train_size / training.batch)
    energy = scenario.energy
    return Plan(
        layers=layers,
        channels=channels,
        links=records.links,
        channel_names=records.channel_names,
        layer_names=tuple(str(h) for h in range(1, len(layers))),
        link_names=records.link_names,
        draw_weights=partial(_draw_weights, scenario, layers),
        biases=np.zeros(int(layers["b_size"].sum()), np.float32),
        feedback=feedback,
        c_start=c_start,
        c_index=c_index,
        changes=_changes(scenario, records, per_epoch),
        shape=tuple(shape),
        classes=classes,
        train_size=train_size,
        batch=training.batch,
        epochs=training.epochs,
        learning_rate=training.learning_rate,
        feedback_learning_rate=learning.learning_rate or training.learning_rate,
        decay=training.decay,
        momentum=training.momentum,
        derivative=learning.derivative,
        shuffle=training.shuffle,
        flip=scenario.data.flip,
        shift=scenario.data.shift,
        seed=scenario.seed,
        pipelined=pipelined,
        interval=(schedule.interval or 0) if pipelined else 0,
        poisson=pipelined and schedule.arrivals == "poisson",
        stash=schedule.stash or 0,
        on_miss_current=schedule.on_miss == "current",
        max_in_flight=schedule.max_in_flight,
        energy_bit=energy.bit,
        energy_mac=energy.mac,
        energy_read=energy.synapse_read,
        energy_write=energy.synapse_write,
    )


def _draw_weights(scenario: Scenario, layers: NDArray[Any]) -> NDArray[np.float32]:
    weights = np.zeros(int(layers["w_size"].sum()), np.float32)
    initial = scenario.model.weights
    for h, layer in enumerate(layers):
        if layer["w_size"]:
            columns = int(layer["b_size"])
            rows = int(layer["w_size"]) // columns
            matrix = wiring.initial_weights(
                initial.distribution, initial.scale, rows, columns, shapes.fans(layer), scenario.seed, h
            )
            weights[layer["w_offset"] : layer["w_offset"] + layer["w_size"]] = matrix.ravel()
    return weights


def _changes(scenario: Scenario, first: Tables, per_epoch: int) -> tuple[Change, ...]:
    """The tables as each `[[schedule.change]]` leaves them; later entries build upon earlier ones."""
    timetable = scenario.changes(per_epoch)
    changes = []
    for i, (frame, _) in enumerate(timetable):
        so_far = [change for _, change in timetable[: i + 1]]
        rows, _ = channel_table(scenario, first.layers, first.link_of, so_far)
        for field in ("c_offset", "c_size", "start_offset"):
            rows[field] = first.channels[field]
        links, _, _ = link_table(scenario, so_far)
        changes.append(Change(frame, rows, links))
    return tuple(changes)


# --- feedback -----------------------------------------------------------------------------------------


def _feedback(
    scenario: Scenario, layers: NDArray[Any], channels: NDArray[Any]
) -> tuple[NDArray[np.float32], NDArray[np.int32], NDArray[np.int32]]:
    """Draws C for every learning channel that has one, and writes the offsets into the channel table."""
    settings = scenario.learning.feedback
    values: list[NDArray[np.float32]] = []
    starts: list[NDArray[np.int32]] = []
    indices: list[NDArray[np.int32]] = []
    offset = start_offset = 0
    for c, row in enumerate(channels):
        kind = row["wiring"]
        if kind in (Wiring.NONE, Wiring.TRANSPOSE):
            continue
        seed_key = hashing.key(scenario.seed, Stream.FEEDBACK.of(c))
        source, target = layers[row["source"]], layers[row["target"]]
        n, n_target = int(source["n"]), int(target["n"])
        if kind in (Wiring.SIGN, Wiring.BANK):
            columns = int(source["b_size"])
            shape = (int(source["w_size"]) // columns, columns)
            spread = wiring.deviation(settings.scale, *shapes.fans(source))
        else:
            shape = (n, n_target)
            spread = wiring.deviation(settings.scale, n, n_target)
        if kind in (Wiring.SPARSE, Wiring.SPARSE_SIGN):
            wires_key = hashing.key(scenario.seed, Stream.CONNECTIONS.of(c))
            flat, start, index = wiring.draw_sparse(
                settings.distribution, spread, shape, settings.connections or 0, seed_key, wires_key
            )
            row["start_offset"] = start_offset
            start_offset += n + 1
            starts.append(start)
            indices.append(index)
        else:
            flat = wiring.draw(settings.distribution, spread, shape, seed_key).ravel()
            if settings.connections is not None:  # c_index has an entry for each of C's, wherever some wiring is sparse
                indices.append(np.zeros(flat.size, np.int32))
        if kind in (Wiring.SIGN, Wiring.SPARSE_SIGN):
            flat = np.abs(flat)
        if settings.bits is not None:
            flat = wiring.low_precision(flat, settings.bits)
        row["c_offset"], row["c_size"] = offset, flat.size
        offset += flat.size
        values.append(flat)
    if not values:
        return np.zeros(0, np.float32), np.zeros(0, np.int32), np.zeros(0, np.int32)
    sparse = any(part.size for part in starts)
    return (
        np.concatenate(values).astype(np.float32),
        np.concatenate(starts) if starts else np.zeros(0, np.int32),
        np.concatenate(indices) if sparse else np.zeros(0, np.int32),
    )


def ideal_backpropagation(plan: Plan) -> Plan:
    """The same network and data with `bp` over ideal channels, one frame after another: the true gradient."""
    top, lowest = plan.top, int(np.flatnonzero(plan.layers["w_size"])[0])  # nothing below has synapses to learn
    ends = [(Direction.FORWARD, h - 1, h) for h in range(1, top + 1)]
    ends += [(Direction.LEARNING, h + 1, h) for h in range(top - 1, lowest - 1, -1)]
    channels = np.zeros(len(ends), CHANNEL)
    residual_offset = learning_offset = 0
    for c, (row, (direction, source, target)) in enumerate(zip(channels, ends, strict=True)):
        n = int(plan.layers[source]["n"])
        row["direction"], row["source"], row["target"], row["n"], row["link"] = direction, source, target, n, c
        row["message"] = Message.ACTIVATION if direction == Direction.FORWARD else Message.ERROR
        row["wiring"] = Wiring.NONE if direction == Direction.FORWARD else Wiring.TRANSPOSE
        forward = direction == Direction.FORWARD
        row["message_offset"] = plan.layers[target]["input_offset"] if forward else learning_offset
        row["residual_offset"], row["scale"], row["deadline"] = residual_offset, 1.0, -1
        row["value_bits"], row["address_bits"] = FLOAT_BITS, math.ceil(math.log2(n))
        residual_offset += n
        if direction == Direction.LEARNING:
            learning_offset += max(n, int(plan.layers[target]["n"]))
    links = np.zeros(len(ends), LINK)
    links["ps_denominator"], links["queue"] = 1, -1
    names = tuple(
        f"{'forward' if direction == Direction.FORWARD else 'learning'}.{target}" for direction, _, target in ends
    )
    return replace(
        plan,
        channels=channels,
        links=links,
        channel_names=names,
        link_names=names,
        changes=(),
        pipelined=False,
        interval=0,
        poisson=False,
        stash=0,
        derivative=True,
        feedback=np.zeros(0, np.float32),
        c_start=np.zeros(0, np.int32),
        c_index=np.zeros(0, np.int32),
    )
