"""Layers with learning rates of their own, frozen ones among them, and layers without biases."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from channelsim import InputError, Scenario, engine, reference
from channelsim.plan import Plan
from channelsim.rules import RULES
from channelsim.sweeps._grid import points
from tests.laws.any_scenario import any_case
from tests.laws.cases import advance, outcome
from tests.networks import chain, conv, dataset, dense_layers, plan_of_chain, run

IMAGE = (1, 5, 5)
ON_MAPS = [conv(2, 2, transfer="tanh"), {"kind": "maxpool", "size": 2}, *dense_layers([8, 6, 3])]
DENSE = dense_layers([5, 7, 6, 4, 3])
QUANTIZED = {"update": {"kind": "log2", "exponents": 4}, "weight": {"kind": "uniform", "bits": 6, "scale": 1.0}}


def data(shape: tuple[int, ...]) -> Any:
    rng = np.random.default_rng(3)
    return rng.uniform(0.1, 1, (6, *shape)).astype(np.float32), rng.integers(3, size=6)


def small(shape: tuple[int, ...], layers: list[dict[str, Any]], rates: Any, batch: int = 2, **tables: Any) -> Plan:
    training = {"batch": batch, "epochs": 2, "learning_rate": rates, **tables.pop("training", {})}
    return plan_of_chain(shape, layers, 3, 6, training=training, **tables)


def part(plan: Plan, h: int, weights: Any, biases: Any) -> tuple[Any, Any]:
    """W and b of a layer, flat."""
    row = plan.layers[h]
    return weights[row["w_offset"] :][: row["w_size"]], biases[row["b_offset"] :][: row["b_size"]]


@pytest.mark.parametrize("momentum", [0, 0.9])
@pytest.mark.parametrize("synapses", [{}, QUANTIZED], ids=["float32", "quantized"])
@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize(("shape", "layers", "frozen"), [((5,), DENSE, 2), ((5,), DENSE, 4), (IMAGE, ON_MAPS, 1)])
def test_a_frozen_layer_is_not_touched_and_passes_errors_on(
    shape: tuple[int, ...], layers: list[dict[str, Any]], frozen: int, batch: int, synapses: Any, momentum: float
) -> None:
    training = {"momentum": momentum, "learning_rate_decay": 0.01}
    rates = {"default": 0.1, str(frozen): 0}
    plan = small(shape, layers, rates, batch, synapses=synapses, training=training)
    state, _ = run(plan, *data(shape))
    for h in np.flatnonzero(plan.layers["w_size"]):
        before, after = part(plan, h, plan.weights, plan.biases), part(plan, h, state.weights, state.biases)
        same = [np.array_equal(old, new) for old, new in zip(before, after, strict=True)]
        assert same == ([True, True] if h == frozen else [False, False]), h
    name = f"learning.{frozen}" if frozen < plan.top else f"forward.{frozen}"
    counted = state.counters[plan.channel_names.index(name)]
    assert counted["messages"] > 0 and counted["delivered"] > 0
    assert not any(counted[word] for word in ("update_macs", "writes", "update_bits"))
    assert not state.ages[frozen].any()
    assert engine.tally(state).updates == (0 if frozen == plan.top else plan.frames)


def test_the_lowest_layers_learn_the_same_whatever_a_layer_above_is_told_in_the_first_update() -> None:
    """Errors leave before their layer learns, so freezing shows below only from the second update on."""
    x, y = data((5,))
    found = []
    for rates in (0.1, {"default": 0.1, "3": 0.0}):
        plan = small((5,), DENSE, rates, batch=6, training={"epochs": 1})
        state, _ = run(plan, x, y)
        found.append(part(plan, 1, state.weights, state.biases))
    assert all(np.array_equal(a, b) for a, b in zip(*found, strict=True))


def test_equal_rates_of_all_layers_are_one_rate() -> None:
    x, y = data((5,))
    one, table = (small((5,), DENSE, rates) for rates in (0.1, {"1": 0.1, "2": 0.1, "3": 0.1, "4": 0.1}))
    assert np.array_equal(run(one, x, y)[0].weights, run(table, x, y)[0].weights)


def test_a_step_is_proportional_to_the_rate_of_its_layer() -> None:
    x, y = data((5,))
    plan, slower = (
        small((5,), DENSE, {"default": 0.1, "2": rate}, batch=6, training={"epochs": 1}) for rate in (0.1, 0.025)
    )
    steps = [part(p, 2, run(p, x, y)[0].weights - p.weights, p.biases)[0] for p in (plan, slower)]
    np.testing.assert_allclose(steps[0], 4 * steps[1], atol=1e-6)


def test_decay_is_of_all_rates() -> None:
    plan = small((5,), DENSE, {"default": 0.1, "1": 0.4}, training={"learning_rate_decay": 0.5})
    assert plan.layers["learning_rate"].tolist() == [0, 0.4, 0.1, 0.1, 0.1] and plan.rate_left(2) == 0.25


@pytest.mark.parametrize("rule", ["arbp", "asrbp"])
def test_c_has_rates_of_its_own(rule: str) -> None:
    learning = {"rule": rule, "learning_rate": {"1": 0.0, "2": 0.05}}
    plan = small((5,), DENSE, 0.1, learning=learning)
    rows = {int(row["target"]): row for row in plan.channels if row["direction"] == 1}
    assert {h: float(row["learning_rate"]) for h, row in rows.items()} == {1: 0.0, 2: 0.05, 3: 0.1}
    state, _ = run(plan, *data((5,)))
    for h, row in rows.items():
        own = slice(int(row["c_offset"]), int(row["c_offset"] + row["c_size"]))
        assert np.array_equal(plan.feedback[own], state.feedback[own]) == (h == 1)


def test_c_follows_the_rate_of_its_layer() -> None:
    plan = small((5,), DENSE, {"default": 0.1, "2": 0.0}, learning={"rule": "arbp"})
    rates = {int(row["target"]): (float(row["learning_rate"]), bool(row["adaptive"])) for row in plan.channels[4:]}
    assert rates == {3: (0.1, True), 2: (0.0, False), 1: (0.1, True)}


# --- biases -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize(
    ("shape", "layers", "rule"),
    [
        *(((5,), DENSE, rule) for rule in RULES),
        *((IMAGE, ON_MAPS, rule) for rule in RULES if rule != "sbp"),  # whose errors pass dense layers only
    ],
)
def test_without_biases_a_network_is_one_whose_biases_stay_0(
    shape: tuple[int, ...], layers: list[dict[str, Any]], batch: int, rule: str
) -> None:
    """One update: until the second one, biases of 0 and none make no difference to W."""
    bare = [{**layer, "bias": False} if "transfer" in layer else layer for layer in layers]
    plans = [small(shape, chosen, 0.1, batch, learning={"rule": rule}) for chosen in (layers, bare)]
    x, y = data(shape)
    states = [engine.start(plan, dataset(x, y, 3)) for plan in plans]
    for plan, state in zip(plans, states, strict=True):
        advance(plan, state, 1)
        engine.settle(state)
    assert np.array_equal(states[0].weights, states[1].weights)
    assert states[0].biases.any() and states[1].biases.size == plans[1].biases.size == 0
    assert np.array_equal(states[0].counters, states[1].counters)


@pytest.mark.parametrize(("shape", "layers"), [((5,), DENSE), (IMAGE, ON_MAPS)])
def test_evaluations_without_biases(shape: tuple[int, ...], layers: list[dict[str, Any]]) -> None:
    plan = small(shape, layers, 0.1, model={"bias": False})
    x, y = data(shape)
    found, ref = engine.start(plan, dataset(x, y, 3)), reference.start(plan, dataset(x, y, 3))
    assert engine.evaluate(found, x, y) == pytest.approx(reference.evaluate(ref, x, y), rel=1e-6)


def test_the_model_says_it_for_layers_that_do_not() -> None:
    layers = [{**layer} for layer in dense_layers([5, 7, 6, 3])]
    layers[1]["bias"] = True
    model = {"name": "m", "input": [5], "layers": layers, "bias": False}
    scenario = Scenario.model_validate({"name": "s", "model": model, "data": {"name": "synthetic"}})
    assert [layer.biased for layer in scenario.model.chain()] == [False, True, False]
    assert Scenario(**scenario.resolved) == scenario
    told = Scenario.model_validate({**scenario.document(), "model": {**model, "bias": True}})
    assert told.digest() != scenario.digest()
    for layer in (layers[0], layers[2]):
        layer["bias"] = False
    assert (
        Scenario.model_validate({**scenario.document(), "model": {**model, "bias": True}}).digest() == scenario.digest()
    )


def test_keys_that_change_nothing_do_not_change_the_digest() -> None:
    plain = chain((5,), DENSE)
    assert chain((5,), [{**layer, "bias": True} for layer in DENSE]).digest() == plain.digest()


# --- resume -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(0, 60, 5))
def test_any_scenario_resumes_bit_for_bit(seed: int) -> None:
    case = any_case(seed)
    plan, there = case.plan(), case.data()
    whole, halves = engine.start(plan, there), engine.start(plan, there)
    advance(plan, whole, plan.frames)
    advance(plan, halves, plan.frames // 2)
    halves = engine.restore(plan, there, {name: array.copy() for name, array in engine.snapshot(halves).items()})
    advance(plan, halves, plan.frames)
    assert outcome(halves).same(outcome(whole))


# --- what is written --------------------------------------------------------------------------------------


def test_a_rate_of_one_layer_can_be_set_and_swept() -> None:
    plain = chain((5,), DENSE)
    assert plain.with_({"training.learning_rate.2": 0}).training.learning_rate == {"2": 0.0}
    half = plain.with_({"training.learning_rate": 0.5})
    assert half.with_({"training.learning_rate.2": 0}).training.learning_rate == {"default": 0.5, "2": 0.0}
    swept = plain.with_(sweep={"training.learning_rate.2": [0, 0.1], "training.learning_rate": [0.2, 0.3]})
    rates = [point.scenario.training.learning_rate for point in points(swept) if point.scenario]
    assert rates == [{"default": d, "2": own} for own in (0, 0.1) for d in (0.2, 0.3)]
    assert "learning rate 0.5 (layer 2: 0)" in str(half.with_({"training.learning_rate.2": 0}))


@pytest.mark.parametrize(
    ("tables", "told"),
    [
        ({"training": {"learning_rate": {"2": -1}}}, "training.learning_rate.2 = -1; accepted: a number of at least 0"),
        ({"training": {"learning_rate": {"2": True}}}, "training.learning_rate.2 = true; accepted: a number"),
        ({"training": {"learning_rate": {"two": 1}}}, "training.learning_rate.two is unknown; accepted here: default"),
        ({"training": {"learning_rate": {"0": 1}}}, "training.learning_rate.0 is unknown"),
        ({"training": {"learning_rate": {}}}, "no rates; accepted: a number above 0 and below 1e38, or a table"),
        ({"training": {"learning_rate": {"5": 1}}}, "this network has 4 layers; accepted: default, 1, 2, 3, 4"),
        ({"learning": {"learning_rate": {"4": 1}}}, "learning.learning_rate.4: layer 4 receives no error"),
        (
            {"training": {"learning_rate": "fast"}},
            "training.learning_rate = 'fast'; accepted: a number above 0 and below 1e38",
        ),
    ],
)
def test_mistakes_in_rates(tables: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError) as caught:
        Scenario(**{**chain((5,), DENSE).document(), **tables})
    assert told in str(caught.value) and "\n" not in str(caught.value)


def test_layers_without_synapses_have_no_rate_and_no_bias() -> None:
    with pytest.raises(InputError, match="layer 2 has no synapses; accepted: default, 1, 3, 4"):
        Scenario(**{**chain(IMAGE, ON_MAPS).document(), "training": {"learning_rate": {"2": 0.1}}})
    with pytest.raises(InputError, match="bias is unknown"):
        chain(IMAGE, ON_MAPS).with_({"model.layers.1.bias": False})


def test_nothing_that_learns_is_mentioned() -> None:
    assert any(
        "no weight changes" in text for text in chain((5,), DENSE, training={"learning_rate": {"default": 0}}).advice()
    )
    assert replace(small((5,), DENSE, {"default": 0, "1": 0.1}), seed=1).trains.tolist() == [
        False,
        True,
        False,
        False,
        False,
    ]
