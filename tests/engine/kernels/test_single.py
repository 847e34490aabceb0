"""Row kernels of a single sample against plain NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channelsim.engine.kernels import single as inner_single
from tests import naive
from tests.engine.compiled import compiled_module
from tests.engine.kernels.matrices import CLOSE, SHAPES, F, chosen, matrix, thinned, with_gaps, without_gaps

single = compiled_module(inner_single)


@settings(max_examples=60)
@given(SHAPES, st.integers(0, 2**32))
def test_an_update_that_waited_equals_one_made_at_once(shape: tuple[int, int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows, n = shape
    weights, old, now = matrix(rng, rows, n), matrix(rng, rows), chosen(rng, rows)
    step, value, out = matrix(rng, n), matrix(rng, len(now)), np.zeros(n, F)
    grown = naive.updated_rows(weights, now, old, step)
    expected, left = naive.sum_of_rows(grown, now, value), np.where(np.isin(np.arange(rows), now), F(0), old)
    flat, stride = with_gaps(weights)
    single.update_and_add_rows(flat, stride, now, value, step, old, out)
    np.testing.assert_allclose(out, expected, **CLOSE)
    np.testing.assert_allclose(without_gaps(flat, stride, n), grown, **CLOSE)
    np.testing.assert_array_equal(old, left)
    grown = naive.updated_rows(without_gaps(flat, stride, n), np.arange(rows), old, step)
    single.update_rows(flat, stride, step, old, np.zeros(rows, np.int32), np.zeros(rows, F))
    np.testing.assert_allclose(without_gaps(flat, stride, n), grown, **CLOSE)
    assert not old.any()


@settings(max_examples=60)
@given(SHAPES, st.integers(1, 6), st.integers(0, 2**32))
def test_rows_that_wait_for_steps_of_their_own(shape: tuple[int, int], count: int, seed: int) -> None:
    """Some are brought up to date as they are read, others by their numbers, the rest by the step they wait for."""
    rng = np.random.default_rng(seed)
    rows, n = shape
    weights, now, more = matrix(rng, rows, n), chosen(rng, rows), chosen(rng, rows)
    steps, at = matrix(rng, count, n), rng.integers(count, size=rows).astype(np.int32)
    old, value, out = thinned(rng, matrix(rng, rows)), matrix(rng, len(now)), np.zeros(n, F)
    grown = weights + old[:, None] * steps[at]
    first = int(rng.integers(count))
    (flat, stride), (steps_flat, step_stride) = with_gaps(weights), with_gaps(steps)
    waiting = steps_flat, step_stride, at, old
    room = np.zeros(rows + 16, np.int32), np.zeros(rows + 16, F)

    single.catch_up_and_add_rows(flat, stride, now, value, *waiting, out)
    np.testing.assert_allclose(out, naive.sum_of_rows(grown, now, value), **CLOSE)
    assert not old[now].any()
    single.catch_up_rows(flat, stride, more, *waiting, n, *room)
    assert not old[more].any()
    left = np.where(at >= first, F(0), old)
    single.catch_up_steps(flat, stride, first, count, *waiting, n, *room)
    np.testing.assert_array_equal(old, left)
    single.catch_up_steps(flat, stride, 0, first, *waiting, n, *room)
    np.testing.assert_allclose(without_gaps(flat, stride, n), grown, **CLOSE)
    assert not old.any()


@pytest.mark.parametrize("n", [0, 1, 7, 16])
def test_add_scaled(n: int) -> None:
    values, out = np.arange(n, dtype=F), np.ones(n, F)
    single.add_scaled(F(0.5), values, out)
    np.testing.assert_array_equal(out, 1 + 0.5 * np.arange(n, dtype=F))


@settings(max_examples=40)
@given(st.integers(1, 6), SHAPES, st.integers(0, 2**32))
def test_samples_of_a_mini_batch_one_by_one(samples: int, shape: tuple[int, int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    fan_in, n = shape
    x, weights, steps = thinned(rng, matrix(rng, samples, fan_in)), matrix(rng, fan_in, n), matrix(rng, samples, n)
    out = matrix(rng, samples, n)
    events = np.zeros(fan_in + 16, np.int32), np.zeros(fan_in + 16, F)
    summed, grown = out + x.astype(np.float64) @ weights, weights + naive.outer_sum(x, steps)
    flat, stride = with_gaps(weights)
    single.add_each(x.ravel(), samples, fan_in, flat, stride, n, out.reshape(-1), *events)
    np.testing.assert_allclose(out, summed, rtol=1e-5, atol=1e-5)
    single.grow_each(x.ravel(), samples, fan_in, flat, stride, n, steps.ravel(), *events)
    np.testing.assert_allclose(without_gaps(flat, stride, n), grown, rtol=1e-5, atol=1e-5)
