"""Rows of the table: the measured value, its target, and the verdict."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Row:
    """One figure beside its target.

    Attributes:
        work: what was run.
        measure: what the figure says, e.g. "x faster than JAX".
        value: the figure, a ratio.
        target: at least (or at most) this; None: for comparison only.
        stretch: a further target.
        at_least: whether larger is better.
        detail: the times behind it.
    """

    work: str
    measure: str
    value: float
    target: float | None
    stretch: float | None = None
    at_least: bool = True
    detail: str = ""

    @property
    def met(self) -> bool | None:
        return None if self.target is None else self.reaches(self.target)

    def reaches(self, target: float) -> bool:
        return self.value >= target if self.at_least else self.value <= target

    @property
    def verdict(self) -> str:
        if self.target is None:
            return ""
        if not self.met:
            return "short"
        return "stretch" if self.stretch is not None and self.reaches(self.stretch) else "met"

    @property
    def wanted(self) -> str:
        if self.target is None:
            return ""
        text = f"{'>=' if self.at_least else '<='} {self.target:g}"
        return f"{text} ({self.stretch:g})" if self.stretch is not None else text


@dataclass
class Section:
    """Results of one part of the benchmark: rows of the table, and facts to keep beside them (JSON)."""

    rows: list[Row] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def to_json(rows: Iterable[Row]) -> list[dict[str, Any]]:
    return [asdict(row) for row in rows]


def from_json(rows: Iterable[dict[str, Any]]) -> list[Row]:
    return [Row(**row) for row in rows]


COLUMNS = ("work", "measure", "value", "target", "", "times")


def cells(row: Row) -> tuple[str, ...]:
    return (row.work, row.measure, f"{row.value:.3g}", row.wanted, row.verdict, row.detail)


def text(rows: Iterable[Row]) -> str:
    """The table for a terminal."""
    lines = [COLUMNS, *map(cells, rows)]
    widths = [max(len(line[k]) for line in lines) for k in range(len(COLUMNS))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
                     for line in lines)  # fmt: skip


def markdown(rows: Iterable[Row]) -> str:
    """The table for the docs."""
    lines = [COLUMNS, ("---",) * len(COLUMNS), *map(cells, rows)]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def us(seconds: float) -> str:
    """A time per frame in microseconds, to three figures."""
    return f"{seconds * 1e6:.3g} us" if seconds < 1e-3 else f"{seconds * 1e3:.3g} ms"
