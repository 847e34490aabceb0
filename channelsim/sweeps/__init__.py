"""Sweeps: many runs of one scenario, over a grid of its keys, on Dask distributed.

    table = cs.sweep(cs.load("scenarios/rules.toml"), out="runs/rules", workers=4)

A directory holds it all: a trace and a small result a point, and the table of all results. What is in it is
never done again.
"""

from __future__ import annotations

from channelsim.sweeps._grid import Point, points
from channelsim.sweeps._labels import number, short_labels
from channelsim.sweeps._progress import Silent, SweepProgress
from channelsim.sweeps._store import DONE
from channelsim.sweeps._sweep import default_out, sweep
from channelsim.sweeps._table import COLUMNS, MEASURES, keys_in, measures_in, read_table

__all__ = [
    "COLUMNS",
    "DONE",
    "MEASURES",
    "Point",
    "Silent",
    "SweepProgress",
    "default_out",
    "keys_in",
    "measures_in",
    "number",
    "points",
    "read_table",
    "short_labels",
    "sweep",
]
