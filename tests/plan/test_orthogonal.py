"""Orthonormal rows: what they are, and that no order of a sum shows in them."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from channelsim import hashing
from channelsim.plan.orthogonal import orthonormal_rows, product

SHAPES = [(1, 1), (1, 7), (2, 2), (3, 3), (10, 10), (10, 64), (33, 65), (100, 130)]
LARGEST_ERROR = 1e-10  # far less than the rounding to float32 that follows; found is 2e-13 in these shapes
BITS = ["-0x1.21715af8a7082p-2", "0x1.8943d308b781bp-2", "0x1.a13179a3987ecp-4"]


def normals(shape: tuple[int, int]) -> np.ndarray:
    return hashing.normal(hashing.bits(5, shape[0] * shape[1])).reshape(shape)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_rows_are_orthonormal_and_those_of_the_factorization(shape: tuple[int, int]) -> None:
    found = orthonormal_rows(normals(shape))
    np.testing.assert_allclose(found @ found.T, np.eye(shape[0]), atol=LARGEST_ERROR)
    q, r = np.linalg.qr(normals(shape).T)
    np.testing.assert_allclose(found, (q * np.sign(np.diag(r))).T, atol=LARGEST_ERROR)


@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 7, 3), (5, 1000, 4)], ids=str)
def test_the_order_of_the_terms_of_a_product_does_not_show(shape: tuple[int, int, int]) -> None:
    rng = np.random.default_rng(3)
    a, b = rng.uniform(-1, 1, shape[:2]), rng.uniform(-1, 1, shape[1:])
    found = product(a, b)
    for _ in range(3):
        order = rng.permutation(shape[1])
        np.testing.assert_array_equal(product(a[:, order], b[order]), found)
    np.testing.assert_allclose(found, a @ b, atol=1e-10)


def test_the_largest_values_still_have_exact_sums() -> None:
    n = 4096
    a = np.full((1, n), 1 - 2.0**-30)
    exact = n * Fraction(float(a[0, 0])) ** 2
    assert abs(Fraction(float(product(a, a.T)[0, 0])) - exact) < n * Fraction(1, 2**38)


def test_bits_that_every_machine_has() -> None:
    found = orthonormal_rows(normals((9, 11)))
    assert [float(value).hex() for value in found[[0, 4, 8], [0, 5, 10]]] == BITS
