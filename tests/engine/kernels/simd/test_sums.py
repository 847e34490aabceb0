"""One answer about many values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channelsim.engine.kernels import simd
from tests.engine.kernels.simd.plain_forms import COMPILED, EDGES, VALUES, F, assert_does_what_its_plain_form_says
from tests.naive import Floats
from tests.ordered_sums import assert_same_bits, squares

CASES: dict[Callable[..., Any], Callable[[Floats], tuple[Any, ...]]] = {
    simd.are_finite: lambda x: (x,),
    simd.largest: lambda x: (x,),
}


@pytest.mark.parametrize("function", CASES, ids=lambda function: function.__name__)
@settings(max_examples=60)
@given(values=VALUES)
def test_plain_form(function: Callable[..., Any], values: list[float]) -> None:
    assert_does_what_its_plain_form_says(function, lambda: CASES[function](np.array(values, F)))


@pytest.mark.parametrize("values", EDGES, ids=str)
@pytest.mark.parametrize("function", CASES, ids=lambda function: function.__name__)
def test_edges(function: Callable[..., Any], values: list[float]) -> None:
    assert_does_what_its_plain_form_says(function, lambda: CASES[function](np.array(values, F)))


@pytest.mark.parametrize(
    ("values", "finite"),
    [([], 1), ([0.0], 1), ([3.4e38, -3.4e38], 1), ([np.nan], 0), ([1, np.inf], 0), ([-np.inf, *[1] * 40], 0)],
    ids=str,
)
def test_are_finite(values: list[float], finite: int) -> None:
    assert COMPILED["are_finite"](np.array(values, F)) == finite


@settings(max_examples=60)
@given(st.lists(st.floats(-8, 8, width=32), max_size=70))
def test_sum_of_squares(values: list[float]) -> None:
    x = np.array(values, F)
    expected = simd.sum_of_squares(x)
    np.testing.assert_allclose(COMPILED["sum_of_squares"](x), expected, rtol=1e-14)  # summed in another order


@pytest.mark.parametrize("n", range(71))
def test_sum_of_squares_bit_for_bit(n: int) -> None:
    x = np.random.default_rng(n).normal(size=n).astype(F)
    assert_same_bits(COMPILED["sum_of_squares"](x), squares(x))


@pytest.mark.parametrize("values", EDGES, ids=str)
def test_sum_of_squares_of_edges(values: list[float]) -> None:
    assert_same_bits(COMPILED["sum_of_squares"](np.array(values, F)), squares(np.array(values, F)))
