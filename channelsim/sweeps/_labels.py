"""Swept values as people read them: short names for tables, and where values stand along an axis."""

from __future__ import annotations

import contextlib
import json
import tomllib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from channelsim import units
from channelsim.errors import InputError
from channelsim.plots import is_wide

_LONGEST = 28  # characters of a label


def short_labels(values: Sequence[Any]) -> dict[Any, str]:
    """Value -> its label. Of tables only what they do not all have in common: `{kind = "uniform", bits = 8}` beside
    other bits is "8 bits"; beside other kinds "uniform, bits 8"."""
    distinct = list(dict.fromkeys(values))
    tables = {value: _table(value) for value in distinct}
    known = [table for table in tables.values() if table is not None]
    common = {
        key: entry for key, entry in known[0].items() if all(table.get(key, ...) == entry for table in known)
    } if len(known) > 1 else {}  # fmt: skip
    labels = {}
    for value in distinct:
        table = tables[value]
        text = _plain(value) if table is None else _differing(table, common)
        labels[value] = text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}\N{HORIZONTAL ELLIPSIS}"
    if len(set(labels.values())) < len(labels):  # what was cut off told them apart
        labels = {value: f"{label} ({i + 1})" for i, (value, label) in enumerate(labels.items())}
    return labels


def names_of(places: Sequence[tuple[Any, ...]], keys: Sequence[str]) -> list[str]:
    """What tells each combination of swept values (`places`, in the order of `keys`) from the others."""
    columns = []
    for i, key in enumerate(keys):
        labels = short_labels([place[i] for place in places])
        last = key.rpartition(".")[2]
        words = [labels[place[i]] for place in places]
        columns.append([word if any(map(str.isalpha, word)) else f"{last} {word}" for word in words])
    return [", ".join(words) for words in zip(*columns, strict=True)]


def _table(value: Any) -> dict[str, Any] | None:
    """The table that a cell holds as JSON, dotted keys for tables in it; None for other cells."""
    if not isinstance(value, str) or not value.startswith("{"):
        return None
    try:
        table = json.loads(value)
    except ValueError:
        return None
    return dict(_leaves(table, "")) if isinstance(table, dict) else None


def _leaves(table: Mapping[str, Any], path: str) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for key, entry in table.items():
        found += _leaves(entry, f"{path}{key}.") if isinstance(entry, dict) else [(path + key, entry)]
    return found


def _differing(table: Mapping[str, Any], common: Mapping[str, Any]) -> str:
    words = []
    for key, entry in sorted(table.items(), key=lambda item: (not item[0].endswith("kind"), item[0])):
        if key not in common:
            words.append(_plain(entry) if isinstance(entry, str) else f"{key.rpartition('.')[2]} {_plain(entry)}")
    return ", ".join(words) or "default"


def _plain(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def same(cell: Any, value: Any) -> bool:
    """Whether a cell of the table is what a user means: 0.1 is "0.1", "20 us" is "0.02 ms", and a table or list is what
    it is in TOML, in JSON or in Python."""
    if str(cell) == str(value):
        return True
    numbers = number(cell), number(value)
    if None not in numbers:
        return numbers[0] == numbers[1]
    structure = _structure(value)
    return structure is not None and _structure(cell) == structure


def _structure(value: Any) -> Any:
    """The table or list that a value is, or is as text in JSON or TOML; None for other values."""
    if isinstance(value, Mapping | list | tuple):
        return json.loads(json.dumps(value))
    if isinstance(value, str) and value.lstrip().startswith(("{", "[")):
        with contextlib.suppress(ValueError):
            return json.loads(value)
        with contextlib.suppress(tomllib.TOMLDecodeError):
            return tomllib.loads(f"value = {value}")["value"]
    return None


def number(value: Any) -> float | None:
    """The number that a value stands for, in s, bit/s or J if it has a unit; None for words."""
    if isinstance(value, bool | np.bool_):
        return None
    with contextlib.suppress(ValueError, TypeError):
        return float(value)
    readers: tuple[Callable[[object], float], ...] = (units.parse_duration, units.parse_rate, units.parse_energy)
    for read, scale in zip(readers, (1 / units.SECOND, 1.0, 1.0), strict=True):
        with contextlib.suppress(InputError):
            return float(read(value)) * scale
    return None


class Along:
    """Where the values of a key stand: by their size if all are numbers, else side by side."""

    def __init__(self, values: Sequence[Any]) -> None:
        distinct = list(dict.fromkeys(values))
        sizes = [number(value) for value in distinct]
        self.numbers = all(size is not None for size in sizes)
        if self.numbers:
            distinct.sort(key=lambda value: number(value) or 0.0)
        self.values = distinct
        self.labels = short_labels(distinct)
        positions = sorted(size for size in sizes if size is not None) if self.numbers else list(range(len(distinct)))
        self.position = dict(zip(distinct, positions, strict=True))
        self.logarithmic = bool(self.numbers and is_wide(np.array(positions, np.float64)))

    def label(self, axis: Any, key: str) -> None:
        """Name and ticks of a matplotlib axis (axes.xaxis)."""
        axis.set_label_text(key)
        if self.logarithmic:
            getattr(axis.axes, f"set_{axis.axis_name}scale")("log")
        if len(self.values) <= _MOST_TICKS or not self.numbers or any(isinstance(value, str) for value in self.values):
            axis.set_ticks(
                [self.position[value] for value in self.values], [self.labels[value] for value in self.values]
            )
            axis.set_ticks([], minor=True)
            long = sum(len(self.labels[value]) + 2 for value in self.values) > _CHARACTERS
            for text in axis.get_ticklabels():
                text.set_parse_math(False)
                if long and axis.axis_name == "x":
                    text.set(rotation=30, ha="right", rotation_mode="anchor")


_MOST_TICKS = 10
_CHARACTERS = 70  # along an axis of the usual size
