"""The table of a sweep: a row for each point, made of the records of all points."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from channelsim import extras, metrics
from channelsim.errors import InputError, printable
from channelsim.files import replace
from channelsim.paths import path_of
from channelsim.scenario import parse_key
from channelsim.sweeps import _parquet
from channelsim.sweeps._store import COUNTS, Record, contents, locked, read_point, unwritable

if TYPE_CHECKING:
    import pandas as pd

MEASURES = (
    "test_accuracy", "test_r2", "test_loss", "test_accuracy_deployed", "test_r2_deployed", "validation_accuracy",
    "validation_r2", "train_accuracy", "train_r2", "train_loss", "bits", "learning_bits", "learning_entropy", "lost",
    "lost_to_queues", "lost_to_drops", "lost_to_bit_errors", "lost_to_deadlines", "simulated_time_s", "seconds_to_90",
    "seconds_to_95", "energy_j", "energy_bits_j", "energy_macs_j", "energy_reads_j", "energy_writes_j", "joules_to_90",
    "joules_to_95", "staleness", "utilisation", "queue_max", "wall_time_s", "updates",
)  # fmt: skip
"""Columns of the table that a run fills: shares from 0 to 1, R^2, mean losses, bits, seconds, joules, frames
(`staleness`) and messages (`queue_max`)."""
COLUMNS = ("point", "status", "reason", *MEASURES, "busiest", "warnings", "trace")
"""All columns but those of keys and of metrics of the user's own."""
_BETWEEN = " | "  # two warnings in one cell, which have commas, colons and semicolons
_WHERE_THERE_ARE_ANY = (
    "test_accuracy_deployed", "test_r2_deployed", "validation_accuracy", "validation_r2", "test_r2", "train_r2",
)  # fmt: skip


class Results:
    """The table of a directory; remembers the records that it has read."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._records: dict[str, tuple[int, Record]] = {}

    def write(self) -> pd.DataFrame:
        """Makes the table anew, in Parquet and CSV, and returns it. Raises Unwritable."""
        try:
            with locked(self.directory / ".lock", wait=True):
                table = self._table()
                replace(self.directory / "results.csv", table.to_csv(index=False).encode(), ours=True)
                replace(self.directory / "results.parquet", _parquet.packed(table), ours=True)
        except OSError as error:
            raise unwritable(self.directory, error.strerror or str(error)) from None
        return table

    def _table(self) -> pd.DataFrame:
        keys = list(dict.fromkeys(key for sweep in contents(self.directory)["sweeps"] for key in sweep["keys"]))
        self._read()
        return tabulate([record for _, record in self._records.values()], keys)

    def _read(self) -> None:
        for entry in os.scandir(self.directory / "points"):
            name, extension = os.path.splitext(entry.name)
            if extension != ".json" or name.startswith("."):
                continue
            changed = entry.stat().st_mtime_ns
            if name not in self._records or self._records[name][0] != changed:
                record = read_point(self.directory, name)
                if record is not None:
                    self._records[name] = (changed, record)


def tabulate(records: Sequence[Record], keys: Sequence[str]) -> pd.DataFrame:
    """Rows sorted by the swept keys, then by seed and name.

    Columns: point, status, reason, every swept key, seed, the measures (NaN where there are none), metrics of the
    user's own, busiest (a channel), warnings, trace.
    """
    import pandas as pd

    own = list(dict.fromkeys(name for record in records for name in record["measures"] if metrics.is_own(name)))
    measures = [*MEASURES, *own]
    rows = [row(record, keys) for record in records]
    swept = [*(key for key in keys if key != "seed"), "seed"]
    rows.sort(key=lambda one: [*(_order(one[key]) for key in swept), one["point"]])
    table = pd.DataFrame(rows, columns=["point", "status", "reason", *swept, *measures, "busiest", "warnings", "trace"])
    # From the rows, with a type: beside a missing value or a fraction pandas by itself makes floats of integers.
    for key in swept:
        table[key] = _one_type([one[key] for one in rows])
    for name in measures:
        kind: Any = "Int64" if name in COUNTS else "float64"
        table[name] = pd.Series([one.get(name) for one in rows], dtype=kind)
    for name in _WHERE_THERE_ARE_ANY:
        if table[name].isna().all():
            del table[name]
    return table


def row(record: Record, keys: Sequence[str]) -> Record:
    """A row of the table. Its text can be encoded, whatever bytes the names of files have."""
    values = {key: _cell(record, key) for key in (*keys, "seed")}
    measures = {name: record["measures"].get(name) for name in MEASURES}
    measures |= {name: measure for name, measure in record["measures"].items() if metrics.is_own(name)}
    about = {name: record[name] for name in ("point", "status", "reason")}
    ends = {"busiest": record["busiest"], "warnings": _BETWEEN.join(record["warnings"]), "trace": record["trace"]}
    cells = {**about, **values, **measures, **ends}
    return {name: printable(cell) if isinstance(cell, str) else cell for name, cell in cells.items()}


def _cell(record: Record, key: str) -> Any:
    """The value of a key at a point: as understood if it is a number or word, as written if it is a table."""
    value: Any = record["scenario"]
    for part in parse_key(key):
        if isinstance(value, dict):
            value = value.get(part)
        elif isinstance(value, list) and part.isdecimal() and int(part) < len(value):
            value = value[int(part)]
        else:
            value = None
    if value is None or isinstance(value, dict | list):
        value = record["values"].get(key, value)
    if value is None:
        return "none"
    return json.dumps(value, sort_keys=True) if isinstance(value, dict | list) else value


def _order(value: Any) -> tuple[int, float, str]:
    """Numbers by size, then words."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return (1, 0.0, str(value))
    return (0, value, "")


def _one_type(values: Sequence[Any]) -> pd.Series[Any]:
    """A column of one type, as Parquet asks for: numbers, booleans, or text where they are mixed."""
    import pandas as pd

    kinds = {type(value) for value in values}
    if any(isinstance(value, int) and abs(value) >= 2**63 for value in values):
        kinds.add(str)  # more than a column of integers holds
    for kinds_of_one, dtype in (({int}, "int64"), ({int, float}, "float64"), ({bool}, "bool")):
        if kinds <= kinds_of_one:
            return pd.Series(values, dtype=dtype)
    return pd.Series([str(value) for value in values])


def keys_in(columns: Iterable[str]) -> list[str]:
    """The swept keys among the columns of a table, or the cells of a row."""
    return [name for name in columns if name not in COLUMNS and not metrics.is_own(name)]


def measures_in(columns: Iterable[str]) -> list[str]:
    """The measures among the columns of a table."""
    there = list(columns)
    return [name for name in MEASURES if name in there] + [name for name in there if metrics.is_own(name)]


def read_table(directory: str | os.PathLike[str]) -> pd.DataFrame:
    """The table of a sweep's directory, as `channelsim.sweep` returned it.

    Raises InputError if there is none, and without the extra `sweep`.
    """
    extras.require("sweep", "the table of a sweep")
    folder = path_of(directory)
    path = folder / "results.parquet"
    if not path.exists():
        raise InputError(f"{folder}: no results.parquet; accepted: the directory of a `channelsim sweep`")
    try:
        return _parquet.read(path)
    except InputError:
        raise
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read: {' '.join(str(error).split())}") from None
