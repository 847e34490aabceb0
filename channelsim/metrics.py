"""What a run is judged by: loss and accuracy, or for real targets R^2 (docs/design.md, section 1)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from channelsim import elementary

_BLOCK = 1000  # samples that are there in float64 at a time


def variance(targets: NDArray[Any]) -> float:
    """Of real targets (N, n), the mean squared distance from their mean; NaN of class numbers (N,) and of none."""
    if targets.ndim != 2 or not len(targets):
        return math.nan
    mean = _mean(targets, np.zeros(targets.shape[1]), power=1)
    return float(_mean(targets, mean, power=2).sum())


def mean_square(targets: NDArray[Any]) -> float:
    """Of real targets (N, n), the mean squared length."""
    return float(_mean(targets, np.zeros(targets.shape[1]), power=2).sum())


def _mean(targets: NDArray[Any], centre: NDArray[np.float64], power: int) -> NDArray[np.float64]:
    """Of (targets - centre)^power over the samples, (n,)."""
    sums = np.zeros(targets.shape[1])
    for first in range(0, len(targets), _BLOCK):
        apart = targets[first : first + _BLOCK].astype(np.float64) - centre
        sums += elementary.total(apart if power == 1 else apart * apart)
    return sums / len(targets)


def r2(loss: float, variance: float) -> float:
    """R^2 = 1 - squared error / variance, over all values of the targets together, of a mean loss that is half the
    squared error of a sample; NaN where the variance is 0 or NaN."""
    return 1.0 - 2.0 * loss / variance if variance > 0 else math.nan
