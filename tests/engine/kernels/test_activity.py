"""Which values, columns and samples of a matrix are not zero, against plain NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from channelsim.engine.kernels import activity as inner_activity
from tests.engine.compiled import compiled_module
from tests.ordered_sums import assert_same_bits

activity = compiled_module(inner_activity)

F = np.float32
EDGES = [[], [0.0], [-0.0], [1.0], [0.0, 0.0, 2.0], [3.0, 0.0], [0.0, np.nan], [1e-45], [0.0] * 33, [0.0] * 32 + [-1.0]]


@pytest.mark.parametrize("values", EDGES, ids=str)
def test_is_any_active(values: list[float]) -> None:
    x = np.array(values, F)
    assert activity.is_any_active(x) == (x != 0).any()


@pytest.mark.parametrize("flags", [[], [True], [False], [True, False] * 20, [True] * 9], ids=str)
def test_count_true(flags: list[bool]) -> None:
    assert activity.count_true(np.array(flags, bool)) == sum(flags)


@pytest.mark.parametrize("n", [0, 1, 7, 40])
@pytest.mark.parametrize("samples", [0, 1, 5])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 1.0])
def test_active_columns(n: int, samples: int, share: float) -> None:
    rng = np.random.default_rng([n, samples])
    x = np.where(rng.random((samples, n)) < share, rng.choice([1.0, -2.0, np.nan, 1e-45], (samples, n)), -0.0).astype(F)
    touched = rng.random(n) < 0.5  # left over from another matrix
    active = (x != 0).any(axis=0)
    assert activity.active_columns(x.ravel(), n, samples, touched) == active.sum()
    np.testing.assert_array_equal(touched, active)


@pytest.mark.parametrize("n", [1, 16, 21])
@pytest.mark.parametrize("wanted", [[], [False], [True], [True, False, True, True], [False] * 3, [True] * 3], ids=str)
def test_gather(n: int, wanted: list[bool]) -> None:
    x, flags = np.arange(len(wanted) * n, dtype=F).reshape(-1, n), np.array(wanted, bool)
    out = np.full(x.size + 5, 77, F)
    activity.gather(x.reshape(-1), n, flags, len(wanted), out)
    rows = x[flags].ravel()
    np.testing.assert_array_equal(out[: len(rows)], rows)
    assert (out[len(rows) :] == 77).all()


@pytest.mark.parametrize("n", range(71))
def test_scale(n: int) -> None:
    x, out = np.random.default_rng(n).normal(size=n).astype(F), np.full(n, np.nan, F)
    activity.scale(x, F(0.3), out)
    assert_same_bits(out, F(0.3) * x)


@pytest.mark.parametrize("values", [*EDGES, [np.inf, -np.inf, 3e38]], ids=str)
def test_scale_of_edges(values: list[float]) -> None:
    x, out = np.array(values, F), np.full(len(values), np.nan, F)
    activity.scale(x, F(-1.5), out)
    with np.errstate(over="ignore"):
        assert_same_bits(out, F(-1.5) * x)


@pytest.mark.parametrize(("w", "expected"), [(2.0, 0.25), (-1e-45, -0.25), (0.0, 0.0), (-0.0, 0.0), (np.nan, 0.0)])
def test_with_sign(w: float, expected: float) -> None:
    assert activity.with_sign(F(0.25), F(w)) == expected


@pytest.mark.parametrize("values", [[], [5], [1, -2, 2**40, 3]], ids=str)
def test_total(values: list[int]) -> None:
    counts = np.array(values, np.int64)
    for count in range(len(values) + 1):
        assert activity.total(counts, count) == sum(values[:count])
