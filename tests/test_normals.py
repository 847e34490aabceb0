"""Normal numbers of float32, and what they are made with: multiply-adds rounded once."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from scipy import stats

from channelsim import hashing
from channelsim.normals import fma, normal32

F = np.float32
LARGEST_ERROR = 4e-7  # of the value: found in a million is 3.0e-7, of which rounding to float32 is 0.6e-7


def test_multiply_adds_are_rounded_once() -> None:
    rng = np.random.default_rng(2)
    x, y = (rng.normal(size=5000).astype(F) for _ in range(2))
    near = 1 + rng.choice([0, 1e-7, 1e-3, 1, 1e8, 1e-9], len(x)) * rng.normal(size=len(x))
    z = (x.astype(np.float64) * -y * near).astype(F)
    for a, b, c, found in zip(x, y, z, fma(x, y, z), strict=True):
        exact = Fraction(float(a)) * Fraction(float(b)) + Fraction(float(c))
        error = abs(exact - Fraction(float(found)))
        for other in (np.nextafter(found, F(np.inf)), np.nextafter(found, F(-np.inf))):
            assert error <= abs(exact - Fraction(float(other)))


def test_they_are_near_those_of_float64() -> None:
    words = hashing.bits(hashing.key(3, 5), 300_000)
    found, expected = normal32(words), hashing.normal(words)
    np.testing.assert_allclose(found, expected, rtol=LARGEST_ERROR, atol=1e-12)
    assert abs(np.mean(found - expected)) < 1e-9  # they are too large as often as too small


def test_they_are_normal() -> None:
    assert stats.kstest(normal32(hashing.bits(hashing.key(1, 2), 100_000)), "norm").pvalue > 1e-3


def test_the_ends_of_both_halves_of_a_word() -> None:
    ends = np.array([0, 1, 2**31 - 1, 2**31, 2**31 + 1, 2**32 - 1], np.uint64)
    words = (ends[:, None] << np.uint64(32)) | ends
    found = normal32(words)
    assert np.isfinite(found).all() and np.abs(found).max() < 6.8
    np.testing.assert_allclose(found, hashing.normal(words), rtol=LARGEST_ERROR, atol=1e-8)


def test_any_shape() -> None:
    words = hashing.bits(7, 12)
    assert (normal32(words.reshape(3, 4)) == normal32(words).reshape(3, 4)).all()
