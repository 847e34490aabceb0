"""Kernels of convolutions against loops in plain Python: any kernel, stride and padding, odd sizes, one pixel."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from channelsim.engine.kernels import conv_counts as inner_conv_counts
from channelsim.engine.kernels import convolution as inner_convolution
from channelsim.plan import Kind, Transfer
from tests import naive
from tests.engine.compiled import compiled_module
from tests.engine.kernels.maps import CLOSE, MANY, SEEDS, Batch, F, layers

conv_counts = compiled_module(inner_conv_counts)
convolution = compiled_module(inner_convolution)

LINEAR = np.int64(Transfer.LINEAR)


@MANY
@given(layers(Kind.CONV2D), SEEDS)
def test_convolution(layer: Any, seed: int) -> None:
    batch = Batch(layer, seed)
    for counts in (batch.unknown, batch.known):
        out = np.full(batch.m.shape, np.nan, F)
        convolution.forward(
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
    convolution.through_transposed(
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
    convolution.survey(
        batch.g, batch.x.ravel(), counts, batch.m.ravel(), turned, learns, batch.macs, sums.reshape(-1), np.int64(0),
        batch.samples, batch.room,
    )  # fmt: skip
    expected = naive.convolution_counts(layer, batch.x, batch.m, batch.m)
    np.testing.assert_array_equal(learns, batch.m.any(axis=1))
    np.testing.assert_allclose(sums, batch.m.reshape(*sums.shape, -1).sum(2), **CLOSE)
    assert batch.macs.sum() == expected.update_macs
    touched = np.zeros(layer.fan_in, bool)
    rows = conv_counts.rows_at_work(batch.g, batch.x.ravel(), learns, batch.samples, touched)
    positions = np.int64(layer.out_height * layer.out_width)
    maps = conv_counts.maps_at_work(batch.m.ravel(), np.int64(batch.maps), positions, batch.samples)
    assert rows * maps == expected.writes
    target, pitch = batch.gapped(batch.w)
    half = np.int64(batch.rows // 2)
    for lo, hi in ((np.int64(0), half), (half, np.int64(batch.rows))):
        convolution.add_outer(
            batch.g, target, pitch, batch.x.ravel(), turned, learns, batch.samples, F(0.5), lo, hi, batch.room
        )
    made = target.reshape(-1, pitch)[:, : batch.maps]
    np.testing.assert_allclose(made, batch.w + 0.5 * batch.gradient(learns), **CLOSE)
