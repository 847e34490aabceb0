"""Rows of a matrix by a list of their numbers, bit for bit: summed, updated, or both in one pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channelsim.engine.kernels import simd
from tests import naive
from tests.engine.kernels.matrices import CLOSE, SHAPES, chosen, matrix, with_gaps
from tests.engine.kernels.simd.plain_forms import (
    COMPILED,
    EDGES,
    VALUES,
    F,
    assert_does_what_its_plain_form_says,
)  # fmt: skip
from tests.naive import Floats
from tests.ordered_sums import added, assert_same_bits, fma

WIDTHS = [*range(1, 20), 31, 32, 33, 100, 127, 128, 129, 130]  # columns, around vectors and strips of 1 to 16 lanes
SPECIAL = [0.0, -0.0, 1e-45, -1e-45, 1e-38, -3e38, 3e38, np.inf, -np.inf, np.nan]
CASES: dict[Callable[..., Any], Callable[[Floats], tuple[Any, ...]]] = {
    simd.scale_and_add: lambda x: (F(0.7), x, np.ones(len(x), F), np.full(len(x), 0.3, F)),
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
@given(SHAPES, st.integers(0, 2**32))
def test_add_rows(shape: tuple[int, int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows, n = shape
    weights, index, out = matrix(rng, rows, n), chosen(rng, rows), matrix(rng, n)
    value = matrix(rng, len(index))
    expected = out + naive.sum_of_rows(weights, index, value)
    COMPILED["add_rows"](*with_gaps(weights), index, value, out)
    np.testing.assert_allclose(out, expected, **CLOSE)


class Given:
    """A matrix, some of its rows, and what they are multiplied by; `special` makes many values ones of the edge."""

    def __init__(self, n: int, special: bool, rows: int = 7, seed: int = 0):
        self.rng, self.special, self.n = np.random.default_rng([n, special, seed]), special, n
        self.rows = rows
        self.w, self.out, self.step = self.numbers(rows, n), self.numbers(n), self.numbers(n)
        self.index = chosen(self.rng, rows)
        self.value, self.old = self.numbers(len(self.index)), self.numbers(rows)
        self.steps, self.at = self.numbers(3, n), self.rng.integers(3, size=rows).astype(np.int32)
        self.flat, self.stride = with_gaps(self.w)

    def numbers(self, *shape: int) -> Floats:
        values = matrix(self.rng, *shape)
        if self.special:
            edges = self.rng.choice(np.array(SPECIAL, F), shape)
            values = np.where(self.rng.random(shape) < 0.3, edges, values)
        return values

    def made(self) -> Floats:
        """The matrix, with its gaps as they were."""
        rows = self.flat.reshape(-1, self.stride)
        assert np.isnan(rows[:, self.n :]).all()
        return rows[:, : self.n]

    def grown(self, factors: Floats, steps: Floats) -> Floats:
        """The matrix with the listed rows grown by factors[k] steps[k]."""
        grown = self.w.copy()
        for k, r in enumerate(self.index):
            grown[r] = fma(factors[k], steps[k], grown[r])
        return grown


MANY = pytest.mark.parametrize("n", WIDTHS)
SPECIAL_TOO = pytest.mark.parametrize("special", [False, True], ids=["finite", "edges"])
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of NumPy, about infinities in the twins


@MANY
@SPECIAL_TOO
def test_add_rows_bit_for_bit(n: int, special: bool) -> None:
    for seed in range(3):
        g = Given(n, special, seed=seed)
        expected = added(g.out, g.w[g.index], g.value)
        COMPILED["add_rows"](g.flat, g.stride, g.index, g.value, g.out)
        assert_same_bits(g.out, expected)


@MANY
@SPECIAL_TOO
def test_update_and_add_rows_bit_for_bit(n: int, special: bool) -> None:
    g = Given(n, special)
    grown = g.grown(g.old[g.index], np.broadcast_to(g.step, (len(g.index), n)))
    expected = added(g.out, grown[g.index], g.value)
    COMPILED["update_and_add_rows"](g.flat, g.stride, g.index, g.value, g.step, g.old, g.out)
    assert_same_bits(g.out, expected)
    assert_same_bits(g.made(), grown)


@MANY
@SPECIAL_TOO
def test_catch_up_and_add_rows_bit_for_bit(n: int, special: bool) -> None:
    g = Given(n, special)
    grown = g.grown(g.old[g.index], g.steps[g.at[g.index]])
    expected = added(g.out, grown[g.index], g.value)
    steps = with_gaps(g.steps)
    COMPILED["catch_up_and_add_rows"](g.flat, g.stride, g.index, g.value, *steps, g.at, g.old, g.out)
    assert_same_bits(g.out, expected)
    assert_same_bits(g.made(), grown)


@MANY
@SPECIAL_TOO
def test_catch_up_rows_bit_for_bit(n: int, special: bool) -> None:
    g = Given(n, special)
    grown = g.grown(g.value, g.steps[g.at[g.index]])
    COMPILED["catch_up_rows"](g.flat, g.stride, g.index, g.value, *with_gaps(g.steps), g.at, n)
    assert_same_bits(g.made(), grown)


@MANY
@SPECIAL_TOO
def test_grow_rows_bit_for_bit(n: int, special: bool) -> None:
    g = Given(n, special)
    grown = g.grown(g.value, np.broadcast_to(g.step, (len(g.index), n)))
    COMPILED["grow_rows"](g.flat, g.stride, g.index, g.value, g.step)
    assert_same_bits(g.made(), grown)
