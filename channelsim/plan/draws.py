"""Random matrices that stand before the first frame: how one is drawn."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from channelsim import elementary, hashing
from channelsim.hashing import Stream
from channelsim.plan.orthogonal import orthonormal_rows
from channelsim.plan.shapes import fans

Float = NDArray[np.float32]
OF_ONE_MAGNITUDE = ("sign", "binary")  # distributions whose values are 0 or of one magnitude


def deviation(scale: str | float, fan_in: int, fan_out: int) -> float:
    """Standard deviation of a weight: a number as it is, `glorot` (Glorot & Bengio 2010), `he` (He et al. 2015)."""
    if scale == "glorot":
        return math.sqrt(2.0 / (fan_in + fan_out))
    if scale == "he":
        return math.sqrt(2.0 / fan_in)
    return float(scale)


def draw(distribution: str, deviation: float, shape: tuple[int, int], key: int) -> Float:
    """A (rows, columns) float32 matrix with entries of the given root mean square (binary: of the given value).

    `normal`, `uniform`, `sign` (plus or minus the deviation), `binary` (0 or the deviation, evenly) and
    `orthogonal` (orthonormal rows or columns, whichever are fewer, scaled to that root mean square).
    """
    size = math.prod(shape)
    if distribution == "orthogonal":
        gaussian = hashing.normal(hashing.bits(key, size)).reshape(shape)
        return (deviation * _orthogonal(gaussian)).astype(np.float32)
    return draw_entries(distribution, deviation, key, np.arange(size)).reshape(shape)


def draw_entries(distribution: str, deviation: float, key: int, entries: NDArray[np.int64]) -> Float:
    """These entries of the matrix that `draw` makes, counted row by row, without the others. Not of `orthogonal`."""
    words = hashing.bits(key, entries)
    if distribution == "normal":
        values = hashing.normal(words)
    elif distribution == "uniform":
        values = math.sqrt(3.0) * (2.0 * hashing.uniform(words) - 1.0)
    elif distribution == "sign":
        values = np.where(words >> np.uint64(63), 1.0, -1.0)
    elif distribution == "binary":
        values = (words >> np.uint64(63)).astype(np.float64)
    else:
        raise ValueError(f"unknown distribution {distribution!r}")
    return (deviation * values).astype(np.float32)


def _orthogonal(gaussian: NDArray[np.float64]) -> NDArray[np.float64]:
    rows, columns = gaussian.shape
    q = orthonormal_rows(gaussian if rows <= columns else gaussian.T) * math.sqrt(max(rows, columns))
    return q if rows <= columns else q.T


def low_precision(values: Float, bits: int) -> tuple[Float, np.float32]:
    """C in few bits: symmetric levels up to the largest magnitude (2^bits - 1 of them); 1 bit keeps the sign.

    With the number of which they are whole multiples; 0 where all are 0.
    """
    if bits == 1:
        scale = np.float32(np.sqrt(elementary.total(np.square(values.ravel(), dtype=np.float64)) / values.size))
        return np.sign(values) * scale, scale
    top = np.abs(values).max(initial=0.0)
    if top == 0.0:
        return values, np.float32(0.0)
    step = np.float32(top / (2 ** (bits - 1) - 1))
    return (np.rint(values / step) * step).astype(np.float32), step


@dataclass(frozen=True)
class InitialWeights:
    """What the draw of W depends on: [model.weights] and the seed; and the W of layers that are given, not drawn."""

    distribution: str
    scale: str | float
    seed: int
    given: Mapping[int, Float] = field(default_factory=dict, compare=False)

    def draw(self, layers: NDArray[Any]) -> Float:
        """W of all layers in the plan's layout."""
        weights = np.zeros(int(layers["w_size"].sum()), np.float32)
        for h, layer in enumerate(layers):
            if h in self.given:
                weights[layer["w_offset"] : layer["w_offset"] + layer["w_size"]] = self.given[h].ravel()
            elif layer["w_size"]:
                columns = int(layer["w_columns"])
                shape = int(layer["w_size"]) // columns, columns
                key = hashing.key(self.seed, Stream.WEIGHTS.of(h))
                matrix = draw(self.distribution, deviation(self.scale, *fans(layer)), shape, key)
                weights[layer["w_offset"] : layer["w_offset"] + layer["w_size"]] = matrix.ravel()
        return weights
