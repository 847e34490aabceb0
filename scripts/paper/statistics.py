"""Means and differences of a few runs, with their 95 % intervals."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Interval:
    """An estimate and its 95 % interval; endless (-inf, inf) where a single run tells nothing of the spread."""

    mean: float
    low: float
    high: float

    @property
    def half(self) -> float:
        """Half the width."""
        return (self.high - self.low) / 2


def mean(values: ArrayLike) -> Interval:
    """The mean of independent values, with the interval of Student's t distribution."""
    values = np.asarray(values, dtype=np.float64)
    n = len(values)
    if n < 2:
        return Interval(float(values.mean()), -math.inf, math.inf)
    return _interval(float(values.mean()), float(values.var(ddof=1)) / n, n - 1)


def difference(a: ArrayLike, b: ArrayLike) -> Interval:
    """mean(a) - mean(b) of independent values with any two variances, after Welch (1947)."""
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    centre = float(a.mean() - b.mean())
    if min(len(a), len(b)) < 2:
        return Interval(centre, -math.inf, math.inf)
    parts = [(float(x.var(ddof=1)) / len(x), len(x) - 1) for x in (a, b)]
    square = sum(part for part, _ in parts)
    if square == 0:
        return Interval(centre, centre, centre)
    freedom = square**2 / sum(part**2 / n for part, n in parts)
    return _interval(centre, square, freedom)


def _interval(centre: float, square: float, freedom: float) -> Interval:
    reach = float(stats.t.ppf((1 + CONFIDENCE) / 2, freedom)) * math.sqrt(square)
    return Interval(centre, centre - reach, centre + reach)
