"""Views: what compiled code reads and writes through them, against NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba.core.errors import TypingError

from channelsim.engine.compile.pointers import address_of, as_words, floats_at, head
from channelsim.engine.compile.views import Viewed
from tests.engine.compiled import compiled

pytestmark = pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="nothing is compiled here")
LENGTH = st.integers(0, 6)
F = np.float32
PAIR = np.dtype([("first", "u1"), ("second", "f8")], align=True)


@compiled
def part(x: Any, first: int, last: int, out: Any) -> int:
    """Copies x[first:last], and returns its length."""
    values = x[first:last]
    for i in range(len(values)):
        out[i] = values[i]
    return len(values)


@settings(max_examples=200)
@given(st.integers(0, 9), LENGTH, st.integers(0, 12))
def test_a_slice_may_end_behind_the_array_and_before_it_begins(n: int, first: int, last: int) -> None:
    x, out = np.arange(n, dtype=F), np.zeros(12, F)
    first = min(first, n)
    count = part(x, first, last, out)
    np.testing.assert_array_equal(out[:count], x[first:last])


@compiled
def from_to(x: Any, k: int, out: Any) -> tuple[int, int]:
    out[0], out[1] = x[:k][0], x[k:][0]
    return len(x[:k]), len(x[k:])


def test_slices_without_a_beginning_or_an_end() -> None:
    out = np.zeros(2, F)
    assert from_to(np.arange(7, dtype=F), 3, out) == (3, 4)
    assert out.tolist() == [0, 3]


@compiled
def of_planes(x: Any, i: int, j: int, k: int, out: Any) -> tuple[int, int, int, int]:
    plane, row = x[i], x[i, j]
    out[0], out[1], out[2], out[3] = x[i, j, k], plane[j, k], row[k], x[i, j, k:][0]
    x[i, j, k] += 1
    return len(plane), len(row), plane.shape[1], x.shape[2]


@pytest.mark.parametrize("at", [(0, 0, 0), (1, 2, 3)])
def test_rows_and_planes(at: tuple[int, int, int]) -> None:
    x, out = np.arange(24).reshape(2, 3, 4), np.zeros(4, np.int64)
    expected = x[at]
    assert of_planes(x, *at, out) == (3, 4, 4, 4)
    assert (out == expected).all()
    assert x[at] == expected + 1
    assert x.sum() == np.arange(24).sum() + 1


@compiled
def write(x: Any, first: int, last: int, value: Any) -> None:
    x[first:last] = value


@pytest.mark.parametrize("dtype", [F, np.int32, np.int64, np.bool_, np.uint8])
def test_a_slice_is_filled(dtype: Any) -> None:
    x = np.zeros(9, dtype)
    write(x, 2, 5, 1)
    np.testing.assert_array_equal(x, np.array([0, 0, 1, 1, 1, 0, 0, 0, 0], dtype))


@compiled
def negate(x: Any) -> None:
    for i in range(len(x)):
        x[i] = not x[i]


def test_flags() -> None:
    x = np.array([True, False, True])
    negate(x)
    assert x.tolist() == [False, True, False]


@compiled
def move(records: Any, k: int) -> float:
    record = records[k]
    record.first = 3
    records[k + 1].second = record.second
    return records[k + 1].second


def test_records() -> None:
    records = np.zeros(3, PAIR)
    records["second"] = [1.5, 2.5, 3.5]
    assert move(records, 1) == 2.5
    assert records.tolist() == [(0, 1.5), (3, 2.5), (0, 2.5)]


@compiled
def by_address(x: Any, count: int, out: Any) -> int:
    again = floats_at(address_of(x), count)
    for i in range(len(head(again, 2))):
        out[i] = again[i] + 1
    return as_words(x)[0]


def test_addresses_and_words() -> None:
    x, out = np.array([1.0, 2.0, 3.0], F), np.zeros(3, F)
    assert by_address(x, 3, out) == x.view(np.int32)[0]
    assert out.tolist() == [2, 3, 0]


@pytest.mark.parametrize(
    "misuse",
    [lambda x: x["a"], lambda x: x[0, 0], lambda x: x[0.5], lambda x: x[::2]],
    ids=["name", "2-D", "1/2", "step"],
)
def test_what_a_view_has_not(misuse: Callable[[Any], Any]) -> None:
    with pytest.raises(TypingError):
        compiled(misuse)(np.zeros(4, F))


def test_only_contiguous_arrays_are_viewed() -> None:
    with pytest.raises(TypeError, match="contiguous"):
        Viewed(np.zeros((4, 4), F)[:, 1])
