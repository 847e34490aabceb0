"""Three facts of the paper that hold for every feedback weights C."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from channelsim import engine
from channelsim.data import Dataset
from channelsim.plan import Plan
from tests import networks
from tests.networks import dense_layers, plan_of, plan_of_chain

RULES = ("bp", "rbp", "srbp", "arbp", "asrbp", "sign")
UNITS = [4, 5, 3, 2]
RNG = np.random.default_rng(2)


def quarters(*shape: int) -> np.ndarray:
    """Numbers whose sums and products are exact in float32, whatever their order."""
    return RNG.integers(-4, 5, shape) / 4


X = quarters(8, UNITS[0]).astype(np.float32)
W = [quarters(rows, columns) for rows, columns in pairwise(UNITS)]
C = {"layered": [quarters(3, 5), quarters(2, 3)], "skipped": [quarters(2, 5), quarters(2, 3)]}
O = X @ W[0] @ W[1] @ W[2]  # noqa: E741


def exact_plan(rule: str) -> Plan:
    """A linear network that learns from all eight samples at once, in numbers that need no rounding."""
    layers = [{**layer, "W": w.tolist()} for layer, w in zip(dense_layers(UNITS, ["linear"] * 3), W, strict=True)]
    learning: dict[str, Any] = {"rule": rule}
    if rule not in ("bp", "sign"):
        wires = C["skipped" if rule in ("srbp", "asrbp") else "layered"]
        learning["feedback"] = {"C": {str(h): c.tolist() for h, c in enumerate(wires, 1)}}
    if rule == "sign":
        learning["feedback"] = {"distribution": "sign", "scale": 0.5}
    training = {"batch": 8, "epochs": 1, "learning_rate": 0.125, "shuffle": False}
    return plan_of_chain(UNITS[:1], layers, UNITS[-1], len(X), real=True, learning=learning, training=training)


def steps(plan: Plan, targets: np.ndarray) -> list[np.ndarray]:
    """What one update adds to each W, b and C of the network."""
    data = Dataset("facts", X, targets.astype(np.float32), X[:0], targets[:0].astype(np.float32), X[:0],
                   targets[:0].astype(np.float32), (UNITS[0],), 0)  # fmt: skip
    state = engine.start(plan, data)
    before = [array.copy() for array in (state.weights, state.biases, state.feedback)]
    engine.advance(plan, state, 1)
    engine.settle(state)
    return [now - then for now, then in zip((state.weights, state.biases, state.feedback), before, strict=True)]


@pytest.mark.parametrize("batch", [1, 5])
def test_the_top_layer_follows_the_gradient_under_every_rule(batch: int) -> None:
    units = [6, 5, 4, 3]
    data = networks.dataset(RNG.uniform(-1, 1, (20, 6)), RNG.integers(3, size=20), 3)
    after = {}
    for rule in (*RULES, "drtp", "top"):
        plan = plan_of(units, 20, learning={"rule": rule}, training={"batch": batch, "learning_rate": 0.3})
        state = engine.start(plan, data)
        engine.advance(plan, state, 1)
        engine.settle(state)
        top = plan.layers[plan.top]
        after[rule] = state.weights[int(top["w_offset"]) :].tobytes(), state.biases[int(top["b_offset"]) :].tobytes()
    assert len(set(after.values())) == 1
    assert state.weights.tobytes() != plan.weights.tobytes()


@pytest.mark.parametrize("rule", RULES)
def test_the_sign_of_the_error_decides_the_sign_of_every_update(rule: str) -> None:
    error = quarters(*O.shape)
    one, other = (steps(exact_plan(rule), O + sign * error) for sign in (1, -1))
    assert all((step != 0).any() for step in one[:2])
    for step, opposite in zip(one, other, strict=True):
        np.testing.assert_array_equal(step, -opposite)


@pytest.mark.parametrize("rule", RULES)
def test_without_an_error_nothing_moves(rule: str) -> None:
    for step in steps(exact_plan(rule), O):
        assert not step.any()
