"""A measure over two swept keys, as a map with its numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter

from channelsim.plots import Measure, Picture, is_wide
from channelsim.sweeps._cells import Cell
from channelsim.sweeps._labels import Along

_MOST_NUMBERS = 400  # cells with a number in them
_WIDEST = 14.0  # inches


def draw_heat(found: Sequence[Cell], x: str, heat: str, measure: Measure, note: str) -> Figure:
    """The map: each cell its mean over seeds; a cell without a point is hatched."""
    across, up = (Along([cell.place[i] for cell in found]) for i in (0, 1))
    values = np.full((len(up.values), len(across.values)), np.nan)
    for cell in found:
        values[up.values.index(cell.place[1]), across.values.index(cell.place[0])] = measure.factor * cell.mean
    wide = min(_WIDEST, 2.8 + 0.62 * len(across.values))
    figure = Picture(figsize=(max(wide, 4.0), max(2.4, 1.6 + 0.42 * len(up.values))), layout="constrained")
    axes = figure.subplots()
    axes.set_facecolor("0.96")
    axes.patch.set(hatch="///", edgecolor="0.8")
    logarithmic = measure.may_be_wide and is_wide(values.ravel())
    image = axes.imshow(values, origin="lower", aspect="auto", cmap="cividis", norm=LogNorm() if logarithmic else None)
    for along, axis, key in ((across, axes.xaxis, x), (up, axes.yaxis, heat)):
        axis.set_ticks(range(len(along.values)), [along.labels[value] for value in along.values])
        axis.set_label_text(key)
        for text in axis.get_ticklabels():
            text.set_parse_math(False)
    if sum(len(across.labels[value]) + 2 for value in across.values) > 9 * wide:
        for text in axes.get_xticklabels():
            text.set(rotation=30, ha="right", rotation_mode="anchor")
    shown = EngFormatter(sep="") if measure.unit is not None else None
    if values.size <= _MOST_NUMBERS:
        for (row, column), value in np.ndenumerate(values):
            if not math.isnan(value):
                red, green, blue, _ = image.cmap(image.norm(value))
                dark = 0.299 * red + 0.587 * green + 0.114 * blue < 0.5
                digits = shown(float(f"{value:.3g}")) if shown else f"{value:.3g}"
                axes.text(column, row, digits, ha="center", va="center", fontsize=8, color="white" if dark else "black")
    bar = figure.colorbar(image, label=measure.label)
    if measure.unit is not None:
        bar.formatter = EngFormatter(unit=measure.unit, sep="\N{NO-BREAK SPACE}")
        bar.update_ticks()
    if note:
        axes.set_title(note, fontsize="small", color="0.3", loc="left")
    return figure
