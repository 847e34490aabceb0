"""Engine and reference side by side on a small network, where they agree and where one of them is wrong."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

import channelsim as cs
from channelsim.plan import Plan
from channelsim.side_by_side import Comparison, compare
from tests import networks
from tests.networks import dataset, plan_of

UNITS = [6, 5, 5, 3]
TRAINING = {"batch": 4, "epochs": 2, "learning_rate": 0.3}
LOG2 = {"kind": "log2", "exponents": 3}
AT_RECEIVER = {"kind": "log2", "bits": 3, "scale": 0.125, "at": "receiver"}
CHANNELS: dict[str, dict[str, Any]] = {
    "ideal": {},
    "quantized": {"learning": {"quantize": LOG2}, "forward": {"quantize": {"kind": "uniform", "bits": 6}}},
}


def data(samples: int = 40) -> Any:
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (samples, UNITS[0])).astype(np.float32)
    x[rng.random(x.shape) < 0.3] = 0
    return dataset(x, rng.integers(UNITS[-1], size=samples), UNITS[-1])


def plan(**tables: Any) -> Plan:
    training = {**TRAINING, **tables.pop("training", {})}
    return plan_of(UNITS, 40, tables.pop("transfers", None), training=training, **tables)


def held(**tables: Any) -> Comparison:
    """Mini-batches of 4 are in their second epoch then."""
    return compare(plan(**tables), data(), 12)


def fails(plan: Plan, wrong: Plan | None = None, samples: Any = None) -> None:
    result = compare(plan, samples or data(), 20, reference_plan=wrong)
    assert not result.passed, result
    assert any(used > 1 for used in result.tolerance_used) or result.disagreements, result


def with_rates(right: Plan, factor: float) -> Plan:
    """The plan with its learning rates multiplied by a factor."""
    layers = right.layers.copy()
    layers["learning_rate"] *= factor
    return replace(right, layers=layers)


def scenario(training: dict[str, Any] | None = None, **tables: Any) -> cs.Scenario:
    training = {"batch": 10, "epochs": 3, **(training or {})}
    return networks.scenario([16, 8, 4], learning={"rule": "srbp"}, training=training, **tables)
