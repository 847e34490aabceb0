"""Where bits and joules went at the points of a sweep: a bar for each combination of swept values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from channelsim.errors import InputError
from channelsim.plots import CAUSES, MOST_BARS, Panel, draw_bars
from channelsim.sweeps._cells import cells, told_of_failures
from channelsim.sweeps._labels import names_of

if TYPE_CHECKING:
    import pandas as pd

_ENERGY = ("energy_bits_j", "energy_macs_j", "energy_reads_j", "energy_writes_j")  # in the order of CAUSES


def draw_sweep_bars(table: pd.DataFrame, swept: Sequence[str]) -> Figure:
    """Means over seeds. Raises InputError where there are more combinations than can be drawn."""
    varying = [key for key in swept if key != "seed" and table[key].nunique(dropna=False) > 1] or ["point"]
    means = {}
    for column in ("bits", "learning_bits", *_ENERGY):
        found = cells(table, varying, column, swept)
        means[column] = np.array([cell.mean for cell in found])
    if len(found) > MOST_BARS:
        raise InputError(
            f"plot: --breakdown of {len(found)} combinations of swept values; accepted: at most {MOST_BARS} (--where)"
        )
    learning = means["learning_bits"]
    bits = np.stack([means["bits"] - learning, learning], axis=1)
    energy = np.stack([means[column] for column in _ENERGY], axis=1)
    figure = draw_bars(
        names_of([cell.place for cell in found], varying),
        [
            Panel("bits sent", "bit", ("forward channels", "learning channels"), bits),
            Panel("energy", "J", CAUSES, energy),
        ],
    )
    if told_of_failures(table):
        figure.suptitle(told_of_failures(table), fontsize="small", color="0.3")
    return figure
