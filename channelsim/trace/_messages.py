"""/events: messages one by one, and their packed bytes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from channelsim.trace import _layout, _table

_CHUNK = 4096
_PAYLOAD_CHUNK = 1 << 16
_BLOCK = 1 << 24  # rows or bytes copied at a time

Payloads = Sequence[bytes] | tuple[NDArray[np.uint8], NDArray[np.int64]]


@dataclass(frozen=True)
class Messages:
    """Rows of /events by column; `payload_start` counts from the first byte of the whole trace's payload."""

    columns: dict[str, NDArray[Any]]
    payload: NDArray[np.uint8]

    @property
    def rows(self) -> int:
        return len(self.columns["frame"])

    @property
    def nbytes(self) -> int:
        return self.payload.nbytes + sum(values.nbytes for values in self.columns.values())


def collect(rows: NDArray[Any], payloads: Payloads, base: int) -> Messages:
    """MESSAGE_ROW records and their packed messages as columns, after `base` bytes of payload.

    Arguments:
        rows: MESSAGE_ROW records, shape (k,). payloads: k byte strings; or one uint8 array and k + 1 int64
        offsets into it, message i being the bytes
            from offset i up to offset i + 1.
        base: bytes of payload before these.

    Raises ValueError when rows and payloads differ in number.
    """
    if isinstance(payloads, tuple):
        data, offsets = payloads
        if len(offsets) != len(rows) + 1:
            raise ValueError(f"{len(rows)} rows need {len(rows) + 1} offsets, not {len(offsets)}")
        sizes = np.diff(offsets)
        payload = np.asarray(data[offsets[0] : offsets[-1]], np.uint8)
    else:
        if len(payloads) != len(rows):
            raise ValueError(f"{len(rows)} rows, but {len(payloads)} payloads")
        sizes = np.array([len(message) for message in payloads], np.int64)
        payload = np.frombuffer(b"".join(payloads), np.uint8)
    columns = {
        column.name: np.array(rows[column.name], column.dtype)
        for column in _layout.events(())
        if not column.name.startswith("payload")
    }
    columns["payload_start"] = base + np.cumsum(sizes, dtype=np.int64) - sizes
    columns["payload_size"] = sizes.astype(np.int64)
    return Messages(columns, payload)


def create(file: h5py.File, channel_names: Sequence[str]) -> None:
    """/events without messages."""
    group = file.create_group("events", track_order=True)
    message, byte = (_table.bare_dimension(group, name, 0, None) for name in ("message", "byte"))
    for column in _layout.events(channel_names):
        _table.growing(group, column, _CHUNK, message)
    _table.growing(group, _layout.PAYLOAD, _PAYLOAD_CHUNK, byte)


def append(file: h5py.File, channel_names: Sequence[str], parts: Sequence[Messages]) -> None:
    """More messages at the end of /events, which is made where it does not exist."""
    if not parts:
        return
    if "events" not in file:
        create(file, channel_names)
    group = file["events"]
    # All parts at once: rows that only begin a chunk would be compressed with each of them.
    for name in parts[0].columns:
        _table.append(group, name, np.concatenate([part.columns[name] for part in parts]))
    _table.append(group, "payload", np.concatenate([part.payload for part in parts]))
    _table.lengthen(group["message"], sum(part.rows for part in parts))
    _table.lengthen(group["byte"], sum(part.payload.size for part in parts))


def blocks(group: h5py.Group) -> Iterator[Messages]:
    """All messages of one file's /events, a bounded number at a time."""
    rows, size = group["frame"].shape[0], group["payload"].shape[0]
    names = [column.name for column in _layout.events(())]
    for start in range(0, max(rows, size), _BLOCK):
        block = slice(start, start + _BLOCK)
        yield Messages({name: group[name][block] for name in names}, group["payload"][block])


def make_virtual(file: h5py.File, channel_names: Sequence[str], sources: Sequence[tuple[str, int, int]]) -> h5py.Group:
    """/events as virtual datasets over that of other files: (name relative to this file, rows, bytes)."""
    if "events" in file:
        del file["events"]
    group = file.create_group("events", track_order=True)
    columns = _layout.events(channel_names)
    rows = [length for _, length, _ in sources]
    sizes = [length for _, _, length in sources]
    for dimension, lengths, members in (("message", rows, columns), ("byte", sizes, (_layout.PAYLOAD,))):
        total = sum(lengths)
        scale = _table.bare_dimension(group, dimension, total, None)
        for column in members:
            layout = h5py.VirtualLayout((total,), column.dtype)
            at = 0
            for (name, *_), length in zip(sources, lengths, strict=True):
                if length:
                    layout[at : at + length] = _table.source(name, f"/events/{column.name}", (length,), column.dtype)
                at += length
            _table.label(_table.virtual(group, column.name, layout, [scale]), column)
    return group
