"""Random matrices drawn before a run."""

from __future__ import annotations

import numpy as np
import pytest

from channelsim import hashing
from channelsim.plan import wiring


@pytest.mark.parametrize("distribution", ["normal", "uniform", "sign", "binary"])
@pytest.mark.parametrize("at_once", [1, 50, 10_000])
def test_sparse_wires_are_those_of_the_whole_matrix(
    distribution: str, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However few rows are drawn at a time."""
    monkeypatch.setattr(wiring, "DRAWN_AT_ONCE", at_once)
    shape, connections, key, wires_key = (20, 13), 6, 7, 8
    values, start, index = wiring.draw_sparse(distribution, 0.3, shape, connections, key, wires_key)
    whole = wiring.draw(distribution, 0.3, shape, key)
    exists = (hashing.uniform(hashing.bits(wires_key, 20 * 13)) < connections / 20).reshape(shape)
    assert start.tolist() == [0, *np.cumsum(exists.sum(axis=1))]
    found = np.zeros(shape, np.float32)
    found[np.repeat(np.arange(20), np.diff(start)), index] = values
    np.testing.assert_array_equal(found, np.where(exists, whole, 0))
    assert values.dtype == np.float32 and start.dtype == index.dtype == np.int32


def test_as_many_wires_as_asked_for_on_average() -> None:
    values, _, _ = wiring.draw_sparse("normal", 1.0, (500, 300), 10, 1, 2)
    assert len(values) / 300 == pytest.approx(10, rel=0.1)
