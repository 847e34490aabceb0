"""The error that messages make through a dense layer's W, against plain NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from channelsim.engine.layers import dense as inner_dense
from tests.engine.compiled import compiled_module
from tests.engine.kernels.matrices import CLOSE, MANY, F, matrix, with_gaps

dense = compiled_module(inner_dense)


@pytest.mark.parametrize("samples", [1, 3, MANY])
@pytest.mark.parametrize("rows", [6, 45])
def test_through_is_the_transposed_product(samples: int, rows: int) -> None:
    rng = np.random.default_rng(samples)
    w, message = matrix(rng, rows, 5), matrix(rng, samples, 5)
    out, events = np.full((samples, rows), np.nan, F), np.full(samples, 5, np.int64)
    room = np.empty(w.size, F)
    dense.through(*with_gaps(w), 5, samples, message.ravel(), events, out.reshape(-1), room)
    np.testing.assert_allclose(out, message @ w.T, **CLOSE)


def test_a_message_without_events_makes_no_error() -> None:
    out = np.full(6, np.nan, F)
    dense.through(np.ones(30, F), 5, 5, 1, np.zeros(5, F), np.zeros(1, np.int64), out, np.empty(30, F))
    np.testing.assert_array_equal(out, np.zeros(6, F))
