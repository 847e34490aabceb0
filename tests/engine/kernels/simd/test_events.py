"""Events of a vector: counted, listed, sifted."""

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
    VALUES,
    F,
    argument,
    assert_does_what_its_plain_form_says,
    numbers,
)
from tests.naive import Floats

CASES: dict[Callable[..., Any], Callable[[Floats], tuple[Any, ...]]] = {
    simd.count_events: lambda x: (x,),
    simd.compact: lambda x: (x, np.zeros(len(x), np.int32), np.zeros(len(x), F)),
    simd.pass_threshold: lambda x: (x, np.sin(np.arange(len(x))).astype(F), len(x) % 2, F(0.5), np.ones(len(x), F)),
    simd.mark: lambda x: (x, np.full(len(x), 5, np.int32)),
    simd.deliver: lambda x: (x, numbers(len(x)) // 2 % 3, F(0.3), np.ones(len(x), F)),
}
LISTS = {simd.compact: (1, 2)}  # arguments that become as long as the result


@pytest.mark.parametrize("function", CASES, ids=lambda function: function.__name__)
@settings(max_examples=60)
@given(values=VALUES)
def test_plain_form(function: Callable[..., Any], values: list[float]) -> None:
    assert_does_what_its_plain_form_says(function, lambda: CASES[function](np.array(values, F)), LISTS.get(function))


@pytest.mark.parametrize("values", EDGES, ids=str)
@pytest.mark.parametrize("function", CASES, ids=lambda function: function.__name__)
def test_edges(function: Callable[..., Any], values: list[float]) -> None:
    assert_does_what_its_plain_form_says(function, lambda: CASES[function](np.array(values, F)), LISTS.get(function))


@settings(max_examples=60)
@given(VALUES, st.integers(0, 5), st.integers(0, 5))
def test_take_from(values: list[float], first: int, last: int) -> None:
    x = np.array(values, F)
    places, expected = numbers(len(x)) % 5, x.copy()
    (index, all_index), (taken, all_taken) = argument(np.zeros(len(x), np.int32)), argument(np.zeros(len(x), F))
    count = COMPILED["take_from"](places, first, last, x, index, taken)
    there = np.zeros(len(x), np.int32), np.zeros(len(x), F)
    assert count == simd.take_from(places, first, last, expected, *there)
    np.testing.assert_array_equal(x, expected)
    np.testing.assert_array_equal(index[:count], there[0][:count])
    np.testing.assert_array_equal(taken[:count], there[1][:count])
    assert (all_index[len(x) :] == 77).all()
    assert (all_taken[len(x) :] == 77).all()
