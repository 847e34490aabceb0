"""/records: values of layers and channels, frame by frame: a group for each kind and place, with a row for each sample
of a frame (of synapses: for each frame)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
from numpy.typing import NDArray

from channelsim.plan.recording import Recording, Series, Snapshots, Watched
from channelsim.trace import _table, _weights
from channelsim.trace._layout import Column

if TYPE_CHECKING:
    from channelsim.plan import Plan

WHERE = "records"
_ROW = "record"  # the dimension along which rows are appended
_CHUNK_BYTES = 1 << 18
_MOST_ROWS = 4096  # of a chunk
_BLOCK = 1 << 24  # bytes copied at a time
_WORDS = {
    Watched.ACTIVITY: "activity O of layer {}",
    Watched.ERROR: "learning signal R of layer {}, after f'",
    Watched.SENT: "messages of {} as sent, after threshold and quantizer",
    Watched.DELIVERED: "messages of {} as delivered",
}
_FRAME = Column("frame", np.dtype("i8"), "1", "frame, counted from 0")
_BEFORE = Column("frame", np.dtype("i8"), "1", "the frame before which it is so; frames of the whole run: at its end")
_TIME = Column("time", np.dtype("i8"), "ps", "simulated time")
_OF_SAMPLES = (
    _FRAME,
    Column("sample", np.dtype("i4"), "1", "sample within the frame, counted from 0"),
    Column("image", np.dtype("i8"), "1", "its place in the training set, counted from 0"),
    _TIME,
)
VALUES = "values"


@dataclass(frozen=True)
class Record:
    """One group: its name below /records, the columns of its rows, and the dimensions of their values."""

    name: str
    columns: tuple[Column, ...]
    dimensions: tuple[_weights.Dimension, ...]
    long_name: str

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(length for _, length, _ in self.dimensions)


@dataclass(frozen=True)
class Rows:
    """Rows of one group: its columns by name, and `values` (rows, *shape) float32."""

    columns: Mapping[str, NDArray[Any]]
    values: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.values)

    @property
    def nbytes(self) -> int:
        return self.values.nbytes + sum(column.nbytes for column in self.columns.values())


def records_of(plan: Plan, recording: Recording) -> dict[str, Record]:
    """The groups of a run, by name."""
    found = [_of_values(plan, one) for one in recording.series]
    for snapshots in recording.snapshots:
        found += _of_synapses(plan, snapshots)
    return {record.name: record for record in found}


def record_name(plan: Plan, one: Series) -> str:
    """The name of the group of a series."""
    at_layer = one.kind in (Watched.ACTIVITY, Watched.ERROR)
    return f"{one.kind.name.lower()}/{one.place if at_layer else plan.channel_names[one.place]}"


def synapses_recorded(plan: Plan, one: Snapshots) -> list[str]:
    """The names of the groups of these synapses: what they are, and the array's name behind a slash."""
    return [record.name for record in _of_synapses(plan, one)]


def _of_values(plan: Plan, one: Series) -> Record:
    """The group of values at a layer or on a channel."""
    name = record_name(plan, one)
    _, _, where = name.partition("/")
    at_layer = one.kind in (Watched.ACTIVITY, Watched.ERROR)
    dimension = _weights.units_of(plan, one.place) if at_layer else _weights.values_on(plan, one.place)
    return Record(name, _OF_SAMPLES, (dimension,), _WORDS[one.kind].format(where))


def _of_synapses(plan: Plan, one: Snapshots) -> list[Record]:
    """The groups of W, b or C of some layers."""
    return [
        Record(f"{one.what}/{matrix.name}", (_BEFORE, _TIME), matrix.dimensions, matrix.long_name)
        for matrix in _weights.layout_of(plan).matrices
        if matrix.buffer == one.what and matrix.layer in one.layers
    ]


def create(file: h5py.File, record: Record) -> h5py.Group:
    """A group without rows."""
    group, scale, scales = _begin(file, record, 0)
    rows = max(1, min(_MOST_ROWS, _CHUNK_BYTES // max(4 * int(np.prod(record.shape)), 1)))
    for column in record.columns:
        _table.growing(group, column, _MOST_ROWS, scale)
    limits, chunks = (None, *record.shape), (rows, *record.shape)
    values = _table.create(group, VALUES, (0, *record.shape), np.float32, maximum=limits, chunks=chunks, packed=True)
    _table.describe(values, "1", record.long_name)
    _table.attach(values, [scale, *scales])
    return group


def _begin(file: h5py.File, record: Record, length: int) -> tuple[h5py.Group, h5py.Dataset, list[h5py.Dataset]]:
    """A group with its dimensions."""
    group = file.require_group(WHERE).create_group(record.name, track_order=True)
    scale = _table.bare_dimension(group, _ROW, length, None)
    return group, scale, [_table.index(group, *dimension) for dimension in record.dimensions]


def append(file: h5py.File, record: Record, parts: Iterable[Rows]) -> None:
    """More rows at the end of a group, which is made where it does not exist."""
    parts = [part for part in parts if len(part)]
    if not parts:
        return
    where = f"{WHERE}/{record.name}"
    group = file[where] if where in file else create(file, record)
    for column in record.columns:
        values = np.concatenate([part.columns[column.name] for part in parts]).astype(column.dtype)
        _table.append(group, column.name, values)
    dataset, more = group[VALUES], sum(map(len, parts))
    start = dataset.shape[0]
    dataset.resize(start + more, axis=0)
    for part in parts:
        dataset[start : start + len(part)] = part.values
        start += len(part)
    _table.lengthen(group[_ROW], more)


def lengths(file: h5py.File, records: Mapping[str, Record]) -> dict[str, int]:
    """The rows of each group that is there."""
    there = (name for name in records if f"{WHERE}/{name}" in file)
    return {name: int(file[f"{WHERE}/{name}/{VALUES}"].shape[0]) for name in there}


def blocks(file: h5py.File, record: Record) -> Iterator[Rows]:
    """All rows of one group, a bounded number at a time."""
    group = file[f"{WHERE}/{record.name}"]
    size = max(1, _BLOCK // max(4 * int(np.prod(record.shape)), 64))
    for start in range(0, group[VALUES].shape[0], size):
        block = slice(start, start + size)
        yield Rows({column.name: group[column.name][block] for column in record.columns}, group[VALUES][block])


def make_virtual(
    file: h5py.File, records: Mapping[str, Record], sources: Sequence[tuple[str, Mapping[str, int]]]
) -> h5py.Group:
    """/records as virtual datasets over those of other files: (name relative to this file, rows of each group)."""
    if WHERE in file:
        del file[WHERE]
    parent = file.create_group(WHERE)
    for record in records.values():
        parts = [(name, rows[record.name]) for name, rows in sources if rows.get(record.name)]
        if not parts:
            continue
        total = sum(length for _, length in parts)
        group, scale, scales = _begin(file, record, total)
        for column in record.columns:
            layout = _joined(record, column.name, column.dtype, parts, ())
            _table.label(_table.virtual(group, column.name, layout, [scale]), column)
        layout = _joined(record, VALUES, np.dtype("f4"), parts, record.shape)
        _table.describe(_table.virtual(group, VALUES, layout, [scale, *scales]), "1", record.long_name)
    return parent


def _joined(
    record: Record, dataset: str, dtype: np.dtype[Any], parts: Sequence[tuple[str, int]], shape: tuple[int, ...]
) -> h5py.VirtualLayout:
    layout, at = h5py.VirtualLayout((sum(length for _, length in parts), *shape), dtype), 0
    for name, length in parts:
        where = f"/{WHERE}/{record.name}/{dataset}"
        layout[at : at + length] = _table.source(name, where, (length, *shape), dtype)
        at += length
    return layout


def names(file: h5py.File) -> list[str]:
    """The groups that are there."""
    parent = file.get(WHERE, {})
    return [f"{what}/{where}" for what in parent for where in parent[what]]


def read(file: h5py.File, name: str) -> dict[str, NDArray[Any]]:
    """The columns and values of one group."""
    group = file[f"{WHERE}/{name}"]
    return {key: group[key][()] for key in group if not group[key].is_scale}
