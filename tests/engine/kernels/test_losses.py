"""The loss of one sample, and whether it is classified correctly."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channelsim.engine.kernels import losses as inner_losses
from channelsim.plan import Transfer
from tests.engine.compiled import compiled_module

losses = compiled_module(inner_losses)

F = np.float32
SQUARED = [kind for kind in Transfer if kind != Transfer.SOFTMAX]


def score(kind: Transfer, output: list[float], target: list[float]) -> tuple[float, bool]:
    loss, correct = losses.score(np.int64(kind), np.array(output, F), np.array(target, F))
    return float(loss), bool(correct)


def one_hot(label: int, classes: int) -> list[float]:
    return [float(j == label) for j in range(classes)]


@pytest.mark.parametrize("p", [1.0, 0.5, 0.1, 1e-3, 1e-30, 1e-38, 2e-38, 5e-39, 1e-45, 0.0])
def test_cross_entropy(p: float) -> None:
    """Probabilities below 1e-38 count as that: a sample's loss is at most 87.5."""
    loss, _ = score(Transfer.SOFTMAX, [p, 1 - p], [1, 0])
    assert loss == pytest.approx(-math.log(max(float(F(p)), 1e-38)), rel=1e-14, abs=1e-300) and loss < 87.5


def test_cross_entropy_of_what_is_not_a_number() -> None:
    assert math.isnan(score(Transfer.SOFTMAX, [math.nan, 0.5], [1, 0])[0])


@pytest.mark.parametrize("kind", SQUARED)
@settings(max_examples=60)
@given(st.lists(st.floats(-2, 2, width=32), min_size=1, max_size=70), st.data())
def test_half_the_squared_error(kind: Transfer, output: list[float], data: st.DataObject) -> None:
    """Bit for bit: summed in float64, in the order of the units."""
    values = st.one_of(st.sampled_from([0.0, 1.0]), st.floats(-2, 2, width=32))
    target, expected = data.draw(st.lists(values, min_size=len(output), max_size=len(output))), 0.0
    for t, o in zip(target, output, strict=True):
        error = t - o
        expected += 0.5 * error * error
    assert score(kind, output, target)[0] == expected


@pytest.mark.parametrize(
    ("output", "best"),
    [([0.3], 0), ([0.1, 0.7, 0.2], 1), ([0.5, 0.5], 0), ([-1.0, -0.0, 0.0], 1), ([0.2] * 20, 0), ([1e-45, 0.0], 0)],
    ids=str,
)
def test_the_first_of_the_largest_outputs_is_the_class(output: list[float], best: int) -> None:
    for kind in Transfer:
        assert [score(kind, output, one_hot(label, len(output)))[1] for label in range(len(output))] == [
            label == best for label in range(len(output))
        ]
