"""What a scenario would simulate, worked out without a frame: layers, wires, operations, bits and memory.

All counts are of one frame of full size in which all units are active (of a class label, its one nonzero unit): the
most that a frame can cost before zeros, thresholds and losses make it cheaper. A run counts what it did cost.
"""

from __future__ import annotations

import html
import math
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from channelsim import codes, given, memory, metrics, units
from channelsim.data import Dataset, Values, dataset_of
from channelsim.plan import (
    ALL,
    Direction,
    Encoding,
    Kind,
    Message,
    Tables,
    Watched,
    array_suffix,
    frames_of,
    places_of,
    recording_of,
    refuse_long_steps,
    sizes,
    tables,
    unreachable,
)
from channelsim.scenario import Scenario, only_scenario, shape_in_words

MIB = 2**20
MESSAGE_BYTES = 96  # of a message's row in /events
ROW_BYTES = 28  # of a sample's row beside its values


@dataclass(frozen=True)
class LayerCheck:
    """One layer: its synapses (entries of W) and multiply-accumulates a frame; no update_macs where nothing learns.

    shape: (units,), or (channels, height, width) of a map; biases: entries of b.
    """

    name: str
    kind: str
    units: int
    shape: tuple[int, ...]
    transfer: str
    synapses: int
    biases: int
    forward_macs: int
    update_macs: int


@dataclass(frozen=True)
class ChannelCheck:
    """One channel, from layer `source` to layer `target`.

    wires: entries of its C; of sparse wiring, which is drawn, the expected number.
    error_macs: multiply-accumulates a frame through C (or W, in its place). encoding: as in the scenario. bits: a
    frame's messages on the link, in dense words where the code is `entropy`, whose length depends on the values; 0
    where the broadcast of another channel serves this one. link_time_ps: how long they occupy the link, 0 without a
    bandwidth; link_time_s: the nearest float.
    """

    name: str
    source: int
    target: int
    wires: int
    error_macs: int
    update_macs: int
    value_bits: int
    encoding: str
    bits: int
    link_time_ps: int

    @property
    def link_time_s(self) -> float:
        return units.seconds(self.link_time_ps)


@dataclass(frozen=True, repr=False)
class Check:
    """What `channelsim.check` found out.

    Attributes:
        scenario, data: their names; samples: for training; classes: of the data, 0 where its targets are real; outputs:
            values of a target (as many as classes); values: the range of the training images as they came and what was
            done with them (None: not known); found: the same in words, and how else the source was read.
        batch: samples in a full frame; epochs, frames_per_epoch: frames_per_epoch * epochs frames enter during the run.
        layers, channels: see `LayerCheck` and `ChannelCheck`.
        memory: bytes by what they are for: data, synapses (W, b and C with all their copies), frame (each frame in
            flight), layer (one layer at work on a frame, or on a part of an evaluation), patches (what convolutions
            make of their images).
        recorded: bytes, at most and before they are compressed, of what `[trace]` has written down frame by frame: of
            "events", and of each of "activity/1", "sent/learning.1", "weights/W_1", ...
        machine_memory: bytes; None where the system does not report it.
        advice: what is allowed but hardly meant, a sentence each, about the scenario and then about its data.
    """

    scenario: str
    data: str
    samples: int
    classes: int
    outputs: int
    values: Values | None
    found: str
    batch: int
    epochs: int
    frames_per_epoch: int
    layers: tuple[LayerCheck, ...]
    channels: tuple[ChannelCheck, ...]
    memory: dict[str, int]
    recorded: dict[str, int]
    machine_memory: int | None
    advice: tuple[str, ...]

    @property
    def operations(self) -> dict[str, int]:
        """Multiply-accumulates of one frame: forward, error and update."""
        return {
            "forward": sum(layer.forward_macs for layer in self.layers),
            "error": sum(channel.error_macs for channel in self.channels),
            "update": sum(layer.update_macs for layer in self.layers)
            + sum(channel.update_macs for channel in self.channels),
        }

    @property
    def bits(self) -> dict[str, int]:
        """Bits of one frame on all channels of a kind: forward and learning."""
        return {
            kind: sum(channel.bits for channel in self.channels if channel.name.startswith(kind))
            for kind in ("forward", "learning")
        }

    def to_json(self) -> dict[str, Any]:
        """The object that `channelsim check --json` prints: plain numbers, strings, lists and dictionaries."""
        return {
            **asdict(self),
            "layers": [asdict(layer) for layer in self.layers],
            "channels": [asdict(channel) | {"link_time_s": channel.link_time_s} for channel in self.channels],
            "advice": list(self.advice),
            "operations": self.operations,
            "bits": self.bits,
        }

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(repr(self))}</pre>"

    def _of_trace(self) -> list[str]:
        """The line about what is recorded, if anything is."""
        if not self.recorded:
            return []
        parts = ", ".join(f"{name} {_mib(size)}" for name, size in self.recorded.items())
        return [f"trace       at most {_mib(sum(self.recorded.values()))} uncompressed: {parts}"]

    def _of_entropy_codes(self) -> str:
        """What the bits of channels with such a code are here, if there are any."""
        if all(channel.encoding != "entropy" for channel in self.channels):
            return ""
        return ' (encoding = "entropy": as in words, for its length depends on the values)'

    def __repr__(self) -> str:
        learned = (
            f"{self.classes} classes"
            if self.classes
            else f"real targets of {self.outputs} value{'s' * (self.outputs > 1)}"
        )
        frames = f"{self.frames_per_epoch:,} frames of {self.batch} per epoch, {self.epochs} epochs"
        return "\n".join(
            [
                f"{self.scenario}: {self.data}, {self.samples:,} training samples, {learned}; {frames}",
                "(operations and bits of one frame in which all units are active)",
                "",
                *_columns(
                    ("layer", "kind", "units", "shape", "transfer", "synapses", "biases", "forward", "update"),
                    [
                        (at.name, at.kind, at.units, shape_in_words(at.shape), at.transfer, at.synapses, at.biases,
                         at.forward_macs, at.update_macs)
                        for at in self.layers
                    ],
                ),
                "",
                *_columns(
                    ("channel", "from", "to", "wires", "error", "bits per value", "bits", "on the link"),
                    [
                        (at.name, at.source, at.target, at.wires, at.error_macs, at.value_bits, at.bits,
                         units.format_duration(at.link_time_ps))
                        for at in self.channels
                    ],
                ),
                "",
                f"data        {self.found}",
                "operations  " + ", ".join(f"{word} {count:,}" for word, count in self.operations.items()),
                "bits        "
                + ", ".join(f"{word} {count:,}" for word, count in self.bits.items())
                + self._of_entropy_codes(),
                f"memory      data {_mib(self.memory['data'])}, synapses {_mib(self.memory['synapses'])}, "
                f"{_mib(self.memory['frame'])} for each frame in flight, a layer at work {_mib(self.memory['layer'])}"
                + (f", patches {_mib(self.memory['patches'])}" if self.memory["patches"] else ""),
                *self._of_trace(),
                *(f"warning: {text}" for text in self.advice),
            ]
        )  # fmt: skip


def check(scenario: Scenario, dataset: Dataset | None = None) -> Check:
    """What would be simulated. Loads the data, or takes `dataset`; draws no weights, and runs nothing.

    Raises InputError where `channelsim.run` would: data or weights that are not there, a model that does not fit them,
    synapses that do not fit into memory, durations beyond the simulated clock, a change at a frame that never comes, a
    metric that fails when it is tried.
    """
    only_scenario(scenario)
    dataset = dataset or dataset_of(scenario)
    found = tables(scenario, dataset.shape, dataset.outputs, dataset.real)
    samples = len(dataset.train_y)
    memory.refuse_excess(scenario, found, samples)
    refuse_long_steps(scenario, found, samples, len(dataset.test_y))
    given.load(scenario, found)
    metrics.own(scenario.metrics, dataset.targets, dataset.outputs)
    batch = min(scenario.training.frame_size(samples), samples)
    return Check(
        scenario=scenario.name,
        data=scenario.data.called,
        samples=samples,
        classes=dataset.classes,
        outputs=dataset.outputs,
        values=dataset.values,
        found=dataset.found,
        batch=batch,
        epochs=scenario.training.epochs,
        frames_per_epoch=math.ceil(samples / batch),
        layers=_layers(scenario, found, batch),
        channels=_channels(scenario, found, batch, dataset.real),
        memory=memory.estimate(scenario, found, dataset, batch),
        recorded=_recorded(scenario, found, samples, batch),
        machine_memory=memory.machine_bytes(),
        advice=(*scenario.advice(samples), *dataset.warnings, *unreachable(scenario, dataset.train_y)),
    )


def _recorded(scenario: Scenario, found: Tables, samples: int, batch: int) -> dict[str, int]:
    """Bytes of what is recorded: of each message its packed values and its row in /events, of values their rows."""
    per_epoch = math.ceil(samples / batch)
    frames, names = per_epoch * scenario.training.epochs, [edge.name for edge in found.edges]
    recording = recording_of(scenario, places_of(found.layers, found.channels, names), per_epoch)
    messages = [batch * (MESSAGE_BYTES + math.ceil(_bits(row, int(row["n"])) / 8)) for row in found.channels]
    sizes_found: dict[str, int] = {}
    for window in recording.windows:
        chosen = messages if window.channel == ALL else [messages[window.channel]]
        count = max(0, min(window.stop, frames) - window.first)
        sizes_found["events"] = sizes_found.get("events", 0) + count * sum(chosen)
    for one in recording.series:
        at_layer = one.kind in (Watched.ACTIVITY, Watched.ERROR)
        n = int(found.layers["n"][one.place] if at_layer else found.channels["n"][one.place])
        rows = batch if one.samples == ALL else min(one.samples, batch)
        name = f"{one.kind.name.lower()}/{one.place if at_layer else names[one.place]}"
        size = len(frames_of(one, frames)) * rows * (ROW_BYTES + 4 * n)
        sizes_found[name] = sizes_found.get(name, 0) + size
    arrays = _arrays(scenario, found)
    for snapshots in recording.snapshots:
        for h in snapshots.layers:
            for array, entries in arrays[snapshots.what, h].items():
                name = f"{snapshots.what}/{array}"
                size = len(frames_of(snapshots, frames)) * (16 + 4 * entries)
                sizes_found[name] = sizes_found.get(name, 0) + size
    return sizes_found


def _arrays(scenario: Scenario, found: Tables) -> dict[tuple[str, int], dict[str, int]]:
    """What is recorded of synapses, and the layer -> the arrays by name, and how many entries each has."""
    arrays: dict[tuple[str, int], dict[str, int]] = {}
    for h, layer in enumerate(found.layers):
        arrays["weights", h] = {f"W_{h}": int(layer["w_size"])}
        arrays["biases", h] = {f"b_{h}": int(layer["b_size"])}
        arrays["feedback", h] = {}
    for edge in found.edges:
        wires = sizes.wires(edge, found.layers, scenario.learning.feedback.connections)
        if edge.direction == Direction.LEARNING and wires:
            entries = {f"C_{array_suffix(edge.name)}": wires}
            if edge.rank:
                of_p = edge.rank * int(found.layers[edge.source]["n"])
                entries = {f"P_{array_suffix(edge.name)}": of_p, f"C_{array_suffix(edge.name)}": wires - of_p}
            arrays["feedback", edge.target] |= entries
    return arrays


def _bits(channel: Any, events: int) -> int:
    """The length of a message of a CHANNEL record in which so many units are active, without an entropy code, whose
    length depends on the values."""
    if channel["encoding"] == Encoding.ENTROPY:
        channel = channel.copy()
        channel["encoding"] = Encoding.DENSE
    return int(codes.message_bits(channel, events)[0])


def _layers(scenario: Scenario, found: Tables, batch: int) -> tuple[LayerCheck, ...]:
    top = len(found.layers) - 1
    learning = {edge.target for edge in found.edges if edge.direction == Direction.LEARNING} | {top}
    learning -= set(np.flatnonzero(found.layers["learning_rate"] == 0))
    shapes, chain = scenario.model.shapes(), scenario.model.chain()
    rows = []
    for h, layer in enumerate(found.layers[1:], start=1):
        macs = batch * sizes.operations(layer)
        rows.append(
            LayerCheck(
                name=str(h),
                kind=Kind(int(layer["kind"])).name.lower(),
                units=int(layer["n"]),
                shape=shapes[h],
                transfer=chain[h - 1].transfer_in_words,
                synapses=int(layer["w_size"]),
                biases=int(layer["b_size"]),
                forward_macs=macs,
                update_macs=macs if h in learning else 0,
            )
        )
    return tuple(rows)


def _channels(scenario: Scenario, found: Tables, batch: int, real: bool) -> tuple[ChannelCheck, ...]:
    connections = scenario.learning.feedback.connections
    rows: list[ChannelCheck] = []
    on_air: dict[tuple[int, Direction, int], int] = {}  # how long a sender's last message was
    for edge, row in zip(found.edges, found.channels, strict=True):
        units_there = int(found.layers[edge.source]["n"])
        units_active = 1 if edge.message == Message.TARGET and not real else units_there
        active = edge.rank or (int(row["n"]) if row["at_receiver"] else units_active)
        bits = _bits(row, active)
        link = found.links[row["link"]]
        sender = (int(row["link"]), edge.direction, edge.source)
        if link["broadcast"] and on_air.get(sender) == bits:
            bits = 0
        else:
            on_air[sender] = bits
        time = math.ceil(Fraction(bits * int(link["ps_numerator"]), int(link["ps_denominator"])))
        wires = sizes.wires(edge, found.layers, connections)
        error_macs = 0
        if edge.direction == Direction.LEARNING:
            error_macs = sizes.error_operations(edge, found.layers, connections)
            if edge.rank:
                error_macs -= edge.rank * (units_there - units_active)  # of P
            else:
                error_macs = error_macs * units_active // units_there
        rows.append(
            ChannelCheck(
                name=edge.name,
                source=edge.source,
                target=edge.target,
                wires=wires,
                error_macs=batch * error_macs,
                update_macs=batch * sizes.feedback_operations(edge, found.layers, connections),
                value_bits=int(row["value_bits"]),
                encoding=Encoding(int(row["encoding"])).name.lower(),
                bits=batch * bits,
                link_time_ps=batch * time,
            )
        )
    return tuple(rows)


def _columns(head: tuple[str, ...], rows: list[tuple[Any, ...]]) -> list[str]:
    """A table as lines: words to the left, numbers to the right."""
    cells = [[f"{cell:,}" if isinstance(cell, int) else cell for cell in row] for row in rows]
    widths = [max(len(title), *(len(row[i]) for row in cells)) for i, title in enumerate(head)]
    right = [isinstance(cell, int) for cell in rows[0]]
    return [
        "  ".join(
            text.rjust(width) if number else text.ljust(width)
            for text, width, number in zip(line, widths, right, strict=True)
        ).rstrip()
        for line in (list(head), *cells)
    ]


def _mib(size: int) -> str:
    return f"{size / MIB:,.1f} MiB"
