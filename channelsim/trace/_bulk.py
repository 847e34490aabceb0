"""What makes a trace large, weights and messages: inside the file while small, in segments beside it beyond.

Every checkpoint writes the whole file anew. That is cheap as long as the file is; so what would make it
grow beyond `INLINE_BYTES` goes into segments, files of their own that are written once, and stands in the trace as
virtual datasets. `join` puts all of it into the one file when the run is over.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py

from channelsim.errors import InputError
from channelsim.trace import _disk, _messages, _records, _seal, _structure, _table, _weights

if TYPE_CHECKING:
    from channelsim.plan import Plan

INLINE_BYTES = 64 << 20

_SEALS = "segments"  # root attribute: the seals of the segments, by name (JSON)
_NAME = re.compile(r"\d{6,}\.h5")
_OURS = re.compile(r"\d{6,}\.h5|\.\d{6,}\.h5\.part")


def directory(path: Path) -> Path:
    """Where the segments of the trace at `path` are, while it has any."""
    return path.with_name(f"{path.name}.segments")


def segments(file: h5py.File) -> dict[str, str]:
    """The segments that a trace refers to, by their names relative to it, and the seal of each."""
    seals = json.loads(file.attrs.get(_SEALS, "{}"))
    parts = [file[part] for part in ("weights", "events", _records.WHERE) if part in file]
    return {name: str(seals.get(name, "")) for part in parts for name, *_ in _segments_of(part)}


def _segments_of(part: h5py.Group) -> list[list[Any]]:
    """The segments that hold a part of the trace: each by its name relative to it, and what is in it."""
    found = json.loads(part.attrs.get("segments", "[]"))
    if not isinstance(found, list) or not all(isinstance(one, list) and _is_entry(one) for one in found):
        raise ValueError(f"{part.name}: what is said of its segments is not a list of them")
    return found


def _is_entry(one: list[Any]) -> bool:
    name, *content = one
    if not isinstance(name, str) or not _NAME.fullmatch(name.rpartition("/")[2]):
        return False
    if len(content) == 1 and isinstance(content[0], dict):
        return all(isinstance(rows, int) and rows >= 0 for rows in content[0].values())
    if len(content) == 1:
        return isinstance(content[0], list) and all(isinstance(epoch, int) for epoch in content[0])
    return len(content) == 2 and all(isinstance(count, int) and count >= 0 for count in content)


def check(path: Path, file: h5py.File) -> None:
    """Raises InputError unless all segments of the trace at `path` are there, as they were written."""
    beside = directory(path)
    for name, seal in sorted(segments(file).items()):
        folder, _, last = name.rpartition("/")
        if not (beside / last).exists() or folder != beside.name:
            raise InputError(
                f"{path}: {path.parent / name} is missing; an unfinished trace has to be moved with its"
                f" {folder}, and keep its name"
            )
        if _seal.digits(beside / last) != seal:
            raise InputError(f"{beside / last}: damaged, or not of this trace; accepted: the segment as it was written")
        with h5py.File(beside / last, "r", locking=False) as segment:
            reason = _structure.fault(segment)
        if reason:
            raise InputError(f"{beside / last}: {reason}; accepted: the segment as it was written")


@dataclass
class Pending:
    """What has come since the last checkpoint."""

    weights: list[_weights.Snapshot] = field(default_factory=list)
    messages: list[_messages.Messages] = field(default_factory=list)
    records: dict[str, list[_records.Rows]] = field(default_factory=dict)
    nbytes: int = 0  # kept, for it is asked after every chunk

    def add_weights(self, weights: _weights.Snapshot) -> None:
        self.weights.append(weights)
        self.nbytes += weights.nbytes

    def add_messages(self, messages: _messages.Messages) -> None:
        self.messages.append(messages)
        self.nbytes += messages.nbytes

    def add_records(self, name: str, rows: _records.Rows) -> None:
        self.records.setdefault(name, []).append(rows)
        self.nbytes += rows.nbytes

    def clear(self) -> None:
        self.weights.clear()
        self.messages.clear()
        self.records.clear()
        self.nbytes = 0


class Bulk:
    """The large parts of the trace at `path`, whose small parts are the in-memory file `main`."""

    def __init__(
        self, path: Path, main: h5py.File, plan: Plan, records: Mapping[str, _records.Record] | None = None
    ) -> None:
        self._path = path
        self._main = main
        self._channel_names = plan.channel_names
        self._layout = _weights.layout_of(plan)
        self._weights = _segments_of(main["weights"])  # the segments that hold weights: name, epochs
        self._messages = _segments_of(main["events"]) if "events" in main else []  # messages: name, rows, bytes
        self._kinds = records or {}
        self._records = _segments_of(main[_records.WHERE]) if _records.WHERE in main else []  # name, rows of each group

    def store(self, pending: Pending) -> None:
        """Take in, and clear, what is pending. Raises OSError, with nothing changed, for a full disk."""
        if not pending.weights and not pending.messages and not pending.records:
            return
        size = self._main.id.get_filesize() + pending.nbytes
        kinds = ((pending.weights, self._weights), (pending.messages, self._messages), (pending.records, self._records))
        began = any(more and there for more, there in kinds)
        if size > INLINE_BYTES or began:
            self._store_beside(pending)
        else:
            _weights.write(self._main["weights"], self._layout, pending.weights)
            _messages.append(self._main, self._channel_names, pending.messages)
            for kind, parts in pending.records.items():
                _records.append(self._main, self._kinds[kind], parts)
        pending.clear()

    def _store_beside(self, pending: Pending) -> None:
        """With the first segment goes what is inline: a virtual dataset cannot be half so."""
        name = self._next_name()
        with _table.in_memory() as segment:
            _seal.put(segment)
            weights = segment.create_group("weights", track_order=True)
            if pending.weights and not self._weights:
                _weights.copy(weights, self._layout, self._main["weights"])
            _weights.write(weights, self._layout, pending.weights)
            messages = list(pending.messages)
            if messages and not self._messages and "events" in self._main:
                messages = [*_messages.blocks(self._main["events"]), *messages]
            _messages.append(segment, self._channel_names, messages)
            if pending.records and not self._records:
                for kind in _records.lengths(self._main, self._kinds):
                    for block in _records.blocks(self._main, self._kinds[kind]):
                        _records.append(segment, self._kinds[kind], [block])
            for kind, parts in pending.records.items():
                _records.append(segment, self._kinds[kind], parts)
            rows_of = _records.lengths(segment, self._kinds)
            segment.flush()
            directory(self._path).mkdir(exist_ok=True)
            image = _seal.sealed(segment.id.get_file_image())
            _disk.publish(directory(self._path) / name, image)
            epochs = _weights.epochs(weights)
        seals = json.loads(self._main.attrs.get(_SEALS, "{}"))
        self._main.attrs[_SEALS] = json.dumps(seals | {self._relative(name): _seal.of(image)})
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
        if rows_of:
            self._records.append([self._relative(name), rows_of])
            group = _records.make_virtual(self._main, self._kinds, [(name, rows) for name, rows in self._records])
            group.attrs["segments"] = json.dumps(self._records)

    def _relative(self, name: str) -> str:
        return f"{directory(self._path).name}/{name}"  # HDF5 looks from the directory of the file that refers

    def _next_name(self) -> str:
        """Of a segment: after those of the trace, and after whatever else has such a name."""
        names = {Path(name).name for name in segments(self._main)}
        with contextlib.suppress(FileNotFoundError):
            names |= {name for name in os.listdir(directory(self._path)) if _NAME.fullmatch(name)}
        return f"{1 + max((int(Path(name).stem) for name in names), default=0):06d}.h5"

    def refuse_what_is_in_the_way(self) -> None:
        """Raises InputError where segments could only be written through a link, or not at all."""
        beside = directory(self._path)
        if beside.is_symlink() or (beside.exists() and not beside.is_dir()):
            what = "a symbolic link" if beside.is_symlink() else "no directory"
            raise InputError(f"{beside}: is {what}, where the segments of a large trace go; move it, or give an --out")

    def remove_strays(self) -> None:
        """Remove segments that the trace does not refer to: of a killed writer, or of a trace overwritten."""
        self._remove(keep={Path(name).name for name in segments(self._main)})

    def _remove(self, keep: set[str]) -> None:
        """Remove segments, and what is left of half-written ones; nothing else, and nothing through links."""
        beside = directory(self._path)
        if beside.is_symlink() or not beside.is_dir():
            return
        for file in beside.iterdir():
            ours = _OURS.fullmatch(file.name) and file.is_file() and not file.is_symlink()
            if ours and file.name not in keep and (_seal.has_one(file) or not h5py.is_hdf5(file)):
                file.unlink()  # else it is the HDF5 file of another program
        with contextlib.suppress(OSError):
            beside.rmdir()

    def join(self) -> None:
        """Make the trace, just published with its segments, one file, and remove what is left of segments.

        Where that fails, for want of space say, the trace stays as it is: whole and readable with its
        segments.
        """
        names = segments(self._main)
        if not names:
            _disk.part(self._path).unlink(missing_ok=True)
            self.remove_strays()
            return
        size = sum((self._path.parent / name).stat().st_size for name in names) + self._path.stat().st_size
        if shutil.disk_usage(self._path.parent).free < 1.1 * size:
            return
        try:
            fresh = _disk.copy_to_part(self._path)
            with h5py.File(fresh, "r+", libver=_table.FORMAT, locking=False) as whole:
                self._take_in(whole)
            _seal.reseal(fresh)
            os.replace(fresh, self._path)
        except (OSError, RuntimeError, LookupError, ValueError, TypeError):  # a failed write; segments of another form
            _disk.part(self._path).unlink(missing_ok=True)
            return
        _disk.sync_directory(self._path.parent)
        self._remove(keep=set())

    def _take_in(self, whole: h5py.File) -> None:
        del whole.attrs[_SEALS]
        if self._weights:
            del whole["weights"]
            group = whole.create_group("weights", track_order=True)
            for name, _ in self._weights:
                with h5py.File(self._path.parent / name, "r", locking=False) as segment:
                    _weights.copy(group, self._layout, segment["weights"])
        if self._messages:
            del whole["events"]
        for name, *_ in self._messages:
            with h5py.File(self._path.parent / name, "r", locking=False) as segment:
                for block in _messages.blocks(segment["events"]):
                    _messages.append(whole, self._channel_names, [block])
        if self._records:
            del whole[_records.WHERE]
        for name, kinds in self._records:
            with h5py.File(self._path.parent / name, "r", locking=False) as segment:
                for kind in kinds:
                    for rows in _records.blocks(segment, self._kinds[kind]):
                        _records.append(whole, self._kinds[kind], [rows])
