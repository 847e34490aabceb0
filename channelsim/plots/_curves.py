"""What learning came to: accuracy or R^2 and loss, by epoch and by bits sent on the learning channels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, MaxNLocator
from numpy.typing import NDArray

from channelsim.errors import InputError, printable
from channelsim.plots._style import MOST_NAMES, Picture, as_written, is_wide, log_ticks, look, tidy
from channelsim.trace import Trace

_MOST_MARKERS = 12  # a curve
_PALE = 0.45  # opacity of what is as deployed
_LEGEND_CHARACTERS = 100  # a line


@dataclass(frozen=True)
class Curve:
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


def curves_of(trace: Trace) -> list[Curve]:
    """The curve of a trace, and the one as deployed if there is any."""
    split = "test" if len(trace.metrics("test")) else "train"
    if not len(trace.metrics(split)):
        raise InputError(f"{trace.path}: no epoch is done yet, so there is nothing to draw")
    deployed = ["test_deployed"] if len(trace.metrics("test_deployed")) else []
    return [_curve(trace, which) for which in (split, *deployed)]


def _curve(trace: Trace, split: str) -> Curve:
    rows = trace.metrics(split)
    counted = trace.channels(trace.channel_names[0])["epoch"]
    so_far = np.concatenate([[0], trace.learning_bits()])
    bits = so_far[np.searchsorted(counted, rows["epoch"], side="right")]
    accuracy = 100 * rows["accuracy"]
    return Curve(trace.name, trace.path, split, rows["epoch"], accuracy, rows["r2"], rows["loss"], bits)


_MEASURES: tuple[tuple[str, Callable[[Curve], NDArray[np.float64]]], ...] = (
    ("accuracy (%)", lambda curve: curve.accuracy),
    ("R$^2$", lambda curve: curve.r2),
    ("loss", lambda curve: curve.loss),
)
"""A row of the picture each, where some curve has it."""


def _absent(values: NDArray[np.float64]) -> bool:
    return bool(np.isnan(values).all())


def draw(of_traces: Sequence[Sequence[Curve]]) -> Figure:
    curves = [curve for of_trace in of_traces for curve in of_trace]
    numbers = [i for i, of_trace in enumerate(of_traces) for _ in of_trace]
    drawn = [(label, values) for label, values in _MEASURES if any(not _absent(values(curve)) for curve in curves)]
    figure = Picture(figsize=(9.0, 0.4 + 3.0 * len(drawn)), layout="constrained")
    axes = figure.subplots(len(drawn), 2, sharex="col", sharey="row", squeeze=False)
    labels = labels_of(curves)
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
    _epoch_axis(axes[-1, 0], max(int(curve.epoch[-1]) for curve in curves))
    _bits_axis(axes[-1, 1], curves)
    for axis in axes.flat:
        tidy(axis)
    name_curves(figure, axes[0, 0], labels)
    return figure


def name_curves(figure: Figure, axes: Axes, labels: Sequence[str]) -> None:
    """The legend below the panels; of very many curves it names the first ones, and says how many there are."""
    handles, names = axes.get_legend_handles_labels()
    if len(handles) > MOST_NAMES:
        more = f"the first {MOST_NAMES} of {len(handles)} curves"
        handles, names, labels = handles[:MOST_NAMES], names[:MOST_NAMES], labels[:MOST_NAMES]
    else:
        more = None
    legend = figure.legend(
        handles,
        names,
        title=more,
        loc="outside lower center",
        ncols=max(1, min(4, len(handles), _LEGEND_CHARACTERS // (8 + max(map(len, labels))))),
        frameon=False,
        handlelength=4,
    )
    as_written(legend)


def _epoch_axis(axis: Axes, most: int) -> None:
    axis.set_xlabel("epoch")
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    if most == 1:
        axis.set_xlim(0.5, 1.5)
        axis.set_xticks([1])


def _bits_axis(axis: Axes, curves: Sequence[Curve]) -> None:
    axis.set_xlabel("bits sent on the learning channels")
    sent = np.concatenate([curve.bits[curve.bits > 0] for curve in curves]).astype(np.float64)
    if not len(sent):
        axis.set_xticks([])
        axis.text(0.5, 0.5, "no learning channel", transform=axis.transAxes, ha="center", color="0.4")
        return
    totals = np.array([float(curve.bits[-1]) for curve in curves if curve.bits[-1]])
    if is_wide(totals):
        axis.set_xscale("log")
        log_ticks(axis.xaxis, sent)
    else:
        axis.xaxis.set_major_locator(MaxNLocator(5))
    axis.xaxis.set_major_formatter(EngFormatter(unit="bit"))


def labels_of(curves: Sequence[Curve]) -> list[str]:
    """The scenarios' names; with the file where two traces have one name."""
    often = Counter(curve.name for curve in curves if not curve.is_deployed)
    labels = [
        (curve.name if often[curve.name] == 1 else f"{curve.name} ({curve.path})")
        + (" as deployed" if curve.is_deployed else "")
        for curve in curves
    ]
    return [printable(label).replace("\n", " ") for label in labels]
