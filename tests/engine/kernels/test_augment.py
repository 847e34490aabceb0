"""Images that are mirrored and moved as they enter."""

from __future__ import annotations

import numpy as np
import pytest

from channelsim.engine.kernels import augment as inner_augment
from tests.engine.compiled import compiled_module
from tests.engine.kernels.maps import F

augment = compiled_module(inner_augment)


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize(("dy", "dx"), [(0, 0), (1, -2), (-3, 2), (4, 0), (0, 9)])
def test_images_are_mirrored_then_moved(mirrored: bool, dy: int, dx: int) -> None:
    image = np.random.default_rng(0).normal(size=(2, 4, 5)).astype(F)
    out = np.full(image.size, np.nan, F)
    augment.place(image.ravel(), out, np.int64(4), np.int64(5), mirrored, np.int64(dy), np.int64(dx))
    source = image[:, :, ::-1] if mirrored else image
    expected = np.zeros_like(image)
    for y in range(4):
        for x in range(5):
            if 0 <= y - dy < 4 and 0 <= x - dx < 5:
                expected[:, y, x] = source[:, y - dy, x - dx]
    np.testing.assert_array_equal(out.reshape(image.shape), expected)
