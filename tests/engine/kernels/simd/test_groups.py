"""Groups of rows of a sparse matrix: compiled code makes the lists, and the sums, that the plain forms make."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channelsim.engine.config import GROUP, PAIR, SPAN
from channelsim.engine.kernels import simd
from tests.engine.kernels.simd.plain_forms import COMPILED, GUARD
from tests.ordered_sums import added, assert_same_bits

F = np.float32
GROUPS = SPAN // GROUP
SHARES = st.sampled_from([0.0, 0.1, 0.5, 1.0])


list_columns, list_rows, add_listed = (COMPILED[name] for name in ("list_columns", "list_rows", "add_listed"))


def sparse(rng: np.random.Generator, rows: int, columns: int, share: float) -> np.ndarray:
    return np.where(rng.random((rows, columns)) < share, rng.normal(size=(rows, columns)), 0).astype(F)


@settings(max_examples=100)
@given(st.integers(1, PAIR), st.integers(1, 70), st.integers(0, 20), SHARES, st.integers(0, 2**32))
def test_list_columns(rows: int, n: int, gap: int, share: float, seed: int) -> None:
    x = np.ones((rows + 3, n + gap), F)  # other samples and other columns, which do not count
    x[:rows, :n] = sparse(np.random.default_rng(seed), rows, n, share)
    room, plain = np.full(n + GUARD, -1, np.int32), np.zeros(n, np.int32)
    found = list_columns(x.ravel(), n + gap, n, rows, room[:n])
    assert found == simd.list_columns(x.ravel(), n + gap, n, rows, plain)
    np.testing.assert_array_equal(plain[:found], np.flatnonzero((x[:rows, :n] != 0).any(axis=0)))
    np.testing.assert_array_equal(room[:found], plain[:found])
    assert (room[n:] == -1).all()


@settings(max_examples=100)
@given(st.integers(1, 40), st.integers(1, 40), st.data(), SHARES, st.integers(0, 2**32))
def test_list_rows(rows: int, stride: int, data: st.DataObject, share: float, seed: int) -> None:
    columns = data.draw(st.integers(1, min(SPAN, stride)))
    x = sparse(np.random.default_rng(seed), rows, stride, share).ravel()
    size = GROUPS * (rows + 1) + rows
    room, plain = np.full(size + GUARD, -1, np.int32), np.zeros(GROUPS * (rows + 1), np.int32)
    active = list_rows(x, stride, rows, columns, room[:size])
    assert active == simd.list_rows(x, stride, rows, columns, plain)
    for g, length in enumerate(plain[GROUPS * rows :]):
        assert room[GROUPS * rows + g] == length
        np.testing.assert_array_equal(room[g * rows :][:length], plain[g * rows :][:length])
    assert (room[size:] == -1).all()


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("rows", range(1, GROUP + 1))
@pytest.mark.parametrize("columns", [1, 15, 16, 17, 100, 130])
def test_add_listed(turned: bool, rows: int, columns: int) -> None:
    rng = np.random.default_rng(columns)
    inner = 23
    index = np.sort(rng.permutation(inner)[:9]).astype(np.int32)
    a, b = rng.normal(size=rows * inner).astype(F), rng.normal(size=inner * (columns + 2)).astype(F)
    steps = (1, rows) if turned else (inner, 1)
    before = rng.normal(size=rows * (columns + 3)).astype(F)
    made, plain = before.copy(), before.copy()
    add_listed(index, a, *steps, b, columns + 2, rows, columns, made, columns + 3)
    simd.add_listed(index, a, *steps, b, columns + 2, rows, columns, plain, columns + 3)
    np.testing.assert_allclose(made, plain, rtol=2e-6, atol=2e-6)
    gaps = np.s_[:, columns:]
    np.testing.assert_array_equal(made.reshape(rows, -1)[gaps], before.reshape(rows, -1)[gaps])


@pytest.mark.parametrize("rows", range(1, GROUP + 1))
@pytest.mark.parametrize("columns", [1, 2, 4, 5, 15, 16, 17, 33, 64, 65, 130])
@pytest.mark.parametrize("terms", [0, 1, 9])
def test_add_listed_bit_for_bit(rows: int, columns: int, terms: int) -> None:
    rng = np.random.default_rng([rows, columns, terms])
    a, b, c = (rng.normal(size=shape).astype(F) for shape in ((rows, 23), (23, columns), (rows, columns)))
    a[0, 3], b[5, 0] = -0.0, 1e-42
    index = np.sort(rng.permutation(23)[:terms]).astype(np.int32)
    expected = np.array([added(c[i], b[index], a[i, index]) for i in range(rows)])
    add_listed(index, a.ravel(), 23, 1, b.ravel(), columns, rows, columns, c.reshape(-1), columns)
    assert_same_bits(c, expected)
