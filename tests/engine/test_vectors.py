"""Each function that is written in vectors does what its plain form says, whatever stands behind the last vector."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

from channelsim import hashing
from channelsim.engine.kernels import counter_hash, simd
from tests.naive import Floats

F, KEY = np.float32, np.uint64(0x9D2C5680_12345678).view(np.int64)
GUARD = 40  # values behind each array that must stay as they are
VALUES = st.lists(
    st.sampled_from([0.0, -0.0, 0.0, 1e-45, np.nan, np.inf, -np.inf]) | st.floats(-8, 8, width=32), max_size=70
)


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """What compiled code gets when it calls this function."""
    return njit(lambda *arguments: function(*arguments))


def numbers(n: int) -> Any:
    return np.arange(1, 2 * n, 2, dtype=np.int32)


def argument(value: Any) -> tuple[Any, Any]:
    """(the argument, all of its memory): an array that others stand behind."""
    if not isinstance(value, np.ndarray):
        return value, value
    memory = np.concatenate([value, np.full(GUARD, 77, value.dtype)])
    return memory[: len(value)], memory


CASES: dict[Callable[..., Any], Callable[[Floats], tuple[Any, ...]]] = {
    simd.count_events: lambda x: (x,),
    simd.compact: lambda x: (x, np.zeros(len(x), np.int32), np.zeros(len(x), F)),
    simd.pass_threshold: lambda x: (
        x,
        np.sin(np.arange(len(x))).astype(F),
        len(x) % 2,
        F(0.5),
        np.ones(len(x), F),
    ),
    simd.mark: lambda x: (x, np.full(len(x), 5, np.int32)),
    simd.deliver: lambda x: (x, numbers(len(x)) // 2 % 3, F(0.3), np.ones(len(x), F)),
    simd.copy: lambda x: (x, np.ones(len(x), F)),
    simd.prefetch: lambda x: (x,),
    simd.scatter: lambda x: (numbers(len(x)), x, np.ones(2 * len(x), F)),
    simd.fill: lambda x: (numbers(len(x) // 2), 7, np.zeros(len(x), np.int32)),
    simd.scale_and_add: lambda x: (F(0.7), x, np.ones(len(x), F), np.full(len(x), 0.3, F)),
    simd.are_finite: lambda x: (x,),
    simd.largest: lambda x: (np.nan_to_num(x, nan=0.0),),
    simd.round_randomly: lambda x: (KEY, numbers(len(x) * (len(x) % 2)), F(0.25), F(7), np.nan_to_num(x)),
    simd.list_hits: lambda x: (
        KEY,
        counter_hash.bound(0.3),
        numbers(len(x) * (len(x) % 2)),
        x,
        np.zeros(len(x), np.int32),
    ),
    simd.drop: lambda x: (
        KEY,
        counter_hash.bound(0.3),
        numbers(len(x) * (len(x) % 2)),
        (x != 0).astype(np.int32),
    ),
}
LISTS = {simd.compact: (1, 2), simd.list_hits: (4,)}  # arguments that become as long as the result
COMPILED = {function: compiled(function) for function in CASES}
compiled_take, compiled_transpose = compiled(simd.take), compiled(simd.transpose)
compiled_take_from = compiled(simd.take_from)
compiled_sum_of_squares = compiled(simd.sum_of_squares)


@pytest.mark.parametrize("function", CASES, ids=lambda function: function.__name__)
@settings(max_examples=60, deadline=None)
@given(values=VALUES)
def test_the_plain_form(function: Callable[..., Any], values: list[float]) -> None:
    plain, vectors = ([argument(value) for value in CASES[function](np.array(values, F))] for _ in range(2))
    with np.errstate(all="ignore"):
        expected = function(*[given for given, _ in plain])
    result = COMPILED[function](*[given for given, _ in vectors])
    assert result == expected
    for k, ((of_plain, all_of_plain), (of_vectors, all_of_vectors)) in enumerate(zip(plain, vectors, strict=True)):
        if k in LISTS.get(function, ()):  # what stands behind a list depends on the processor
            np.testing.assert_array_equal(of_vectors[:result], of_plain[:result])
            np.testing.assert_array_equal(all_of_vectors[len(of_vectors) :], all_of_plain[len(of_plain) :])
        else:
            np.testing.assert_array_equal(all_of_vectors, all_of_plain)


@pytest.mark.parametrize("count", [1, 16, 37])
def test_events_are_lost_up_to_the_very_bound(count: int) -> None:
    """Bounds at and beside an event's own number, and those of the probabilities 0 and 1."""
    words = hashing.bits(int(np.uint64(KEY)), count)
    for bound in {0, 1, 2**53 - 1, 2**53, *(int(word >> np.uint64(11)) + k for word in words for k in (0, 1))}:
        alive = np.ones(count, np.int32)
        left = COMPILED[simd.drop](KEY, np.int64(bound), np.zeros(0, np.int32), alive)
        np.testing.assert_array_equal(alive, words >> np.uint64(11) >= bound)
        assert left == alive.sum()


@settings(max_examples=60, deadline=None)
@given(VALUES)
def test_take(values: list[float]) -> None:
    x = np.array(values, F)
    index, expected = numbers(len(x) // 2), x.copy()
    places, taken = np.zeros(len(index), np.int32), np.zeros(len(index), F)
    count = compiled_take(index, x, places, taken)
    there = np.zeros(len(index), np.int32), np.zeros(len(index), F)
    assert count == simd.take(index, expected, *there)
    np.testing.assert_array_equal(x, expected)
    np.testing.assert_array_equal(places[:count], there[0][:count])
    np.testing.assert_array_equal(taken[:count], there[1][:count])


@settings(max_examples=60, deadline=None)
@given(VALUES, st.integers(0, 5), st.integers(0, 5))
def test_take_from(values: list[float], first: int, last: int) -> None:
    x = np.array(values, F)
    places, expected = numbers(len(x)) % 5, x.copy()
    (index, all_index), (taken, all_taken) = argument(np.zeros(len(x), np.int32)), argument(np.zeros(len(x), F))
    count = compiled_take_from(places, first, last, x, index, taken)
    there = np.zeros(len(x), np.int32), np.zeros(len(x), F)
    assert count == simd.take_from(places, first, last, expected, *there)
    np.testing.assert_array_equal(x, expected)
    np.testing.assert_array_equal(index[:count], there[0][:count])
    np.testing.assert_array_equal(taken[:count], there[1][:count])
    assert (all_index[len(x) :] == 77).all()
    assert (all_taken[len(x) :] == 77).all()


@pytest.mark.parametrize(
    ("values", "finite"),
    [([], 1), ([0.0], 1), ([3.4e38, -3.4e38], 1), ([np.nan], 0), ([1, np.inf], 0), ([-np.inf, *[1] * 40], 0)],
    ids=str,
)
def test_are_finite(values: list[float], finite: int) -> None:
    assert COMPILED[simd.are_finite](np.array(values, F)) == finite


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-8, 8, width=32), max_size=70))
def test_sum_of_squares(values: list[float]) -> None:
    x = np.array(values, F)
    expected = simd.sum_of_squares(x)
    np.testing.assert_allclose(compiled_sum_of_squares(x), expected, rtol=1e-14)  # summed in another order


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 20), st.integers(0, 20))
def test_transpose(rows: int, n: int, gap: int, out_gap: int) -> None:
    matrix = np.arange(rows * (n + gap), dtype=F)
    given, expected = np.full((2, n * (rows + out_gap) + GUARD), 77, F)
    compiled_transpose(matrix, n + gap, rows, n, given, rows + out_gap)
    simd.transpose(matrix, n + gap, rows, n, expected, rows + out_gap)
    np.testing.assert_array_equal(given, expected)
    turned = expected[: n * (rows + out_gap)].reshape(n, -1)
    np.testing.assert_array_equal(turned[:, :rows], matrix.reshape(rows, -1)[:, :n].T)
    assert (turned[:, rows:] == 77).all() and (expected[turned.size :] == 77).all()
