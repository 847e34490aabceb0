"""verify: passes where engine and reference mean the same, flips included, and fails where a rule is wrong."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

import channelsim as cs
from channelsim import boundaries, reference, tolerances
from channelsim._verify import Comparison, accuracy_tolerance, compare, difference
from channelsim.data import load_dataset
from channelsim.plan import Plan
from channelsim.reference import rules, simulate
from tests.networks import EVERY_STAGE, dataset, plan_of

SCENARIOS = Path(__file__).parents[1] / "scenarios"
UNITS = [6, 5, 5, 3]
TRAINING = {"batch": 4, "epochs": 2, "learning_rate": 0.3}
LOG2 = {"kind": "log2", "bits": 3}


def data(samples: int = 40) -> Any:
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (samples, UNITS[0])).astype(np.float32)
    x[rng.random(x.shape) < 0.3] = 0
    return dataset(x, rng.integers(UNITS[-1], size=samples), UNITS[-1])


def plan(**tables: Any) -> Plan:
    training = {**TRAINING, **tables.pop("training", {})}
    return plan_of(UNITS, 40, tables.pop("transfers", None), training=training, **tables)


def held(**tables: Any) -> Comparison:
    return compare(plan(**tables), data(), 20)


@pytest.mark.parametrize("batch", [1, 4])
@pytest.mark.parametrize("derivative", [True, False])
@pytest.mark.parametrize("rule", ["bp", "rbp", "srbp", "arbp", "asrbp", "top", "sign", "drtp"])
def test_rules(rule: str, derivative: bool, batch: int) -> None:
    result = held(learning={"rule": rule, "derivative": derivative}, training={"batch": batch})
    assert result.passed, result
    assert len(result.max_weight_difference) == 20
    assert result.values == 0


MODIFIERS: dict[str, dict[str, Any]] = {
    "momentum and decay": {"training": {"momentum": 0.9, "decay": 0.01}},
    "momentum online": {"training": {"momentum": 0.9, "batch": 1}},
    "sparse": {"learning": {"rule": "asrbp", "feedback": {"connections": 2}}},
    "sparse sign": {"learning": {"rule": "sign", "feedback": {"connections": 2}}},
    "low-precision C": {"learning": {"rule": "rbp", "feedback": {"distribution": "uniform", "bits": 3}}},
    "adaptive with momentum": {"learning": {"rule": "arbp", "learning_rate": 0.05}, "training": {"momentum": 0.5}},
    "routes": {"learning": {"rule": "rbp", "route": ["skipped", "layered"]}},
    "logistic": {"transfers": ["logistic", "logistic", "logistic"]},
    "relu": {"transfers": ["relu", "relu", "linear"], "training": {"learning_rate": 0.05}},
    "no shuffling": {"training": {"shuffle": False, "batch": 7}},
}


@pytest.mark.parametrize("name", MODIFIERS)
def test_modifiers(name: str) -> None:
    result = held(**MODIFIERS[name])
    assert result.passed, result


STAGES: dict[str, dict[str, Any]] = {
    "threshold": {"threshold": {"value": 0.1}},
    "residual": {"threshold": {"value": 0.2, "residual": True}},
    "log2": {"quantize": LOG2},
    "log2, one bit": {"quantize": {"kind": "log2", "bits": 1, "scale": 0.1}},
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
    # A flipped exponent makes numbers of 10^38. Times f' of a saturated unit, where 1 - O^2 is 0 or a last digit, they
    # have no digit in common; so that case leaves f' out.
    learning = {"rule": "rbp", "derivative": name != "bit errors in floats"}
    result = held(learning=learning, channels={where: STAGES[name]})
    assert result.passed, result
    assert (result.values > 0) == any(stage in STAGES[name] for stage in ("threshold", "quantize"))


SYNAPSES: dict[str, dict[str, Any]] = {
    "update": {"update": {"kind": "log2", "bits": 4}},
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


# --- wrong rules ------------------------------------------------------------------------------------------

CHANNELS: dict[str, dict[str, Any]] = {
    "ideal": {},
    "quantized": {"learning": {"quantize": LOG2}, "forward": {"quantize": {"kind": "uniform", "bits": 6}}},
}


def fails(plan: Plan, wrong: Plan | None = None) -> None:
    result = compare(plan, data(), 20, reference_plan=wrong)
    assert not result.passed, result


def with_rates(right: Plan, factor: float) -> Plan:
    """The plan with its learning rates multiplied by a factor."""
    layers = right.layers.copy()
    layers["learning_rate"] *= factor
    return replace(right, layers=layers)


@pytest.mark.parametrize("channels", CHANNELS)
class TestWrongRules:
    """Each of these passes when it is not broken: see `test_rules` and `test_stages`."""

    def test_flipped_sign(self, channels: str) -> None:
        right = plan(learning={"rule": "srbp"}, channels=CHANNELS[channels])
        fails(right, replace(right, feedback=-right.feedback))
        fails(right, with_rates(right, -1.0))

    def test_transposed_feedback(self, channels: str) -> None:
        right = plan(learning={"rule": "rbp"}, channels=CHANNELS[channels])
        row = right.channels[right.channel_names.index("learning.1")]
        feedback = right.feedback.copy()
        part = feedback[row["c_offset"] :][: row["c_size"]]
        part[:] = part.reshape(5, 5).T.ravel()
        fails(right, replace(right, feedback=feedback))

    def test_update_before_the_message_leaves(self, channels: str, monkeypatch: pytest.MonkeyPatch) -> None:
        right = plan(learning={"rule": "bp"}, channels=CHANNELS[channels])
        speak, update = simulate.send_learning, rules.update
        held_back: list[Any] = []

        def speak_later(*arguments: Any) -> None:
            held_back.append(arguments)

        def update_first(*arguments: Any) -> None:
            update(*arguments)
            while held_back:
                speak(*held_back.pop())

        monkeypatch.setattr(simulate, "send_learning", speak_later)
        monkeypatch.setattr(rules, "update", update_first)
        fails(right)

    def test_forgotten_derivative(self, channels: str) -> None:
        right = plan(learning={"rule": "srbp"}, channels=CHANNELS[channels])
        fails(right, replace(right, derivative=False))

    def test_another_order_of_samples(self, channels: str) -> None:
        right = plan(learning={"rule": "srbp"}, channels=CHANNELS[channels])
        fails(right, replace(right, shuffle=False))

    def test_a_channel_that_does_something_else(self, channels: str) -> None:
        right = plan(learning={"rule": "srbp"}, channels=CHANNELS[channels])
        other = right.channels.copy()
        other["drop"][-1] = 0.05
        fails(right, replace(right, channels=other))

    def test_wrong_by_a_few_parts_in_a_thousand(self, channels: str) -> None:
        right = plan(learning={"rule": "srbp"}, channels=CHANNELS[channels])
        fails(right, with_rates(right, 1.003))


def test_a_frozen_layer_that_learns_and_one_that_should() -> None:
    for rates in ({"default": 0.1, "2": 0.0}, 0.1):
        right = plan(learning={"rule": "srbp"}, training={"learning_rate": rates})
        layers = right.layers.copy()
        layers["learning_rate"][2] = 0.1 - layers["learning_rate"][2]
        assert compare(right, data(), 20).passed
        fails(right, replace(right, layers=layers))


def test_other_weights_than_those_that_are_given() -> None:
    right = plan(learning={"rule": "rbp", "feedback": {"C": {"1": np.eye(5).tolist()}}})
    assert compare(right, data(), 20).passed
    fails(right, plan(learning={"rule": "rbp"}))


def test_a_wrong_update_quantizer() -> None:
    right = plan(learning={"rule": "srbp"}, synapses={"update": {"kind": "log2", "bits": 4}})
    layers = right.layers.copy()
    layers["update_bits"] = 3
    fails(right, replace(right, layers=layers))


def test_a_wrong_clock_is_found_though_no_weight_shows_it() -> None:
    right = plan(channels={"learning": {"latency": "10 ns"}})
    other = right.channels.copy()
    other["latency"][-1] += 1
    result = compare(right, data(), 5, reference_plan=replace(right, channels=other))
    assert max(result.max_weight_difference) <= tolerances.WEIGHTS
    assert not result.passed
    assert "simulated time" in result.disagreements[0]


# --- flips ------------------------------------------------------------------------------------------------


def test_many_flips_fail() -> None:
    few = Comparison([0.0], 5, 10**6, 10.0, [])
    many = replace(few, flips=25)
    assert few.passed and not many.passed
    assert Comparison([0.0], 1, 1000, 0.01, []).passed, "one flip among few values is chance"
    assert not Comparison([0.0], 2, 1000, 0.01, []).passed


def test_flips_in_a_run_are_survived(monkeypatch: pytest.MonkeyPatch) -> None:
    """With sums that differ by parts in 10^6, thousands of values and few boundaries: some flip, all is explained."""
    from channelsim.reference import layers

    kind = layers.KINDS[layers.Kind.DENSE]

    def imprecise(*arguments: Any) -> torch.Tensor:
        s = kind.forward(*arguments)
        return s + 1e-6 * torch.sin(1e6 * s)

    monkeypatch.setitem(layers.KINDS, layers.Kind.DENSE, replace(kind, forward=imprecise))
    channels = {"forward": {"quantize": {"kind": "uniform", "bits": 12}}, "learning": {"quantize": LOG2}}
    result = compare(plan(learning={"rule": "bp"}, channels=channels), data(), 20)
    assert result.flips > 0
    assert result.disagreements == []
    assert max(result.max_weight_difference) <= tolerances.WEIGHTS


def test_differences_count_in_units_of_the_largest_weight() -> None:
    """Large weights have large last digits; NaN is never close."""
    p = plan()
    theirs = reference.start(p, data())
    ours = SimpleNamespace(weights=p.weights.copy(), biases=p.biases.copy(), feedback=p.feedback.copy())
    follower = boundaries.Follower(p.channel_names)
    assert difference(theirs, ours, follower) == 0
    theirs.weights[1] = ours.weights[1] = 8.0
    ours.weights[0] += 1e-3
    assert difference(theirs, ours, follower) == pytest.approx(1e-3 / 8, rel=1e-3)
    ours.biases[0] = np.nan
    assert difference(theirs, ours, follower) == np.inf


# --- the public function ----------------------------------------------------------------------------------


def scenario(**tables: Any) -> cs.Scenario:
    from tests.networks import scenario as build

    return build([16, 8, 4], learning={"rule": "srbp"}, training={"batch": 10, "epochs": 3}, **tables)


def test_verify() -> None:
    result = cs.verify(scenario(), updates=5)
    assert result.passed
    assert result.updates == 5 and result.epochs == 3
    assert result.test_accuracy is not None and set(result.test_accuracy) == {"engine", "reference"}
    assert result.test_accuracy["engine"] > 0.5
    known = json.loads(json.dumps(result.to_json()))
    assert {"updates", "max_weight_difference", "test_accuracy", "passed"} <= set(known)
    assert "agree" in repr(result) and "accuracy" in repr(result)


def test_verify_without_accuracies() -> None:
    result = cs.verify(scenario(channels={"learning": {"quantize": LOG2}}), updates=2, epochs=0)
    assert result.passed and result.test_accuracy is None
    assert "rounding" in repr(result)


def test_verify_compares_no_more_updates_than_there_are() -> None:
    few = scenario(data={"name": "synthetic", "train": 20})
    assert cs.verify(few, updates=100, epochs=1).updates == 6


def test_accuracies_apart_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([0.9, 0.5])
    monkeypatch.setattr(reference, "evaluate", lambda *_: (0.0, next(answers)))
    wrong = cs.verify(scenario(), updates=1, epochs=1)
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
        result = cs.verify(cs.load(SCENARIOS / f"mnist-{rule}.toml", set=[f"seed={seed}"]))
        assert max(result.max_weight_difference) <= tolerances.WEIGHTS
        assert result.test_accuracy is not None
        apart.append(result.test_accuracy["engine"] - result.test_accuracy["reference"])
    assert abs(np.mean(apart)) <= tolerances.ACCURACY
