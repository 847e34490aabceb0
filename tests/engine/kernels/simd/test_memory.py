"""Values copied, put in their places, taken away, transposed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channelsim.engine.kernels import simd
from tests.engine.kernels.simd.plain_forms import (
    COMPILED,
    EDGES,
    GUARD,
    VALUES,
    F,
    assert_does_what_its_plain_form_says,
    numbers,
)
from tests.naive import Floats

CASES: dict[Callable[..., Any], Callable[[Floats], tuple[Any, ...]]] = {
    simd.copy: lambda x: (x, np.ones(len(x), F)),
    simd.prefetch: lambda x: (x,),
    simd.scatter: lambda x: (numbers(len(x)), x, np.ones(2 * len(x), F)),
    simd.fill: lambda x: (numbers(len(x) // 2), 7, np.zeros(len(x), np.int32)),
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


@settings(max_examples=60)
@given(VALUES)
def test_take(values: list[float]) -> None:
    x = np.array(values, F)
    index, expected = numbers(len(x) // 2), x.copy()
    places, taken = np.zeros(len(index), np.int32), np.zeros(len(index), F)
    count = COMPILED["take"](index, x, places, taken)
    there = np.zeros(len(index), np.int32), np.zeros(len(index), F)
    assert count == simd.take(index, expected, *there)
    np.testing.assert_array_equal(x, expected)
    np.testing.assert_array_equal(places[:count], there[0][:count])
    np.testing.assert_array_equal(taken[:count], there[1][:count])


@settings(max_examples=60)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 20), st.integers(0, 20))
def test_transpose(rows: int, n: int, gap: int, out_gap: int) -> None:
    matrix = np.arange(rows * (n + gap), dtype=F)
    given, expected = np.full((2, n * (rows + out_gap) + GUARD), 77, F)
    COMPILED["transpose"](matrix, n + gap, rows, n, given, rows + out_gap)
    simd.transpose(matrix, n + gap, rows, n, expected, rows + out_gap)
    np.testing.assert_array_equal(given, expected)
    turned = expected[: n * (rows + out_gap)].reshape(n, -1)
    np.testing.assert_array_equal(turned[:, :rows], matrix.reshape(rows, -1)[:, :n].T)
    assert (turned[:, rows:] == 77).all() and (expected[turned.size :] == 77).all()
