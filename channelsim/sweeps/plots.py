"""The results of a sweep in one picture: curves with intervals over one key, or a heat map over two."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from channelsim import extras, units
from channelsim.errors import InputError
from channelsim.paths import path_of
from channelsim.plots import FORMATS, as_written, look, save
from channelsim.scenario import nearest
from channelsim.sweeps._store import COLUMNS, DONE, MEASURES, read_table

if TYPE_CHECKING:
    import pandas as pd

CONFIDENCE = 0.95
_WIDE = 30.0  # numbers that differ by more than this factor stand on a logarithmic axis
_BY_DEFAULT = ("test_accuracy", "test_r2", "test_loss", "train_accuracy", "train_r2", "loss")  # the first there is
_UNITS = {
    "test_loss": "", "bits": "bit", "learning_bits": "bit", "updates": "", "simulated_time_s": "s",
    "energy_j": "J", "wall_time_s": "s",
}  # fmt: skip

Source = str | os.PathLike[str]


@dataclass(frozen=True)
class Cell:
    """The points that differ in nothing but their seed.

    `half` is half the width of the 95 % interval of the mean (Student's t), NaN for fewer than two seeds.
    """

    place: tuple[Any, ...]
    mean: float
    half: float
    count: int


def plot_sweep(
    source: Source | pd.DataFrame,
    x: str,
    y: str | None = None,
    by: str | None = None,
    heat: str | None = None,
    where: Mapping[str, Any] | None = None,
    out: Source | None = None,
) -> Figure:
    """Draw a measure of a sweep over one swept key, a curve for each value of another, or as a heat map over two.

    Points that differ only in their seed are taken together: their mean, with its 95 % interval as a bar.

    Arguments:
        source: the directory of a sweep, or its table.
        x: swept key along the axis.
        y: column of the table, such as test_accuracy or learning_bits; None: test_accuracy, or where no point has one
            the first of test_r2, test_loss, train_accuracy, train_r2 and loss (of training).
        by: swept key that has a curve for each of its values.
        heat: swept key along the second axis of a heat map, in place of `by`.
        where: swept key -> the value of the rows to draw, where others vary too.
        out: where to write the picture: .png, .svg or .pdf.

    Returns a matplotlib Figure that no GUI knows of, so nothing has to be closed.

    Raises InputError for a key that is no column, when points would be taken together that differ in more than their
    seed, when no point is done, for an `out` that cannot be written, and without the extra `sweep`.
    """
    extras.require("sweep", "plot of a sweep")
    target = None if out is None else path_of(out)
    if target is not None and target.suffix.lower() not in FORMATS:
        raise InputError(f"{target}: cannot draw a {target.suffix or 'nameless'} file; use {', '.join(FORMATS)}")
    if by is not None and heat is not None:
        raise InputError("plot: --by draws curves, --heat a map; accepted: one of them")
    table = read_table(source) if isinstance(source, str | os.PathLike) else source
    swept = [name for name in table.columns if name not in COLUMNS]
    for name in (x, by, heat, *(where or {})):
        if name is not None and name not in swept:
            raise InputError(f"plot: {name} is not swept{nearest(name, swept)}; accepted: {', '.join(swept)}")
    measures = [name for name in MEASURES if name in table.columns]
    if y is None:
        y = next((name for name in _BY_DEFAULT if name in measures and table[name].notna().any()), _BY_DEFAULT[0])
    if y not in measures:
        raise InputError(f"plot: --y {y} is no measure{nearest(y, measures)}; accepted: {', '.join(measures)}")
    for name, value in (where or {}).items():
        table = table[[same(one, value) for one in table[name]]]
    found = cells(table, [key for key in (x, by or heat) if key is not None], y, swept)
    figure = _map(found, x, heat, y) if heat is not None else _curves(found, x, by, y)
    if target is not None:
        save(figure, target)
    return figure


def cells(table: pd.DataFrame, keys: Sequence[str], y: str, swept: Sequence[str]) -> list[Cell]:
    """Mean and interval of `y` for each combination of the values of `keys`, in the order of the table."""
    done = table[(table["status"] == DONE) & table[y].notna()]
    if done.empty:
        raise InputError(f"plot: no point with a {y} is done; accepted: a sweep (and --where) with some")
    found = []
    for place, rows in done.groupby(list(keys), sort=False):
        others = [key for key in swept if key not in (*keys, "seed") and rows[key].nunique() > 1]
        if others:
            some = ", ".join(str(value) for value in rows[others[0]].unique()[:4])
            raise InputError(
                f"plot: {others[0]} varies too ({some}); accepted: --by {others[0]}, or --where "
                f"'{others[0]}={rows[others[0]].iloc[0]}' to draw some of the points"
            )
        values = rows[y].to_numpy(float)
        found.append(Cell(tuple(place), float(values.mean()), half_interval(values), len(values)))
    return found


def half_interval(values: NDArray[np.float64]) -> float:
    """Half the width of the 95 % interval of the mean of independent values (Student's t); NaN for one value."""
    n = len(values)
    if n < 2:
        return math.nan
    from scipy.stats import t as student  # takes half a second

    return float(student.ppf(0.5 + CONFIDENCE / 2, n - 1) * values.std(ddof=1) / math.sqrt(n))


def same(cell: Any, value: Any) -> bool:
    """Whether a cell of the table is what a user means: 0.1 is "0.1", and "20 us" is "0.02 ms"."""
    if str(cell) == str(value):
        return True
    numbers = number(cell), number(value)
    return None not in numbers and numbers[0] == numbers[1]


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


# --- drawing --------------------------------------------------------------------------------------------------


def _scaled(y: str) -> tuple[str, float]:
    """The name of a measure on an axis, and what to multiply it by."""
    words = y.removesuffix("_s").removesuffix("_j").replace("_", " ").replace(" r2", " R$^2$")
    if y.endswith("_accuracy"):
        return f"{words} (%)", 100.0
    return words + (f" ({_UNITS[y]})" if _UNITS.get(y) else ""), 1.0


class _Axis:
    """Where the values of a key stand: by their size if all are numbers, else side by side."""

    def __init__(self, values: Sequence[Any]) -> None:
        distinct = list(dict.fromkeys(values))
        sizes = [number(value) for value in distinct]
        self.numbers = all(size is not None for size in sizes)
        if self.numbers:
            distinct.sort(key=lambda value: number(value) or 0.0)
        self.values = distinct
        positions = sorted(size for size in sizes if size is not None) if self.numbers else list(range(len(distinct)))
        self.position = dict(zip(distinct, positions, strict=True))
        self.logarithmic = bool(self.numbers and min(positions) > 0 and max(positions) > _WIDE * min(positions))

    def label(self, axis: Any, key: str) -> None:
        """Name and ticks of a matplotlib axis (axes.xaxis)."""
        axis.set_label_text(key)
        if not self.numbers or any(isinstance(value, str) for value in self.values):
            axis.set_ticks([self.position[value] for value in self.values], [str(value) for value in self.values])
            axis.set_ticks([], minor=True)


def _curves(found: Sequence[Cell], x: str, by: str | None, y: str) -> Figure:
    figure = Figure(figsize=(7.2, 4.6), layout="constrained")
    axes = figure.subplots()
    along = _Axis([cell.place[0] for cell in found])
    name, factor = _scaled(y)
    lines = list(dict.fromkeys(cell.place[1:] for cell in found))
    for i, line in enumerate(lines):
        mine = [cell for cell in found if cell.place[1:] == line]
        mine.sort(key=lambda cell: along.position[cell.place[0]])
        # A little apart, so that bars over the same word do not hide each other.
        shift = 0.0 if along.numbers else 0.3 * ((i + 0.5) / len(lines) - 0.5)
        axes.errorbar(
            [along.position[cell.place[0]] + shift for cell in mine],
            [factor * cell.mean for cell in mine],
            yerr=[0.0 if math.isnan(cell.half) else factor * cell.half for cell in mine],
            label=_short(line[0]) if line else None,
            capsize=3,
            **{**look(i), **({} if along.numbers else {"linestyle": "none"})},
        )
    if along.logarithmic:
        axes.set_xscale("log")
    along.label(axes.xaxis, x)
    axes.set_ylabel(name)
    axes.grid(color="0.9", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    if by is not None:
        as_written(figure.legend(title=by, loc="outside right upper", frameon=False, handlelength=3))
    _say_what_the_bars_are(axes, found)
    return figure


def _map(found: Sequence[Cell], x: str, heat: str, y: str) -> Figure:
    across, up = (_Axis([cell.place[i] for cell in found]) for i in (0, 1))
    name, factor = _scaled(y)
    values = np.full((len(up.values), len(across.values)), np.nan)
    for cell in found:
        values[up.values.index(cell.place[1]), across.values.index(cell.place[0])] = factor * cell.mean
    figure = Figure(figsize=(2.6 + 0.75 * len(across.values), 1.6 + 0.5 * len(up.values)), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(values, origin="lower", aspect="auto", cmap="viridis")
    axes.set_xticks(range(len(across.values)), [_short(value) for value in across.values])
    axes.set_yticks(range(len(up.values)), [_short(value) for value in up.values])
    axes.set_xlabel(x)
    axes.set_ylabel(heat)
    middle = float(np.nanmin(values) + np.nanmax(values)) / 2
    for (row, column), value in np.ndenumerate(values):
        if not math.isnan(value):
            ink = "white" if value < middle else "black"
            axes.text(column, row, f"{value:.3g}", ha="center", va="center", fontsize=8, color=ink)
    figure.colorbar(image, label=name)
    return figure


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _say_what_the_bars_are(axes: Axes, found: Sequence[Cell]) -> None:
    counts = sorted({cell.count for cell in found})
    if counts[-1] > 1:
        seeds = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
        axes.set_title(f"mean of {seeds} seeds, bars: 95 % interval", fontsize="small", color="0.3", loc="left")
