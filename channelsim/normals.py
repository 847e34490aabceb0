"""Standard normal numbers of float32, bit for bit as the vector kernels make them: noise, and stages of the user's own.

Initial weights have those of float64: `hashing.normal`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

F = np.float32
SQRT_HALF = int(F(math.sqrt(0.5)).view(np.int32))  # by its bits
MANTISSA_BITS = 23
# Polynomials, the highest power first: ln(1 + x) / x for 1 + x from sqrt(1/2) to sqrt(2), and sin(t) / t in t^2 for |t|
# up to pi/2. They agree with what they stand for at Chebyshev's points (numpy.polynomial.Chebyshev.interpolate): errors
# of 4.7e-9 and 6.6e-9 of the value, a tenth of float32's own.
LOG = (
    -0.07451186274147284, 0.12806610507005745, -0.13266031376391862, 0.14199650087166818, -0.16608369411042173,
    0.20000939440861365, -0.25001579099291976, 0.33333345349800164, -0.4999998849614165, 0.9999999993832555,
)  # fmt: skip
SINE = (
    2.605107634382171e-06, -0.00019809017408218147, 0.008333050170664661, -0.16666657947845623, 0.9999999956988086,
)  # fmt: skip
MINUS_TWO_LOG_2 = -1.3862943611198906
RADIANS = 2.0 * math.pi * 2.0**-32
"""In a part of a turn that is cut into 2^32."""
AT_ONCE = 2**13  # so that what is made on the way stays in the cache


def fma(x: Any, y: Any, z: Any) -> Any:
    """x y + z of float32, rounded once, value by value.

    The product is exact in float64. The sum is rounded there to an odd last bit where it is not exact, after which it
    may be rounded again (Boldo and Melquiond, IEEE Trans. Computers 57, 2008).
    """
    product, z = np.asarray(x, np.float64) * np.asarray(y, np.float64), np.asarray(z, np.float64)
    rounded = product + z
    back = rounded - product
    error = (product - (rounded - back)) + (z - back)
    is_even = rounded.view(np.int64) % 2 == 0
    other = np.nextafter(rounded, np.where(error > 0, np.inf, -np.inf))
    return np.where(is_even & (np.abs(error) > 0), other, rounded).astype(F)


def normal32(word: NDArray[np.uint64]) -> NDArray[np.float32]:
    """Standard normal by Box and Muller from the two halves of each word (largest possible value: 6.7).

    Logarithm and cosine are polynomials, and cos(2 pi v) = -sin(2 pi (1/4 - |v - 1/2|)). The largest error of a million
    normals is 3e-7 of the value, five roundings to float32.
    """
    flat = word.ravel()
    drawn = np.empty(flat.shape, F)
    for first in range(0, len(flat), AT_ONCE):
        drawn[first : first + AT_ONCE] = _normal(flat[first : first + AT_ONCE])
    return drawn.reshape(word.shape)


def _normal(word: NDArray[np.uint64]) -> NDArray[np.float32]:
    low, high = (word & np.uint64(0xFFFFFFFF)).astype(np.uint32), (word >> np.uint64(32)).astype(np.uint32)
    away = np.abs(low.astype(np.int64) - (1 << 31))  # of v from 1/2, in parts of 2^32
    t = ((1 << 30) - away).astype(F) * F(RADIANS)
    root: NDArray[np.float32] = np.sqrt(_minus_two_log(high))
    return -(root * (t * _polynomial(SINE, t * t)))


def _minus_two_log(high: NDArray[np.uint32]) -> NDArray[np.float32]:
    """-2 ln u for u = (high + 1/2) 2^-32 = m 2^exponent, with m within a factor sqrt(2) of 1."""
    bits = _unit(high.astype(F)).view(np.int32)
    exponent = (bits - SQRT_HALF) >> MANTISSA_BITS
    m = (bits - (exponent << MANTISSA_BITS)).view(F)
    # Near 1, where the logarithm is small, u is not as float32 has it: u - 1 is exact, or rounded by itself.
    x = np.where(exponent >= 0, _unit(high.view(np.int32).astype(F)), m - F(1.0))
    return fma(exponent.astype(F), F(MINUS_TWO_LOG_2), x * _polynomial(tuple(-2.0 * c for c in LOG), x))


def _unit(numbers: NDArray[np.float32]) -> Any:
    """(number + 1/2) 2^-32."""
    return fma(numbers, F(2.0**-32), F(2.0**-33))


def _polynomial(coefficients: tuple[float, ...], x: NDArray[np.float32]) -> Any:
    total: Any = F(coefficients[0])
    for coefficient in coefficients[1:]:
        total = fma(total, x, F(coefficient))
    return total
