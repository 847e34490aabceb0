"""The figure of docs/performance.md: how cost grows with depth, width, sparsity and batch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator, ScalarFormatter

LOOK: dict[str, dict[str, Any]] = {  # told apart in grey, and with any colour vision
    "online": {"color": "#D55E00", "marker": "o", "linestyle": "-"},
    "batch 100": {"color": "#0072B2", "marker": "s", "linestyle": "--"},
    "memory bound, online": {"color": "#000000", "marker": "", "linestyle": ":"},
    "proportional": {"color": "#999999", "marker": "", "linestyle": "-", "linewidth": 0.8},
}


def draw(report: dict[str, Any], out: Path) -> None:
    """Writes the picture of a recorded benchmark."""
    figure = Figure(figsize=(9, 6.5), layout="constrained")
    axes = figure.subplots(2, 2)
    facts = report["facts"]
    for ax, family in zip(axes[0], ("depth", "width"), strict=True):
        _growth(ax, family, facts["growth"])
    _sparsity(axes[1][0], facts["sparse"]["forward"])
    _batch(axes[1][1], facts["growth"]["batch"])
    with matplotlib.rc_context({"svg.hashsalt": "performance", "svg.fonttype": "none"}):
        figure.savefig(out, metadata={"Date": None})


def _growth(ax: Axes, family: str, facts: dict[str, Any]) -> None:
    for how in ("online", "batch 100"):
        points = facts[f"{family}, {how}"]
        ax.plot([p["size"] for p in points], [p["ns_per_synapse"] for p in points], label=how, **LOOK[how])
    points = facts[f"{family}, online"]
    bound = [p["bound_ns_per_synapse"] for p in points]
    ax.plot([p["size"] for p in points], bound, label="memory bound, online", **LOOK["memory bound, online"])
    ax.set(xscale="log", ylabel="ns per synapse touched", ylim=(0, None))
    ax.set_xlabel("hidden layers of 100" if family == "depth" else "units in each of 4 hidden layers")
    _plain_ticks(ax, [p["size"] for p in points])
    ax.legend(frameon=False, fontsize="small")


def _sparsity(ax: Axes, facts: dict[str, Any]) -> None:
    for how, found in facts.items():
        dense = found["times"]["dense"]["median"]
        points = sorted((found["share_sent"][name], found["times"][name]["median"] / dense) for name in found["times"])
        ax.plot(*zip(*points, strict=True), label=how, **LOOK[how])
    ax.plot([0, 1], [0, 1], label="proportional", **LOOK["proportional"])
    ax.set(xlabel="share of the activities sent", ylabel="time relative to dense", xlim=(0, 1), ylim=(0, None))
    ax.legend(frameon=False, fontsize="small")


def _batch(ax: Axes, points: list[dict[str, float]]) -> None:
    ax.plot([p["batch"] for p in points], [1e6 * p["seconds_a_sample"] for p in points], color="#0072B2", marker="s")
    ax.set(xscale="log", xlabel="samples per frame", ylabel="us per sample", ylim=(0, None))
    _plain_ticks(ax, [p["batch"] for p in points])


def _plain_ticks(ax: Axes, values: list[float]) -> None:
    ax.set_xticks(values)
    ax.xaxis.set_major_formatter(ScalarFormatter())
    ax.xaxis.set_minor_locator(NullLocator())
