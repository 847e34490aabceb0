"""The writer of a trace: rows in memory, and at each checkpoint a new file in the place of the old one."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
from numpy.typing import NDArray

from channelsim.errors import InputError, Unwritable
from channelsim.files import open_regular, refuse_special
from channelsim.plain import json_text
from channelsim.plan.layout import CHANNEL
from channelsim.plan.recording import Recording
from channelsim.trace import _checkpoint, _disk, _layout, _messages, _records, _resumable, _seal, _table, _weights
from channelsim.trace._bulk import Bulk, Pending
from channelsim.trace._layout import Column
from channelsim.trace._opening import damaged, open_trace, whole
from channelsim.trace._table import Table

if TYPE_CHECKING:
    from channelsim.plan import Plan

NOTHING = Recording()
_SHARE = 0.01  # of a run's time that checkpoints may take
_HDF5 = b"\x89HDF\r\n\x1a\n"
_MOST_PENDING = 64 << 20  # bytes held back before a checkpoint is due, however short ago the last one was


class Writer:
    """Writes one trace. Made by `create` or `reopen`; a context manager that releases the trace.

    Rows, weights and messages are held in memory until `checkpoint` or `finish`. Only these two write:
    first a new file beside the trace, which then takes its place. So the trace on disk is whole at every
    instant, and always holds exactly what had come by its checkpoint. A failed write (a disk that fills)
    raises InputError, leaves the trace as it was, and may be tried again.
    """

    def __init__(self, path: Path, main: h5py.File, plan: Plan, lock: _disk.Lock, recording: Recording) -> None:
        self.path = path
        self.notes = [lock.lacking] if lock.lacking else []  # what the user should be told
        self._place = _disk.real(path)
        self._main = main
        self._plan = plan
        self._own = recording.metrics
        self._lock = lock
        self._bulk = Bulk(self._place, main, plan, _records.records_of(plan, recording))
        self._pending = Pending()
        self._payload_bytes = main["events"]["payload"].shape[0] if "events" in main else 0
        self._tables: dict[str, Table] = {}
        self._staleness: dict[str, NDArray[np.int64]] = {}
        self._has_written = False
        self._last = time.monotonic()
        self._cost = 0.0

    # --- rows -----------------------------------------------------------------------------------------

    def train_row(self, row: Mapping[str, Any]) -> None:
        """A row of /metrics/train: epoch, frames, updates, and what there is of loss, accuracy (0..1) and r2 (all three
        running means during the epoch), learning_rate, simulated_time (ps), wall_time (s) and metrics of the user's
        own. Raises ValueError for any other key."""
        self._metrics("train", row)

    def test_row(self, row: Mapping[str, Any]) -> None:
        """A row of /metrics/test; columns as in /metrics/train."""
        self._metrics("test", row)

    def deployed_row(self, row: Mapping[str, Any]) -> None:
        """A row of /metrics/test_deployed; columns as in /metrics/train."""
        self._metrics("test_deployed", row)

    def validation_row(self, row: Mapping[str, Any]) -> None:
        """A row of /metrics/validation; columns as in /metrics/train."""
        self._metrics("validation", row)

    def _metrics(self, split: str, row: Mapping[str, Any]) -> None:
        self._table(f"metrics/{split}", _layout.metrics(split, self._own)).append(row)

    def channel_rows(
        self,
        epoch: int,
        names: Sequence[str],
        counters: NDArray[Any],
        utilisation: NDArray[np.float64],
        energy: NDArray[np.float64],
        entropy: NDArray[np.float64],
    ) -> None:
        """A row in each channel's table.

        Arguments:
            epoch: epochs completed.
            names: the channels' names, k of them.
            counters: COUNTER records, shape (k,): what this epoch added.
            utilisation: share of the epoch's simulated time that each channel occupied its link, shape (k,).
            energy: J, shape (k,).
            entropy: bits a unit and message, NaN where values are floats, shape (k,).
        """
        for i, name in enumerate(names):
            row: dict[str, Any] = {column.name: int(counters[field][i]) for field, column in _layout.COUNTERS.items()}
            row |= {"epoch": epoch, "utilisation": float(utilisation[i]), "energy": float(energy[i])}
            row["entropy"] = float(entropy[i])
            self._table(f"channels/{name}", _layout.CHANNELS).append(row)

    def alignment_row(self, layer: str, row: Mapping[str, Any]) -> None:
        """A row of /alignment/<layer>: epoch, and what there is of the columns `_layout.ALIGNMENT`."""
        self._table(f"alignment/{layer}", _layout.ALIGNMENT).append(row)

    def staleness(self, layer: str, counts: NDArray[np.int64]) -> None:
        """The ages of all errors that `layer` has applied so far: counts[a] of them were a frames old.

        Takes the place of the layer's last one.
        """
        self._staleness[layer] = np.array(counts, np.int64)

    def events(self, rows: NDArray[Any], payloads: _messages.Payloads) -> None:
        """Messages, one by one.

        Arguments:
            rows: MESSAGE_ROW records, shape (k,). payloads: the packed messages (`channelsim.codes.pack`):
            k byte strings; or one uint8 array with k + 1
                offsets, message i being the bytes from offset i up to offset i + 1. They are kept, not copied.
        """
        messages = _messages.collect(rows, payloads, self._payload_bytes)
        self._payload_bytes += messages.payload.size
        self._pending.add_messages(messages)

    def weights(
        self,
        epoch: int,
        weights: NDArray[np.float32],
        biases: NDArray[np.float32],
        feedback: NDArray[np.float32],
    ) -> None:
        """All synapses after `epoch` epochs: the flat buffers laid out by the plan. They are copied."""
        copies = (np.array(buffer, np.float32) for buffer in (weights, biases, feedback))
        self._pending.add_weights(_weights.Snapshot(epoch, *copies))

    def values(self, name: str, rows: _records.Rows) -> None:
        """Rows of /records/<name>: a name that `recording` has, the columns and values as `_records.Record` has them.
        They are kept, not copied."""
        self._pending.add_records(name, rows)

    def _table(self, where: str, columns: Sequence[Column]) -> Table:
        if where not in self._tables:
            self._tables[where] = Table(where, _layout.EPOCH, columns)
        return self._tables[where]

    # --- the disk -------------------------------------------------------------------------------------

    def due(self, interval: float) -> bool:
        """Whether it is time for a checkpoint.

        True when `interval` seconds of wall time have passed since the last one, and a hundred times what
        that one took, so that a large trace does not eat the run; or when much is held in memory.
        """
        waited = time.monotonic() - self._last
        return waited >= max(interval, self._cost / _SHARE) or self._pending.nbytes > _MOST_PENDING

    def checkpoint(self, snapshot: Mapping[str, NDArray[Any]]) -> None:
        """Bring the trace on disk up to date, with `snapshot`: all that a run needs to go on from here.

        Raises InputError when it cannot be written; the trace is then as it was.
        """
        began = time.monotonic()
        self._flush()
        self._keep(snapshot)
        self._publish()
        self._last = time.monotonic()
        self._cost = self._last - began

    def finish(
        self, status: str, result: Mapping[str, Any], snapshot: Mapping[str, NDArray[Any]] | None = None
    ) -> None:
        """Close the trace: "done" or "diverged" with all rows; "interrupted" as of its last checkpoint.

        `result` is kept as JSON. With a `snapshot` this is a checkpoint, too; an interrupted run without one makes the
        rows after its last one once more when it goes on.
        """
        if status not in (*_layout.FINISHED, _layout.INTERRUPTED):
            raise ValueError(f"unknown status {status!r}")
        if status in _layout.FINISHED or snapshot is not None:
            self._flush()
        if snapshot is not None:
            self._keep(snapshot)
        self._main.attrs["status"] = status
        self._main["provenance"].attrs["end"] = _now()
        _table.text(self._main, "result", json_text(result), "result of the run (JSON)")
        self._publish()
        if status in _layout.FINISHED:
            self._bulk.join()
        self.close()

    def close(self) -> None:
        """Release the trace; on disk it stays as of its last checkpoint. May be called again."""
        if self._main:
            self._main.close()
        self._lock.release()

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self.close()

    def _keep(self, snapshot: Mapping[str, NDArray[Any]]) -> None:
        if not self._has_written and "checkpoint" in self._main:
            del self._main["checkpoint"]  # that from which the run goes on: what is written over is made here
        self._has_written = True
        _checkpoint.write(self._main, snapshot)

    def _flush(self) -> None:
        try:  # first what may fail: the file in memory must never hold one half of a checkpoint
            self._bulk.store(self._pending)
        except OSError as error:
            raise _unwritable(self.path, error) from None
        for table in self._tables.values():
            table.flush(self._main)
        for layer, counts in self._staleness.items():
            _write_staleness(self._main, layer, counts)
        self._staleness.clear()

    def _publish(self) -> None:
        self._main.flush()
        try:
            _disk.publish(self._place, _seal.sealed(self._main.id.get_file_image()))
        except OSError as error:
            raise _unwritable(self.path, error) from None


def _write_staleness(file: h5py.File, layer: str, counts: NDArray[np.int64]) -> None:
    where = f"staleness/{layer}"
    if where in file:
        del file[where]
    group = file.create_group(where)
    ages = _table.index(group, _layout.AGE.name, len(counts), _layout.AGE.long_name)
    ages.attrs["units"] = _layout.AGE.units
    _table.array(group, "updates", counts, [ages], "1", "updates made with an error of this age")


def create(
    path: str | os.PathLike[str],
    scenario_text: str,
    resolved: Mapping[str, Any],
    plan: Plan,
    provenance: Mapping[str, Any],
    force: bool = False,
    recording: Recording = NOTHING,
) -> Writer:
    """Begin a trace; what is known before the first frame is on disk at once.

    Arguments:
        path: the file; its last directory is made if it does not exist.
        scenario_text: the TOML as it was written.
        resolved: the scenario as it was understood, every default filled in; JSON-able.
        plan: gives names and shapes.
        provenance: strings and numbers about where and with what the run was made.
        force: overwrite a trace that exists.
        recording: whose values may come.

    Raises InputError when the file exists and force is not given, when it is being written by another run,
    and when it cannot be written.
    """
    target = Path(path)
    _prepare(target, force)
    lock = _acquire(target)
    main = _table.in_memory()
    try:
        _seal.put(main)
        main.attrs["format"] = _layout.FORMAT
        main.attrs["schema_version"] = _layout.SCHEMA_VERSION
        main.attrs["status"] = _layout.RUNNING
        scenario = main.create_group("scenario")
        _table.text(scenario, "toml", scenario_text, "the scenario as it was written (TOML)")
        _write_resolved(scenario, resolved)
        origin = main.create_group("provenance")
        for key, value in {"start": _now(), **provenance}.items():
            origin.attrs[key] = value if isinstance(value, int | float) else _encodable(str(value))
        main.create_group("weights", track_order=True)
        channels = main.create_group("channels", track_order=True)
        for name, record in zip(plan.channel_names, plan.channels, strict=True):
            group = channels.create_group(name)
            for field in CHANNEL.names or ():
                if not field.endswith("_offset"):
                    code = _layout.WORDS.get(field)
                    group.attrs[field] = code(int(record[field])).name.lower() if code else record[field]
        writer = Writer(target, main, plan, lock, recording)
        writer._bulk.refuse_what_is_in_the_way()
        writer._publish()
        writer._bulk.remove_strays()
    except BaseException:
        main.close()
        lock.release()
        raise
    return writer


def reopen(
    path: str | os.PathLike[str],
    plan: Plan,
    longer: tuple[Mapping[str, Any], str] | None = None,
    recording: Recording = NOTHING,
) -> Writer:
    """Go on with a trace whose run was interrupted or killed, from its checkpoint.

    With `longer`, the scenario as it is now and its digests (`resolved` and `inputs` as in `create`), also with one
    that is done.

    Raises InputError for a file that is no trace, a finished one, one without a checkpoint, one that
    another run is writing, and one that cannot be written.
    """
    target = Path(path)
    open_trace(target).close()  # says what is wrong with the file, if anything is
    folder = _disk.real(target).parent
    if not os.access(folder, os.W_OK):
        raise InputError(f"{target}: cannot write the trace: no permission to write in {folder}")
    lock = _acquire(target)
    main = None
    try:
        with whole(target):
            main = _table.in_memory(target.read_bytes())
            status = main.attrs["status"]
        if status == _layout.DONE and longer is None:
            Bulk(_disk.real(target), main, plan).join()  # a run that was killed as it did so has left segments
            raise InputError(f"{target}: this run is done; accepted: more epochs (--epochs N)")
        if status == _layout.DIVERGED:
            raise InputError(f"{target}: this run is {status}; only an interrupted or killed run can be resumed")
        if "checkpoint" not in main:
            raise InputError(f"{target}: no checkpoint was reached; run its scenario again with --force")
        with whole(target):
            if reason := _resumable.fault(main, plan, recording):
                raise damaged(target, reason)
        main.attrs["status"] = _layout.RUNNING
        if "result" in main:
            del main["result"]
        if longer is not None:
            _write_resolved(main["scenario"], longer[0])
            main["provenance"].attrs["inputs"] = longer[1]
        writer = Writer(target, main, plan, lock, recording)
        writer._bulk.refuse_what_is_in_the_way()
        _disk.part(writer._place).unlink(missing_ok=True)
        writer._bulk.remove_strays()
    except BaseException:
        if main:
            main.close()
        lock.release()
        raise
    return writer


def _write_resolved(scenario: h5py.Group, resolved: Mapping[str, Any]) -> None:
    _table.text(scenario, "json", json_text(resolved), "the scenario as understood (JSON)")


def _encodable(text: str) -> str:
    return text.encode(errors="backslashreplace").decode()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _prepare(path: Path, force: bool) -> None:
    if path.is_dir():
        raise InputError(f"{path}: is a directory; name a file for the trace, such as {path / 'run.h5'}")
    place = _disk.real(path)
    if _encodable(place.name) != place.name:
        raise InputError(f"{path}: its name is not UTF-8, as names within HDF5 are; give another --out")
    try:
        if place.exists():
            refuse_special(path, place.stat().st_mode)
            if not force:
                raise InputError(f"{path}: this trace exists; give another --out, or --force to overwrite it")
            if place.stat().st_size and not _is_ours(place):  # a scenario, given for the trace by mistake
                raise InputError(f"{path}: is no trace, which --force would overwrite; give another --out")
        place.parent.mkdir(exist_ok=True)
    except FileNotFoundError:
        raise InputError(f"{path}: the directory {place.parent.parent} does not exist; make it first") from None
    except OSError as error:
        raise _unwritable(path, error) from None


def _is_ours(path: Path) -> bool:
    """Whether a file is a trace, of whatever version, or what is left of one."""
    if _seal.has_one(path):
        return True
    try:
        with h5py.File(path, "r", locking=False) as file:
            return bool(np.all(file.attrs.get("format") == _layout.FORMAT))
    except (OSError, RuntimeError, ValueError, TypeError):  # the names of a trace's attributes are in its first bytes
        with open_regular(path) as content:
            head = content.read(1 << 12)
        return head.startswith(_HDF5) and all(name in head for name in (b"format", b"schema_version", b"status"))


def _acquire(path: Path) -> _disk.Lock:
    try:
        return _disk.Lock(_disk.real(path))
    except OSError as error:
        raise _unwritable(path, error) from None


def _unwritable(path: Path, error: OSError) -> Unwritable:
    reason = error.strerror or str(error)
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) and path.exists():
        return Unwritable(
            f"{path}: cannot write the trace: {reason}; it stays whole as of its last checkpoint: free some "
            f"space, then go on with: channelsim run --resume {path}",
            reason,
        )
    return Unwritable(f"{path}: cannot write the trace: {reason}; give an --out that can be written", reason)
