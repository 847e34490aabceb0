"""Every learning rule with every modifier: engine against reference, on a small net, on the paper's, and to the end.

`tests/verify` takes the rules and the modifiers one by one; here is the grid of them: a part of it by default,
the whole with `-m ""`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import channelsim as cs
from channelsim import side_by_side, tolerances
from channelsim._verify import Comparison, compare, one_thread
from channelsim.data import Dataset
from channelsim.data.load import load_dataset
from channelsim.errors import InputError
from channelsim.plan import build
from tests.laws.cases import run
from tests.networks import dataset, dense_layers, plan_of, plan_of_chain

UPDATES, ON_MAPS = 12, 9  # into the second epoch
SCENARIOS = Path(__file__).parents[1] / "scenarios"
MNIST = SCENARIOS / "mnist-srbp.toml"

RULES: dict[str, dict[str, Any]] = {
    name: {"rule": name} for name in ("bp", "rbp", "srbp", "arbp", "asrbp", "sign", "drtp", "top")
}
FEEDBACK: dict[str, dict[str, Any]] = {
    "uniform C": {"distribution": "uniform"},
    "C of +-1": {"distribution": "sign", "scale": 0.2},
    "C of 0 and 1": {"distribution": "binary", "scale": 0.2},
    "orthogonal C": {"distribution": "orthogonal"},
    "C by He": {"scale": "he"},
    "8 wires": {"connections": 8},
    "2 wires": {"connections": 2},
    "1 wire": {"connections": 1},
    "C of 1 bit": {"bits": 1},
    "C of 3 bits": {"distribution": "uniform", "bits": 3},
    "2 wires of 2 bits": {"connections": 2, "bits": 2},
    "C of mean 0.3": {"distribution": "uniform", "mean": 0.3},
    "2 copies": {"copies": 2},
}
MODIFIERS: dict[str, dict[str, Any]] = {
    "plain": {},
    "no derivative": {"learning": {"derivative": False}},
    "online": {"training": {"batch": 1}},
    "momentum": {"training": {"momentum": 0.9, "learning_rate_decay": 0.01}},
    "momentum online": {"training": {"momentum": 0.9, "batch": 1}},
    **{name: {"learning": {"feedback": feedback}} for name, feedback in FEEDBACK.items()},
}
ADAPTIVE: dict[str, dict[str, Any]] = {
    "slow C": {"learning": {"learning_rate": 0.01}},
    "sparse, slow C with momentum": {
        "learning": {"learning_rate": 0.01, "feedback": {"connections": 2}},
        "training": {"momentum": 0.5},
    },
}
REDRAWN: dict[str, dict[str, Any]] = {
    f"C drawn anew, {name}": {"learning": {"feedback": {"redraw": "frame", **feedback}}}
    for name, feedback in {
        "normal": {},
        "uniform": {"distribution": "uniform", "mean": 0.1},
        "+-1": {"distribution": "sign", "scale": 0.2},
        "0 and 1": {"distribution": "binary"},
        "2 wires": {"connections": 2},
    }.items()
}
LOW_RANK: dict[str, dict[str, Any]] = {
    "rank 1": {"rank": 1},
    "rank 3 of 3 bits, 2 copies": {"rank": 3, "bits": 3, "copies": 2},
}
TRAINING: dict[str, dict[str, Any]] = {"mini-batch": {}, "online": {"batch": 1}, "momentum": {"momentum": 0.9}}
WIRES: dict[str, dict[str, Any]] = {"dense": {}, "sparse": {"connections": 2}}
ROUTES: dict[str, str | list[str]] = {
    "layered": "layered",
    "skipped": "skipped",
    "over every second layer": ["from 3", "from 4", "from 4"],
    "mixed": ["skipped", "layered", "skipped"],
    "one neuron speaks to all": ["from 2", "from 3", "layered"],
    "cascade": "cascade",
    "several by hand": ["from 2, 4", "skipped", "cascade"],
}


CHAIN: list[dict[str, Any]] = [
    {"kind": "conv2d", "channels": 3, "kernel": 3, "padding": 1, "transfer": "tanh"},
    {"kind": "maxpool", "size": 2, "stride": 1},
    {"kind": "conv2d", "channels": 4, "kernel": 3, "stride": 2, "padding": 2, "transfer": "logistic"},
    {"kind": "conv2d", "channels": 5, "kernel": 2, "transfer": "tanh"},
    {"kind": "avgpool", "size": 2},
    {"kind": "flatten"},
    {"kind": "dense", "units": 6, "transfer": "tanh"},
    {"kind": "dense", "units": 4, "transfer": "softmax"},
]


def grid(share: int, *axes: Iterable[str]) -> list[Any]:
    """All combinations of these words. All but one in `share` of them are slow, so chosen that every word has its
    turn."""
    cells = product(*(enumerate(axis) for axis in axes))
    return [
        pytest.param(
            *(word for _, word in cell), marks=[pytest.mark.slow] if sum(place for place, _ in cell) % share else []
        )
        for cell in cells
    ]


def combinations(turns: int) -> list[Any]:
    """The tables of all pairs of a modifier and a rule that are possible. Each modifier has its turn with so many
    rules, other ones than the modifier before it; the rest is slow."""
    found = []
    for k, (modifier, tables) in enumerate({**MODIFIERS, **ADAPTIVE, **REDRAWN}.items()):
        rules = [rule for rule in RULES if possible(rule, modifier)]
        chosen = {rules[(k + turn * len(rules) // turns) % len(rules)] for turn in range(turns)}
        for rule in rules:
            merged = {**tables, "learning": {**RULES[rule], **tables.get("learning", {})}}
            marks = [] if rule in chosen else [pytest.mark.slow]
            found.append(pytest.param(merged, id=f"{rule}, {modifier}", marks=marks))
    return found


def possible(rule: str, modifier: str) -> bool:
    if modifier in ADAPTIVE:
        return rule in ("arbp", "asrbp")
    if modifier in REDRAWN:
        return rule not in ("arbp", "asrbp", "bp", "top")
    return rule not in ("bp", "top") or "feedback" not in MODIFIERS[modifier].get("learning", {})


def held(units: list[int], tables: dict[str, Any], samples: int = 38) -> Comparison:
    """Updates on random data; the last frame of an epoch is shorter than the others."""
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (samples, units[0])).astype(np.float32)
    x[rng.random(x.shape) < 0.3] = 0
    data = dataset(x, rng.integers(units[-1], size=samples), units[-1])
    training = {"batch": 4, "epochs": 2, "learning_rate": 0.1, **tables.get("training", {})}
    with one_thread():
        return compare(plan_of(units, samples, **{**tables, "training": training}), data, UPDATES)


def held_on_maps(tables: dict[str, Any], samples: int = 26) -> Comparison:
    """The same for a convolutional network, its images mirrored and moved."""
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (samples, 2, 7, 6)).astype(np.float32)
    x[rng.random(x.shape) < 0.3] = 0
    data = dataset(x, rng.integers(4, size=samples), 4)
    training = {"batch": 4, "epochs": 3, "learning_rate": 0.1, **tables.get("training", {})}
    augmented = {"name": "synthetic", "flip": True, "shift": 1}
    with one_thread():
        return compare(
            plan_of_chain((2, 7, 6), CHAIN, 4, samples, **{**tables, "training": training, "data": augmented}),
            data,
            ON_MAPS,
        )


def assert_exact(result: Comparison, updates: int) -> None:
    assert len(result.max_weight_difference) == updates
    assert max(result.max_weight_difference) <= tolerances.WEIGHTS, result
    assert result.values == 0 and not result.disagreements


@pytest.mark.parametrize("tables", combinations(2))
def test_rule_with_modifier(tables: dict[str, Any]) -> None:
    assert_exact(held([8, 9, 7, 5, 4], tables), UPDATES)


@pytest.mark.parametrize("modifier", ["plain", "no derivative", "online", "momentum", "momentum online"])
@pytest.mark.parametrize("route", ["none", "cascade", ["from 3", "from 3, 4", "layered"]])
def test_skipped_backpropagation(modifier: str, route: str | list[str]) -> None:
    tables = MODIFIERS[modifier]
    learning = {"rule": "sbp", "route": route, **tables.get("learning", {})}
    assert_exact(held([8, 9, 7, 5, 4], {**tables, "learning": learning}), UPDATES)


@pytest.mark.parametrize(
    ("rule", "rank", "training"), grid(2, ["rbp", "srbp", "arbp", "asrbp", "drtp"], LOW_RANK, TRAINING)
)
def test_low_rank(rule: str, rank: str, training: str) -> None:
    learning = {"rule": rule, "feedback": LOW_RANK[rank]}
    assert_exact(held([8, 9, 7, 5, 4], {"learning": learning, "training": TRAINING[training]}), UPDATES)


@pytest.mark.parametrize("tables", combinations(1))
def test_rule_with_modifier_on_maps(tables: dict[str, Any]) -> None:
    assert_exact(held_on_maps(tables), ON_MAPS)


@pytest.mark.parametrize("rule", ["rbp", "srbp", "arbp", "asrbp"])
@pytest.mark.parametrize("wires", WIRES)
def test_rule_with_route_on_maps(rule: str, wires: str) -> None:
    """A convolution as the source of a layer far below; a pool that is heard by one below it and by one far below."""
    route = ["from 5", "from 4", "layered", "from 6", "skipped", "layered", "skipped"]
    assert_exact(held_on_maps({"learning": {"rule": rule, "route": route, "feedback": WIRES[wires]}}), ON_MAPS)


@pytest.mark.parametrize(("rule", "route", "wires"), grid(3, ["rbp", "srbp", "arbp", "asrbp"], ROUTES, WIRES))
def test_rule_with_route(rule: str, route: str, wires: str) -> None:
    learning = {"rule": rule, "route": ROUTES[route], "feedback": WIRES[wires]}
    assert_exact(held([6, 5, 4, 5, 3], {"learning": learning}), UPDATES)


def test_backpropagation_that_skips_nothing_is_backpropagation() -> None:
    rng = np.random.default_rng(0)
    data = dataset(rng.random((12, 5)), rng.integers(3, size=12), 3)
    both = [
        run(plan_of([5, 4, 4, 3], 12, learning=learning, training={"batch": 3}), data)
        for learning in ({"rule": "bp"}, {"rule": "sbp", "route": "layered"})
    ]
    assert both[0].same(both[1])


@pytest.mark.parametrize("rule", ["rbp", "arbp"])
def test_a_layered_rule_by_hand_is_the_rule(rule: str) -> None:
    """Routes and rules are two words for one thing: rbp over skipped routes is srbp."""
    rng = np.random.default_rng(0)
    data = dataset(rng.random((12, 5)), rng.integers(3, size=12), 3)

    def weights(name: str, route: str | list[str]) -> Any:
        tables = {"learning": {"rule": name, "route": route}, "training": {"batch": 3}}
        return run(plan_of([5, 4, 4, 3], 12, **tables), data).weights

    skipping = {"rbp": "srbp", "arbp": "asrbp"}[rule]
    assert np.array_equal(weights(rule, "skipped"), weights(skipping, "none"))
    assert np.array_equal(weights(skipping, ["layered", "layered"]), weights(rule, "none"))


# --- the paper's network ------------------------------------------------------------------------------------


@pytest.mark.parametrize("wires", WIRES)
def test_a_weight_of_zero_has_no_sign(wires: str) -> None:
    """Every second weight, of kernels and matrices, when the first errors pass."""
    conv = {"kind": "conv2d", "channels": 3, "kernel": 2, "transfer": "tanh"}
    layers = [conv, conv, *dense_layers([0, 5, 4])]
    plan = plan_of_chain(
        [2, 4, 4], layers, 4, 6, learning={"rule": "sign", "feedback": WIRES[wires]}, training={"batch": 6}
    )
    weights = plan.weights
    weights[::2] = 0
    rng = np.random.default_rng(8)
    images = dataset(rng.uniform(-1, 1, (6, 2, 4, 4)), rng.integers(4, size=6), 4)
    with one_thread():
        assert_exact(compare(plan.with_weights(weights), images, 1), 1)


@pytest.fixture(scope="module")
def mnist() -> Dataset:
    """The first 2000 samples."""
    try:
        return load_dataset(cs.load(MNIST).with_({"data.train": 2000, "data.test": 10}).data)
    except InputError:
        pytest.skip("MNIST is not on this machine")


@pytest.mark.parametrize(("batch", "learning_rate", "updates"), [(100, 0.1, 2), (1, 0.01, UPDATES)])
@pytest.mark.parametrize("rule", RULES)
def test_rule_on_mnist(rule: str, batch: int, learning_rate: float, updates: int, mnist: Dataset) -> None:
    """Few updates of whole mini-batches: the reference looks at each message. (`slow` tests make 20.)"""
    training = {"training.batch": batch, "training.learning_rate": learning_rate}
    scenario = cs.load(MNIST).with_({"learning.rule": rule, **training})
    plan = build(scenario, mnist.shape, mnist.classes, len(mnist.train_x))
    with one_thread():
        assert_exact(compare(plan, mnist, updates), updates)


@pytest.mark.parametrize("rule", RULES)
def test_rule_on_mnist_with_convolutions(rule: str, mnist: Dataset) -> None:
    scenario = cs.load(MNIST.with_name("mnist-conv.toml")).with_({"learning.rule": rule, "training.batch": 20})
    mnist = replace(mnist, shape=(1, 28, 28))
    plan = build(scenario, mnist.shape, mnist.classes, len(mnist.train_x))
    with one_thread():
        result = compare(plan, mnist, 5)
    assert len(result.max_weight_difference) == 5
    assert result.passed, result


VARIANTS: dict[str, dict[str, Any]] = {
    **{rule: {"learning.rule": rule} for rule in RULES},
    "srbp without derivative": {"learning.rule": "srbp", "learning.derivative": False},
    "srbp with 8 wires": {"learning.rule": "srbp", "learning.feedback.connections": 8},
    "arbp with C of 3 bits": {"learning.rule": "arbp", "learning.feedback.bits": 3},
}


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.usefixtures("mnist")
@pytest.mark.parametrize("variant", VARIANTS)
def test_accuracy_after_five_epochs_over_three_seeds(variant: str) -> None:
    """The mean test accuracies of engine and reference lie within 0.5 points."""
    apart = []
    for seed in (1, 2, 3):
        result = cs.verify(cs.load(MNIST).with_({**VARIANTS[variant], "seed": seed}), updates=20, train=True)
        assert max(result.max_weight_difference) <= tolerances.WEIGHTS
        assert result.test_accuracy is not None
        apart.append(result.test_accuracy["engine"] - result.test_accuracy["reference"])
    assert abs(np.mean(apart)) <= 0.005


def test_kolen_pollack_makes_c_the_transposed_w(tmp_path: Path) -> None:
    """What W and C had at the start is forgotten, at any rate of decay; without decay, as in arbp, it stays. A C that
    skips layers has the steps of no W, and comes closer to their product."""
    cosines = {}
    for rule, decay in (("kp", 0.02), ("arbp", 0.0), ("dkp", 0.02), ("asrbp", 0.0)):
        scenario = cs.load(SCENARIOS / "digits-srbp.toml").with_(
            {
                "learning.rule": rule,
                "training.weight_decay": decay,
                "training.learning_rate": 0.1,
                "trace.alignment": "epoch",
                "training.epochs": 20,
            }
        )
        cs.run(scenario, tmp_path / f"{rule}.h5")
        with cs.Trace(tmp_path / f"{rule}.h5") as trace:
            cosines[rule] = [float(trace.alignment(layer)["feedback_cosine"][-1]) for layer in ("1", "2")]
    assert min(cosines["kp"]) > 0.99
    assert max(cosines["arbp"]) < 0.95
    assert cosines["dkp"][1] > 0.99 and max(cosines["asrbp"]) < 0.95
    assert cosines["dkp"][0] > cosines["asrbp"][0] + 0.05


@pytest.mark.parametrize("rule", ["kp", "dkp"])
def test_kolen_pollack_agrees_with_the_reference(rule: str) -> None:
    training = {"batch": 3, "weight_decay": 0.05, "learning_rate": 0.2}
    plan = plan_of([6, 5, 4, 3], 12, learning={"rule": rule}, training=training)
    rng = np.random.default_rng(0)
    data = dataset(rng.uniform(-1, 1, (12, 6)), rng.integers(3, size=12), 3)
    assert side_by_side.compare(plan, data, 8).passed
