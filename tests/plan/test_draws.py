"""Random matrices drawn before a run."""

from __future__ import annotations

import math

import numpy as np
import pytest

from channelsim.plan import draws
from tests.networks import plan_of


@pytest.mark.parametrize("distribution", ["normal", "uniform", "sign", "binary"])
def test_entries_are_those_of_the_whole_matrix(distribution: str) -> None:
    whole = draws.draw(distribution, 0.3, (20, 13), 7)
    some = np.array([0, 3, 13, 14, 200, 259])
    np.testing.assert_array_equal(draws.draw_entries(distribution, 0.3, 7, some), whole.ravel()[some])
    assert whole.dtype == np.float32


def test_binary_is_0_or_the_deviation_evenly() -> None:
    """So its mean and its standard deviation are both half of that."""
    values = draws.draw("binary", 0.5, (200, 200), 7)
    assert np.unique(values).tolist() == [0, 0.5]
    assert values.mean() == pytest.approx(0.25, abs=0.004) and values.std() == pytest.approx(0.25, abs=0.001)


def test_an_orthogonal_matrix_has_orthogonal_rows_of_the_given_size() -> None:
    matrix = draws.draw("orthogonal", 0.3, (4, 9), 7).astype(float)
    np.testing.assert_allclose(matrix @ matrix.T, 0.3**2 * 9 * np.eye(4), atol=1e-6)


def test_initial_weights_have_the_deviation_of_their_fans() -> None:
    plan = plan_of([200, 100, 50], 5, weights={"distribution": "normal", "scale": "glorot"})
    for layer in plan.layers[1:]:
        w = plan.weights[layer["w_offset"] :][: layer["w_size"]]
        assert w.std() == pytest.approx(math.sqrt(2 / (layer["fan_in"] + layer["n"])), rel=0.05)
