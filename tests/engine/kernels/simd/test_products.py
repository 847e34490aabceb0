"""Products of matrices with vectors and with each other, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engine.kernels.matrices import CLOSE, SHAPES, F, matrix, with_gaps, without_gaps
from tests.engine.kernels.simd.plain_forms import COMPILED, EDGES
from tests.ordered_sums import along, assert_same_bits, product

LENGTHS = range(71)
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of NumPy, about infinities in the twins


@settings(max_examples=40)
@given(SHAPES, st.integers(0, 2**32))
def test_dot_rows(shape: tuple[int, int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows, n = shape
    weights, message, out = matrix(rng, rows, n), matrix(rng, n), np.zeros(rows, F)
    COMPILED["dot_rows"](*with_gaps(weights), message, out)
    np.testing.assert_allclose(out, weights.astype(np.float64) @ message, **CLOSE)


@pytest.mark.parametrize("n", LENGTHS)
def test_dot_rows_bit_for_bit(n: int) -> None:
    """As many rows as are worked on at once, at any width, and some more; lengths of no, one and several vectors."""
    rng = np.random.default_rng(n)
    weights, message, out = matrix(rng, 11, n), matrix(rng, n), np.full(11, np.nan, F)
    COMPILED["dot_rows"](*with_gaps(weights), message, out)
    assert_same_bits(out, np.array([along(row, message) for row in weights], F))


@pytest.mark.parametrize("values", EDGES, ids=str)
def test_dot_rows_of_edges(values: list[float]) -> None:
    x = np.array(values, F)
    rows = np.array([x, x[::-1], np.ones_like(x), np.zeros_like(x), np.full_like(x, 1e-30)])
    out = np.full(len(rows), np.nan, F)
    COMPILED["dot_rows"](*with_gaps(rows), x, out)
    assert_same_bits(out, np.array([along(row, x) for row in rows], F))


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("add", [False, True])
@pytest.mark.parametrize("inner", [1, 2, 255, 256, 257, 520])
@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (3, 17), (8, 33), (13, 70)])
def test_matmul_bit_for_bit(rows: int, columns: int, inner: int, add: bool, turned: bool) -> None:
    """Blocks of 256 terms, the last of them shorter."""
    rng = np.random.default_rng([rows, columns, inner])
    a, b, before = matrix(rng, rows, inner), matrix(rng, inner, columns), matrix(rng, rows, columns)
    expected = product(a, b, F(0.7), before if add else np.zeros_like(before))
    left, row_step, step = (np.ascontiguousarray(a.T).ravel(), 1, rows) if turned else (a.ravel(), inner, 1)
    (right, b_stride), (c, c_stride) = with_gaps(b), with_gaps(before if add else np.full_like(before, np.nan))
    COMPILED["matmul"](left, row_step, step, right, b_stride, rows, inner, columns, F(0.7), int(add), c, c_stride)
    assert_same_bits(without_gaps(c, c_stride, columns), expected)


@pytest.mark.parametrize("special", [0.0, -0.0, 1e-45, 3e38, np.inf, np.nan])
def test_matmul_of_edges(special: float) -> None:
    rng = np.random.default_rng(0)
    a, b = matrix(rng, 3, 5), matrix(rng, 5, 9)
    a[1, 2] = b[4, 3] = special
    expected, c = product(a, b, F(1), np.zeros((3, 9), F)), np.full(27, 7, F)
    COMPILED["matmul"](a.ravel(), 5, 1, b.ravel(), 9, 3, 5, 9, F(1), 0, c, 9)
    assert_same_bits(c.reshape(3, 9), expected)
