"""The results of a sweep in one picture: curves over one key, a heat map over two, or one measure against another."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from channelsim import extras
from channelsim.errors import InputError
from channelsim.paths import path_of
from channelsim.plots import MEASURES as KNOWN
from channelsim.plots import Measure, Picture, as_written, check_format, dress, look, measure_of, save, tidy
from channelsim.scenario import nearest
from channelsim.sweeps._bars import draw_sweep_bars
from channelsim.sweeps._best import best_over as at_best
from channelsim.sweeps._cells import Cell, cells, told_of_failures
from channelsim.sweeps._heat import draw_heat
from channelsim.sweeps._labels import Along, same, short_labels
from channelsim.sweeps._scatter import draw_scatter, reach
from channelsim.sweeps._table import keys_in, measures_in, read_table

if TYPE_CHECKING:
    import pandas as pd

# The first there is.
_BY_DEFAULT = ("test_accuracy", "test_r2", "test_loss", "train_accuracy", "train_r2", "train_loss")

_MOST_LISTED = 12  # values of a key, in an error

Source = str | os.PathLike[str]


def plot_sweep(
    source: Source | pd.DataFrame,
    x: str | None = None,
    y: str | None = None,
    by: str | None = None,
    heat: str | None = None,
    where: Mapping[str, Any] | None = None,
    out: Source | None = None,
    pareto: bool = False,
    third: str | None = None,
    best_over: str | None = None,
    breakdown: bool = False,
) -> Figure:
    """Draw a measure of a sweep over one swept key, a curve for each value of another, as a heat map over two, or over
    another measure, a point for each combination of values.

    Points that differ only in their seed are taken together: their mean, with its 95 % interval as a bar that ends
    where the measure does, and a dot for each seed.

    Arguments:
        source: the directory of a sweep, or its table.
        x: swept key along the axis, or a measure such as energy; needed but for `breakdown`.
        y: column of the table, such as test_accuracy or learning_bits; None: test_accuracy, or where no point has one
            the first of test_r2, test_loss, train_accuracy, train_r2 and loss (of training).
        by: swept key that has a curve, or a kind of point, for each of its values.
        heat: swept key along the second axis of a heat map, in place of `by`.
        where: swept key -> the value of the rows to draw, where others vary too.
        out: where to write the picture: .png, .svg or .pdf.
        pareto: where x is a measure: mark the points that no other beats in x and y (and `third`), and name them.
        third: where x is a measure: a third one, shown by colours.
        best_over: swept key of which each variant has its own best value, chosen by validation accuracy (or R^2).
        breakdown: bars in place of all this, for each combination of swept values: bits and joules by cause.

    Returns a matplotlib Figure that no GUI knows of, so nothing has to be closed.

    Raises InputError for a key that is no column, when points would be taken together that differ in more than their
    seed, when no point is done or none is as `where` says, for `best_over` without validation samples, for an `out`
    that cannot be written, and without the extra `sweep`.
    """
    extras.require("sweep", "plot of a sweep")
    target = None if out is None else path_of(out)
    check_format(target)
    if by is not None and heat is not None:
        raise InputError("plot: --by draws curves, --heat a map; accepted: one of them")
    table = read_table(source) if isinstance(source, str | os.PathLike) else source
    swept = keys_in(table.columns)
    for name in (by, heat, best_over, *(where or {})):
        if name is not None and name not in swept:
            raise InputError(f"plot: {name} is not swept{nearest(name, swept)}; accepted: {', '.join(swept)}")
    measures = measures_in(table.columns)
    if breakdown and any((x, y, by, heat, pareto, third)):
        raise InputError("plot: --breakdown draws bars of its own; accepted: beside it --where and --best-over")
    if x is None and not breakdown:
        raise InputError("plot: of a sweep, what along the axis? accepted: --x KEY, a swept key or a measure")
    up = measure_of(y, measures) if y is not None else KNOWN[_default(table, measures)]
    across = _across(x, swept, measures) if x is not None else None
    if x is not None and across is None and (pareto or third is not None):
        raise InputError(
            f"plot: --pareto and --third go with a measure as --x, not with the key {x}; accepted: --x bits"
        )
    if across is not None and heat is not None:
        raise InputError(
            f"plot: --heat goes with a swept key as --x, {x} is a measure; accepted: one of {', '.join(swept)}"
        )
    for name in (x, by, heat):
        if name is not None and name == best_over:
            raise InputError(f"plot: --best-over {name} leaves one value of it; accepted: another key than {name}")
    for name, value in (where or {}).items():
        table = _where(table, name, value)
    note = ""
    if best_over is not None:
        table, note = at_best(table, best_over, swept), f"each at its own best {best_over}, chosen on validation"
        swept = [name for name in swept if name != best_over]
    if x is None:
        figure = draw_sweep_bars(table, swept)
    elif across is not None:
        one = measure_of(third, measures) if third is not None else None
        figure = draw_scatter(table, across, up, by, pareto, one, swept, note)
    else:
        found = cells(table, [key for key in (x, by or heat) if key is not None], up.name, swept)
        notes = "\n".join(part for part in (note, _seeds_of(found, heat is None), told_of_failures(table)) if part)
        figure = draw_heat(found, x, heat, up, notes) if heat is not None else _curves(found, x, by, up, notes)
    if target is not None:
        save(figure, target)
    return figure


def _where(table: pd.DataFrame, key: str, value: Any) -> pd.DataFrame:
    """The rows with this value of a swept key."""
    rows = table[np.array([same(one, value) for one in table[key]], bool)]
    if rows.empty:
        there = [str(one) for one in table[key].drop_duplicates()]
        listed = ", ".join(there[:_MOST_LISTED]) + (", ..." if len(there) > _MOST_LISTED else "")
        raise InputError(f"plot: --where {key}: no point has the value {value}; accepted: {listed}")
    return rows


def _default(table: pd.DataFrame, measures: Sequence[str]) -> str:
    return next((name for name in _BY_DEFAULT if name in measures and table[name].notna().any()), _BY_DEFAULT[0])


def _across(x: str, swept: Sequence[str], measures: Sequence[str]) -> Measure | None:
    """The measure along the axis; None for a swept key."""
    if x in swept:
        return None
    try:
        return measure_of(x, measures)
    except InputError:
        raise InputError(
            f"plot: {x} is not swept, and no measure{nearest(x, [*swept, *measures])}; accepted: {', '.join(swept)}; "
            f"or {', '.join(measures)}"
        ) from None


def _curves(found: Sequence[Cell], x: str, by: str | None, measure: Measure, note: str) -> Figure:
    figure = Picture(figsize=(7.2, 4.6), layout="constrained")
    axes = figure.subplots()
    tidy(axes)
    along = Along([cell.place[0] for cell in found])
    lines = list(dict.fromkeys(cell.place[1:] for cell in found))
    named = short_labels([line[0] for line in lines if line])
    for i, line in enumerate(lines):
        mine = [cell for cell in found if cell.place[1:] == line]
        mine.sort(key=lambda cell: along.position[cell.place[0]])
        # A little apart, so that bars over the same word do not hide each other.
        shift = 0.0 if along.numbers else 0.3 * ((i + 0.5) / len(lines) - 0.5)
        style = {**look(i), **({} if along.numbers else {"linestyle": "none"})}
        places = [along.position[cell.place[0]] + shift for cell in mine]
        axes.errorbar(
            places,
            [measure.factor * cell.mean for cell in mine],
            yerr=np.array([np.ravel(reach(cell, measure) or [[0.0], [0.0]]) for cell in mine]).T,
            label=named[line[0]] if line else None,
            capsize=3,
            zorder=2.5,
            **style,
        )
        _seeds(axes, places, mine, measure, style["color"])
    along.label(axes.xaxis, x)
    dress(axes.yaxis, measure, measure.factor * np.concatenate([cell.values for cell in found]))
    if by is not None:
        as_written(figure.legend(title=by, loc="outside right upper", frameon=False, handlelength=3))
    axes.set_title(note, fontsize="small", color="0.3", loc="left")
    return figure


def _seeds(axes: Axes, places: Sequence[float], mine: Sequence[Cell], measure: Measure, colour: str) -> None:
    """A dot for each seed of each cell that has several."""
    for place, cell in zip(places, mine, strict=True):
        if cell.count > 1:
            axes.plot([place] * cell.count, measure.factor * cell.values, ".", color=colour, markersize=3, alpha=0.6)


def _seeds_of(found: Sequence[Cell], with_bars: bool) -> str:
    """What is drawn of several seeds."""
    counts = sorted({cell.count for cell in found})
    if counts[-1] == 1:
        return ""
    seeds = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    return f"mean of {seeds} seeds" + (" (dots), bars: 95 % interval" if with_bars else "")
