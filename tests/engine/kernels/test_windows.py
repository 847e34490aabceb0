"""Kernels of layers without synapses against loops in plain Python."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from channelsim.engine.kernels import windows as inner_windows
from channelsim.engine.tables import geometry
from channelsim.plan import LAYER, Kind
from tests import naive
from tests.engine.compiled import compiled_module
from tests.engine.kernels.maps import CLOSE, MANY, SEEDS, Batch, F, layers

windows = compiled_module(inner_windows)


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
    windows.forward(np.int64(kind), batch.g, x.ravel(), out.reshape(-1), none, all_of_them)
    weights = np.zeros((0, 0))
    np.testing.assert_allclose(out, [naive.layer_forward(layer, weights, weights, row) for row in x], **CLOSE)
    heard, recalled = np.count_nonzero(batch.m, axis=1), np.int64(data.draw(st.integers(0, 3)))
    windows.backward(
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
    windows.forward(np.int64(Kind.MAXPOOL), g, x.ravel(), out, np.int64(0), np.int64(1))
    assert np.isnan(out[0]) and not np.isnan(out[1:]).any()


def test_flatten_copies() -> None:
    layer = np.zeros(1, LAYER)
    layer["kind"], layer["n"], layer["fan_in"] = Kind.FLATTEN, 12, 12
    g, x, out = geometry.geometry(layer)[0], np.arange(24, dtype=F), np.zeros(24, F)
    windows.forward(np.int64(Kind.FLATTEN), g, x, out, np.int64(0), np.int64(2))
    np.testing.assert_array_equal(out, x)
