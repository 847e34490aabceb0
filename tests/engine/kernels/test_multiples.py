"""Values as multiples of a unit, and back, bit for bit; sums of multiples as values."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channelsim.engine.kernels import multiples as inner_multiples
from channelsim.plan import SMALLEST_UNIT
from tests.engine.compiled import compiled_module

multiples = compiled_module(inner_multiples)

F = np.float32
UNITS = st.floats(float(SMALLEST_UNIT), 2.0**100, width=32).map(F)


@settings(max_examples=200)
@given(st.lists(UNITS, min_size=1, max_size=4), st.integers(1, 40), st.integers(0, 2**32))
def test_there_and_back(units: list[np.float32], n: int, seed: int) -> None:
    """Of one sample after another, one without a unit among them; a zero that is an event (-0.0) stays one."""
    counts = np.random.default_rng(seed).integers(-(2**15), 2**15, (len(units) + 1, n)).astype(F)
    counts[:, 0] = F(-0.0)
    every = np.array([*units, 0], F)
    values = np.where(every[:, None] > 0, counts * every[:, None], F(0.37))
    held = values.copy().reshape(-1)
    multiples.divide(held, np.int64(n), every)
    np.testing.assert_array_equal(held.reshape(values.shape)[:-1], counts[:-1])
    np.testing.assert_array_equal(held.reshape(values.shape)[-1], values[-1])
    multiples.multiply(held, np.int64(n), every)
    assert held.view(np.int32).tolist() == values.reshape(-1).view(np.int32).tolist()


@pytest.mark.parametrize("shared", [1, 3])
def test_sums_become_values(shared: int) -> None:
    rng = np.random.default_rng(4)
    bias, units, unit = rng.normal(size=5).astype(F), np.array([0.4, 0, 3.0], F), F(0.3)
    n = 5 * shared
    sums = rng.integers(-9, 9, (3, n)).astype(F)
    of_messages = np.where(units > 0, units, F(1))[:, None]
    made, with_bias = sums.copy().reshape(-1), sums.copy().reshape(-1)
    multiples.finish(made, np.int64(n), unit, units)
    np.testing.assert_array_equal(made.reshape(3, n), (sums * unit) * of_messages)
    multiples.finish_with_bias(with_bias, np.int64(n), unit, units, bias)
    expected = (sums * unit).astype(np.float64) * of_messages + np.repeat(bias, shared)
    np.testing.assert_array_equal(with_bias.reshape(3, n), expected.astype(F))
