"""Pictures of test accuracy with its 95 % interval: one of all variants, and one per experiment with a faint dot per
seed."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, NullLocator

from scripts.paper import statistics
from scripts.paper.experiments import AXES, EXPONENTS, Experiment, Variant
from scripts.paper.outcomes import Outcome, Outcomes

# The colours of Okabe and Ito, told apart with any colour vision. Markers differ too.
COLOURS = {"bp": "#000000", "rbp": "#D55E00", "srbp": "#0072B2", "arbp": "#E69F00", "asrbp": "#56B4E9",
           "sign": "#009E73", "sbp": "#332288", "drtp": "#CC79A7", "top": "#7F7F7F"}  # fmt: skip
MARKERS = {
    "bp": "o",
    "rbp": "s",
    "srbp": "^",
    "arbp": "D",
    "asrbp": "v",
    "sign": "P",
    "sbp": "*",
    "drtp": "X",
    "top": "h",
}


OTHER = "#8C510A"  # of a rule that has no colour of its own
PLAIN = "same rule, nothing changed"
DASHES = (0, (6, 3))
RATES = {True: "each at its own best learning rate", False: "one learning rate for all"}


def draw(experiment: Experiment, outcomes: Outcomes) -> Figure:
    """Curves over the swept number, if there is one, else one row per variant; with the plain rules as lines."""
    return _curves(experiment, outcomes) if experiment.axis else _rows(experiment, outcomes)


def save(figure: Figure, target: Path) -> None:
    """Writes an SVG; the same numbers give the same file."""
    with matplotlib.rc_context({"svg.hashsalt": "channelsim", "svg.fonttype": "none"}):
        figure.savefig(target, metadata={"Date": None})


def overview(experiments: Sequence[Experiment], outcomes: Outcomes) -> Figure:
    """Every variant that has results by name, the best first, in columns; coloured by rule."""
    shown = _best_first(experiments, outcomes)
    named = Counter(outcome.label for _, outcome, _ in shown)
    columns = 3 if are_many(experiments, outcomes) else 1
    rows = math.ceil(len(shown) / columns)
    figure = Figure(figsize=(4.6 * columns, 0.9 + 0.155 * rows), layout="constrained")
    for column, axes in enumerate(np.atleast_1d(figure.subplots(1, columns, squeeze=True))):
        part = shown[column * rows : (column + 1) * rows]
        for row, (variant, outcome, _) in enumerate(part):
            interval = statistics.mean(outcome.accuracies)
            axes.errorbar(
                interval.mean, -row, xerr=_reach(interval.half), fmt=MARKERS.get(variant.rule, "o"),
                color=COLOURS.get(variant.rule, OTHER), markersize=3.5, capsize=2, linewidth=1,
            )  # fmt: skip
        labels = [label if named[label] == 1 or name == "rules" else f"{label} ({name})" for label, name in
                  ((outcome.label, name) for _, outcome, name in part)]  # fmt: skip
        axes.set_yticks([-row for row in range(len(part))], labels, fontsize=7)
        axes.set_ylim(-rows + 0.4, 0.6)
        axes.tick_params(axis="x", labelsize=7)
        axes.set_xlabel("test accuracy (%)", fontsize=8)
        axes.grid(color="0.9", linewidth=0.5)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def are_many(experiments: Sequence[Experiment], outcomes: Outcomes) -> bool:
    """Whether there are too many variants for their names to be read beside each other."""
    return len(_best_first(experiments, outcomes)) > 24


def ranked(experiments: Sequence[Experiment], outcomes: Outcomes) -> Figure:
    """Every variant that has results over its rank, coloured by rule, with the names of the plain rules."""
    shown = _best_first(experiments, outcomes)
    figure = Figure(figsize=(7.5, 4.4), layout="constrained")
    axes = figure.subplots()
    means: list[float] = []
    for rule in dict.fromkeys([*COLOURS, *(variant.rule for variant, _, _ in shown)]):
        own = [(rank, one) for rank, (variant, one, _) in enumerate(shown, 1) if variant.rule == rule]
        if not own:
            continue
        intervals = [statistics.mean(outcome.accuracies) for _, outcome in own]
        means += [interval.mean for interval in intervals]
        look = {"color": COLOURS.get(rule, OTHER), "fmt": MARKERS.get(rule, "o"), "label": rule}
        axes.errorbar(
            [rank for rank, _ in own], [interval.mean for interval in intervals],
            yerr=[_reach(interval.half) for interval in intervals], markersize=3, linewidth=0.8, **look,
        )  # fmt: skip
    plain = [(rank, one) for rank, (_, one, name) in enumerate(shown, 1) if name == "rules"]
    for place, (rank, outcome) in enumerate(plain):
        axes.annotate(
            outcome.label, (rank, outcome.mean), xytext=(4, 14 + 11 * (place % 3)), textcoords="offset points",
            fontsize=8, arrowprops={"arrowstyle": "-", "linewidth": 0.5, "color": "0.5"},
        )  # fmt: skip
    axes.set_xlabel(f"rank among {len(shown)} variants")
    axes.set_ylabel("test accuracy (%)")
    axes.set_xlim(0, len(shown) + 8)
    _far_from_100(axes, "y", means)
    axes.grid(color="0.9", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside lower center", ncols=9, frameon=False, fontsize=8, handletextpad=0.1, columnspacing=1)
    return figure


def _best_first(experiments: Sequence[Experiment], outcomes: Outcomes) -> list[tuple[Variant, Outcome, str]]:
    """The variants that have results, with the names of their experiments."""
    shown = [(*pair, experiment.name) for experiment in experiments for pair in outcomes.found(experiment)]
    return sorted(shown, key=lambda one: (-one[1].mean, one[2], one[0].label))


LINES = ("-", "--", ":", "-.")


def quantized(experiments: Sequence[Experiment], outcomes: Outcomes) -> list[Experiment]:
    """The experiments over exponents of errors that have results, with the entropy of what was sent."""
    return [
        one
        for one in experiments
        if one.axis == EXPONENTS and any(outcome.entropy > 0 for outcome in outcomes.so_far(one.name))
    ]


def against_bits(experiments: Sequence[Experiment], outcomes: Outcomes) -> Figure:
    """Accuracy over the bits of an update on the learning channels, in words, in the arithmetic code where there are
    such runs, and as entropy: a curve for each rule and experiment over exponents."""
    chosen = quantized(experiments, outcomes)
    measures = {"in words": "bits", "in the arithmetic code": "coded", "entropy": "entropy"}
    if all(math.isnan(outcome.coded) for one in chosen for outcome in outcomes.so_far(one.name)):
        del measures["in the arithmetic code"]
    figure = Figure(figsize=(1 + 4.5 * len(measures), 5.2), layout="constrained")
    panels = figure.subplots(1, len(measures), sharex=True, sharey=True)
    drawn: list[float] = []
    rules, styles = {}, {}
    for experiment, line in zip(chosen, LINES, strict=False):
        styles[experiment.title.rpartition(": ")[2]] = line
        pairs = [(variant, outcome) for variant, outcome in outcomes.found(experiment) if outcome.entropy > 0]
        for rule in dict.fromkeys(variant.rule for variant, _ in pairs):
            own = sorted(((v.values[EXPONENTS], o) for v, o in pairs if v.rule == rule), key=lambda pair: pair[0])
            means = [outcome.mean for _, outcome in own]
            drawn += means
            look = {"color": COLOURS.get(rule, OTHER), "marker": MARKERS.get(rule, "o"), "markersize": 4}
            rules[rule] = look
            for axes, measure in zip(panels, measures.values(), strict=True):
                axes.plot([getattr(o, measure) for _, o in own], means, line, linewidth=1.2, **look)
    for axes, label in zip(panels, measures, strict=True):
        axes.set_xscale("log")
        axes.set_xlabel(f"bits per update, {label}")
        axes.grid(color="0.9", linewidth=0.6)
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel("test accuracy (%)")
    _far_from_100(panels[0], "y", drawn)
    of_rules = [Line2D([], [], linestyle="", label=rule, **look) for rule, look in rules.items()]
    of_experiments = [Line2D([], [], linestyle=line, color="0.3", label=title) for title, line in styles.items()]
    panels[0].legend(handles=of_rules, loc="lower left", frameon=False, fontsize=8)
    figure.legend(handles=of_experiments, loc="outside lower center", ncols=4, frameon=False, fontsize=8)
    return figure


def _rows(experiment: Experiment, outcomes: Outcomes) -> Figure:
    pairs = outcomes.found(experiment)
    figure = Figure(figsize=(7.5, 1.3 + 0.42 * len(pairs)), layout="constrained")
    axes = figure.subplots()
    drawn: list[float] = []
    plain: list[tuple[float, int]] = []
    for row, (variant, outcome) in enumerate(reversed(pairs)):
        interval = statistics.mean(outcome.accuracies)
        axes.plot(outcome.accuracies, np.full(len(outcome.accuracies), row), ".", color=COLOURS["srbp"], alpha=0.35,
                  markersize=5)  # fmt: skip
        axes.errorbar(
            interval.mean, row, xerr=_reach(interval.half), fmt="o", color=COLOURS["srbp"], markerfacecolor="white",
            markersize=6, capsize=3, label=RATES[experiment.is_tuned] if row == 0 else None,
        )  # fmt: skip
        drawn += list(outcome.accuracies)
        if variant.label != variant.rule and outcomes.has("rules", variant.rule):
            plain.append((outcomes("rules", variant.rule).mean, row))
    if plain:
        means, rows = zip(*plain, strict=True)
        axes.plot(means, rows, "|", color="black", markersize=15, label=PLAIN)
        drawn += means
    axes.set_yticks(range(len(pairs)), [outcome.label for _, outcome in reversed(pairs)])
    axes.set_ylim(-0.6, len(pairs) - 0.4)
    axes.set_xlabel("test accuracy (%)")
    _far_from_100(axes, "x", drawn)
    _tidy(figure, axes)
    return figure


def _curves(experiment: Experiment, outcomes: Outcomes) -> Figure:
    key = experiment.axis
    assert key is not None
    pairs = outcomes.found(experiment)
    figure = Figure(figsize=(7.5, 4.0), layout="constrained")
    axes = figure.subplots()
    drawn: list[float] = []
    for rule in dict.fromkeys(variant.rule for variant, _ in pairs):
        own = sorted(((v.values[key], o) for v, o in pairs if v.rule == rule), key=lambda pair: pair[0])
        drawn += _curve(axes, rule, own, f"{rule}, {RATES[experiment.is_tuned]}")
        if not outcomes.has("rules", rule):
            continue
        plain = outcomes("rules", rule).mean
        drawn.append(plain)
        axes.axhline(plain, color=COLOURS.get(rule, OTHER), linewidth=0.9, linestyle=DASHES)
    if any(outcomes.has("rules", variant.rule) for variant, _ in pairs):
        axes.plot([], [], color="0.3", linewidth=0.9, linestyle=DASHES, label=PLAIN)
    values = sorted({variant.values[key] for variant, _ in pairs})
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


def _curve(axes: Axes, rule: str, own: list[tuple[float, Outcome]], label: str) -> list[float]:
    intervals = [statistics.mean(outcome.accuracies) for _, outcome in own]
    colour = COLOURS.get(rule, OTHER)
    axes.errorbar(
        [value for value, _ in own], [interval.mean for interval in intervals],
        yerr=[_reach(interval.half) for interval in intervals], color=colour, marker=MARKERS.get(rule, "o"),
        linestyle="-", markerfacecolor="white", capsize=3, linewidth=1.5, label=label,
    )  # fmt: skip
    for value, outcome in own:
        seeds = outcome.accuracies
        axes.plot(np.full(len(seeds), value), seeds, ".", color=colour, alpha=0.3, markersize=4)
    return [float(value) for _, outcome in own for value in outcome.accuracies]


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
    handles, labels = axes.get_legend_handles_labels()
    order = sorted(range(len(labels)), key=lambda n: labels[n] == PLAIN)  # the plain rules last
    figure.legend(
        [handles[n] for n in order],
        [labels[n] for n in order],
        loc="outside lower center",
        ncols=2,
        frameon=False,
        fontsize=9,
    )
