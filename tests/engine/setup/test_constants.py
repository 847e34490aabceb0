"""The images of a data set as lists of events."""

from __future__ import annotations

import numpy as np
import pytest

from channelsim.engine.setup import constants
from tests import naive


@pytest.mark.parametrize("n", [1, 15, 16, 40])
@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_events_of_images(n: int, share: float) -> None:
    rng = np.random.default_rng(n)
    images = np.where(rng.random((7, n)) < share, rng.random((7, n), np.float32), np.float32(0))
    start, index, value = constants._events_of(images)
    assert len(index) == len(value) == start[-1] == np.count_nonzero(images)
    for i, image in enumerate(images):
        expected_index, expected_value = naive.events_of(image)
        np.testing.assert_array_equal(index[start[i] : start[i + 1]], expected_index)
        np.testing.assert_array_equal(value[start[i] : start[i + 1]], expected_value)
    alone, none, _ = constants._events_of(images, lists=False)
    np.testing.assert_array_equal(alone, start)
    assert len(none) == 0
