"""Engine and reference agree: rules, modifiers, stages, synapses, schedules."""

from __future__ import annotations

from typing import Any

import pytest

from channelsim import tolerances
from channelsim.side_by_side import compare
from tests.networks import EVERY_STAGE, dense_layers, plan_of_chain
from tests.verify.comparisons import AT_RECEIVER, LOG2, TRAINING, UNITS, data, fails, held, with_rates


@pytest.mark.parametrize("batch", [1, 4])
@pytest.mark.parametrize("derivative", [True, False])
@pytest.mark.parametrize("rule", ["bp", "rbp", "srbp", "arbp", "asrbp", "top", "sign", "drtp"])
def test_rules(rule: str, derivative: bool, batch: int) -> None:
    result = held(learning={"rule": rule, "derivative": derivative}, training={"batch": batch})
    assert result.passed, result
    assert len(result.max_weight_difference) == 12
    assert max(result.max_weight_difference) <= tolerances.WEIGHTS
    assert (result.values, result.blind, result.end) == (0, 0, "")


STOCHASTIC = {"kind": "uniform", "bits": 4, "rounding": "stochastic"}
MODIFIERS: dict[str, dict[str, Any]] = {
    "momentum and decay": {"training": {"momentum": 0.9, "learning_rate_decay": 0.01}},
    "momentum online": {"training": {"momentum": 0.9, "batch": 1}},
    "sparse": {"learning": {"rule": "asrbp", "feedback": {"connections": 2}}},
    "sparse sign": {"learning": {"rule": "sign", "feedback": {"connections": 2}}},
    "low-precision C": {"learning": {"rule": "rbp", "feedback": {"distribution": "uniform", "bits": 3}}},
    "adaptive with momentum": {"learning": {"rule": "arbp", "learning_rate": 0.05}, "training": {"momentum": 0.5}},
    "routes": {"learning": {"rule": "rbp", "route": ["skipped", "layered"]}},
    "logistic": {"transfers": ["logistic", "logistic", "logistic"]},
    "relu": {"transfers": ["relu", "relu", "linear"], "training": {"learning_rate": 0.05}},
    "no shuffling": {"training": {"shuffle": False, "batch": 7}},
    "weight decay": {"training": {"weight_decay": 0.1}},
    "weight decay online": {"training": {"weight_decay": 0.1, "batch": 1, "momentum": 0.5}},
    "decaying C": {"learning": {"rule": "arbp", "weight_decay": 0.2}},
    "rate falling on a line": {"training": {"learning_rate_decay": {"per_update": 0.03, "form": "linear"}}},
    "rate falling as 1 / k": {"training": {"learning_rate_decay": {"per_update": 0.1, "form": "inverse"}}},
    "updates of samples": {"synapses": {"update": {"kind": "log2", "bits": 3, "scale": 2**-6, "per": "sample"}}},
    "stochastic updates of samples": {"synapses": {"update": {**STOCHASTIC, "per": "sample"}}},
    "absolute updates": {"synapses": {"update": {"kind": "abs"}}},
    "errors of synapses": {"learning": {"rule": "srbp", "feedback": {"per": "synapse"}}},
    "errors of synapses online": {
        "learning": {"rule": "srbp", "feedback": {"per": "synapse", "bits": 2}},
        "training": {"momentum": 0.5, "batch": 1},
    },
    "congruent": {"learning": {"rule": "srbp", "feedback": {"congruent": True}}},
    "congruent, sparse, adaptive": {
        "learning": {"rule": "asrbp", "feedback": {"congruent": True, "connections": 2}},
        "training": {"momentum": 0.5},
    },
    "at the receiver": {"learning": {"rule": "rbp"}, "channels": {"learning": {"quantize": AT_RECEIVER}}},
}


@pytest.mark.parametrize("name", MODIFIERS)
def test_modifiers(name: str) -> None:
    result = held(**MODIFIERS[name])
    assert result.passed, result


def test_no_biases() -> None:
    layers = [{**layer, "bias": False} for layer in dense_layers(UNITS)]
    for rule in ("bp", "arbp"):
        right = plan_of_chain(UNITS[:1], layers, UNITS[-1], 40, learning={"rule": rule}, training=TRAINING)
        assert compare(right, data(), 20).passed
        fails(right, with_rates(right, 1.003))


STAGES: dict[str, dict[str, Any]] = {
    "threshold": {"threshold": {"value": 0.1}},
    "residual": {"threshold": {"value": 0.2}, "residual": "threshold"},
    "error feedback": {"quantize": {"kind": "sign", "scale": 0.3}, "residual": "error_feedback"},
    "log2": {"quantize": LOG2},
    "log2, one bit": {"quantize": {"kind": "log2", "exponents": 1, "scale": 0.1}},
    "uniform": {"quantize": {"kind": "uniform", "bits": 4, "scale": "rms"}},
    "stochastic": {"quantize": {"kind": "uniform", "bits": 3, "rounding": "stochastic"}},
    "sign": {"quantize": {"kind": "sign", "scale": "rms"}},
    "ternary": {"quantize": {"kind": "ternary"}},
    "noise": {"noise": {"sigma": 0.1, "scale": "max"}},
    "bit errors": {"quantize": {"kind": "uniform", "bits": 5}, "bit_errors": {"probability": 0.05}},
    "bit errors in floats": {"bit_errors": {"probability": 0.002}},
    "drop": {"drop": {"probability": 0.3, "rescale": True}},
    "late": {"bandwidth": "1 Gbit/s", "latency": "20 ns", "jitter": "30 ns", "deadline": "250 ns", "encoding": "aer"},
    "queue": {"bandwidth": "1 Gbit/s", "queue": 1, "header": 7, "encoding": "auto"},
    "everything": EVERY_STAGE,
}


@pytest.mark.parametrize("where", ["forward", "learning"])
@pytest.mark.parametrize("name", STAGES)
def test_stages(name: str, where: str) -> None:
    result = held(learning={"rule": "rbp"}, channels={where: STAGES[name]})
    assert result.passed, result
    assert (result.values > 0) == any(stage in STAGES[name] for stage in ("threshold", "quantize"))


SYNAPSES: dict[str, dict[str, Any]] = {
    "update": {"update": {"kind": "log2", "exponents": 4}},
    "stochastic update": {"update": {"kind": "uniform", "bits": 4, "rounding": "stochastic"}},
    "weight": {"weight": {"kind": "uniform", "bits": 6, "scale": 1.0, "rounding": "stochastic"}},
    "both": {"update": {"kind": "ternary", "scale": "rms"}, "weight": {"kind": "uniform", "bits": 8}},
}


@pytest.mark.parametrize("batch", [1, 4])
@pytest.mark.parametrize("name", SYNAPSES)
def test_synapses(name: str, batch: int) -> None:
    result = held(learning={"rule": "srbp"}, synapses=SYNAPSES[name], training={"batch": batch})
    assert result.passed, result
    assert result.values > 0


SCHEDULES: dict[str, dict[str, Any]] = {
    "late errors": {},
    "Poisson": {"arrivals": "poisson"},
    "stash, drop": {"stash": 2, "on_miss": "drop"},
    "stash, current": {"stash": 2, "on_miss": "current"},
}


@pytest.mark.parametrize("rule", ["bp", "srbp", "asrbp"])
@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules(name: str, rule: str) -> None:
    result = held(
        learning={"rule": rule},
        schedule={"mode": "pipelined", "interval": "100 ns", **SCHEDULES[name]},
        channels={"learning": {"latency": "170 ns", "drop": {"probability": 0.1}}, "forward": {"latency": "15 ns"}},
        compute={"forward": "4 ns", "learning": "3 ns"},
    )
    assert result.passed, result


def test_a_shared_bus_and_a_change() -> None:
    result = held(
        learning={"rule": "srbp"},
        links={"bus": {"bandwidth": "1 Gbit/s"}, "light": {"bandwidth": "5 Gbit/s", "broadcast": True}},
        channels={"forward": {"link": "bus"}, "learning": {"link": "light"}},
        schedule={"change": [{"frame": 7, "channels": {"learning": {"drop": {"probability": 0.5}}}}]},
    )
    assert result.passed, result
