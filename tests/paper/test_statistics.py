"""Intervals of means and differences."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from scripts.paper import statistics
from scripts.paper.statistics import Interval


def test_intervals_are_those_of_scipy() -> None:
    a, b = np.array([97.1, 97.3, 97.0, 97.4, 97.2]), np.array([95.0, 96.1, 95.5, 94.9, 95.2])
    low, high = stats.t.interval(0.95, 4, a.mean(), stats.sem(a))
    assert (statistics.mean(a).low, statistics.mean(a).high) == pytest.approx((low, high))
    welch = stats.ttest_ind(a, b, equal_var=False).confidence_interval(0.95)
    found = statistics.difference(a, b)
    assert (found.low, found.high) == pytest.approx((welch.low, welch.high))
    assert found.mean == pytest.approx(a.mean() - b.mean())


def test_intervals_of_one_run_and_of_equal_runs() -> None:
    assert statistics.mean([97.0]) == Interval(97.0, -math.inf, math.inf)
    assert statistics.difference([97.0], [96.0, 96.5]) == Interval(0.75, -math.inf, math.inf)
    assert statistics.difference([97.0, 97.0], [96.0, 96.0]) == Interval(1.0, 1.0, 1.0)
