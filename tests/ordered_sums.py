"""Sums of products as docs/design.md, section 8, has them: multiply-adds rounded once, in the order of the law.

The slow, obvious twins of the vector kernels, to which those are equal bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from channelsim.normals import fma
from tests.naive import Floats

F = np.float32
PARTIALS, BLOCK = 16, 256  # partial sums of a sum along a row; terms of a matrix product summed at once


def by_halves(partials: Any) -> Any:
    """The sum of partial sums: the upper half of them added to the lower half, until one is left."""
    while len(partials) > 1:
        partials = partials[: len(partials) // 2] + partials[len(partials) // 2 :]
    return partials[0]


def along(x: Floats, y: Floats) -> np.float32:
    """sum_j x_j y_j: term j in partial sum j mod 16."""
    partials = np.zeros(PARTIALS, F)
    for j in range(len(x)):
        partials[j % PARTIALS] = fma(x[j], y[j], partials[j % PARTIALS])
    return by_halves(partials)


def squares(x: Floats) -> np.float64:
    """sum_j x_j^2 in float64, where the squares are exact."""
    partials = np.zeros(PARTIALS)
    for j, value in enumerate(x.astype(np.float64)):
        partials[j % PARTIALS] += value * value
    return by_halves(partials)


def added(out: Floats, rows: Floats, value: Floats) -> Floats:
    """out + sum_k value[k] rows[k], in the order of the rows."""
    for k in range(len(value)):
        out = fma(value[k], rows[k], out)
    return out


def product(a: Floats, b: Floats, scale: np.float32, before: Floats) -> Floats:
    """before + scale a b, of matrices: blocks of terms, each summed from 0 and then added."""
    result = before
    for first in range(0, a.shape[1], BLOCK):
        block = np.zeros_like(before)
        for k in range(first, min(first + BLOCK, a.shape[1])):
            block = fma(a[:, k, None], b[k], block)
        result = fma(scale, block, result)
    return result


def assert_same_bits(found: Any, expected: Any, context: Callable[[], str] = str) -> None:
    """Equal to the last bit, the sign of a zero included; any NaN equals any other."""
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.dtype == expected.dtype, (found.dtype, expected.dtype)
    words = {4: np.int32, 8: np.int64}[found.dtype.itemsize]
    same = (found.view(words) == expected.view(words)) | (np.isnan(found) & np.isnan(expected))
    assert same.all(), f"{context()} {found[~same]} is not {expected[~same]} at {np.argwhere(~same).tolist()}"
