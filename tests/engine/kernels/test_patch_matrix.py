"""An image as the matrix of its patches, and back."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given

from channelsim.engine.kernels import patch_matrix as inner_patch_matrix
from channelsim.engine.tables import geometry
from channelsim.plan import Kind
from tests.engine.compiled import compiled_module
from tests.engine.kernels.maps import MANY, SEEDS, Batch, F, layers

patch_matrix = compiled_module(inner_patch_matrix)


@MANY
@given(layers(Kind.CONV2D), SEEDS)
def test_fold_is_the_transpose_of_unfold(layer: Any, seed: int) -> None:
    """<unfold(x), p> = <x, fold(p)>, and a part of the patch matrix is a part of the whole."""
    batch = Batch(layer, seed, samples=1)
    pitch = int(batch.g[geometry.PITCH])
    planes, patches, image = batch.room.copy(), np.zeros(batch.rows * pitch, F), np.zeros(layer.fan_in, F)
    patch_matrix.unfold(batch.g, batch.x[0], np.int64(0), np.int64(batch.rows), planes, patches)
    lo = np.int64(batch.rows // 3)
    part = np.zeros((batch.rows - lo) * pitch, F)
    patch_matrix.unfold(batch.g, batch.x[0], lo, np.int64(batch.rows), planes, part)
    np.testing.assert_array_equal(part, patches[lo * pitch :])
    other = Batch.numbers(np.random.default_rng(seed), patches.size)
    other.reshape(-1, pitch)[:, layer.out_height * layer.out_width :] = 0
    patch_matrix.fold(batch.g, other, planes, image)
    np.testing.assert_allclose(patches @ other, batch.x[0] @ image, rtol=1e-3, atol=1e-3)
