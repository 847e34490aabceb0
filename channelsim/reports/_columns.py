"""The table of a sweep as a page shows it: what is in each column, as text and as numbers that can be sorted."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from channelsim.metrics import is_own
from channelsim.plots import Measure, measure_of
from channelsim.sweeps import DONE, keys_in, measures_in, number, short_labels
from channelsim.units import percent, quantity

if TYPE_CHECKING:
    import pandas as pd

KEY, MEASURE, TEXT = "key", "measure", "text"
_FIRST = ("test_accuracy", "test_r2", "test_loss", "learning_bits", "energy_j", "simulated_time_s", "lost")
_DIGITS = 6
"""Of numbers that are sorted and drawn; more would only make the page longer."""


@dataclass(frozen=True)
class Column:
    """A column of the table.

    Attributes:
        name: in the sweep's table. kind: KEY (swept), MEASURE or TEXT.
        label: as people read it.
        cells: a text for each row.
        values: of a measure its numbers (None where there is none), of a key places in `labels`, of text nothing.
        labels: the values of a key, in their order.
        shown: whether the page shows it at first.
        measure: what a MEASURE is.
    """

    name: str
    kind: str
    label: str
    cells: list[str]
    values: list[float | None]
    labels: list[str]
    shown: bool
    measure: Measure | None = None

    def to_json(self) -> dict[str, Any]:
        """What the page's script has to have of it."""
        about: dict[str, Any] = {"label": self.label, "kind": self.kind, "values": self.values}
        if self.kind == KEY:
            about["labels"] = self.labels
        if self.measure is not None:
            one = self.measure
            about |= {"unit": one.unit, "factor": one.factor, "high": one.is_better_high, "wide": one.may_be_wide}
            about |= {"low": one.low, "most": one.high}
        return about


def columns_of(table: pd.DataFrame) -> list[Column]:
    """All columns that say something: swept keys, then measures, then words."""
    failed = bool((table["status"] != DONE).any())
    keys = keys_in(table.columns)
    found = [_key(table, name) for name in keys]
    for name in dict.fromkeys([*_FIRST, *measures_in(table.columns)]):
        if name in table.columns and table[name].notna().any():
            found.append(_measure(table, name))
    for name, shown in (("status", failed), ("reason", failed), ("warnings", False), ("point", False)):
        cells = [str(cell) for cell in table[name]]
        if any(cells):
            found.append(Column(name, TEXT, name, cells, [], [], shown))
    return found


def _key(table: pd.DataFrame, name: str) -> Column:
    labels = short_labels(table[name].tolist())
    order = sorted(labels, key=_size)
    place = {value: i for i, value in enumerate(order)}
    cells = [labels[value] for value in table[name].tolist()]
    values: list[float | None] = [place[value] for value in table[name].tolist()]
    # A seed that is always the same says nothing; another key does, as it was written to be swept.
    shown = name != "seed" or len(order) > 1
    return Column(name, KEY, name, cells, values, [labels[value] for value in order], shown)


def _size(value: Any) -> tuple[bool, float, str]:
    """Numbers by size, then words."""
    size = number(value)
    return (size is None, size or 0.0, str(value))


def _measure(table: pd.DataFrame, name: str) -> Column:
    measure = measure_of(name, [name])
    numbers = [float(value) for value in table[name].astype("float64")]
    cells = [shown(value, measure) for value in numbers]
    values = [float(f"{value:.{_DIGITS}g}") if math.isfinite(value) else None for value in numbers]
    is_first = is_own(name) or (name in _FIRST and any(value for value in values))
    return Column(name, MEASURE, words(measure), cells, values, [], is_first, measure)


def words(measure: Measure) -> str:
    """A measure's name without the formulas that only figures have."""
    return measure.words.replace("R$^2$", "R²")


def shown(value: float, measure: Measure) -> str:
    """A value as a cell has it."""
    if not math.isfinite(value):
        return "-"
    if measure.factor == 100:
        return percent(value)
    if measure.unit:
        return quantity(value, measure.unit)
    return f"{value:,.0f}" if value == int(value) else f"{value:.4g}"
