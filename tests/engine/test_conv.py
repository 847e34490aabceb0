"""Kernels of convolutions and pools against loops in plain Python: any kernel, stride, padding, odd sizes, one channel,
one pixel."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channelsim.engine import _augment, _conv, _pool
from channelsim.plan import LAYER, Kind, Transfer
from tests import naive

F = np.float32
CLOSE = {"rtol": 1e-4, "atol": 1e-4}
LINEAR = np.int64(Transfer.LINEAR)
SEEDS = st.integers(0, 2**32)
MANY = settings(deadline=None, max_examples=80)


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
        self.g = _conv.geometry(np.array([layer], LAYER))[0]
        self.rows = int(layer.in_channels) * int(layer.kernel) ** 2
        self.maps = int(layer.out_channels)
        self.w, self.b = self.numbers(rng, self.rows, self.maps), self.numbers(rng, self.maps)
        self.x, self.m = self.numbers(rng, samples, layer.fan_in), self.numbers(rng, samples, layer.n)
        self.m[rng.integers(samples)] = 0
        self.room = np.full(max(int(self.g[_conv.ROOM]), 1), np.nan, F)
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


@MANY
@given(layers(Kind.CONV2D), SEEDS)
def test_convolution(layer: Any, seed: int) -> None:
    batch = Batch(layer, seed)
    for counts in (batch.unknown, batch.known):
        out = np.full(batch.m.shape, np.nan, F)
        _conv.forward(
            batch.g, LINEAR, *batch.gapped(batch.w), batch.b, batch.x.ravel(), counts, out.reshape(-1), batch.macs,
            np.int64(0), batch.samples, batch.room,
        )  # fmt: skip
        expected = [naive.layer_forward(layer, batch.w, batch.b, x) for x in batch.x]
        np.testing.assert_allclose(out, expected, **CLOSE)
        assert batch.macs.sum() == naive.convolution_counts(layer, batch.x, batch.m, batch.m).forward_macs


@MANY
@given(layers(Kind.CONV2D), SEEDS)
def test_error_through_a_convolution(layer: Any, seed: int) -> None:
    batch = Batch(layer, seed)
    heard = np.count_nonzero(batch.m, axis=1)
    out = np.full(batch.x.shape, np.nan, F)
    _conv.through_transposed(
        batch.g, *batch.gapped(batch.w), batch.m.ravel(), heard, out.reshape(-1), batch.macs, np.int64(0),
        batch.samples, batch.room,
    )  # fmt: skip
    np.testing.assert_allclose(out, batch.errors(batch.m), **CLOSE)
    assert batch.macs.sum() == naive.convolution_counts(layer, batch.x, batch.m, batch.m).error_macs


@MANY
@given(layers(Kind.CONV2D), SEEDS, st.booleans())
def test_update_of_a_convolution(layer: Any, seed: int, known: bool) -> None:
    batch = Batch(layer, seed)
    turned, sums = np.full(batch.m.size, np.nan, F), np.full((int(batch.samples), batch.maps), np.nan, F)
    learns = np.zeros(batch.samples, bool)
    counts = batch.known if known else batch.unknown
    _conv.survey(
        batch.g, batch.x.ravel(), counts, batch.m.ravel(), turned, learns, batch.macs, sums.reshape(-1), np.int64(0),
        batch.samples, batch.room,
    )  # fmt: skip
    expected = naive.convolution_counts(layer, batch.x, batch.m, batch.m)
    np.testing.assert_array_equal(learns, batch.m.any(axis=1))
    np.testing.assert_allclose(sums, batch.m.reshape(*sums.shape, -1).sum(2), **CLOSE)
    assert batch.macs.sum() == expected.update_macs
    touched = np.zeros(layer.fan_in, bool)
    rows = _conv.rows_at_work(batch.g, batch.x.ravel(), learns, batch.samples, touched)
    positions = np.int64(layer.out_height * layer.out_width)
    assert rows * _conv.maps_at_work(batch.m.ravel(), np.int64(batch.maps), positions, batch.samples) == expected.writes
    target, pitch = batch.gapped(batch.w)
    half = np.int64(batch.rows // 2)
    for lo, hi in ((np.int64(0), half), (half, np.int64(batch.rows))):
        _conv.add_outer(
            batch.g, target, pitch, batch.x.ravel(), turned, learns, batch.samples, F(0.5), lo, hi, batch.room
        )
    made = target.reshape(-1, pitch)[:, : batch.maps]
    np.testing.assert_allclose(made, batch.w + 0.5 * batch.gradient(learns), **CLOSE)


@MANY
@given(layers(Kind.CONV2D), SEEDS)
def test_fold_is_the_transpose_of_unfold(layer: Any, seed: int) -> None:
    """<unfold(x), p> = <x, fold(p)>, and a part of the patch matrix is a part of the whole."""
    batch = Batch(layer, seed, samples=1)
    pitch = int(batch.g[_conv.PITCH])
    planes, patches, image = batch.room.copy(), np.zeros(batch.rows * pitch, F), np.zeros(layer.fan_in, F)
    _conv.unfold(batch.g, batch.x[0], np.int64(0), np.int64(batch.rows), planes, patches)
    lo = np.int64(batch.rows // 3)
    part = np.zeros((batch.rows - lo) * pitch, F)
    _conv.unfold(batch.g, batch.x[0], lo, np.int64(batch.rows), planes, part)
    np.testing.assert_array_equal(part, patches[lo * pitch :])
    other = Batch.numbers(np.random.default_rng(seed), patches.size)
    other.reshape(-1, pitch)[:, layer.out_height * layer.out_width :] = 0
    _conv.fold(batch.g, other, planes, image)
    np.testing.assert_allclose(patches @ other, batch.x[0] @ image, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("kind", [Kind.MAXPOOL, Kind.AVGPOOL])
@MANY
@given(st.data())
def test_pools(kind: Kind, data: st.DataObject) -> None:
    """Few different values, so that windows have several largest ones."""
    layer = data.draw(layers(kind))
    batch = Batch(layer, data.draw(SEEDS))
    x = np.round(batch.x)
    out, error = np.full(batch.m.shape, np.nan, F), np.full(x.shape, np.nan, F)
    none, all_of_them = np.int64(0), batch.samples
    _pool.forward(np.int64(kind), batch.g, x.ravel(), out.reshape(-1), none, all_of_them)
    weights = np.zeros((0, 0))
    np.testing.assert_allclose(out, [naive.layer_forward(layer, weights, weights, row) for row in x], **CLOSE)
    heard, recalled = np.count_nonzero(batch.m, axis=1), np.int64(data.draw(st.integers(0, 3)))
    _pool.backward(
        np.int64(kind), batch.g, x.ravel(), batch.m.ravel(), heard, error.reshape(-1), recalled, none, all_of_them
    )
    if kind == Kind.MAXPOOL:
        expected = np.array([naive.maxpool_error(layer, row, m) for row, m in zip(x, batch.m, strict=True)])
    else:
        unit = np.eye(layer.fan_in, dtype=F)
        mean = np.array([naive.layer_forward(layer, weights, weights, row) for row in unit])
        expected = batch.m @ mean.T
    expected[recalled:] = 0
    np.testing.assert_allclose(error, expected, **CLOSE)


@pytest.mark.parametrize("size", [2, 3])
def test_maxpool_hands_on_what_is_not_a_number(size: int) -> None:
    x = np.zeros((1, 6, 6), F)
    x[0, 1, 1] = np.nan
    g, out = np.array([1, 6, 6, 1, 6 // size, 6 // size, size, size, 0, 0, 0]), np.zeros((6 // size) ** 2, F)
    _pool.forward(np.int64(Kind.MAXPOOL), g, x.ravel(), out, np.int64(0), np.int64(1))
    assert np.isnan(out[0]) and not np.isnan(out[1:]).any()


def test_flatten_copies() -> None:
    layer = np.zeros(1, LAYER)
    layer["kind"], layer["n"], layer["fan_in"] = Kind.FLATTEN, 12, 12
    g, x, out = _conv.geometry(layer)[0], np.arange(24, dtype=F), np.zeros(24, F)
    _pool.forward(np.int64(Kind.FLATTEN), g, x, out, np.int64(0), np.int64(2))
    np.testing.assert_array_equal(out, x)


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize(("dy", "dx"), [(0, 0), (1, -2), (-3, 2), (4, 0), (0, 9)])
def test_images_are_mirrored_then_moved(mirrored: bool, dy: int, dx: int) -> None:
    image = np.random.default_rng(0).normal(size=(2, 4, 5)).astype(F)
    out = np.full(image.size, np.nan, F)
    _augment.place(image.ravel(), out, np.int64(4), np.int64(5), mirrored, np.int64(dy), np.int64(dx))
    source = image[:, :, ::-1] if mirrored else image
    expected = np.zeros_like(image)
    for y in range(4):
        for x in range(5):
            if 0 <= y - dy < 4 and 0 <= x - dx < 5:
                expected[:, y, x] = source[:, y - dy, x - dx]
    np.testing.assert_array_equal(out.reshape(image.shape), expected)
