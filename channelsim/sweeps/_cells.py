"""Points of a sweep that differ in nothing but their seed, taken together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from channelsim.errors import InputError
from channelsim.sweeps._store import DONE

if TYPE_CHECKING:
    import pandas as pd

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Cell:
    """The points that differ in nothing but their seed.

    `half` is half the width of the 95 % interval of the mean (Student's t), NaN for fewer than two seeds; `values` are
    those of the single points.
    """

    place: tuple[Any, ...]
    mean: float
    half: float
    values: NDArray[np.float64] = field(compare=False)

    @property
    def count(self) -> int:
        return len(self.values)


def cells(table: pd.DataFrame, keys: Sequence[str], y: str, swept: Sequence[str]) -> list[Cell]:
    """Mean and interval of `y` for each combination of the values of `keys`, in the order of the table."""
    done = table[(table["status"] == DONE) & table[y].notna()]
    if done.empty:
        raise InputError(
            f"plot: no point with a {y} is done ({_told(table)}); accepted: a sweep (and --where) with some"
        )
    found = []
    for place, rows in done.groupby(list(keys), sort=False):
        others = [key for key in swept if key not in (*keys, "seed") and rows[key].nunique() > 1]
        if others:
            some = ", ".join(str(value) for value in rows[others[0]].unique()[:4])
            raise InputError(
                f"plot: {others[0]} varies too ({some}); accepted: --by {others[0]}, --best-over {others[0]}, or "
                f"--where '{others[0]}={rows[others[0]].iloc[0]}' to draw some of the points"
            )
        values = rows[y].to_numpy(float)
        found.append(Cell(tuple(place), float(values.mean()), half_interval(values), values))
    return found


def half_interval(values: NDArray[np.float64]) -> float:
    """Half the width of the 95 % interval of the mean of independent values (Student's t); NaN for one value."""
    n = len(values)
    if n < 2:
        return math.nan
    from scipy.stats import t as student  # takes half a second

    return float(student.ppf(0.5 + CONFIDENCE / 2, n - 1) * values.std(ddof=1) / math.sqrt(n))


def _told(table: pd.DataFrame) -> str:
    """How the points ended."""
    counts = table["status"].value_counts()
    return ", ".join(f"{count} {status}" for status, count in counts.items()) or "no points"


def told_of_failures(table: pd.DataFrame) -> str:
    """What a picture says of points that are not in it; empty where all are done."""
    failed = int((table["status"] != DONE).sum())
    return f"{failed} of {len(table)} points failed" if failed else ""
