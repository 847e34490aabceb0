"""Traces in one picture: accuracy or R^2 and loss, by epoch and by bits sent on the learning channels."""

from __future__ import annotations

import io
import os
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.ticker import EngFormatter, MaxNLocator
from numpy.typing import NDArray

from channelsim.errors import InputError, printable
from channelsim.files import replace
from channelsim.paths import path_of
from channelsim.trace import Trace

Source = str | os.PathLike[str] | Trace

FORMATS = (".png", ".svg", ".pdf")

# The colours of Okabe and Ito, told apart with any colour vision, without the yellow. Lines and markers
# differ too, with periods that share no factor with the colours', so that curves part in grey.
_COLOURS = ("#000000", "#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_LINES: tuple[Any, ...] = ("-", "--", "-.", ":", (0, (6, 1, 1, 1, 1, 1)))
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")

_MOST_MARKERS = 12  # a curve
_PALE = 0.45  # opacity of what is as deployed
_LEGEND_CHARACTERS = 100  # a line
_WIDE = 20.0  # totals of bits that differ by more than this factor are drawn on a logarithmic axis


def plot(
    traces: Source | Sequence[Source],
    out: str | os.PathLike[str] | None = None,
    note: Callable[[str], None] = warnings.warn,
) -> Figure:
    """Draw traces in one picture: accuracy (or R^2) and loss, by epoch and by bits sent on the learning channels.

    Drawn are the metrics on the test set, or on the training set for a trace without a test set. Where the test set was
    also evaluated as deployed (through queues, deadlines and residuals), that is a second, paler curve. A trace without
    learning channels (rule `top`) has a place by epoch only.

    Arguments:
        traces: one or more traces, each a path or an open Trace.
        out: where to write the picture: .png, .svg or .pdf.
        note: is told, a line each, which of several traces cannot be drawn.

    Returns a matplotlib Figure that no GUI knows of, so nothing has to be closed.

    Raises InputError for another kind of picture, where no trace can be drawn (it is none, or has no epoch), and for an
    `out` that cannot be written.
    """
    given = [traces] if isinstance(traces, str | os.PathLike | Trace) else list(traces)
    if not given:
        raise InputError("plot: no trace given; name one or more, such as runs/NAME.h5")
    target = None if out is None else path_of(out)
    if target is not None and target.suffix.lower() not in FORMATS:
        raise InputError(f"{target}: cannot draw a {target.suffix or 'nameless'} file; use {', '.join(FORMATS)}")
    with ExitStack() as opened:
        curves, problems = [], []
        for one in given:
            try:
                curves.append(_curves(one if isinstance(one, Trace) else opened.enter_context(Trace(one))))
            except InputError as error:
                problems.append(error)
    if not curves:
        raise problems[0]
    for problem in problems:
        note(f"warning: not drawn: {problem}")
    figure = _draw(curves)
    if target is not None:
        save(figure, target)
    return figure


@dataclass(frozen=True)
class _Curve:
    """One evaluation of a trace as the picture needs it, an entry an evaluated epoch."""

    name: str
    path: Path
    split: str
    epoch: NDArray[np.int64]
    accuracy: NDArray[np.float64]  # %; NaN where targets are real
    r2: NDArray[np.float64]  # NaN where they are classes
    loss: NDArray[np.float64]
    bits: NDArray[np.int64]  # on the learning channels so far

    @property
    def is_deployed(self) -> bool:
        return self.split == "test_deployed"


def _curves(trace: Trace) -> list[_Curve]:
    """The curve of a trace, and the one as deployed if there is any."""
    split = "test" if len(trace.metrics("test")) else "train"
    if not len(trace.metrics(split)):
        raise InputError(f"{trace.path}: no epoch is done yet, so there is nothing to draw")
    deployed = ["test_deployed"] if len(trace.metrics("test_deployed")) else []
    return [_curve(trace, which) for which in (split, *deployed)]


def _curve(trace: Trace, split: str) -> _Curve:
    rows = trace.metrics(split)
    counted = trace.channels(trace.channel_names[0])["epoch"]
    so_far = np.concatenate([[0], trace.learning_bits()])
    bits = so_far[np.searchsorted(counted, rows["epoch"], side="right")]
    accuracy = 100 * rows["accuracy"]
    return _Curve(trace.name, trace.path, split, rows["epoch"], accuracy, rows["r2"], rows["loss"], bits)


_MEASURES: tuple[tuple[str, Callable[[_Curve], NDArray[np.float64]]], ...] = (
    ("accuracy (%)", lambda curve: curve.accuracy),
    ("R$^2$", lambda curve: curve.r2),
    ("loss", lambda curve: curve.loss),
)
"""A row of the picture each, where some curve has it."""


def _absent(values: NDArray[np.float64]) -> bool:
    return bool(np.isnan(values).all())


def look(i: int) -> dict[str, Any]:
    """Colour, line and marker of curve number `i`, as keywords of `Axes.plot`."""
    return {
        "color": _COLOURS[i % len(_COLOURS)],
        "linestyle": _LINES[i % len(_LINES)],
        "marker": _MARKERS[i % len(_MARKERS)],
        "markersize": 5,
        "markerfacecolor": "white",
        "linewidth": 1.6,
    }


def _draw(of_traces: Sequence[Sequence[_Curve]]) -> Figure:
    curves = [curve for of_trace in of_traces for curve in of_trace]
    numbers = [i for i, of_trace in enumerate(of_traces) for _ in of_trace]
    drawn = [(label, values) for label, values in _MEASURES if any(not _absent(values(curve)) for curve in curves)]
    figure = Figure(figsize=(9.0, 0.4 + 3.0 * len(drawn)), layout="constrained")
    axes = figure.subplots(len(drawn), 2, sharex="col", sharey="row", squeeze=False)
    labels = _labels(curves)
    for i, curve, label in zip(numbers, curves, labels, strict=True):
        style = {**look(i), "markevery": max(1, len(curve.epoch) // _MOST_MARKERS)}
        if curve.is_deployed:
            style |= {"alpha": _PALE, "linewidth": 2.6, "markerfacecolor": style["color"]}
        for row, (_, of) in zip(axes, drawn, strict=True):
            row[0].plot(curve.epoch, of(curve), label=label, **style)
            if curve.bits.any():
                row[1].plot(curve.bits, of(curve), **style)
    splits = {curve.split.removesuffix("_deployed") for curve in curves}
    which = f"{splits.pop()} " if len(splits) == 1 else ""
    for row, (measure, _) in zip(axes, drawn, strict=True):
        row[0].set_ylabel(f"{which}{measure}")
    axes[-1, 0].set_xlabel("epoch")
    axes[-1, 0].xaxis.set_major_locator(MaxNLocator(integer=True))
    _bits_axis(axes[-1, 1], curves)
    for axis in axes.flat:
        axis.grid(color="0.9", linewidth=0.6)
        axis.set_axisbelow(True)
        axis.spines[["top", "right"]].set_visible(False)
    legend = figure.legend(
        *axes[0, 0].get_legend_handles_labels(),
        loc="outside lower center",
        ncols=max(1, min(4, len(curves), _LEGEND_CHARACTERS // (8 + max(map(len, labels))))),
        frameon=False,
        handlelength=4,
    )
    as_written(legend)
    return figure


def as_written(legend: Legend) -> None:
    """Names in a legend are no formulas, whatever they are written with."""
    for text in (legend.get_title(), *legend.get_texts()):
        text.set_parse_math(False)


def _bits_axis(axis: Axes, curves: Sequence[_Curve]) -> None:
    axis.set_xlabel("bits sent on the learning channels")
    totals = [int(curve.bits[-1]) for curve in curves if curve.bits[-1]]
    if not totals:
        axis.set_xticks([])
        axis.text(0.5, 0.5, "no learning channel", transform=axis.transAxes, ha="center", color="0.4")
        return
    if max(totals) > _WIDE * min(totals):
        axis.set_xscale("log")
    else:
        axis.xaxis.set_major_locator(MaxNLocator(5))
    axis.xaxis.set_major_formatter(EngFormatter(unit="bit"))


def _labels(curves: Sequence[_Curve]) -> list[str]:
    """The scenarios' names; with the file where two traces have one name."""
    often = Counter(curve.name for curve in curves if not curve.is_deployed)
    labels = [
        (curve.name if often[curve.name] == 1 else f"{curve.name} ({curve.path})")
        + (" as deployed" if curve.is_deployed else "")
        for curve in curves
    ]
    return [printable(label).replace("\n", " ") for label in labels]


def save(figure: Figure, target: Path) -> None:
    """Write a figure: the same one gives the same bytes. Raises InputError if it cannot be written."""
    undated = {".png": {}, ".svg": {"Date": None}, ".pdf": {"CreationDate": None}}[target.suffix.lower()]
    try:
        # A fixed salt and no date: the same traces give the same file.
        with matplotlib.rc_context({"svg.hashsalt": "channelsim", "svg.fonttype": "none"}):
            picture = io.BytesIO()
            figure.savefig(picture, format=target.suffix[1:].lower(), dpi=150, metadata=undated)
        replace(target, picture.getvalue())
    except OSError as error:
        raise InputError(f"{target}: cannot write the picture: {error.strerror or error}") from None
