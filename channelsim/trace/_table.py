"""Datasets as netCDF-4 lays them out in HDF5: dimension scales, units and long names on everything.

So a trace opens in h5py, MATLAB and HDFView, and as xarray datasets through h5netcdf.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

import h5py
import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray

from channelsim.trace._layout import Column

_DEFLATE_LEVEL = 1
_CHUNK_BYTES = 1 << 20
_LARGE_BYTES = 1 << 13  # of an array; to compress a smaller one takes longer than it is worth
_WORDS = h5py.h5t.py_create(h5py.string_dtype("utf-8"), logical=True)
_SCALAR = h5py.h5s.create(h5py.h5s.SCALAR)

FORMAT = ("v110", "v110")
"""The format of HDF5 1.10 (2016) is written: read everywhere, with smaller indices than the oldest."""


def in_memory(image: bytes | None = None) -> h5py.File:
    """A file without a disk, empty or with the content `image`, that may be changed."""
    if image is None:
        return h5py.File.in_memory(libver=FORMAT, track_order=True)
    return h5py.File.in_memory(file_image=image, libver=FORMAT)


def describe(dataset: h5py.Dataset, units: str, long_name: str) -> None:
    """Units and long name of a dataset that has none yet.

    Through h5py's lower level, twice as fast: a trace has hundreds of datasets.
    """
    for name, words in ((b"units", units), (b"long_name", long_name)):
        attribute = h5py.h5a.create(dataset.id, name, _WORDS, _SCALAR)
        attribute.write(np.array(words, dtype=object))


def create(
    group: h5py.Group,
    name: str,
    shape: tuple[int, ...],
    dtype: Any,
    *,
    maximum: tuple[int | None, ...] | None = None,
    chunks: tuple[int, ...] | None = None,
    packed: bool = False,
) -> h5py.Dataset:
    """A dataset without values yet; `maximum`, `chunks` as in h5py, `packed`: its chunks are shuffled and deflated.

    Through h5py's lower level, as `describe`, and for the same reason.
    """
    limits = shape if maximum is None else tuple(h5py.h5s.UNLIMITED if n is None else n for n in maximum)
    space = h5py.h5s.create_simple(shape, limits)
    return h5py.Dataset(
        h5py.h5d.create(group.id, name.encode(), _kind(np.dtype(dtype)), space, _properties(chunks, packed))
    )


@cache
def _kind(dtype: np.dtype[Any]) -> h5py.h5t.TypeID:
    return h5py.h5t.py_create(dtype, logical=True)


@cache
def _properties(chunks: tuple[int, ...] | None, packed: bool) -> h5py.h5p.PropDCID:
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_obj_track_times(False)
    if chunks is not None:
        properties.set_chunk(chunks)
    if packed:
        properties.set_shuffle()
        properties.set_deflate(_DEFLATE_LEVEL)
    return properties


def attach(dataset: h5py.Dataset, scales: Sequence[h5py.Dataset]) -> None:
    """The dimension scales of a dataset, axis by axis."""
    for axis, scale in enumerate(scales):
        h5py.h5ds.attach_scale(dataset.id, scale.id, axis)


def overwrite(dataset: h5py.Dataset, values: NDArray[Any]) -> None:
    """All values of a dataset, of its shape and type."""
    dataset.id.write(h5py.h5s.ALL, h5py.h5s.ALL, np.ascontiguousarray(values))


def text(group: h5py.Group, name: str, value: str, long_name: str) -> None:
    """A scalar UTF-8 string; one that exists is replaced."""
    if name in group:
        del group[name]
    describe(group.create_dataset(name, data=value, dtype=h5py.string_dtype("utf-8")), "1", long_name)


def index(group: h5py.Group, name: str, length: int, long_name: str) -> h5py.Dataset:
    """A dimension scale 0..length-1."""
    scale = create(group, name, (length,), np.int32)
    overwrite(scale, np.arange(length, dtype=np.int32))
    describe(scale, "1", long_name)
    scale.make_scale(name)
    return scale


def bare_dimension(group: h5py.Group, name: str, length: int, maximum: int | None) -> h5py.Dataset:
    """A dimension without coordinates, which costs no storage: what netCDF-4 writes for one."""
    chunks = (_CHUNK_BYTES,) if maximum is None else None
    scale = create(group, name, (length,), np.int8, maximum=(maximum,), chunks=chunks)
    describe(scale, "1", f"{name} (a dimension without coordinates)")
    scale.make_scale(f"This is a netCDF dimension but not a netCDF variable.{length:10d}")
    return scale


def array(
    group: h5py.Group,
    name: str,
    values: NDArray[Any],
    scales: Sequence[h5py.Dataset],
    units: str,
    long_name: str,
) -> h5py.Dataset:
    """A whole array of fixed shape, its axes along `scales`; a large one is compressed in chunks of up to 1 MiB."""
    packed = values.nbytes >= _LARGE_BYTES
    chunks = (_rows_of_a_chunk(values.shape, values.dtype), *values.shape[1:]) if packed else None
    dataset = create(group, name, values.shape, values.dtype, chunks=chunks, packed=packed)
    overwrite(dataset, values)
    describe(dataset, units, long_name)
    attach(dataset, scales)
    return dataset


def _rows_of_a_chunk(shape: tuple[int, ...], dtype: Any) -> int:
    return max(1, min(shape[0], _CHUNK_BYTES * shape[0] // max(_nbytes(shape, dtype), 1)))


def _nbytes(shape: tuple[int, ...], dtype: Any) -> int:
    return np.dtype(dtype).itemsize * math.prod(shape)


def stack(
    group: h5py.Group, name: str, dtype: Any, scales: Sequence[h5py.Dataset], units: str, long_name: str
) -> h5py.Dataset:
    """Arrays of one shape, one after another along scales[0]; none yet. Large ones are compressed, as in `array`."""
    shape = tuple(scale.shape[0] for scale in scales[1:])
    chunks = (1, _rows_of_a_chunk(shape, dtype), *shape[1:])
    packed = _nbytes(shape, dtype) >= _LARGE_BYTES
    dataset = create(group, name, (0, *shape), dtype, maximum=(None, *shape), chunks=chunks, packed=packed)
    describe(dataset, units, long_name)
    attach(dataset, scales)
    return dataset


def put(group: h5py.Group, name: str, entries: Mapping[int, NDArray[Any]]) -> None:
    """Fill entries of a stack, ones that are there and the next ones."""
    dataset = _with_entries(group, name, entries)
    properties = dataset.get_create_plist()
    rows, packed = properties.get_chunk()[1], properties.get_nfilters() > 0
    for entry, values in entries.items():
        for first in range(0, len(values), rows):
            chunk = np.zeros((rows, *values.shape[1:]), values.dtype)  # the last one may stand over
            chunk[: len(values) - first] = values[first : first + rows]
            content = _deflated(chunk) if packed else chunk.tobytes()
            dataset.write_direct_chunk(_corner(dataset, entry, first), content)


def put_copies(group: h5py.Group, name: str, entries: Sequence[int], other: h5py.Group) -> None:
    """The same with all entries of such a stack in another group, chunk by chunk as they are compressed."""
    dataset, source = _with_entries(group, name, entries), h5py.h5d.open(other.id, name.encode())
    rows = dataset.get_create_plist().get_chunk()[1]
    for place, entry in enumerate(entries):
        for first in range(0, dataset.shape[1], rows):
            mask, content = source.read_direct_chunk(_corner(source, place, first))
            dataset.write_direct_chunk(_corner(dataset, entry, first), content, mask)


def _with_entries(group: h5py.Group, name: str, entries: Iterable[int]) -> h5py.h5d.DatasetID:
    dataset = h5py.h5d.open(group.id, name.encode())
    dataset.set_extent((max(dataset.shape[0], 1 + max(entries)), *dataset.shape[1:]))
    return dataset


def _corner(dataset: h5py.h5d.DatasetID, entry: int, first: int) -> tuple[int, ...]:
    return (entry, first, *itertools.repeat(0, dataset.rank - 2))


def _deflated(chunk: NDArray[Any]) -> bytes:
    """A chunk as the filters shuffle and deflate make it, in a small part of HDF5's time."""
    deflate = isal_zlib.compressobj(_DEFLATE_LEVEL)
    parts = []
    for plane in np.ascontiguousarray(chunk.reshape(-1, 1).view(np.uint8).T):  # all first bytes, all second ones ...
        parts += [deflate.compress(plane), deflate.flush(isal_zlib.Z_SYNC_FLUSH)]  # each has codes of its own
    return b"".join([*parts, deflate.flush()])


def growing(group: h5py.Group, column: Column, chunk: int, scale: h5py.Dataset | None = None) -> h5py.Dataset:
    """An empty 1-D dataset to which rows are appended."""
    dataset = create(group, column.name, (0,), column.dtype, maximum=(None,), chunks=(chunk,), packed=True)
    label(dataset, column)
    attach(dataset, [] if scale is None else [scale])
    return dataset


def label(dataset: h5py.Dataset, column: Column) -> None:
    """Units, long name and the meanings of codes."""
    describe(dataset, column.units, column.long_name)
    if column.meanings:
        dataset.attrs["flag_values"] = np.arange(len(column.meanings), dtype=column.dtype)
        dataset.attrs["flag_meanings"] = " ".join(column.meanings)


def append(group: h5py.Group, name: str, values: NDArray[Any]) -> None:
    """More rows at the end of a growing dataset of the type of `values`.

    Through h5py's lower level, five times as fast: a checkpoint appends to hundreds of columns. Only a chunk that had
    room left is made by HDF5's filters.
    """
    dataset = h5py.h5d.open(group.id, name.encode())
    start = dataset.shape[0]
    dataset.set_extent((start + len(values),))
    size = dataset.get_create_plist().get_chunk()[0]
    first = min(-start % size, len(values))
    if first:
        space = dataset.get_space()
        space.select_hyperslab((start,), (first,))
        dataset.write(h5py.h5s.create_simple((first,)), space, np.ascontiguousarray(values[:first]))
    for at in range(first, len(values), size):
        chunk = np.zeros(size, values.dtype)  # the last one may stand over
        chunk[: len(values) - at] = values[at : at + size]
        dataset.write_direct_chunk((start + at,), _deflated(chunk))


def lengthen(scale: h5py.Dataset, more: int) -> None:
    """Grow a bare dimension."""
    length = scale.shape[0] + more
    scale.resize((length,))
    scale.attrs["NAME"] = np.bytes_(f"This is a netCDF dimension but not a netCDF variable.{length:10d}")


class Table:
    """Rows an epoch, kept in memory until `flush` puts them into one group: a 1-D dataset a column."""

    _CHUNK = 128

    def __init__(self, where: str, index: Column, columns: Sequence[Column]) -> None:
        self._where = where
        self._index = index
        self._columns = {column.name: column for column in (index, *columns)}
        self._pending: list[Mapping[str, Any]] = []

    def append(self, row: Mapping[str, Any]) -> None:
        """A row; a column of floats that it lacks is NaN. Raises ValueError for an unknown column."""
        unknown = sorted(row.keys() - self._columns.keys())
        if unknown:
            raise ValueError(f"{self._where} has no column {unknown[0]!r}; it has {', '.join(self._columns)}")
        lacking = [name for name, column in self._columns.items() if column.dtype.kind != "f" and name not in row]
        if lacking:
            raise ValueError(f"{self._where}: a row needs {', '.join(lacking)}")
        self._pending.append(dict(row))

    def create(self, file: h5py.File) -> h5py.Group:
        """The group with its empty columns, where they do not exist yet."""
        group = file.require_group(self._where)
        if self._index.name not in group:
            scale = growing(group, self._index, self._CHUNK)
            scale.make_scale(self._index.name)
            for name, column in self._columns.items():
                if name != self._index.name:
                    growing(group, column, self._CHUNK, scale)
        return group

    def flush(self, file: h5py.File) -> None:
        """Move the rows at hand into the file."""
        if not self._pending:
            return
        group = self.create(file)
        for name, column in self._columns.items():
            values = [row.get(name, np.nan) for row in self._pending]
            append(group, name, np.array(values, column.dtype))
        self._pending.clear()


def virtual(group: h5py.Group, name: str, layout: h5py.VirtualLayout, scales: Sequence[h5py.Dataset]) -> h5py.Dataset:
    """A dataset whose values lie in other files; where such a file is missing it reads as NaN or -1."""
    lost = np.nan if layout.dtype.kind == "f" else -1 if layout.dtype.kind == "i" else 0
    dataset = group.create_virtual_dataset(name, layout, fillvalue=lost)
    attach(dataset, scales)
    return dataset


def source(file: str, name: str, shape: tuple[int, ...], dtype: Any) -> h5py.VirtualSource:
    """A dataset of another file as the source of a virtual one."""
    return h5py.VirtualSource(file.replace("%", "%%"), name, shape, dtype)  # HDF5 reads %b as a block's number
