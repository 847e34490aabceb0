"""The directory of a sweep: who may use it, the result of each point, and the table made of them.

    sweep.json              what the directory is for: version, the sweeps that share it, and digests of their data
    points/<name>.json      the result of a point, there once it is done or has failed
    points/<name>.h5        its trace
    results.parquet, .csv   the table of all points, made anew from points/*.json

Every file appears whole or not at all, and the JSON ones have a checksum, the CRC-32 of the rest of their text. The
table holds nothing of its own, so that it can always be made again.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from channelsim import extras, metrics
from channelsim.errors import InputError, Unwritable, printable
from channelsim.files import FOLLOW_NO_LINK, NO_LOCKS, open_regular, replace
from channelsim.identity import changes
from channelsim.paths import path_of
from channelsim.plain import json_text
from channelsim.scenario import Scenario, parse_key
from channelsim.sweeps import _parquet
from channelsim.version import version

if TYPE_CHECKING:
    import pandas as pd

    from channelsim.sweeps._grid import Point

try:
    import fcntl
except ImportError:  # a system without advisory locks: two sweeps should not share a directory there
    fcntl = None  # type: ignore[assignment]

FORMAT, VERSION = "channelsim sweep", 3
DONE, FAILED, KILLED = "done", "failed", "killed"
"""Statuses of a point. `killed`: its workers died each time it was tried."""

MEASURES = (
    "test_accuracy", "test_r2", "test_loss", "test_accuracy_deployed", "test_r2_deployed", "validation_accuracy",
    "validation_r2", "train_accuracy", "train_r2", "loss", "bits", "learning_bits", "lost", "simulated_time_s",
    "energy_j", "joules_to_90", "joules_to_95", "utilisation", "queue_max", "wall_time_s", "updates",
)  # fmt: skip
"""Columns of the table that a run fills: shares from 0 to 1, R^2, mean losses (`loss`: of training), bits, seconds and
joules."""
COLUMNS = ("point", "status", "reason", *MEASURES, "warnings", "trace")
"""All columns but those of keys and of metrics of the user's own."""
_BETWEEN = " | "  # two warnings in one cell, which have commas, colons and semicolons
_WHERE_THERE_ARE_ANY = (
    "test_accuracy_deployed", "test_r2_deployed", "validation_accuracy", "validation_r2", "test_r2", "train_r2",
)  # fmt: skip
_PARTS = {"point", "status", "reason", "final", "values", "scenario", "measures", "warnings", "trace"}  # of a record
_CHECKSUM = "crc32"  # the key, in the JSON files
_COUNTS = ("bits", "learning_bits", "updates")

Record = dict[str, Any]


def point_file(directory: Path, name: str) -> Path:
    """The result of a point."""
    return directory / "points" / f"{name}.json"


def trace_file(directory: Path, name: str) -> Path:
    """The trace of a point."""
    return directory / "points" / f"{name}.h5"


def unwritable(directory: Path, reason: str) -> Unwritable:
    """What to tell when a file of the directory cannot be written: no point could be recorded, so the sweep stops."""
    return Unwritable(
        f"{directory}: cannot write the results: {reason}; every point that is done is kept: mend that, "
        "then the same command goes on",
        reason,
    )


@contextlib.contextmanager
def locked(path: Path, wait: bool) -> Iterator[bool]:
    """Holds an advisory lock on a file, which dies with its process; yields whether it was to be had.

    Where the disk has no locks (`lacking_locks`) it always is.
    """
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR | FOLLOW_NO_LINK, 0o666)
    try:
        held = True
        if fcntl is not None:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError:
                held = False
            except OSError as error:
                if error.errno not in NO_LOCKS:
                    raise
        yield held
    finally:
        os.close(descriptor)


def lacking_locks(directory: Path) -> str:
    """What to tell of a disk that has no file locks; empty if it has. The directory has been claimed."""
    if fcntl is None:
        return ""
    with open(directory / ".lock", "rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return ""
        except OSError as error:
            return (
                f"{directory}: this disk has no file locks ({error.strerror}); "
                "see to it that no other sweep uses the same directory"
            )
    return ""


def _sealed(content: Record) -> bytes:
    """The JSON of a record, with its checksum as the last key."""
    return json_text({**content, _CHECKSUM: _checksum(content)}, indent=1).encode()


def _checksum(content: Record) -> str:
    return f"{zlib.crc32(json_text(content, indent=1).encode()):08x}"


def _unsealed(content: Any) -> Record | None:
    """The record that was sealed; None if it is not as it was written."""
    if not isinstance(content, dict):
        return None
    record = {key: value for key, value in content.items() if key != _CHECKSUM}
    try:
        return record if content.get(_CHECKSUM) == _checksum(record) else None
    except RecursionError:
        return None


# --- the directory --------------------------------------------------------------------------------------------


def claim(directory: Path, scenario: Scenario, data: Mapping[str, Mapping[str, str]]) -> None:
    """Makes the directory ready for a sweep, alone or beside others.

    Sweeps may share a directory if all that they differ in is swept by one of them, and so a column of the table.
    `data` has the digests of the arrays of each [data] table in the sweep (`_data.identified`).

    Raises InputError if it holds something else, was made by another version, on data that have changed since, or by a
    sweep whose rows could not be told from these; and if it cannot be written.
    """
    try:
        if directory.exists() and not directory.is_dir():
            raise InputError(f"{directory}: is a file; accepted: a directory for the sweep")
        directory.mkdir(parents=True, exist_ok=True)
        with locked(directory / ".lock", wait=True):
            if not (directory / "sweep.json").exists() and _strange(directory):
                (directory / ".lock").unlink()
                raise InputError(f"{directory}: holds other files and no sweep; accepted: a new directory (--out)")
            (directory / "points").mkdir(exist_ok=True)
            mine = {"name": scenario.name, "keys": list(scenario.grid().keys), "scenario": _fixed(scenario)}
            there = _contents(directory)
            others, before = there["sweeps"], there["data"]
            _refuse_other_data(directory, before, data)
            columns = {tuple(parse_key(key)) for sweep in (*others, mine) for key in sweep["keys"]}
            for other in others:
                _tell_apart(directory, other, mine, columns)
            contents = {"sweeps": others if mine in others else [*others, mine], "data": {**before, **data}}
            if contents != there:
                about = {"format": FORMAT, "version": VERSION, "channelsim": version(), **contents}
                replace(directory / "sweep.json", _sealed(about), ours=True)
    except OSError as error:
        reason = error.strerror or str(error)
        raise Unwritable(f"{directory}: {reason}; accepted: a directory that can be written (--out)", reason) from None


def _strange(directory: Path) -> bool:
    return any(path.name != "points" and not path.name.startswith(".") for path in directory.iterdir())


def _contents(directory: Path) -> Record:
    """The sweeps that share the directory so far, and the digests of their data."""
    path = directory / "sweep.json"
    if not path.exists():
        return {"sweeps": [], "data": {}}
    about = _read_json(path)
    if not isinstance(about, dict) or about.get("format") != FORMAT:
        raise InputError(f"{path}: not made by `channelsim sweep`; accepted: another --out")
    made_by = about.get("channelsim")
    if about.get("version") != VERSION or made_by != version():
        raise InputError(
            f"{directory}: its points were computed by channelsim {made_by} (table version {about.get('version')}); "
            f"this is {version()} (version {VERSION}): accepted: another --out"
        )
    if _unsealed(about) is None or not _are_contents(about):
        raise InputError(f"{path}: damaged; accepted: the file as `channelsim sweep` wrote it, or another --out")
    return {"sweeps": about["sweeps"], "data": about["data"]}


def _read_json(path: Path) -> Any:
    """What a file holds; None if it is no JSON, has numbers that JSON lacks, or is nested too deep.

    Raises OSError, and InputError for what is no regular file.
    """

    def refuse(word: str) -> None:
        raise ValueError(word)

    with open_regular(path) as file:
        text = file.read()
    try:
        return json.loads(text, parse_constant=refuse)
    except (ValueError, RecursionError):
        return None


def _are_contents(about: Record) -> bool:
    """Whether the parts of sweep.json are of the types that they are written with."""
    sweeps, data = about.get("sweeps"), about.get("data")
    return (
        isinstance(sweeps, list)
        and all(isinstance(one, dict) and _is_sweep(one) for one in sweeps)
        and isinstance(data, dict)
        and all(isinstance(digests, dict) and _are_text(digests.values()) for digests in data.values())
        and all(isinstance(_parsed(key), dict) and "name" in _parsed(key) for key in data)
    )


def _is_sweep(one: Record) -> bool:
    keys = one.get("keys")
    return (
        one.keys() == {"name", "keys", "scenario"}
        and isinstance(one["name"], str)
        and isinstance(one["scenario"], dict)
        and isinstance(keys, list)
        and _are_text(keys)
        and all(map(_is_key, keys))
    )


def _are_text(values: Iterable[Any]) -> bool:
    return all(isinstance(value, str) for value in values)


def _is_key(text: str) -> bool:
    try:
        return bool(parse_key(text))
    except InputError:
        return False


def _parsed(text: str) -> Any:
    with contextlib.suppress(ValueError, RecursionError):
        return json.loads(text)
    return None


def _refuse_other_data(
    directory: Path, before: Mapping[str, Mapping[str, str]], now: Mapping[str, Mapping[str, str]]
) -> None:
    for key in before.keys() & now.keys():
        changed = changes(before[key], now[key])
        if changed:
            about = json.loads(key)
            raise InputError(
                f"{directory}: its points were computed on other data ({about.get('key', 'data.name')} ="
                f" {about['name']!r}): {changed}; accepted: the data as they were, or another --out"
            )


def _fixed(scenario: Scenario) -> Record:
    """What the points of a sweep have in common: the keys that are no defaults."""
    plain = scenario.model_dump(mode="json", exclude_defaults=True)
    plain["channels"] = scenario.document().get("channels", {})  # a default there may undo what a general one says
    for key in ("name", "trace", "sweep"):
        plain.pop(key, None)
    plain["model"].pop("name")
    return dict(json.loads(json.dumps(plain)))


def _tell_apart(directory: Path, other: Record, mine: Record, columns: set[tuple[str, ...]]) -> None:
    theirs, ours = (dict(_leaves(sweep["scenario"], (), columns)) for sweep in (other, mine))
    for path in sorted(theirs.keys() | ours.keys()):
        if theirs.get(path) != ours.get(path):
            said, wanted = (json.dumps(one[path]) if path in one else "the default" for one in (theirs, ours))
            key = ".".join(path)
            raise InputError(
                f"{directory}: holds the sweep {other['name']} with {key} = {said}, here it is {wanted}: the rows "
                f"could not be told apart; accepted: another --out, or {key} among the swept keys"
            )


def _leaves(value: Any, path: tuple[str, ...], columns: set[tuple[str, ...]]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """(path, value) of all keys that have no column."""
    if path in columns:
        return
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    if items is None:
        yield path, value
    else:
        for key, inner in items:
            yield from _leaves(inner, (*path, str(key)), columns)


# --- points -----------------------------------------------------------------------------------------------------


def read_point(directory: Path, name: str) -> Record | None:
    """The record of a point, or None if there is none."""
    try:
        record = _unsealed(_read_json(point_file(directory, name)))
    except (OSError, InputError):  # there is none
        return None
    return record if _is_record(record, name) else None  # one that was cut short or changed: the point is done again


def _is_record(record: Any, name: str) -> bool:
    """Whether the parts of a record are of the types that they are written with."""
    return (
        isinstance(record, dict)
        and record.keys() >= _PARTS
        and record["point"] == name
        and record["status"] in (DONE, FAILED, KILLED)
        and isinstance(record["final"], bool)
        and isinstance(record["warnings"], list)
        and _are_text((record["reason"], record["trace"], *record["warnings"]))
        and all(isinstance(record[part], dict) for part in ("values", "scenario", "measures"))
        and all(_is_measure(measure, value) for measure, value in record["measures"].items())
    )


def _is_measure(name: str, value: Any) -> bool:
    if isinstance(value, float):
        return name not in _COUNTS and math.isfinite(value)
    return value is None or (isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63)


def write_point(directory: Path, record: Record) -> None:
    """Keeps the record of a point. Raises Unwritable if the disk is full or the like."""
    try:
        replace(point_file(directory, record["point"]), _sealed(record), ours=True)
    except OSError as error:
        raise unwritable(directory, error.strerror or str(error)) from None


def is_final(record: Record | None) -> bool:
    """Whether a point needs no more work: done, or failed in a way that would be the same again."""
    return record is not None and bool(record["final"])


def record_of(
    point: Point,
    status: str,
    reason: str = "",
    final: bool = False,
    measures: Mapping[str, Any] | None = None,
    warnings: Sequence[str] = (),
    trace: Path | None = None,
) -> Record:
    """What is kept of a point. `final`: it would be the same again, so that no later sweep tries."""
    scenario = point.scenario.model_dump(mode="json", exclude={"sweep", "trace", "name"}) if point.scenario else {}
    return {
        "point": point.name,
        "status": status,
        "reason": reason,
        "final": final,
        "values": dict(point.values),
        "scenario": scenario,
        "measures": dict(measures or {}),
        "warnings": list(warnings),
        "trace": f"points/{trace.name}" if trace is not None and trace.exists() else "",
    }


# --- the table ------------------------------------------------------------------------------------------------


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
        keys = list(dict.fromkeys(key for sweep in _contents(self.directory)["sweeps"] for key in sweep["keys"]))
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
    user's own, warnings, trace.
    """
    import pandas as pd

    own = list(dict.fromkeys(name for record in records for name in record["measures"] if metrics.is_own(name)))
    measures = [*MEASURES, *own]
    rows = [row(record, keys) for record in records]
    swept = [*(key for key in keys if key != "seed"), "seed"]
    rows.sort(key=lambda one: [*(_order(one[key]) for key in swept), one["point"]])
    table = pd.DataFrame(rows, columns=["point", "status", "reason", *swept, *measures, "warnings", "trace"])
    # From the rows, with a type: beside a missing value or a fraction pandas by itself makes floats of integers.
    for key in swept:
        table[key] = _one_type([one[key] for one in rows])
    for name in measures:
        kind: Any = "Int64" if name in _COUNTS else "float64"
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
    ends = {"warnings": _BETWEEN.join(record["warnings"]), "trace": record["trace"]}
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
