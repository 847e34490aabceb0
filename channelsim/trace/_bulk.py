"""What makes a trace large, weights and messages: inside the file while small, in segments beside it beyond.

Every checkpoint writes the whole file anew. That is cheap as long as the file is; so what would make it
grow beyond `INLINE_BYTES` goes into segments, files of their own that are written once, and stands in the trace as
virtual datasets. `join` puts all of it into the one file when the run is over.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import h5py

from channelsim.trace import _disk, _messages, _table, _weights

if TYPE_CHECKING:
    from channelsim.plan import Plan

INLINE_BYTES = 64 << 20


def directory(path: Path) -> Path:
    """Where the segments of the trace at `path` are, while it has any."""
    return path.with_name(f"{path.name}.segments")


def segments(file: h5py.File) -> set[str]:
    """Names of the segments that a trace refers to."""
    kept = file["weights"]
    # Not kept.values(), which has None for a group that is damaged.
    beside = {kept[epoch].attrs["segment"] for epoch in kept if "segment" in kept[epoch].attrs}
    messages = json.loads(file["events"].attrs.get("segments", "[]")) if "events" in file else []
    return {Path(name).name for name in beside} | {name for name, *_ in messages}


@dataclass
class Pending:
    """What has come since the last checkpoint."""

    weights: list[_weights.Snapshot] = field(default_factory=list)
    messages: list[_messages.Messages] = field(default_factory=list)

    @property
    def nbytes(self) -> int:
        return sum(part.nbytes for part in self.weights) + sum(part.nbytes for part in self.messages)

    def clear(self) -> None:
        self.weights.clear()
        self.messages.clear()


class Bulk:
    """The large parts of the trace at `path`, whose small parts are the in-memory file `main`."""

    def __init__(self, path: Path, main: h5py.File, plan: Plan) -> None:
        self._path = path
        self._main = main
        self._plan = plan
        self._parts: list[tuple[str, int, int]] = []  # segments that hold messages: name, rows, payload bytes
        if "events" in main and "segments" in main["events"].attrs:
            self._parts = [(name, rows, size) for name, rows, size in json.loads(main["events"].attrs["segments"])]

    def store(self, pending: Pending) -> None:
        """Take in, and clear, what is pending. Raises OSError, with nothing changed, for a full disk."""
        if not pending.weights and not pending.messages:
            return
        size = self._main.id.get_filesize() + pending.nbytes
        if size > INLINE_BYTES or (pending.messages and self._parts):
            self._store_beside(pending)
        else:
            self._write_weights(self._main, pending.weights)
            _messages.append(self._main, self._plan.channel_names, pending.messages)
        pending.clear()

    def _write_weights(self, file: h5py.File, snapshots: list[_weights.Snapshot]) -> None:
        for snapshot in snapshots:
            _weights.write(file["weights"], self._plan, snapshot)

    def _store_beside(self, pending: Pending) -> None:
        messages = list(pending.messages)
        if messages and not self._parts and "events" in self._main:  # a virtual dataset cannot be half inline
            messages = [*_messages.blocks(self._main["events"]), *messages]
        name = f"{1 + max((int(Path(used).stem) for used in self._segments()), default=0):06d}.h5"
        with _table.in_memory() as segment:
            segment.create_group("weights", track_order=True)
            self._write_weights(segment, pending.weights)
            _messages.append(segment, self._plan.channel_names, messages)
            segment.flush()
            directory(self._path).mkdir(exist_ok=True)
            _disk.publish(directory(self._path) / name, segment.id.get_file_image())
            for epoch, group in segment["weights"].items():
                _table.mirror(group, self._main["weights"], epoch, self._relative(name))
        if messages:
            rows, size = sum(part.rows for part in messages), sum(part.payload.size for part in messages)
            self._parts.append((name, rows, size))
            sources = [(self._relative(name), rows, size) for name, rows, size in self._parts]
            group = _messages.make_virtual(self._main, self._plan.channel_names, sources)
            group.attrs["segments"] = json.dumps(self._parts)

    def _relative(self, name: str) -> str:
        return f"{directory(self._path).name}/{name}"  # HDF5 looks from the directory of the file that refers

    def _segments(self) -> set[str]:
        return segments(self._main)

    def remove_strays(self) -> None:
        """Remove segments that the trace does not refer to: of a killed writer, or of a trace overwritten."""
        beside, used = directory(self._path), self._segments()
        if not beside.is_dir():
            return
        for file in beside.iterdir():
            if file.name not in used:
                file.unlink()
        with contextlib.suppress(OSError):
            beside.rmdir()

    def join(self) -> None:
        """Make the trace, just published with its segments, one file.

        Where that fails, for want of space say, the trace stays as it is: whole and readable with its
        segments.
        """
        names = self._segments()
        if not names:
            return
        beside, fresh = directory(self._path), _disk.part(self._path)
        size = sum((beside / name).stat().st_size for name in names) + self._path.stat().st_size
        if shutil.disk_usage(self._path.parent).free < 1.1 * size:
            return
        try:
            shutil.copyfile(self._path, fresh)
            with h5py.File(fresh, "r+", libver=_table.FORMAT) as whole:
                self._take_in(whole)
            with open(fresh, "rb+") as file:
                os.fsync(file.fileno())
            os.replace(fresh, self._path)
        except (OSError, RuntimeError):  # h5py reports a failed write as either
            fresh.unlink(missing_ok=True)
            return
        _disk.sync_directory(self._path.parent)
        shutil.rmtree(beside, ignore_errors=True)

    def _take_in(self, whole: h5py.File) -> None:
        beside = directory(self._path)
        weights = whole["weights"]
        for epoch, name in {epoch: group.attrs.get("segment") for epoch, group in weights.items()}.items():
            if name is not None:
                del weights[epoch]
                with h5py.File(self._path.parent / name, "r") as segment:
                    _table.copy(segment["weights"][epoch], weights, epoch)
        if self._parts:
            del whole["events"]
        for name, *_ in self._parts:
            with h5py.File(beside / name, "r") as segment:
                for block in _messages.blocks(segment["events"]):
                    _messages.append(whole, self._plan.channel_names, [block])
