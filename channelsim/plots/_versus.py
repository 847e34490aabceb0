"""Any measure against any other: along the epochs of each trace, or a point for each whole run."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from channelsim.errors import InputError
from channelsim.plots import _pareto
from channelsim.plots._curves import name_curves
from channelsim.plots._measures import MEASURES, Measure, last, measure_of, series
from channelsim.plots._style import COLOURS, Picture, dress, look, tidy
from channelsim.trace import Trace

_MOST_MARKERS = 12  # a curve


def draw_versus(
    traces: Sequence[Trace], labels: Sequence[str], x: str, y: str, at_end: bool = False, pareto: bool = False
) -> Figure:
    """A curve for each trace, epoch by epoch, or a point for each with `at_end`, which `pareto` implies.

    Raises InputError for a name that is no measure, and where no trace has both.
    """
    known = [*MEASURES, *dict.fromkeys(name for trace in traces for name in trace.own_metrics)]
    across, up = measure_of(x, known), measure_of(y, known)
    figure = Picture(figsize=(7.2, 4.8), layout="constrained")
    axes = figure.subplots()
    tidy(axes)
    if at_end or pareto or "staleness" in (across.name, up.name):
        drawn = _points(figure, traces, labels, across, up, pareto)
    else:
        drawn = _curves(figure, traces, labels, across, up)
    dress(axes.xaxis, across, drawn[:, 0])
    dress(axes.yaxis, up, drawn[:, 1])
    if across.name == "epoch":
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    return figure


def _curves(
    figure: Figure, traces: Sequence[Trace], labels: Sequence[str], across: Measure, up: Measure
) -> NDArray[np.float64]:
    axes, drawn, names = figure.axes[0], [], []
    for i, (trace, label) in enumerate(zip(traces, labels, strict=True)):
        (at, x), (there, y) = series(trace, across.name), series(trace, up.name)
        _, first, second = np.intersect1d(at, there, return_indices=True)
        values = np.stack([across.factor * x[first], up.factor * y[second]], axis=1)
        if not np.isfinite(values).all(axis=1).any():
            continue
        axes.plot(*values.T, label=label, markevery=max(1, len(values) // _MOST_MARKERS), **look(i))
        drawn.append(values)
        names.append(label)
    if not drawn:
        raise _nothing(traces, across, up)
    name_curves(figure, axes, names)
    return np.concatenate(drawn)


def _points(
    figure: Figure, traces: Sequence[Trace], labels: Sequence[str], across: Measure, up: Measure, pareto: bool
) -> NDArray[np.float64]:
    axes = figure.axes[0]
    values = np.array([[m.factor * last(trace, m.name) for m in (across, up)] for trace in traces])
    there = np.isfinite(values).all(axis=1)
    if not there.any():
        raise _nothing(traces, across, up)
    if pareto:
        axes.plot(*values[there].T, "o", color=COLOURS[2], markersize=5, linestyle="none", zorder=2)
        dress(axes.xaxis, across, values[:, 0])
        on = _pareto.front(values, (across.is_better_high, up.is_better_high))
        _pareto.mark(
            axes, values[on, 0], values[on, 1], [label for label, is_on in zip(labels, on, strict=True) if is_on]
        )
        return values
    names = []
    for i in np.flatnonzero(there).tolist():
        axes.plot(*values[i], label=labels[i], **{**look(i), "linestyle": "none"})
        names.append(labels[i])
    name_curves(figure, axes, names)
    return values


def _nothing(traces: Sequence[Trace], across: Measure, up: Measure) -> InputError:
    return InputError(
        f"plot: no trace has both {across.name} and {up.name} (the first is {traces[0].path}); accepted: measures that "
        "the runs have, of traces with an epoch"
    )
