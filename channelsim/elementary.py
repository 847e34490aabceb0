"""Logarithm, exponential, cosine and sums that are the same, to the last bit, on every machine.

NumPy's own functions are vector code that differs by processor, and the C library's differ by version and processor.
These are made of operations that IEEE 754 rounds correctly (+, -, *, /, comparisons) and of integer operations on the
bits of numbers, one at a time and in the order that is written here; NumPy never fuses two of them. They are free of
branches and work element by element, on a number or an array of float64. Beyond operators they use `select`, `bits`
and `number`, for which the engine has forms of its own: it compiles the same text
(`channelsim.engine.kernels.elementary`).

Algorithms and coefficients are those of fdlibm (Sun Microsystems 1993: e_exp.c, e_log.c, k_cos.c, k_sin.c); how the
argument is reduced differs. `tests/test_elementary.py` measures the largest errors: 0.9 units in the last place
(`exp`), 0.8 (`log`) and 1.8 (`cos_of_turn`).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

Float64 = Any
"""A float64, or an array of them."""
Int64 = Any
"""An int64, or an array of them."""

INFINITY, NAN = math.inf, math.nan
MANTISSA_BITS = 52
BIAS = 1023  # of the exponent
MAGNITUDE = 0x7FFFFFFFFFFFFFFF  # all bits but the sign
SQRT_HALF_BITS = 0x3FE6A09E667F3BCD  # of the square root of 1/2
SMALLEST_NORMAL = 2.0**-1022
TO_NORMAL, TO_NORMAL_EXPONENT = 2.0**54, 54.0
ROUND, ROUND_BITS = 1.5 * 2.0**52, 0x4338000000000000  # what is added to it is rounded to a whole number, half to even
LN2_HIGH, LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10  # the first has 20 zeros at its end
INVERSE_LN2 = 1.44269504088896338700e00
LARGEST_EXPONENT, SMALLEST_EXPONENT = 710.0, -746.0  # from here on exp is infinite, or 0
TWO_PI = 6.283185307179586

L1, L2, L3 = 6.666666666666735130e-01, 3.999999999940941908e-01, 2.857142874366239149e-01
L4, L5, L6 = 2.222219843214978396e-01, 1.818357216161805012e-01, 1.531383769920937332e-01
L7 = 1.479819860511658591e-01
P1, P2, P3 = 1.66666666666666019037e-01, -2.77777777770155933842e-03, 6.61375632143793436117e-05
P4, P5 = -1.65339022054652515390e-06, 4.13813679705723846039e-08
C1, C2, C3 = 4.16666666666666019037e-02, -1.38888888888741095749e-03, 2.48015872894767294178e-05
C4, C5, C6 = -2.75573143513906633035e-07, 2.08757232129817482790e-09, -1.13596475577881948265e-11
S1, S2, S3 = -1.66666666666666324348e-01, 8.33333333332248946124e-03, -1.98412698298579493134e-04
S4, S5, S6 = 2.75573137070700676789e-06, -2.50507602534068634195e-08, 1.58969099521155010221e-10


def select(condition: Any, x: Float64, y: Float64) -> Float64:
    """x where the condition holds, else y."""
    return np.where(condition, x, y)


def bits(x: Float64) -> Int64:
    """The bits of a float64."""
    return np.asarray(x, np.float64).view(np.int64)


def number(bits: Int64) -> Float64:
    """The float64 of these bits."""
    return np.asarray(bits, np.int64).view(np.float64)


def power_of_two(k: Int64) -> Float64:
    """2^k for -1022 <= k <= 1023, exactly."""
    return number((k + BIAS) << MANTISSA_BITS)


def log(x: Float64) -> Float64:
    """ln x. Of 0 it is -inf, of what is negative NaN.

    With x = 2^k m and m from sqrt(1/2) to sqrt(2) it is k ln 2 + ln m, and ln m = f - f^2/2 + s (f^2/2 + R(s^2)) for
    f = m - 1, s = f / (2 + f) and a polynomial R.
    """
    subnormal = x < SMALLEST_NORMAL
    word = bits(x * select(subnormal, TO_NORMAL, 1.0)) & MAGNITUDE
    exponent = (word - SQRT_HALF_BITS) >> MANTISSA_BITS
    k = exponent * 1.0 - select(subnormal, TO_NORMAL_EXPONENT, 0.0)
    f = number(word - (exponent << MANTISSA_BITS)) - 1.0
    half = 0.5 * f * f
    s = f / (2.0 + f)
    z = s * s
    w = z * z
    even = w * (L2 + w * (L4 + w * L6))
    odd = z * (L1 + w * (L3 + w * (L5 + w * L7)))
    result = k * LN2_HIGH - ((half - (s * (half + (even + odd)) + k * LN2_LOW)) - f)
    outside = select(x == 0.0, -INFINITY, NAN)
    return select(x < INFINITY, select(x > 0.0, result, outside), x)


def exp(x: Float64) -> Float64:
    """e^x = 2^k e^r, with k the whole number that is nearest to x / ln 2.

    e^r = 1 + r + r c / (2 - c) with c = r - r^2 P(r^2) for a polynomial P.
    """
    x = select(x > LARGEST_EXPONENT, LARGEST_EXPONENT, select(x < SMALLEST_EXPONENT, SMALLEST_EXPONENT, x))
    rounded = x * INVERSE_LN2 + ROUND
    k = bits(rounded) - ROUND_BITS
    high = x - (rounded - ROUND) * LN2_HIGH
    low = (rounded - ROUND) * LN2_LOW
    r = high - low
    t = r * r
    c = r - t * (P1 + t * (P2 + t * (P3 + t * (P4 + t * P5))))
    y = 1.0 - ((low - (r * c) / (2.0 - c)) - high)
    half = k >> 1  # 2^k itself may not be a number that is normal
    return y * power_of_two(half) * power_of_two(k - half)


def cos_of_turn(v: Float64) -> Float64:
    """cos(2 pi v) for |v| < 2^51.

    v is brought to an eighth of a turn, exactly, where cosine and sine are polynomials.
    """
    away = abs(v - ((v + ROUND) - ROUND))
    negative = away > 0.25
    away = select(negative, 0.5 - away, away)
    crossed = away > 0.125
    x = TWO_PI * select(crossed, 0.25 - away, away)
    z = x * x
    w = z * z
    half = 0.5 * z
    rest = z * (C1 + z * (C2 + z * C3)) + w * w * (C4 + z * (C5 + z * C6))
    one = 1.0 - half
    cosine = one + (((1.0 - one) - half) + z * rest)
    sine = x + (z * x) * (S1 + z * ((S2 + z * (S3 + z * S4)) + z * w * (S5 + z * S6)))
    result = select(crossed, sine, cosine)
    return select(negative, -result, result)


def total(values: Float64) -> Float64:
    """The sum along the first axis, which has at least one value.

    The second half is added to the first, then the second half of that to its first, and so on; of an odd number the
    last one waits for the next turn.
    """
    while len(values) > 1:
        half = len(values) // 2
        sums = values[:half] + values[half : 2 * half]
        values = np.concatenate([sums, values[2 * half :]]) if len(values) % 2 else sums
    return values[0]
