"""One picture per experiment: test accuracy with its 95 % interval, one faint dot per seed."""

from __future__ import annotations

import math
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from scripts.paper import statistics
from scripts.paper.experiments import AXES, Experiment
from scripts.paper.outcomes import Outcome, Outcomes, Rate

# The colours of Okabe and Ito, told apart with any colour vision. Markers differ too.
COLOURS = {"bp": "#000000", "rbp": "#D55E00", "srbp": "#0072B2", "arbp": "#E69F00", "asrbp": "#56B4E9",
           "sign": "#009E73", "drtp": "#CC79A7", "top": "#7F7F7F"}  # fmt: skip
MARKERS = {"bp": "o", "rbp": "s", "srbp": "^", "arbp": "D", "asrbp": "v", "sign": "P", "drtp": "X", "top": "h"}


def draw(experiment: Experiment, outcomes: Outcomes) -> Figure:
    """Curves over the swept number, if there is one, else one row per variant; with the plain rules as lines."""
    return _curves(experiment, outcomes) if experiment.axis else _rows(experiment, outcomes)


def save(figure: Figure, target: Path) -> None:
    """Writes an SVG; the same numbers give the same file."""
    with matplotlib.rc_context({"svg.hashsalt": "channelsim", "svg.fonttype": "none"}):
        figure.savefig(target, metadata={"Date": None})


def _rows(experiment: Experiment, outcomes: Outcomes) -> Figure:
    shown = outcomes.of(experiment.name)
    figure = Figure(figsize=(7.5, 1.3 + 0.42 * len(shown)), layout="constrained")
    axes = figure.subplots()
    looks: dict[Rate, tuple[str, float, str]] = {"best": (COLOURS["srbp"], 0.0, "each at its own best learning rate")}
    if "common" in outcomes.rates:
        looks = {
            "common": ("0.6", -0.16, f"common learning rate {experiment.common_rate:g}"),
            "best": (COLOURS["srbp"], 0.16, "each at its own best"),
        }
    for rate, (colour, shift, label) in looks.items():
        for row, outcome in enumerate(shown):
            place = len(shown) - 1 - row - shift
            values = outcome.accuracies[rate]
            interval = statistics.mean(values)
            axes.plot(values, np.full(len(values), place), ".", color=colour, alpha=0.35, markersize=5)
            axes.errorbar(
                interval.mean, place, xerr=_reach(interval.half), fmt="o" if rate == "best" else "s", color=colour,
                markerfacecolor="white", markersize=6, capsize=3, label=label if row == 0 else None,
            )  # fmt: skip
    drawn = [value for outcome in shown for rate in looks for value in outcome.accuracies[rate]]
    changed = [(row, v.rule) for row, v in enumerate(reversed(experiment.variants)) if v.label != v.rule]
    if changed:
        plain = [float(outcomes("rules", rule).accuracies["best"].mean()) for _, rule in changed]
        rows = [row for row, _ in changed]
        axes.plot(plain, rows, "|", color="black", markersize=15, label="same rule, nothing changed, at its own best")
        drawn += plain
    axes.set_yticks(range(len(shown)), [outcome.label for outcome in reversed(shown)])
    axes.set_ylim(-0.6, len(shown) - 0.4)
    axes.set_xlabel("test accuracy (%)")
    _far_from_100(axes, "x", drawn)
    _tidy(figure, axes)
    return figure


def _curves(experiment: Experiment, outcomes: Outcomes) -> Figure:
    key = experiment.axis
    assert key is not None
    shown = outcomes.of(experiment.name)
    pairs = list(zip(experiment.variants, shown, strict=True))
    rules = list(dict.fromkeys(variant.rule for variant in experiment.variants))
    figure = Figure(figsize=(7.5, 4.0), layout="constrained")
    axes = figure.subplots()
    drawn: list[float] = []
    for rule in rules:
        own = sorted(((v.values[key], o) for v, o in pairs if v.rule == rule), key=lambda pair: pair[0])
        for rate, style, alpha in (("common", ":", 0.55), ("best", "-", 1.0)):
            drawn += _curve(axes, rule, own, rate, style, alpha)  # type: ignore[arg-type]
        plain = statistics.mean(outcomes("rules", rule).accuracies["best"])
        drawn.append(plain.mean)
        axes.axhline(plain.mean, color=COLOURS[rule], linewidth=0.9, linestyle=(0, (6, 3)))
        axes.annotate(
            f"{rule}, nothing changed", (1, plain.mean), xycoords=("axes fraction", "data"), xytext=(-2, 2),
            textcoords="offset points", ha="right", va="bottom", fontsize=8, color=COLOURS[rule],
        )  # fmt: skip
    values = sorted({variant.values[key] for variant in experiment.variants})
    if key.endswith("connections"):
        axes.set_xscale("log", base=2)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticks(values)
    axes.set_xlabel(AXES[key])
    axes.set_ylabel("test accuracy (%)")
    _far_from_100(axes, "y", drawn)
    _tidy(figure, axes)
    return figure


def _curve(
    axes: Axes, rule: str, own: list[tuple[float, Outcome]], rate: Rate, style: str, alpha: float
) -> list[float]:
    x = [value for value, _ in own]
    intervals = [statistics.mean(outcome.accuracies[rate]) for _, outcome in own]
    label = f"{rule}, {'own best learning rate' if rate == 'best' else 'common learning rate'}"
    axes.errorbar(
        x, [interval.mean for interval in intervals], yerr=[_reach(interval.half) for interval in intervals],
        color=COLOURS[rule], marker=MARKERS[rule], linestyle=style, alpha=alpha, markerfacecolor="white",
        capsize=3, linewidth=1.5, label=label,
    )  # fmt: skip
    for value, outcome in own:
        seeds = outcome.accuracies[rate]
        axes.plot(np.full(len(seeds), value), seeds, ".", color=COLOURS[rule], alpha=0.3 * alpha, markersize=4)
    return [float(value) for _, outcome in own for value in outcome.accuracies[rate]]


def _reach(half: float) -> float:
    """No bar where a single run has no spread."""
    return half if math.isfinite(half) else 0.0


def _far_from_100(axes: Axes, which: str, values: list[float]) -> None:
    """Where accuracies lie far apart, an axis that shows the last points before 100 % as wide as the first ones."""
    low, high = min(values), max(values)
    if low > 90.0 or high < 90.0:
        return
    set_scale, set_limits, set_ticks = (
        (axes.set_xscale, axes.set_xlim, axes.set_xticks)
        if which == "x"
        else (axes.set_yscale, axes.set_ylim, axes.set_yticks)
    )
    set_scale("function", functions=(lambda x: -np.log10(101 - np.minimum(x, 100)), lambda y: 101 - 10.0**-y))
    set_limits(low - 0.05 * (101 - low), min(100.0, high + 0.15 * (101 - high)))
    set_ticks([tick for tick in (10, 30, 50, 70, 80, 85, 90, 93, 95, 96, 97, 98, 99) if low - 1 <= tick <= high])


def _tidy(figure: Figure, axes: Axes) -> None:
    axes.grid(color="0.9", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False, fontsize=9)
