"""Saturated units, large and small inputs, deep ReLU: no false alarm, and what is wrong is found all the same."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from channelsim.plan import Plan
from channelsim.reference import rules
from channelsim.side_by_side import compare
from tests.networks import dataset, plan_of
from tests.verify.comparisons import CHANNELS, UNITS, data, fails, plan


def grey_levels() -> Any:
    """Levels 0 to 16 without scaling, as the digits are: most units of the first layer are saturated."""
    rng = np.random.default_rng(0)
    return dataset(rng.integers(0, 17, (40, UNITS[0])) * 1.0, rng.integers(UNITS[-1], size=40), UNITS[-1])


@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize("rule", ["bp", "srbp", "arbp"])
@pytest.mark.parametrize("scale", [1e-3, 1.0, 60.0])
def test_inputs_of_any_size(scale: float, rule: str, channels: str) -> None:
    given = grey_levels()
    result = compare(
        plan(learning={"rule": rule}, channels=CHANNELS[channels]),
        dataset(scale * given.train_x, given.train_y, UNITS[-1]),
        20,
    )
    assert result.passed, result


@pytest.mark.parametrize("rule", ["bp", "rbp"])
def test_a_flipped_sign_among_grey_levels(rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    right = rules.project
    monkeypatch.setattr(rules, "project", lambda *arguments: -right(*arguments))
    fails(plan(learning={"rule": rule}), samples=grey_levels())


def deep(**tables: Any) -> tuple[Plan, Any]:
    """Eight layers of ReLU under inputs of up to 300, with weights that make activities of 10^6."""
    units = [8, *[12] * 8, 3]
    layers = ["relu"] * 8 + ["softmax"]
    rng = np.random.default_rng(1)
    given = dataset(rng.uniform(-300, 300, (30, 8)), rng.integers(3, size=30), 3)
    tables = {"learning": {"rule": "bp"}, "training": {"batch": 3, "learning_rate": 1e-9}, **tables}
    return plan_of(units, 30, layers, weights={"scale": 1.0}, **tables), given


def test_deep_relu() -> None:
    result = compare(*deep(), 20)
    assert result.passed, result


def test_a_forgotten_derivative_in_deep_relu() -> None:
    right, given = deep()
    fails(right, replace(right, derivative=False), given)


def test_what_rounding_hides_is_told() -> None:
    """A rate at which no weight changes but by its last digit: nothing of the step is certain, and that is said."""
    p = plan(training={"learning_rate": 1e-7})
    result = compare(p, data(), 20)
    assert result.passed and result.blind > 0
