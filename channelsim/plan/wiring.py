"""Random numbers that stand before the first frame: initial weights, and the wires and weights of C."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from channelsim import elementary, hashing
from channelsim.hashing import Stream
from channelsim.plan.orthogonal import orthonormal_rows

Float = NDArray[np.float32]
DRAWN_AT_ONCE = 2**20  # entries of a sparse matrix, those without a wire included


def deviation(scale: str | float, fan_in: int, fan_out: int) -> float:
    """Standard deviation of a weight: a number as it is, `glorot` (Glorot & Bengio 2010), `he` (He et al. 2015)."""
    if scale == "glorot":
        return math.sqrt(2.0 / (fan_in + fan_out))
    if scale == "he":
        return math.sqrt(2.0 / fan_in)
    return float(scale)


def draw(distribution: str, deviation: float, shape: tuple[int, int], key: int, first: int = 0) -> Float:
    """A (rows, columns) float32 matrix with entries of the given root mean square (binary: of the given value).

    `normal`, `uniform`, `sign` (plus or minus the deviation), `binary` (0 or the deviation, evenly) and
    `orthogonal` (orthonormal rows or columns, whichever are fewer, scaled to that root mean square). A part of a
    larger matrix starts at that one's entry `first`, and is as if the whole had been drawn (`orthogonal` has no parts).
    """
    rows, columns = shape
    words = hashing.bits(key, np.arange(first, first + rows * columns))
    if distribution == "normal":
        values = hashing.normal(words)
    elif distribution == "uniform":
        values = math.sqrt(3.0) * (2.0 * hashing.uniform(words) - 1.0)
    elif distribution == "sign":
        values = np.where(words >> np.uint64(63), 1.0, -1.0)
    elif distribution == "binary":
        values = (words >> np.uint64(63)).astype(np.float64)
    elif distribution == "orthogonal":
        values = _orthogonal(hashing.normal(words).reshape(shape)).ravel()
    else:
        raise ValueError(f"unknown distribution {distribution!r}")
    return (deviation * values).astype(np.float32).reshape(shape)


def _orthogonal(gaussian: NDArray[np.float64]) -> NDArray[np.float64]:
    rows, columns = gaussian.shape
    q = orthonormal_rows(gaussian if rows <= columns else gaussian.T) * math.sqrt(max(rows, columns))
    return q if rows <= columns else q.T


def draw_sparse(
    distribution: str, deviation: float, shape: tuple[int, int], connections: int, key: int, wires_key: int
) -> tuple[Float, NDArray[np.int32], NDArray[np.int32]]:
    """The entries of an (n_source, n_target) matrix as `draw` makes it for which there is a wire, row by row.

    Each wire exists with probability connections / n_source, so each neuron that receives has `connections` of them on
    average. Returned are the values, the number of values before each row (n_source + 1) and the column of each value.
    Rows are drawn some at a time, so the wires that do not exist take no memory.
    """
    rows, columns = shape
    at_once = max(1, DRAWN_AT_ONCE // columns)
    values, counts, indices = [], [], []
    for row in range(0, rows, at_once):
        part = (min(at_once, rows - row), columns)
        drawn = hashing.bits(wires_key, np.arange(row * columns, (row + part[0]) * columns))
        exists = (hashing.uniform(drawn) < connections / rows).reshape(part)
        values.append(draw(distribution, deviation, part, key, row * columns)[exists])
        counts.append(exists.sum(axis=1))
        indices.append(np.nonzero(exists)[1].astype(np.int32))
    start = np.concatenate([[0], np.cumsum(np.concatenate(counts))]).astype(np.int32)
    return np.concatenate(values), start, np.concatenate(indices)


def low_precision(values: Float, bits: int) -> Float:
    """C in few bits: symmetric levels up to the largest magnitude (2^bits - 1 of them); 1 bit keeps the sign."""
    if bits == 1:
        scale = np.sqrt(elementary.total(np.square(values.ravel(), dtype=np.float64)) / values.size)
        return (np.sign(values) * scale).astype(np.float32)
    top = np.abs(values).max(initial=0.0)
    if top == 0.0:
        return values
    step = np.float32(top / (2 ** (bits - 1) - 1))
    return (np.rint(values / step) * step).astype(np.float32)


def initial_weights(
    distribution: str, scale: str | float, fan_in: int, n: int, fans: tuple[int, int], seed: int, layer: int
) -> Float:
    """W of one layer, (fan_in, n) float32; `fans` are the fan-in and fan-out that set the scale."""
    key = hashing.key(seed, Stream.WEIGHTS.of(layer))
    return draw(distribution, deviation(scale, *fans), (fan_in, n), key)
