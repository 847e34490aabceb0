"""/weights: W, b and C matrix by matrix, as they were after each epoch that is kept (dimension `epoch`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
from numpy.typing import NDArray

from channelsim.plan.edges import array_suffix
from channelsim.plan.layout import Direction, Kind
from channelsim.rules import SHAPED_AS_WEIGHTS, SPARSE_WIRINGS, Wiring
from channelsim.trace import _layout, _table

if TYPE_CHECKING:
    from channelsim.plan import Plan

Float = NDArray[np.float32]
Dimension = tuple[str, int, str]  # name, length, long name
_EPOCH = _layout.EPOCH.name
_FLOAT = np.dtype(np.float32)
_EPOCHS_CHUNK = 128  # of the numbers of the epochs


@dataclass(frozen=True)
class Snapshot:
    """The flat buffers of a plan, as they were at the end of an epoch (0: before the first)."""

    epoch: int
    weights: Float
    biases: Float
    feedback: Float

    @property
    def nbytes(self) -> int:
        return self.weights.nbytes + self.biases.nbytes + self.feedback.nbytes


@dataclass(frozen=True)
class _Matrix:
    """One dataset of the group, a piece of one buffer of a snapshot."""

    name: str
    buffer: str
    layer: int  # whose W or b it is, or to which C leads
    offset: int
    dimensions: tuple[Dimension, ...]
    long_name: str

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(length for _, length, _ in self.dimensions)

    def of(self, snapshot: Snapshot) -> Float:
        size = int(np.prod(self.shape))
        values: Float = getattr(snapshot, self.buffer)[self.offset : self.offset + size]
        return values.reshape(self.shape)


@dataclass(frozen=True)
class Layout:
    """What the group holds, of one plan: arrays along the epochs, and where the wires of sparse C go."""

    matrices: tuple[_Matrix, ...]
    ends: tuple[tuple[str, NDArray[np.int32], str, str], ...]  # name, units, dimension, long name


def layout_of(plan: Plan) -> Layout:
    """The layout of the weights of a plan."""
    return Layout(tuple(_matrices(plan)), tuple(_ends(plan)))


def arrays_of(plan: Plan, snapshot: Snapshot, buffer: str) -> dict[str, tuple[NDArray[Any], tuple[str, ...]]]:
    """Copies of the arrays of one buffer of a snapshot, by name, with the names of their dimensions; of the feedback
    with the ends of sparse wires."""
    layout = layout_of(plan)
    found: dict[str, tuple[NDArray[Any], tuple[str, ...]]] = {
        matrix.name: (matrix.of(snapshot).copy(), tuple(name for name, *_ in matrix.dimensions))
        for matrix in layout.matrices
        if matrix.buffer == buffer
    }
    ends = layout.ends if buffer == "feedback" else ()
    return found | {name: (units, (wire,)) for name, units, wire, _ in ends}


def _matrices(plan: Plan) -> Iterator[_Matrix]:
    for h, layer in enumerate(plan.layers):
        if not layer["w_size"]:
            continue
        axes = _axes(plan, h)
        layout = "(channels, rows, columns, maps)" if layer["kind"] == Kind.CONV2D else "(inputs, units)"
        yield _Matrix(f"W_{h}", "weights", h, int(layer["w_offset"]), axes, f"weights of layer {h}, {layout}")
        if layer["b_size"]:
            yield _Matrix(f"b_{h}", "biases", h, int(layer["b_offset"]), axes[-1:], f"biases of layer {h}")
    for c, channel, label in _wired(plan):
        h, source = int(channel["target"]), int(channel["source"])
        if channel["wiring"] in SPARSE_WIRINGS:
            axes, layout = (_wires(channel, label),), "wire by wire"
        elif channel["wiring"] in SHAPED_AS_WEIGHTS:
            axes, layout = _axes(plan, source), f"laid out as W_{source}"
        elif channel["rank"]:
            middle = values_on(plan, c)
            size = units_of(plan, source), middle
            name, long_name = f"P_{array_suffix(label)}", f"P of C = P Q of {label}"
            yield _Matrix(name, "feedback", h, int(channel["p_offset"]), size, long_name)
            axes, layout = (middle, units_of(plan, h)), f"Q of C = P Q, (values, units of layer {h})"
        elif channel["wiring"] == Wiring.SYNAPSES:
            each = int(plan.layers[h]["w_size"] + plan.layers[h]["b_size"])
            axes = (units_of(plan, source), (f"synapse_{h}", each, f"synapses of layer {h}"))
            layout = f"(units of layer {source}, synapses of layer {h}: W_{h} row by row, then b_{h})"
        else:
            axes = (units_of(plan, source), units_of(plan, h))
            layout = f"(units of layer {source}, units of layer {h})"
        yield _Matrix(
            f"C_{array_suffix(label)}", "feedback", h, int(channel["c_offset"]), axes, f"C of {label}, {layout}"
        )


def _wired(plan: Plan) -> Iterator[tuple[int, Any, str]]:
    """The learning channels that have wires of their own: their numbers, records and names."""
    for c, (channel, label) in enumerate(zip(plan.channels, plan.channel_names, strict=True)):
        if channel["direction"] == Direction.LEARNING and channel["c_size"]:
            yield c, channel, label


def _axes(plan: Plan, h: int) -> tuple[Dimension, ...]:
    """The dimensions of W of layer h."""
    layer = plan.layers[h]
    if layer["kind"] != Kind.CONV2D:
        return (f"input_{h}", int(layer["fan_in"]), f"inputs of layer {h}"), units_of(plan, h)
    kernel = int(layer["kernel"])
    return (
        (f"channel_{h}", int(layer["in_channels"]), f"channels of the map below layer {h}"),
        (f"row_{h}", kernel, f"rows of the kernels of layer {h}"),
        (f"column_{h}", kernel, f"columns of the kernels of layer {h}"),
        (f"map_{h}", int(layer["out_channels"]), f"maps of layer {h}"),
    )


def units_of(plan: Plan, h: int) -> Dimension:
    """The dimension of the values of a layer."""
    return f"unit_{h}", int(plan.layers[h]["n"]), f"units of layer {h}"


def values_on(plan: Plan, c: int) -> Dimension:
    """The dimension of the values that travel on a channel: of its sender, of its receiver, or of a low rank."""
    channel = plan.channels[c]
    if rank := int(channel["rank"]):
        label = plan.channel_names[c]
        return f"rank_{array_suffix(label)}", rank, f"values that travel on {label}"
    return units_of(plan, int(channel["target" if channel["at_receiver"] else "source"]))


def _wires(channel: Any, label: str) -> Dimension:
    return f"wire_{array_suffix(label)}", int(channel["c_size"]), f"wires of {label}"


def epochs(group: h5py.Group) -> list[int]:
    """The epochs that are kept, in the order of their entries."""
    return list(map(int, group[_EPOCH][()])) if _EPOCH in group else []


def read(group: h5py.Group, epoch: int) -> dict[str, NDArray[Any]]:
    """All arrays of one epoch, and those that do not change, by name."""
    entry = epochs(group).index(epoch)
    arrays = ((name, group[name]) for name in group if not group[name].is_scale)
    return {name: array[entry] if _is_stacked(array) else array[()] for name, array in arrays}


def _is_stacked(array: h5py.Dataset) -> bool:
    return bool(array.dims[0][0].name.endswith(f"/{_EPOCH}"))


def write(group: h5py.Group, layout: Layout, snapshots: Sequence[Snapshot]) -> None:
    """Add epochs; one that is there is replaced."""
    if snapshots:
        entries = _entries(group, layout, [snapshot.epoch for snapshot in snapshots])
        for matrix in layout.matrices:
            _table.put(group, matrix.name, dict(zip(entries, map(matrix.of, snapshots), strict=True)))


def create(group: h5py.Group, layout: Layout) -> None:
    """All arrays, without epochs."""
    scales = _scales(group, layout)
    for matrix in layout.matrices:
        _table.stack(group, matrix.name, _FLOAT, _along(scales, matrix), "1", matrix.long_name)


def copy(group: h5py.Group, layout: Layout, other: h5py.Group) -> None:
    """Add all epochs of another file's group."""
    if kept := epochs(other):
        entries = _entries(group, layout, kept)
        for matrix in layout.matrices:
            _table.put_copies(group, matrix.name, entries, other)


def _entries(group: h5py.Group, layout: Layout, wanted: Sequence[int]) -> list[int]:
    """Where epochs are, or go: the next places."""
    if _EPOCH not in group:
        create(group, layout)
    kept = epochs(group)
    places = {epoch: place for place, epoch in enumerate(dict.fromkeys([*kept, *wanted]))}
    _table.append(group, _EPOCH, np.array(list(places)[len(kept) :], np.int64))
    return [places[epoch] for epoch in wanted]


def make_virtual(parent: h5py.Group, layout: Layout, sources: Sequence[tuple[str, Sequence[int]]]) -> h5py.Group:
    """/weights as virtual datasets over that of other files: (name relative to this file, its epochs).

    Of an epoch that several have, the last one counts.
    """
    del parent["weights"]
    group = parent.create_group("weights", track_order=True)
    places = {epoch: (name, place) for name, kept in sources for place, epoch in enumerate(kept)}
    scales = _scales(group, layout)
    _table.append(group, _EPOCH, np.array(list(places), np.int64))
    lengths = {name: len(kept) for name, kept in sources}
    for matrix in layout.matrices:
        entries = h5py.VirtualLayout((len(places), *matrix.shape), _FLOAT)
        for name, entry, place, count in _runs(list(places.values())):
            source = _table.source(name, f"/weights/{matrix.name}", (lengths[name], *matrix.shape), _FLOAT)
            entries[entry : entry + count] = source[place : place + count]
        dataset = _table.virtual(group, matrix.name, entries, _along(scales, matrix))
        _table.describe(dataset, "1", matrix.long_name)
    return group


def _runs(places: Sequence[tuple[str, int]]) -> Iterator[tuple[str, int, int, int]]:
    """Entries that lie one after another in one file: (its name, the first one, its place there, how many)."""
    for (name, ahead), members in groupby(enumerate(places), lambda entry: (entry[1][0], entry[0] - entry[1][1])):
        first, *others = (entry for entry, _ in members)
        yield name, first, first - ahead, 1 + len(others)


def _scales(group: h5py.Group, layout: Layout) -> dict[str, h5py.Dataset]:
    """Make the dimensions, and what has no epochs."""
    scales = {_EPOCH: _table.growing(group, _layout.EPOCH, _EPOCHS_CHUNK)}
    scales[_EPOCH].make_scale(_EPOCH)
    for matrix in layout.matrices:
        for name, length, long_name in matrix.dimensions:
            if name not in scales:
                scales[name] = _table.index(group, name, length, long_name)
    for name, units, wire, long_name in layout.ends:
        _table.array(group, name, units, [scales[wire]], "1", long_name)
    return scales


def _along(scales: dict[str, h5py.Dataset], matrix: _Matrix) -> list[h5py.Dataset]:
    return [scales[_EPOCH], *(scales[name] for name, *_ in matrix.dimensions)]


def _ends(plan: Plan) -> Iterator[tuple[str, NDArray[np.int32], str, str]]:
    for _, channel, label in _wired(plan):
        if channel["wiring"] not in SPARSE_WIRINGS:
            continue
        h, source = int(channel["target"]), int(channel["source"])
        wire, *_ = _wires(channel, label)
        start, n = int(channel["start_offset"]), int(plan.layers[source]["n"])
        senders = np.repeat(np.arange(n, dtype=np.int32), np.diff(plan.c_start[start : start + n + 1]))
        offset, size = int(channel["c_offset"]), int(channel["c_size"])
        receivers = plan.c_index[offset : offset + size].astype(np.int32)
        yield f"C_{array_suffix(label)}_sender", senders, wire, f"unit of layer {source} that a wire leaves"
        yield f"C_{array_suffix(label)}_receiver", receivers, wire, f"unit of layer {h} that a wire reaches"
