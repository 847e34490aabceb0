"""The reader of a trace, for Python; other tools read the file itself (docs/trace.md)."""

from __future__ import annotations

import html
import inspect
import io
import json
import math
import os
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, SupportsIndex, TypeVar

import h5py
import numpy as np
from numpy.typing import NDArray

from channelsim.errors import InputError, printable
from channelsim.files import replace
from channelsim.paths import path_of
from channelsim.plan.layout import CHANNEL
from channelsim.trace import _checkpoint, _layout, _records, _tables, _torch, _weights
from channelsim.trace._opening import open_trace, plain, whole
from channelsim.units import number_text, seconds

if TYPE_CHECKING:
    import pandas as pd
    import torch
    import xarray as xr

P = ParamSpec("P")
T = TypeVar("T")


def _reads(method: Callable[Concatenate[Trace, P], T]) -> Callable[Concatenate[Trace, P], T]:
    """For the methods of `Trace` that do nothing but read the file."""
    takes = inspect.signature(method)

    @wraps(method)
    def read(trace: Trace, *arguments: P.args, **keywords: P.kwargs) -> T:
        takes.bind(trace, *arguments, **keywords)  # a call with other arguments is no damage of the file
        with whole(trace.path):
            return method(trace, *arguments, **keywords)

    return read


class Trace:
    """A trace, read as it stood when it was opened, also while its run goes on.

    Tables are NumPy structured arrays, ready for `pandas.DataFrame`, of one row an epoch, or of `events` a message;
    units and meanings are the attributes `units` and `long_name` of each column's dataset.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Raises InputError for a file that does not exist, is no trace, or has another schema_version."""
        self.path = path_of(path)
        self._file = open_trace(self.path)

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> Trace:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self.close()

    # --- what it is -----------------------------------------------------------------------------------

    @property
    @_reads
    def status(self) -> str:
        """done, interrupted, diverged, or running: the run goes on, or was killed."""
        return str(self._file.attrs["status"])

    @property
    @_reads
    def scenario_text(self) -> str:
        """The scenario's TOML as it was written."""
        return str(self._file["scenario/toml"].asstr()[()])

    @property
    @_reads
    def resolved(self) -> dict[str, Any]:
        """The scenario as it was understood, every default filled in."""
        return dict(json.loads(self._file["scenario/json"].asstr()[()]))

    @property
    def name(self) -> str:
        """The scenario's name."""
        return str(self.resolved.get("name", self.path.stem))

    @property
    @_reads
    def provenance(self) -> dict[str, Any]:
        """With what, where and when the run was made."""
        return {key: plain(value) for key, value in self._file["provenance"].attrs.items()}

    @property
    @_reads
    def inputs(self) -> dict[str, str]:
        """Digests of everything that the results depend on, by part: the scenario and each array of its data."""
        return {part: str(what) for part, what in json.loads(self._file["provenance"].attrs["inputs"]).items()}

    @property
    @_reads
    def result(self) -> dict[str, Any] | None:
        """What the run reported at its end; None before."""
        return json.loads(self._file["result"].asstr()[()]) if "result" in self._file else None

    # --- tables ---------------------------------------------------------------------------------------

    def metrics(self, split: str) -> NDArray[Any]:
        """Rows of /metrics/<split>, "train", "test", "test_deployed" or "validation": epoch, frames, updates, loss,
        accuracy (0..1), r2, learning_rate, simulated_time (ps), wall_time (s), and metrics of the user's own. Without
        rows, an empty array with these fields. Loss, accuracy and r2 of "train" are running means during the epoch."""
        return self._table(f"metrics/{split}", _layout.metrics(split, self._own()))

    @property
    def own_metrics(self) -> list[str]:
        """Metrics of the user's own, as measures: "test_f1" is the column f1 of `metrics("test")`."""
        return [f"{split}_{name}" for split, name in self._own()]

    @_reads
    def _own(self) -> list[tuple[str, str]]:
        names = json.loads(self._file["scenario/json"].asstr()[()]).get("metrics", {})
        found = ((split, self._file.get(f"metrics/{split}", {})) for split in ("train", "validation", "test"))
        return [(split, name) for split, columns in found for name in names if name in columns]

    @property
    @_reads
    def channel_names(self) -> list[str]:
        """In the plan's order: forward channels from the bottom up, learning channels from the top down."""
        return list(self._file["channels"])

    def channels(self, name: str) -> NDArray[Any]:
        """Rows of /channels/<name>: epoch, and what it added to messages, events, bits, ..., energy (J)."""
        self._known("channel", name, self.channel_names)
        return self._table(f"channels/{name}", _layout.CHANNELS)

    @_reads
    def channel_settings(self, name: str) -> np.void:
        """The CHANNEL record of a channel as the run began (its buffer offsets are 0)."""
        self._known("channel", name, self.channel_names)
        record = np.zeros((), CHANNEL)
        for field, value in self._file["channels"][name].attrs.items():
            code = _layout.WORDS.get(field)
            record[field] = code[str(value).upper()] if code else value
        return record[()]  # type: ignore[return-value]

    def alignment(self, layer: str) -> NDArray[Any]:
        """Rows of /alignment/<layer>; empty where the scenario asked for none."""
        return self._table(f"alignment/{layer}", _layout.ALIGNMENT)

    @_reads
    def staleness(self, layer: str) -> NDArray[np.int64]:
        """How many errors a layer applied at the age of 0, 1, 2, ... frames; empty where not measured."""
        where = f"staleness/{layer}/updates"
        return np.asarray(self._file[where][()], np.int64) if where in self._file else np.zeros(0, np.int64)

    def events(self) -> NDArray[Any]:
        """Rows of /events, one a message, times in ps; `channel` counts along `channel_names`."""
        return self._table("events", _layout.events(()), index=False)

    @_reads
    def payload(self, message: int) -> bytes:
        """The packed bytes of one message, a row of `events` (`channelsim.codes.unpack` reads them)."""
        events = self._file["events"]
        there = events["payload_start"].shape[0]
        if not (isinstance(message, SupportsIndex) and 0 <= message.__index__() < there):
            raise InputError(f"{self.path}: no message {message!r}; there are {there}, counted from 0")
        start = int(events["payload_start"][message])
        return bytes(events["payload"][start : start + int(events["payload_size"][message])])

    @property
    @_reads
    def records(self) -> list[str]:
        """What was recorded (`[trace] record`), by name: "activity/2", "sent/learning.1", "weights/W_1", ..."""
        return _records.names(self._file)

    @_reads
    def record(self, name: str) -> dict[str, NDArray[Any]]:
        """One of `records`: `values` float32 (rows, units) with `frame`, `sample` (within the frame), `image` (its
        place in the training set) and `time` (ps) of each row; of synapses (frames, ...) as in `weights`, with the
        frame before which they are so, and time."""
        self._known("record", name, _records.names(self._file))
        return _records.read(self._file, name)

    @_reads
    def _table(self, where: str, columns: tuple[_layout.Column, ...], index: bool = True) -> NDArray[Any]:
        columns = (_layout.EPOCH, *columns) if index else columns
        group = self._file.get(where, {})
        kinds = np.dtype([(column.name, column.dtype) for column in columns])
        if columns[0].name not in group:
            return np.zeros(0, kinds)
        table = np.zeros(group[columns[0].name].shape, kinds)
        for column in columns:
            values = group[column.name]
            if (values.dtype, values.shape) != (column.dtype, table.shape):
                raise ValueError(f"/{where}/{column.name} is {values.dtype} of shape {values.shape}")
            table[column.name] = values[()]
        if index and not (np.diff(table[columns[0].name], prepend=0) > 0).all():
            raise ValueError(f"/{where}/{columns[0].name} is not in order")
        return table

    def _known(self, what: str, name: str, names: list[str]) -> None:
        if name not in names:
            raise InputError(f"{self.path}: no {what} {name!r}; there are {', '.join(names) or 'none'}")

    # --- state ----------------------------------------------------------------------------------------

    @property
    @_reads
    def epochs(self) -> list[int]:
        """The epochs whose weights are kept."""
        return sorted(_weights.epochs(self._file["weights"]))

    @_reads
    def weights(self, epoch: int | None = None) -> dict[str, NDArray[Any]]:
        """Synapses after an epoch, by default the last one kept.

        Returns W_1 (inputs, units), b_1 (units,), ... and C_1, ... of the learning channels that have wiring of their
        own, float32; sparse C as 1-D C_1 with C_1_sender and C_1_receiver. Of a convolution W is (channels, rows,
        columns, maps) and b (maps,).
        """
        kept = self.epochs
        if not kept:
            raise InputError(
                f"{self.path}: no weights are kept; accepted: a trace of at least one epoch with some "
                '(trace.weights = "last")'
            )
        wanted = kept[-1] if epoch is None else epoch
        if wanted not in kept:
            raise InputError(f"{self.path}: no weights of epoch {wanted!r}; there are {', '.join(map(str, kept))}")
        return _weights.read(self._file["weights"], wanted)

    def to_torch(self, epoch: int | None = None) -> torch.nn.Sequential:
        """The network with its weights after an epoch, by default the last one kept, as modules of PyTorch.

        It computes the top layer's activity (N, units) over ideal forward channels, to rounding, from samples (N, ...)
        as the network received them: scaled and normalized as `channelsim.data` returns them. Its state dict can be
        given to a scenario again (`weights = { from = "FILE.pt" }`).

        Raises InputError where PyTorch is not installed, or the epoch is not kept.
        """
        return _torch.sequential(self.resolved["model"], self.weights(epoch))

    def export_weights(self, path: str | os.PathLike[str], epoch: int | None = None) -> None:
        """Writes the arrays of `weights` as an .npz, which a scenario can read (`weights = { from = "FILE.npz" }`).

        Raises InputError for another extension, a file that cannot be written, or an epoch that is not kept.
        """
        target = path_of(path)
        if target.suffix != ".npz":
            raise InputError(f"{target}: weights are written as an .npz; accepted: a name that ends in .npz")
        arrays: dict[str, Any] = self.weights(epoch)
        content = io.BytesIO()
        np.savez(content, **arrays)
        try:
            replace(target, content.getvalue())
        except OSError as error:
            raise InputError(f"{target}: {error.strerror or error}; accepted: a file that can be written") from None

    # --- for other libraries --------------------------------------------------------------------------

    @property
    @_reads
    def tables(self) -> list[str]:
        """What `frame` and `export_table` take: "metrics/train", "channels", "channels/learning.1", "events",
        "records/activity/2", ...; "channels" and the like are all such tables under one another."""
        return _tables.names(self._file)

    @_reads
    def frame(self, table: str) -> pd.DataFrame:
        """One of `tables` for pandas, codes as words; of several tables with a column that tells them apart. Values of
        several units are a column each, value_0, value_1, ... Raises InputError where pandas is not installed."""
        self._known("table", table, _tables.names(self._file))
        return _tables.frame(self._file, table)

    def export_table(self, table: str, path: str | os.PathLike[str]) -> None:
        """Writes one of `tables` as a .csv or a .parquet.

        Raises InputError for another extension, a file that cannot be written, and where pandas or pyarrow is missing.
        """
        self._export(table, path_of(path))

    @_reads
    def _export(self, table: str, target: Path) -> None:
        self._known("table", table, _tables.names(self._file))
        _tables.export(self._file, table, target)

    @_reads
    def to_xarray(self) -> xr.DataTree:
        """Everything but the checkpoint, in memory: a tree of data sets with dimensions, units and long names
        (`tree["metrics/test"]["accuracy"]`). Raises InputError where xarray is not installed."""
        return _tables.tree(self._file)

    @_reads
    def checkpoint(self) -> dict[str, NDArray[Any]]:
        """All arrays from which the run goes on. Raises InputError when no checkpoint was reached."""
        if "checkpoint" not in self._file:
            raise InputError(f"{self.path}: no checkpoint was reached; run its scenario again with --force")
        return _checkpoint.read(self._file)

    # --- totals ---------------------------------------------------------------------------------------

    def learning_bits(self) -> NDArray[np.int64]:
        """Bits sent on all learning channels by the end of each epoch, in the order of the channels' rows."""
        return np.cumsum(self._sum("bits", "learning."), dtype=np.int64)

    @property
    def error_layers(self) -> list[str]:
        """The hidden layers that receive errors, from the lowest one up: names for `staleness` and `alignment`."""
        channels = [name.split(".") for name in self.channel_names]  # such as learning.1.from.3.copy.2
        names = {layer for direction, layer, *_ in channels if direction == "learning"}
        return sorted(names, key=lambda name: (len(name), name))

    def learning_entropy(self) -> NDArray[np.float64]:
        """What all learning channels sent by the end of each epoch, in bits, had every message been as long as its
        channel's entropy in that epoch allows: no code that treats units and messages alike takes less, headers and
        scales left out. NaN where values are floats, which are not counted. In the order of the channels' rows, beside
        `learning_bits`.
        """
        parts = [np.zeros(len(self.channels(self.channel_names[0])))]
        for name in self.channel_names:
            if name.startswith("learning."):
                rows = self.channels(name)
                units = int(self.channel_settings(name)["n"]) * (rows["messages"] - rows["lost_messages"])
                parts.append(np.where(units > 0, rows["entropy"], 0.0) * units)
        return np.cumsum(np.sum(parts, axis=0))

    def energy(self) -> NDArray[np.float64]:
        """J spent by the end of each epoch, all channels together, in the order of the channels' rows."""
        return np.cumsum(self._sum("energy", ""))

    def bits_per_update(self) -> float:
        """Bits on the learning channels divided by the updates of the top layer; NaN before the first."""
        updates, bits = self.metrics("train")["updates"], self.learning_bits()
        return float(bits[-1] / updates[-1]) if len(bits) and len(updates) and updates[-1] else float("nan")

    def joules_to(self, accuracy: float) -> float | None:
        """J spent by the end of the first epoch with at least this test accuracy; None if there is none."""
        test, spent = self.metrics("test"), self.energy()
        epochs = self.channels(self.channel_names[0])["epoch"]
        for epoch in test["epoch"][test["accuracy"] >= accuracy]:
            known = np.flatnonzero(epochs == epoch)
            if len(known):
                return float(spent[known[0]])
        return None

    @_reads
    def _sum(self, column: str, prefix: str) -> NDArray[Any]:
        names = self.channel_names
        rows = len(self.channels(names[0]))
        parts = [self.channels(name)[column] for name in names if name.startswith(prefix)]
        return np.sum(parts, axis=0) if parts else np.zeros(rows, np.int64)

    # --- words ----------------------------------------------------------------------------------------

    @_reads
    def info(self) -> dict[str, Any]:
        """What is in the trace, JSON-able: scenario, status, how far it got, last metrics, sizes."""
        train, test = self.metrics("train"), self.metrics("test")
        return {
            "trace": str(self.path),
            "name": self.name,
            "status": self.status,
            "schema_version": _layout.SCHEMA_VERSION,
            "epochs": int(train["epoch"][-1]) if len(train) else 0,
            "epochs_asked": self.resolved.get("training", {}).get("epochs"),
            "frames": int(train["frames"][-1]) if len(train) else 0,
            "updates": int(train["updates"][-1]) if len(train) else 0,
            "train": _last(train),
            "test": _last(test),
            "test_deployed": _last(self.metrics("test_deployed")),
            "channels": {name: self._channel_totals(name) for name in self.channel_names},
            "messages_recorded": len(self.events()),
            "weights_of_epochs": self.epochs,
            "checkpoint": "checkpoint" in self._file,
            "bytes": self._bytes(),
            "provenance": self.provenance,
        }

    def _channel_totals(self, name: str) -> dict[str, Any]:
        rows = self.channels(name)
        sent = rows["messages"] - rows["lost_messages"]
        counted = (sent > 0) & ~np.isnan(rows["entropy"])
        mean = float(np.average(rows["entropy"][counted], weights=sent[counted])) if counted.any() else math.nan
        return {
            column: rows[column].sum().item() for column in ("messages", "events", "bits", "dropped", "late", "energy")
        } | {"entropy": mean}

    @_reads
    def _bytes(self) -> dict[str, int]:
        """Bytes of the data of each part, as they are compressed."""
        return {part: _stored(self._file[part]) for part in self._file}

    def __str__(self) -> str:
        return self._words() if self._file else f"Trace({str(self.path)!r}), closed"

    @_reads
    def _words(self) -> str:
        info = self.info()
        lines = [
            f"trace      {self.path}  ({_size(sum(info['bytes'].values()))})",
            f"scenario   {self.name}",
            f"status     {_status_words(self.status)}",
            f"progress   epoch {info['epochs']} of {info['epochs_asked']}, {info['updates']:,} updates, "
            f"{info['frames']:,} frames",
        ]
        for split in ("train", "test", "test_deployed"):
            if info[split]:
                row = info[split]
                during = " (means during the epoch)" if split == "train" else ""
                lines.append(
                    f"{split.removeprefix('test_'):10} {_judged(row)}loss {number_text(row['loss'], '.4g')}{during}, "
                    f"simulated time {seconds(row['simulated_time']):.4g} s"
                )
        lines.append(f"weights    of {_count(self.epochs, 'epoch')}; {info['messages_recorded']:,} messages in /events")
        lines.append("parts      " + ", ".join(f"{part} {_size(size)}" for part, size in info["bytes"].items()))
        lines.append(
            f"{'channel':14}{'messages':>14}{'events':>16}{'bits':>20}{'dropped':>12}{'late':>12}{'energy':>13}"
            f"{'entropy':>10}"
        )
        for name, total in info["channels"].items():
            lines.append(
                f"{name:14}{total['messages']:>14,}{total['events']:>16,}{total['bits']:>20,}{total['dropped']:>12,}"
                f"{total['late']:>12,}{total['energy']:>11.3g} J{_entropy_words(total['entropy']):>10}"
            )
        return printable("\n".join(lines))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self._as_html() if self._file else html.escape(str(self))

    @_reads
    def _as_html(self) -> str:
        info = self.info()
        rows = {"scenario": self.name, "status": _status_words(self.status), "epochs": info["epochs"]}
        for split in ("train", "test", "test_deployed"):
            if info[split]:
                told = f"{_judged(info[split])}loss {number_text(info[split]['loss'], '.4g')}"
                rows[split.replace("_", " ")] = told
        rows["updates"] = f"{info['updates']:,}"
        rows["weights"] = f"of {_count(self.epochs, 'epoch')}"
        cells = "".join(
            f"<tr><th>{html.escape(key)}</th><td>{html.escape(str(value))}</td></tr>" for key, value in rows.items()
        )
        return f"<table><caption>{html.escape(str(self.path))}</caption>{cells}</table>"


def _judged(row: dict[str, Any]) -> str:
    """Accuracy or R^2 in words, before the loss; "" where there is neither."""
    if not math.isnan(row["accuracy"]):
        return f"accuracy {100 * row['accuracy']:.2f} %, "
    return "" if math.isnan(row["r2"]) else f"R^2 {row['r2']:.4g}, "


def _last(table: NDArray[Any]) -> dict[str, Any]:
    return {name: table[name][-1].item() for name in table.dtype.names or ()} if len(table) else {}


def _entropy_words(bits: float) -> str:
    return "-" if math.isnan(bits) else f"{bits:.3f} bit"


def _stored(item: h5py.Group | h5py.Dataset) -> int:
    if isinstance(item, h5py.Dataset):
        return int(item.id.get_storage_size())
    return sum(_stored(item[name]) for name in item)  # item.values() has None for a part that is damaged


def _size(count: float) -> str:
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} GB"


def _count(items: list[int], word: str) -> str:
    return f"{len(items)} {word}{'' if len(items) == 1 else 's'}"


def _status_words(status: str) -> str:
    if status == _layout.RUNNING:
        return "running, or killed: go on with `channelsim run --resume`"
    if status == _layout.INTERRUPTED:
        return "interrupted: go on with `channelsim run --resume`"
    return status
