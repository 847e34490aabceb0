"""Datasets as netCDF-4 lays them out in HDF5: dimension scales, units and long names on everything.

So a trace opens in h5py, MATLAB and HDFView, and as xarray datasets through h5netcdf.
"""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from channelsim.trace._layout import Column

_DEFLATE_LEVEL = 1
_CHUNK_BYTES = 1 << 20
_LARGE_BYTES = 1 << 13  # of an array; to compress a smaller one takes longer than it is worth
_SAMPLE, _NOISE = 4096, 250  # more than so many different bytes among so many: as good as random
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
    rows = max(1, min(values.shape[0], _CHUNK_BYTES * values.shape[0] // max(values.nbytes, 1)))
    packed = values.nbytes >= _LARGE_BYTES
    chunks = (rows, *values.shape[1:]) if packed else None
    dataset = create(group, name, values.shape, values.dtype, chunks=chunks, packed=packed)
    if packed and values.dtype.kind == "f":
        _write_floats(dataset, values, rows)
    else:
        overwrite(dataset, values)
    describe(dataset, units, long_name)
    attach(dataset, scales)
    return dataset


def _write_floats(dataset: h5py.Dataset, values: NDArray[Any], rows: int) -> None:
    """Fill a dataset whose chunks have `rows` rows, shuffled and deflated as its filters would, but faster."""
    for first in range(0, len(values), rows):
        chunk = np.zeros((rows, *values.shape[1:]), values.dtype)  # the last one may stand over
        chunk[: len(values) - first] = values[first : first + rows]
        bytes_apart = chunk.reshape(-1, 1).view(np.uint8).T  # the shuffle filter: all first bytes, all second ones ...
        dataset.id.write_direct_chunk((first, *itertools.repeat(0, values.ndim - 1)), _deflated(bytes_apart))


def _deflated(planes: NDArray[np.uint8]) -> bytes:
    """The rows of a matrix one after another, as a zlib stream (RFC 1950).

    Of learned weights the mantissas are noise: what has all bytes alike is stored as it is. Of the rest all that is to
    be gained comes from Huffman codes; to look for what repeats takes three times as long.
    """
    parts = [b"\x78\x01"]  # deflate, a window of 32 KiB, the fastest level
    checksum = zlib.adler32(b"")
    for k, plane in enumerate(planes):
        level = 0 if _is_noise(plane) else 1
        deflate = zlib.compressobj(level, zlib.DEFLATED, -zlib.MAX_WBITS, zlib.DEF_MEM_LEVEL, zlib.Z_HUFFMAN_ONLY)
        data = plane.tobytes()
        checksum = zlib.adler32(data, checksum)
        parts += [deflate.compress(data), deflate.flush(zlib.Z_FINISH if k == len(planes) - 1 else zlib.Z_FULL_FLUSH)]
    return b"".join([*parts, checksum.to_bytes(4, "big")])


def _is_noise(values: NDArray[np.uint8]) -> bool:
    """Whether bytes look as good as random."""
    return bool(np.count_nonzero(np.bincount(values[:_SAMPLE])) > _NOISE)


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
    """More rows at the end of a 1-D dataset of the type of `values`.

    Through h5py's lower level, five times as fast: a checkpoint appends to hundreds of columns.
    """
    dataset = h5py.h5d.open(group.id, name.encode())
    start, count = dataset.shape, values.shape
    dataset.set_extent((start[0] + count[0],))
    space = dataset.get_space()
    space.select_hyperslab(start, count)
    dataset.write(h5py.h5s.create_simple(count), space, values)


def append_bytes(group: h5py.Group, name: str, values: NDArray[np.uint8]) -> None:
    """More bytes at the end of a packed 1-D dataset of bytes.

    Whole chunks are deflated here (of single bytes the shuffle filter makes nothing else). One of floating-point words,
    in which hardly anything repeats, by run lengths and Huffman codes alone: a tenth larger, in a third of the time.
    """
    dataset = h5py.h5d.open(group.id, name.encode())
    start, chunk = dataset.shape[0], dataset.get_create_plist().get_chunk()[0]
    dataset.set_extent((start + len(values),))
    first = min(-start % chunk, len(values))  # what the last chunk still has room for
    last = first + (len(values) - first) // chunk * chunk
    for at in range(first, last, chunk):
        part = np.ascontiguousarray(values[at : at + chunk])
        strategy = zlib.Z_RLE if _is_noise(part) else zlib.Z_DEFAULT_STRATEGY
        deflate = zlib.compressobj(_DEFLATE_LEVEL, zlib.DEFLATED, zlib.MAX_WBITS, zlib.DEF_MEM_LEVEL, strategy)
        dataset.write_direct_chunk((start + at,), deflate.compress(part.tobytes()) + deflate.flush())
    for lo, hi in ((0, first), (last, len(values))):
        if lo < hi:
            space = dataset.get_space()
            space.select_hyperslab((start + lo,), (hi - lo,))
            dataset.write(h5py.h5s.create_simple((hi - lo,)), space, np.ascontiguousarray(values[lo:hi]))


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


def mirror(group: h5py.Group, parent: h5py.Group, name: str, file: str) -> None:
    """A flat group as virtual datasets over the same group in `file`, a path relative to the parent's file.

    In place of the group of that name, if there is one; its attribute `segment` is `file`.
    """
    if name in parent:
        del parent[name]
    fresh = parent.create_group(name, track_order=True)
    fresh.attrs.update(group.attrs)
    fresh.attrs["segment"] = file
    for label, item in group.items():
        if item.is_scale:
            index(fresh, label, item.shape[0], item.attrs["long_name"])
    for label, item in group.items():
        if not item.is_scale:
            layout = h5py.VirtualLayout(item.shape, item.dtype)
            if item.size:
                layout[...] = source(file, item.name, item.shape, item.dtype)
            dataset = virtual(fresh, label, layout, [fresh[scale] for scale in _scales(item)])
            describe(dataset, item.attrs["units"], item.attrs["long_name"])


def source(file: str, name: str, shape: tuple[int, ...], dtype: Any) -> h5py.VirtualSource:
    """A dataset of another file as the source of a virtual one."""
    return h5py.VirtualSource(file.replace("%", "%%"), name, shape, dtype)  # HDF5 reads %b as a block's number


def _scales(dataset: h5py.Dataset) -> list[str]:
    return [dimension[0].name.rpartition("/")[2] for dimension in dataset.dims]


def copy(group: h5py.Group, parent: h5py.Group, name: str) -> None:
    """Copy a flat group from another file, chunks as they are compressed.

    HDF5 copies the references between a dataset and its dimension scales as dead ones; they are made anew.
    """
    group.file.copy(group, parent, name=name)
    fresh = parent[name]
    for item in fresh.values():
        for reference in ("REFERENCE_LIST", "DIMENSION_LIST"):
            if reference in item.attrs:
                del item.attrs[reference]
    for label, dataset in group.items():
        if not dataset.is_scale:
            attach(fresh[label], [fresh[scale] for scale in _scales(dataset)])
