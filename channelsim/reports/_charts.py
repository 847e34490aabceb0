"""The figures of a run's page: each is small enough for a telephone, and is None where there is nothing to draw."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from channelsim.plots import (
    BITS,
    CAUSES,
    COLOURS,
    Panel,
    as_written,
    bit_split,
    draw_panel,
    energy_split,
    look,
    short,
    tidy,
)
from channelsim.reports._loads import Load
from channelsim.timelines import read
from channelsim.timelines.figure import draw, first_frames
from channelsim.trace import Trace

_WIDTH = 4.6  # inches: 440 pixels
_MOST_MARKERS = 12  # a curve
_MOST_BARS = 40
_SPLITS = {
    "test": "test",
    "test_deployed": "test, as deployed",
    "validation": "validation",
    "train": "training (mean during the epoch)",
}


def learning(trace: Trace, measure: str) -> Figure | None:
    """Accuracy, r2 or loss of all splits by epoch."""
    curves = {words: trace.metrics(split) for split, words in _SPLITS.items()}
    curves = {words: rows for words, rows in curves.items() if np.isfinite(rows[measure]).any()}
    if not curves:
        return None
    factor, words = {"accuracy": (100.0, "accuracy (%)"), "r2": (1.0, "R$^2$"), "loss": (1.0, "loss")}[measure]
    figure, axes = _panel()
    for i, (label, rows) in enumerate(curves.items()):
        _curve(axes, rows["epoch"], factor * rows[measure], label, i)
    axes.set_ylabel(words)
    _by_epoch(axes, max(int(rows["epoch"][-1]) for rows in curves.values()))
    _legend(axes)
    return figure


def bits(trace: Trace) -> Figure | None:
    """Bits by channel: values and headers."""
    return _breakdown("bits sent", "bit", BITS, bit_split(trace))


def energy(trace: Trace) -> Figure | None:
    """Joules by channel and cause."""
    return _breakdown("energy", "J", CAUSES, energy_split(trace))


def busy(found: Sequence[Load]) -> Figure | None:
    """How much of the simulated time the work of each link and layer takes."""
    if not found:
        return None
    shown = found[:_MOST_BARS]
    figure, axes = _panel(0.9 + 0.3 * len(shown))
    shares = [100 * load.share for load in shown]
    axes.barh(range(len(shown)), shares, height=0.7, color=COLOURS[2])
    for y, share in enumerate(shares):
        axes.annotate(
            f"{share:.3g} %", (share, y), xytext=(3, 0), textcoords="offset points", va="center", fontsize=8,
            color="0.2",
        )  # fmt: skip
    axes.set_yticks(range(len(shown)), [short(load.name) for load in shown])
    for text in axes.get_yticklabels():
        text.set_parse_math(False)
    axes.set_ylim(len(shown) - 0.4, -0.6)
    axes.set_xlim(0, 1.18 * max(shares))
    axes.set_xlabel("share of the simulated time (%)")
    axes.grid(visible=False, axis="y")
    return figure


def staleness(trace: Trace) -> Figure | None:
    """How late errors were at each layer: the share of its updates by age in frames."""
    found = {layer: trace.staleness(layer) for layer in trace.error_layers}
    found = {layer: ages for layer, ages in found.items() if ages.sum()}
    if not any(ages[1:].any() for ages in found.values()):
        return None
    figure, axes = _panel()
    for i, (layer, ages) in enumerate(found.items()):
        _curve(axes, np.arange(len(ages)), 100 * ages / ages.sum(), f"layer {layer}", i)
    axes.set_xlabel("age of the error (frames)")
    axes.set_ylabel("share of updates (%)")
    axes.set_ylim(bottom=0)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    _legend(axes)
    return figure


def alignment(trace: Trace) -> Figure | None:
    """The cosine of the delivered learning signals and the true gradient's by epoch, a curve for each layer."""
    found = {layer: trace.alignment(layer) for layer in trace.error_layers}
    found = {layer: rows for layer, rows in found.items() if np.isfinite(rows["cosine"]).any()}
    if not found:
        return None
    figure, axes = _panel()
    for i, (layer, rows) in enumerate(found.items()):
        _curve(axes, rows["epoch"], rows["cosine"], f"layer {layer}", i)
    axes.set_ylabel("cosine of error and gradient")
    axes.axhline(0, color="0.6", linewidth=0.8, zorder=1)
    _by_epoch(axes, max(int(rows["epoch"][-1]) for rows in found.values()))
    _legend(axes)
    return figure


def timeline(trace: Trace) -> Figure:
    """The first frames that are recorded, as many as one can read. Raises InputError where there is nothing to see."""
    return draw(first_frames(read(trace)))


def _breakdown(title: str, unit: str, causes: Sequence[str], split: dict[str, tuple[float, ...]]) -> Figure | None:
    values = np.array(list(split.values()))
    if not values.any() or len(split) > _MOST_BARS:
        return None
    figure, axes = _panel(1.5 + 0.3 * len(split))
    draw_panel(axes, list(split), Panel(title, unit, causes, values))
    return figure


def _panel(height: float = 3.0) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(_WIDTH, height), layout="constrained")
    axes = figure.subplots()
    tidy(axes)
    return figure, axes


def _curve(axes: Axes, x: NDArray[np.int64], y: NDArray[np.float64], label: str, i: int) -> None:
    axes.plot(x, y, label=label, markevery=max(1, len(x) // _MOST_MARKERS), **look(i))


def _by_epoch(axes: Axes, most: int) -> None:
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if most == 1:
        axes.set_xlim(0.5, 1.5)
        axes.set_xticks([1])


def _legend(axes: Axes) -> None:
    as_written(axes.legend(frameon=False, fontsize=8, handlelength=3.5))
