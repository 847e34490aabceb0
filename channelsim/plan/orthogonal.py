"""Orthonormal rows, the same to the last bit on every machine.

LAPACK's factorizations and the sums of BLAS differ by processor. Here the method of Gram and Schmidt is made of
products of whole numbers, in which every sum is exact, whatever the order in which it is made.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from channelsim import elementary

Float = NDArray[np.float64]
SIGNIFICAND = 53  # bits of a float64


def orthonormal_rows(matrix: Float) -> Float:
    """The rows of a (k, n) matrix, k <= n, each made orthogonal to all before it, and of length 1.

    That is Q of the factorization Q R of the transposed matrix, where R has a positive diagonal: of normal numbers, a
    uniform draw among all such matrices (Mezzadri, Notices of the AMS 54, 2007).
    """
    if len(matrix) == 1:
        return _of_length_one(matrix)
    upper, lower = orthonormal_rows(matrix[: len(matrix) // 2]), matrix[len(matrix) // 2 :]
    for _ in range(2):  # the second time takes away what rounding left of the first
        lower = _of_length_one(lower)
        lower = lower - product(product(lower, upper.T), upper)
    return np.concatenate([upper, orthonormal_rows(lower)])


def _of_length_one(rows: Float) -> Float:
    return rows / np.sqrt(elementary.total((rows * rows).T))[:, None]


def product(a: Float, b: Float) -> Float:
    """a b for values of magnitude 1 or less, to 2^-35 or better for up to 2^17 terms.

    Each value is cut into two whole numbers of so few bits that products of these, and their sums, have less than 54:
    they are exact, and neither their order nor fused operations show.
    """
    bits = (SIGNIFICAND - a.shape[1].bit_length()) // 2
    unit = 2.0**-bits
    (high_a, low_a), (high_b, low_b) = _parts(a, bits), _parts(b, bits)
    crossed = high_a @ low_b + low_a @ high_b
    return (high_a @ high_b + (crossed + low_a @ low_b * unit) * unit) * unit * unit


def _parts(values: Float, bits: int) -> tuple[Float, Float]:
    """Whole numbers (high, low) with values = (high + low 2^-bits) 2^-bits, rounded."""
    scaled = values * 2.0**bits
    high = np.rint(scaled)
    return high, np.rint((scaled - high) * 2.0**bits)
