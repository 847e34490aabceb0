"""What the hash does to the events of a message."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from channelsim import hashing
from channelsim.engine.kernels import counter_hash, simd
from tests.engine.compiled import compiled
from tests.engine.kernels.simd.plain_forms import (
    COMPILED,
    EDGES,
    VALUES,
    F,
    assert_does_what_its_plain_form_says,
    numbers,
)
from tests.naive import Floats

KEY = np.uint64(0x9D2C5680_12345678).view(np.int64)
BOUND = compiled(counter_hash.bound)(0.3)
CASES: dict[Callable[..., Any], Callable[[Floats], tuple[Any, ...]]] = {
    simd.round_randomly: lambda x: (KEY, numbers(len(x) * (len(x) % 2)), F(0.25), F(7), np.nan_to_num(x)),
    simd.list_hits: lambda x: (
        KEY, BOUND, numbers(len(x) * (len(x) % 2)), x, np.zeros(len(x), np.int32),
    ),
    simd.drop: lambda x: (KEY, BOUND, numbers(len(x) * (len(x) % 2)), (x != 0).astype(np.int32)),
}  # fmt: skip
LISTS = {simd.list_hits: (4,)}  # arguments that become as long as the result


@pytest.mark.parametrize("function", CASES, ids=lambda function: function.__name__)
@settings(max_examples=60)
@given(values=VALUES)
def test_plain_form(function: Callable[..., Any], values: list[float]) -> None:
    assert_does_what_its_plain_form_says(function, lambda: CASES[function](np.array(values, F)), LISTS.get(function))


@pytest.mark.parametrize("values", EDGES, ids=str)
@pytest.mark.parametrize("function", CASES, ids=lambda function: function.__name__)
def test_edges(function: Callable[..., Any], values: list[float]) -> None:
    assert_does_what_its_plain_form_says(function, lambda: CASES[function](np.array(values, F)), LISTS.get(function))


@pytest.mark.parametrize("count", [1, 16, 37])
def test_events_are_lost_up_to_the_very_bound(count: int) -> None:
    """Bounds at and beside an event's own number, and those of the probabilities 0 and 1."""
    words = hashing.bits(int(np.uint64(KEY)), count)
    for bound in {0, 1, 2**53 - 1, 2**53, *(int(word >> np.uint64(11)) + k for word in words for k in (0, 1))}:
        alive = np.ones(count, np.int32)
        left = COMPILED["drop"](KEY, np.int64(bound), np.zeros(0, np.int32), alive)
        np.testing.assert_array_equal(alive, words >> np.uint64(11) >= bound)
        assert left == alive.sum()
