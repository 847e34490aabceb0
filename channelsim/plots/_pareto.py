"""Pareto fronts: what no other point beats in every measure."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray


def front(points: NDArray[np.float64], is_better_high: tuple[bool, ...]) -> NDArray[np.bool_]:
    """Which of n points are on the Pareto front of k measures.

    Arguments:
        points: (n, k); a point with a NaN is never on the front.
        is_better_high: per measure, whether more is better.

    Returns (n,): no other point is as good in every measure and better in one. Of equal points all are on it.
    """
    cost = np.where(np.array(is_better_high), -points, points)
    whole: NDArray[np.bool_] = np.asarray(np.isfinite(cost).all(axis=1))
    on = whole.copy()
    for i in np.flatnonzero(whole):
        others = cost[whole]
        on[i] = not ((others <= cost[i]).all(axis=1) & (others < cost[i]).any(axis=1)).any()
    return on


def mark(axes: Axes, x: NDArray[np.float64], y: NDArray[np.float64], labels: list[str]) -> None:
    """Draws the front through its points, and names them where the names leave room for each other."""
    order = np.lexsort((y, x))
    axes.plot(x[order], y[order], color="0.35", linewidth=1.0, linestyle="--", zorder=1.5, label="Pareto front")
    axes.plot(x, y, "o", markersize=11, markerfacecolor="none", markeredgecolor="0.35", zorder=3)
    axes.autoscale_view()
    taken: list[tuple[float, float, float, float]] = []
    figure = axes.get_figure()
    assert figure is not None
    scale = figure.get_dpi() / 72
    for at in axes.transData.transform(np.stack([x, y], axis=1)):
        taken.append((at[0] - 5 * scale, at[1] - 5 * scale, at[0] + 5 * scale, at[1] + 5 * scale))
    for i in order:
        at = axes.transData.transform((x[i], y[i]))
        wide, high = scale * 4.6 * len(labels[i]), scale * 10.0
        to_left = at[0] + wide + 8 * scale > axes.transAxes.transform((1, 0))[0]
        for lift in (7, -13, 19, -25, 31):
            left = at[0] - wide - 7 * scale if to_left else at[0] + 7 * scale
            box = (left, at[1] + lift * scale, left + wide, at[1] + lift * scale + high)
            if all(box[2] < one[0] or one[2] < box[0] or box[3] < one[1] or one[3] < box[1] for one in taken):
                taken.append(box)
                text = axes.annotate(
                    labels[i], (x[i], y[i]), xytext=(-7 if to_left else 7, lift), textcoords="offset points",
                    ha="right" if to_left else "left", fontsize=8, zorder=5,
                    bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5, "alpha": 0.75},
                )  # fmt: skip
                text.set_parse_math(False)
                break
