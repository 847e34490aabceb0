"""The twin of a fused multiply-add against exact fractions."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.ordered_sums import F, fma

FINITE = st.floats(width=32, allow_nan=False, allow_infinity=False)
LARGEST = Fraction(2) ** 128 - Fraction(2) ** 103  # from here on a number is rounded to infinity


def nearest(exact: Fraction) -> np.float32:
    """The float32 nearest to a number, of two the even one."""
    if abs(exact) >= LARGEST:
        return F(np.inf if exact > 0 else -np.inf)
    near = F(min(max(float(exact), -float(np.finfo(F).max)), float(np.finfo(F).max)))
    candidates = [near, np.nextafter(near, F(-np.inf)), np.nextafter(near, F(np.inf))]
    finite = [c for c in candidates if np.isfinite(c)]
    return min(finite, key=lambda c: (abs(Fraction(float(c)) - exact), int(c.view(np.int32)) % 2))


@settings(max_examples=400)
@given(FINITE, FINITE, FINITE, st.sampled_from([0, 1e-9, 1e-8, 6e-8, 1.2e-7, 1e-3]))
@example(1 + 2.0**-23, 1 + 2.0**-23, 2.0**-46, 0)
@example(1e-30, 1e-30, 1e-45, 0)
def test_rounded_once(x: float, y: float, z: float, apart: float) -> None:
    """Also where the sum nearly cancels the product."""
    with np.errstate(over="ignore", invalid="ignore"):
        for addend in (F(z), F(-x * y * (1 + apart))):
            if np.isfinite(addend):
                found = fma(F(x), F(y), addend)
                assert found == nearest(Fraction(x) * Fraction(y) + Fraction(float(addend)))


@pytest.mark.parametrize(
    "given", [(np.inf, 1, 1), (np.inf, 1, -np.inf), (np.inf, 0, 1), (np.nan, 1, 1), (0, 1, -0.0), (-0.0, 1, -0.0)]
)
def test_edges(given: tuple[float, ...]) -> None:
    x, y, z = (F(value) for value in given)
    with np.errstate(invalid="ignore"):
        expected, found = x * y + z, fma(x, y, z)
    np.testing.assert_array_equal(found, expected)
    assert np.signbit(found) == np.signbit(expected) or np.isnan(found)
