"""Layers that work on maps, with any kernel, stride and padding, and numbers at random for them."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

from channelsim.engine.tables import geometry
from channelsim.plan import LAYER, Kind
from tests import naive

F = np.float32
CLOSE = {"rtol": 1e-4, "atol": 1e-4}
SEEDS = st.integers(0, 2**32)
MANY = settings(max_examples=80)


@st.composite
def layers(draw: st.DrawFn, kind: Kind) -> Any:
    """A layer that fits onto the map below it."""
    row = np.zeros(1, LAYER).view(np.recarray)[0]
    row.kind, row.stride = kind, draw(st.integers(1, 3))
    row.padding = draw(st.integers(0, 2)) if kind == Kind.CONV2D else 0
    row.in_channels, row.in_height, row.in_width = (draw(st.integers(1, most)) for most in (3, 9, 9))
    row.kernel = draw(st.integers(1, min(row.in_height, row.in_width, 5) + 2 * row.padding))
    row.out_channels = draw(st.integers(1, 3)) if kind == Kind.CONV2D else row.in_channels
    row.out_height = (row.in_height + 2 * row.padding - row.kernel) // row.stride + 1
    row.out_width = (row.in_width + 2 * row.padding - row.kernel) // row.stride + 1
    row.fan_in = row.in_channels * row.in_height * row.in_width
    row.n = row.out_channels * row.out_height * row.out_width
    return row


class Batch:
    """A layer with numbers at random, some of which are zero, and room to work in."""

    def __init__(self, layer: Any, seed: int, samples: int = 3):
        rng = np.random.default_rng(seed)
        self.layer, self.samples = layer, np.int64(samples)
        self.g = geometry.geometry(np.array([layer], LAYER))[0]
        self.rows = int(layer.in_channels) * int(layer.kernel) ** 2
        self.maps = int(layer.out_channels)
        self.w, self.b = self.numbers(rng, self.rows, self.maps), self.numbers(rng, self.maps)
        self.x, self.m = self.numbers(rng, samples, layer.fan_in), self.numbers(rng, samples, layer.n)
        self.m[rng.integers(samples)] = 0
        self.room = np.full(max(int(self.g[geometry.ROOM]), 1), np.nan, F)
        self.unknown, self.macs = np.full(samples, -1), np.zeros(samples, np.int64)
        self.known = np.count_nonzero(self.x, axis=1)

    @staticmethod
    def numbers(rng: np.random.Generator, *shape: int) -> naive.Floats:
        return np.where(rng.random(shape) < 0.3, 0, rng.normal(size=shape)).astype(F)

    def gapped(self, matrix: naive.Floats) -> tuple[naive.Floats, int]:
        """A matrix as a flat buffer with gaps behind its rows, and its pitch."""
        rows = np.hstack([matrix, np.full((len(matrix), 3), np.nan, F)])
        return rows.reshape(-1), rows.shape[1]

    def errors(self, message: naive.Floats) -> naive.Floats:
        """What goes back through W, by its definition: the transpose of the forward map, column by column."""
        unit = np.eye(self.layer.fan_in, dtype=F)
        columns = [naive.layer_forward(self.layer, self.w, np.zeros(self.maps), row) for row in unit]
        return message.astype(np.float64) @ np.array(columns).T

    def gradient(self, learns: Any) -> naive.Floats:
        """sum of x (x) R, entry of W by entry."""
        total = np.zeros((self.rows, self.maps))
        k = int(self.layer.kernel)
        for x, r in zip(self.x[learns], self.m[learns], strict=True):
            image = x.reshape(self.layer.in_channels, self.layer.in_height, self.layer.in_width)
            error = r.reshape(self.maps, self.layer.out_height, self.layer.out_width)
            for row, column, taps in naive.windows(self.layer):
                for i, j, y, at in taps:
                    for c in range(self.layer.in_channels):
                        total[(c * k + i) * k + j] += image[c, y, at] * error[:, row, column].astype(np.float64)
        return total
