"""R^2 and the variance that it is made of, beside plain NumPy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from channelsim import metrics


@given(st.integers(1, 2500), st.integers(1, 4), st.integers(0, 9))
def test_variance_and_mean_square(samples: int, width: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    targets = (3 + rng.normal(size=(samples, width))).astype(np.float32)
    exact = targets.astype(np.float64)
    assert metrics.variance(targets) == pytest.approx(exact.var(axis=0).sum(), rel=1e-12, abs=1e-300)
    assert metrics.mean_square(targets) == pytest.approx((exact**2).sum(axis=1).mean(), rel=1e-12)


def test_r2_is_1_without_error_and_0_for_the_mean() -> None:
    targets = np.array([[1.0, 4.0], [3.0, 0.0], [5.0, 2.0]])
    variance = metrics.variance(targets)
    loss_of_the_mean = 0.5 * ((targets - targets.mean(axis=0)) ** 2).sum(axis=1).mean()
    assert metrics.r2(0.0, variance) == 1
    assert metrics.r2(loss_of_the_mean, variance) == pytest.approx(0, abs=1e-15)
    assert metrics.r2(2 * loss_of_the_mean, variance) == pytest.approx(-1)


@pytest.mark.parametrize(
    "targets", [np.zeros((0, 2), np.float32), np.arange(5, dtype=np.int32), np.full((7, 2), 0.1, np.float32)], ids=str
)
def test_without_real_targets_that_vary_there_is_no_r2(targets: np.ndarray) -> None:
    assert math.isnan(metrics.r2(0.5, metrics.variance(targets)))
