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
from typing import TYPE_CHECKING, Any

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
    parts = [file["weights"], *([file["events"]] if "events" in file else [])]
    return {Path(name).name for part in parts for name, *_ in _segments_of(part)}


def _segments_of(part: h5py.Group) -> list[list[Any]]:
    """The segments that hold /weights or /events: each by its name relative to the trace, and what is in it."""
    return list(json.loads(part.attrs.get("segments", "[]")))


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
        self._channel_names = plan.channel_names
        self._layout = _weights.layout_of(plan)
        self._weights = _segments_of(main["weights"])  # the segments that hold weights: name, epochs
        self._messages = _segments_of(main["events"]) if "events" in main else []  # messages: name, rows, bytes

    def store(self, pending: Pending) -> None:
        """Take in, and clear, what is pending. Raises OSError, with nothing changed, for a full disk."""
        if not pending.weights and not pending.messages:
            return
        size = self._main.id.get_filesize() + pending.nbytes
        began = (pending.weights and self._weights) or (pending.messages and self._messages)
        if size > INLINE_BYTES or began:
            self._store_beside(pending)
        else:
            _weights.write(self._main["weights"], self._layout, pending.weights)
            _messages.append(self._main, self._channel_names, pending.messages)
        pending.clear()

    def _store_beside(self, pending: Pending) -> None:
        """With the first segment goes what is inline: a virtual dataset cannot be half so."""
        name = f"{1 + max((int(Path(used).stem) for used in segments(self._main)), default=0):06d}.h5"
        with _table.in_memory() as segment:
            weights = segment.create_group("weights", track_order=True)
            if pending.weights and not self._weights:
                _weights.copy(weights, self._layout, self._main["weights"])
            _weights.write(weights, self._layout, pending.weights)
            messages = list(pending.messages)
            if messages and not self._messages and "events" in self._main:
                messages = [*_messages.blocks(self._main["events"]), *messages]
            _messages.append(segment, self._channel_names, messages)
            segment.flush()
            directory(self._path).mkdir(exist_ok=True)
            _disk.publish(directory(self._path) / name, segment.id.get_file_image())
            epochs = _weights.epochs(weights)
        if epochs:
            self._weights.append([self._relative(name), epochs])
            group = _weights.make_virtual(self._main, self._layout, [(name, kept) for name, kept in self._weights])
            group.attrs["segments"] = json.dumps(self._weights)
        if messages:
            rows, size = sum(part.rows for part in messages), sum(part.payload.size for part in messages)
            self._messages.append([self._relative(name), rows, size])
            sources = [(name, rows, size) for name, rows, size in self._messages]
            group = _messages.make_virtual(self._main, self._channel_names, sources)
            group.attrs["segments"] = json.dumps(self._messages)

    def _relative(self, name: str) -> str:
        return f"{directory(self._path).name}/{name}"  # HDF5 looks from the directory of the file that refers

    def remove_strays(self) -> None:
        """Remove segments that the trace does not refer to: of a killed writer, or of a trace overwritten."""
        beside, used = directory(self._path), segments(self._main)
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
        names = segments(self._main)
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
        if self._weights:
            del whole["weights"]
            group = whole.create_group("weights", track_order=True)
            for name, _ in self._weights:
                with h5py.File(self._path.parent / name, "r") as segment:
                    _weights.copy(group, self._layout, segment["weights"])
        if self._messages:
            del whole["events"]
        for name, *_ in self._messages:
            with h5py.File(self._path.parent / name, "r") as segment:
                for block in _messages.blocks(segment["events"]):
                    _messages.append(whole, self._channel_names, [block])
