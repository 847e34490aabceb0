"""Numbers beyond float32: both programs diverge, or nothing can be compared, or one of them is wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import channelsim as cs
from channelsim import engine, side_by_side
from channelsim.side_by_side import compare
from tests.networks import dataset, scenario
from tests.verify.comparisons import LOG2, TRAINING, UNITS, data, plan


@pytest.mark.parametrize("value", [3e38, 1e30, 1e-30, 1e-38, 1e-42])
@pytest.mark.parametrize("transfer", ["tanh", "relu"])
@pytest.mark.parametrize("channels", [{}, {"quantize": LOG2}, {"quantize": {"kind": "uniform", "bits": 6}}], ids=str)
def test_overflow_and_underflow(channels: dict[str, Any], transfer: str, value: float) -> None:
    """Both diverge, or both agree, or the order of a sum that exceeds float32 decides: no false alarm."""
    rng = np.random.default_rng(2)
    given = dataset(value * rng.uniform(-1, 1, (40, UNITS[0])), rng.integers(UNITS[-1], size=40), UNITS[-1])
    p = plan(transfers=[transfer, transfer, "softmax"], learning={"rule": "rbp"}, channels={"forward": channels})
    result = compare(p, given, 10)
    assert result.passed, result
    assert bool(result.end) == (value > 1e20 and transfer == "relu"), result


def test_where_no_update_could_be_compared_that_is_said() -> None:
    given = data()
    huge = dataset(3e38 * np.sign(given.train_x), given.train_y, UNITS[-1])
    relu = scenario(UNITS, ["relu", "relu", "softmax"], learning={"rule": "bp"}, training=TRAINING)
    result = cs.verify(relu, updates=1, dataset=huge)
    assert result.compared == [] and "cannot be compared" in repr(result), result


def test_divergence_in_one_alone_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def diverging(*_: Any) -> None:
        raise engine.Diverged("no longer finite")

    both = side_by_side.start(plan(), data(), 5)
    monkeypatch.setattr(engine, "advance", diverging)
    result = side_by_side.compare_on(both, 5)
    assert not result.passed
    assert "the engine diverges" in result.disagreements[0]


def test_nan_is_never_close() -> None:
    p = plan()
    both = side_by_side.start(p, data(), 1)
    before = side_by_side.numbers(both.theirs)
    assert side_by_side.difference(both, before).used == 0
    both.theirs.biases[0] = np.nan
    assert side_by_side.difference(both, before).used == np.inf
