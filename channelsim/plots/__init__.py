"""Pictures of traces: learning curves, any measure against any other, Pareto fronts, where bits and joules went."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Sequence
from contextlib import ExitStack

from matplotlib.figure import Figure

from channelsim.errors import InputError
from channelsim.paths import path_of
from channelsim.plots._breakdown import (
    BITS,
    CAUSES,
    MOST_BARS,
    Panel,
    bit_split,
    draw_bars,
    draw_breakdown,
    draw_panel,
    energy_split,
)
from channelsim.plots._curves import Curve, curves_of, draw, labels_of
from channelsim.plots._measures import MEASURES, Measure, measure_of
from channelsim.plots._pareto import front, mark
from channelsim.plots._style import (
    COLOURS,
    FORMATS,
    MOST_NAMES,
    Picture,
    as_written,
    check_format,
    dress,
    is_wide,
    look,
    save,
    short,
    tidy,
)
from channelsim.plots._versus import draw_versus
from channelsim.trace import Trace

__all__ = [
    "BITS",
    "CAUSES",
    "COLOURS",
    "FORMATS",
    "MEASURES",
    "MOST_BARS",
    "MOST_NAMES",
    "Measure",
    "Panel",
    "Picture",
    "Source",
    "as_written",
    "bit_split",
    "check_format",
    "draw_bars",
    "draw_panel",
    "dress",
    "energy_split",
    "front",
    "is_wide",
    "look",
    "mark",
    "measure_of",
    "plot",
    "save",
    "short",
    "tidy",
]

Source = str | os.PathLike[str] | Trace


def plot(
    traces: Source | Sequence[Source],
    out: str | os.PathLike[str] | None = None,
    note: Callable[[str], None] = warnings.warn,
    x: str | None = None,
    y: str | None = None,
    at_end: bool = False,
    pareto: bool = False,
    breakdown: bool = False,
) -> Figure:
    """Draw traces in one picture.

    Without more: accuracy (or R^2) and loss, by epoch and by bits sent on the learning channels, on the test set, or on
    the training set for a trace without one. Where the test set was also evaluated as deployed (through queues,
    deadlines and residuals), that is a second, paler curve. A trace without learning channels (rule `top`) has a place
    by epoch only.

    Arguments:
        traces: one or more traces, each a path or an open Trace.
        out: where to write the picture: .png, .svg or .pdf.
        note: is told, a line each, which of several traces cannot be drawn.
        x, y: measures, such as energy and test_accuracy: a curve for each trace, epoch by epoch (x: epoch and y:
            test_accuracy where only the other is given). Names of all: `channelsim.plots.MEASURES`, and of metrics of
            the user's own `Trace.own_metrics`.
        at_end: a point for each trace, at its end, instead of a curve.
        pareto: these points with the Pareto front marked and named.
        breakdown: bars instead: bits and joules by cause, of each channel, or of each of several traces.

    Returns a matplotlib Figure that no GUI knows of, so nothing has to be closed.

    Raises InputError for another kind of picture, a name that is no measure, where no trace can be drawn (it is none,
    has no epoch, or not that measure), and for an `out` that cannot be written.
    """
    given = [traces] if isinstance(traces, str | os.PathLike | Trace) else list(traces)
    if not given:
        raise InputError("plot: no trace given; name one or more, such as runs/NAME.h5")
    if breakdown and (x or y or at_end or pareto):
        raise InputError("plot: --breakdown draws bars of its own; accepted: without --x, --y, --end and --pareto")
    target = None if out is None else path_of(out)
    check_format(target)
    with ExitStack() as opened:
        there: list[Trace] = []
        curves: list[list[Curve]] = []
        problems = []
        for one in given:
            try:
                trace = one if isinstance(one, Trace) else opened.enter_context(Trace(one))
                curves.append(curves_of(trace))
                there.append(trace)
            except InputError as error:
                problems.append(error)
        if not there:
            raise problems[0]
        for problem in problems:
            note(f"warning: not drawn: {problem}")
        labels = labels_of([curve for curve, *_ in curves])
        if breakdown:
            figure = draw_breakdown(there, labels)
        elif x or y or at_end or pareto:
            figure = draw_versus(
                there, labels, x or ("bits" if pareto else "epoch"), y or "test_accuracy", at_end, pareto
            )
        else:
            figure = draw(curves)
    if target is not None:
        save(figure, target)
    return figure
