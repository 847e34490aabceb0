"""Test accuracies of engine and reference, after training: how far apart they may lie."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import channelsim as cs
from channelsim import reference, tolerances
from channelsim._verify import accuracy_tolerance
from channelsim.data import load_dataset
from tests.verify.comparisons import scenario

SCENARIOS = Path(__file__).parents[2] / "scenarios"


def test_accuracies_apart_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([0.9, 0.5])
    monkeypatch.setattr(reference, "evaluate", lambda *_: (0.0, next(answers)))
    wrong = cs.verify(scenario(), updates=1, train=True)
    assert not wrong.passed and "DIFFER" in repr(wrong)


def test_small_test_sets_are_granted_their_chance() -> None:
    assert accuracy_tolerance({"engine": 0.97, "reference": 0.97}, 10_000) == tolerances.ACCURACY_ONE_SEED
    assert accuracy_tolerance({"engine": 0.9, "reference": 0.9}, 100) > 0.1
    assert accuracy_tolerance({"engine": 1.0, "reference": 1.0}, 100) > 0


@pytest.mark.slow
@pytest.mark.parametrize("rule", ["bp", "rbp", "srbp", "top"])
def test_mnist_accuracies_over_three_seeds(rule: str) -> None:
    """After 5 epochs the mean test accuracies lie within 0.3 points."""
    try:
        load_dataset(name="mnist", train=1)
    except cs.InputError as missing:
        pytest.skip(str(missing))
    apart = []
    for seed in (1, 2, 3):
        result = cs.verify(cs.load(SCENARIOS / f"mnist-{rule}.toml", set=[f"seed={seed}"]), train=True)
        assert max(result.max_weight_difference) <= tolerances.WEIGHTS
        assert result.test_accuracy is not None
        apart.append(result.test_accuracy["engine"] - result.test_accuracy["reference"])
    assert abs(np.mean(apart)) <= tolerances.ACCURACY
