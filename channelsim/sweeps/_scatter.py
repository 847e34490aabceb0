"""One measure of a sweep against another, a point for each combination of swept values: where is the Pareto front?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter

from channelsim.plots import Measure, Picture, as_written, dress, front, look, mark, tidy
from channelsim.sweeps._cells import Cell, cells, told_of_failures
from channelsim.sweeps._labels import names_of, short_labels

if TYPE_CHECKING:
    import pandas as pd


def draw_scatter(
    table: pd.DataFrame,
    across: Measure,
    up: Measure,
    by: str | None,
    pareto: bool,
    third: Measure | None,
    swept: Sequence[str],
    title: str = "",
) -> Figure:
    """Means over seeds, with intervals both ways; a kind of point for each value of `by`, or colours for `third`."""
    varying = [key for key in swept if key != "seed" and table[key].nunique(dropna=False) > 1] or ["point"]
    measures = [across, up, *([third] if third is not None else [])]
    of = [{cell.place: cell for cell in cells(table, varying, one.name, swept)} for one in measures]
    places = [place for place in of[0] if all(place in one for one in of)]
    figure = Picture(figsize=(7.2, 5.0), layout="constrained")
    axes = figure.subplots()
    tidy(axes)
    means = np.array([[m.factor * one[place].mean for m, one in zip(measures, of, strict=True)] for place in places])
    groups = [place[varying.index(by)] for place in places] if by in varying else [None] * len(places)
    named = short_labels(groups)
    for i, group in enumerate(dict.fromkeys(groups)):
        style = {**look(i), "linestyle": "none"}
        if third is not None:
            style["color"] = "0.6"
        for k in [k for k, one in enumerate(groups) if one == group]:
            x, y = of[0][places[k]], of[1][places[k]]
            axes.errorbar(
                means[k, 0], means[k, 1], xerr=reach(x, across), yerr=reach(y, up), elinewidth=0.8, capsize=2, **style,
                label=named[group] if group is not None and groups.index(group) == k else None,
            )  # fmt: skip
    if third is not None:
        dots = axes.scatter(means[:, 0], means[:, 1], c=means[:, 2], cmap="viridis", s=32, zorder=3)
        shown = None if third.unit is None else EngFormatter(unit=third.unit, sep="\N{NO-BREAK SPACE}")
        figure.colorbar(dots, label=third.label, format=shown)
    dress(axes.xaxis, across, means[:, 0])
    dress(axes.yaxis, up, means[:, 1])
    if pareto:
        on = front(means, tuple(one.is_better_high for one in measures))
        names = names_of(places, varying)
        figure.draw_without_rendering()
        mark(axes, means[on, 0], means[on, 1], [name for name, is_on in zip(names, on, strict=True) if is_on])
    if by in varying:
        as_written(figure.legend(title=by, loc="outside right upper", frameon=False))
    notes = [title, told_of_failures(table)]
    axes.set_title("\n".join(note for note in notes if note), fontsize="small", color="0.3", loc="left")
    return figure


def reach(cell: Cell, measure: Measure) -> list[list[float]] | None:
    """The interval of a mean, cut where the measure cannot be."""
    if np.isnan(cell.half):
        return None
    mean, half = measure.factor * cell.mean, measure.factor * cell.half
    below = half if measure.low is None else min(half, max(mean - measure.low, 0.0))
    above = half if measure.high is None else min(half, max(measure.high - mean, 0.0))
    return [[below], [above]]
