"""Dead heats: messages of 1 bit over wires of one magnitude give the same results for any scale, power of two or not.

As many +a as -a over wires of +-s add up to exactly 0, and a unit that receives 0 has no error and sends nothing. In
float32 the sums in between are rounded, so design.md (section 1) has them made of whole numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channelsim import engine, reference
from channelsim.data import Dataset
from channelsim.plan import Plan, Wiring
from tests import networks
from tests.laws.cases import Case, Network, any_network, dense_case, outcome, run
from tests.neuronwise import Simulator

COUNTED = ("messages", "offered", "sent", "delivered", "bits")
SCALES = [(0.5, 0.5), (0.4, 0.4), (0.3, 0.7), (1e-3, 0.9)]
scales = st.floats(0.01, 0.9)


def quantizer(scale: float, kind: str = "sign") -> dict[str, Any]:
    return {"quantize": {"kind": kind, "scale": scale}}


def of_issue(rule: str, batch: int, a: float, s: float) -> Case:
    tables = {
        "learning": {"rule": rule, "feedback": {"distribution": "sign", "scale": s}},
        "training": {"batch": batch, "epochs": 1, "learning_rate": 0.05},
        "channels": {"learning": quantizer(a)},
    }
    return dense_case([6, 20, 20, 6], ["tanh", "tanh", "softmax"], 60, tables)


def silent_by_integers(plan: Plan, data: Dataset) -> int:
    """Units of layer 2 whose error is 0, over all samples: the signs of e are those of 2 T - 1, and C has signs."""
    channel = next(row for row in plan.channels if row["target"] == 2 and row["wiring"] == Wiring.DENSE)
    wires = plan.feedback[channel["c_offset"] :][: channel["c_size"]].reshape(6, 20)
    signs = 2 * np.eye(6, dtype=int)[data.train_y] - 1
    return int(np.count_nonzero(signs @ np.sign(wires).astype(int) == 0))


@pytest.mark.parametrize("batch", [1, 7, 60])
@pytest.mark.parametrize(("a", "s"), SCALES)
def test_as_many_units_are_silent_as_in_whole_numbers(a: float, s: float, batch: int) -> None:
    case = of_issue("rbp", batch, a, s)
    plan, data = case.plan(), case.data()
    silent = silent_by_integers(plan, data)
    assert silent > 100
    state, _ = networks.run(plan, data.train_x, data.train_y)
    lowest = len(plan.channels) - 1
    assert int(state.counters[lowest]["offered"]) == 60 * 20 - silent


@pytest.mark.parametrize("rule", ["rbp", "srbp", "sign"])
@pytest.mark.parametrize("batch", [1, 7])
def test_the_three_programs_agree(rule: str, batch: int) -> None:
    case = of_issue(rule, batch, 0.4, 0.4)
    plan, data = case.plan(), case.data()
    state, _ = networks.run(plan, data.train_x, data.train_y)
    ref = reference.start(plan, data, clock=True)
    reference.advance(ref, plan.frames)
    simulator = Simulator(plan, data.train_x, data.train_y).run(plan.frames)
    assert simulator.unclear == 0
    for c, counted in enumerate(simulator.counters):
        for name in COUNTED:
            assert int(state.counters[c][name]) == int(ref.counters[c][name]) == counted[name], (c, name)
    for ours in (ref.weights.numpy(), simulator.weights()):
        np.testing.assert_allclose(state.weights, ours, rtol=0, atol=1e-5)


# --- the first frame of any network ------------------------------------------------------------------------------


def first_frame(plan: Plan, data: Dataset) -> tuple[Any, Any, Any]:
    """Messages and counts, which do not depend on scales, and the biases."""
    state, rows = networks.run(plan, data.train_x, data.train_y)
    names = [name for name in rows.dtype.names if name != "scale"]
    return rows[names].tolist(), state.counters.tolist(), state.biases


def over_c(network: Network, rule: str, batch: int, **feedback: Any) -> Callable[[float, float], Plan]:
    """Messages of +-a over C of +-s, and W of all magnitudes."""

    def plan(a: float, s: float) -> Plan:
        learning = {"rule": rule, "feedback": {"scale": s, **feedback}}
        tables = {"learning": learning, "training": training(batch), "channels": {"learning": quantizer(a)}}
        return networks.plan_of_chain(network.shape, network.layers, network.classes, batch, **tables)

    return plan


def over_w(network: Network, rule: str, batch: int) -> Callable[[float, float], Plan]:
    """Messages of +-a, in both directions, over W of +-s."""

    def plan(a: float, s: float) -> Plan:
        tables = {
            "learning": {"rule": rule},
            "training": training(batch),
            "channels": {"forward": quantizer(a)} | ({"learning": quantizer(a)} if rule == "bp" else {}),
            "synapses": {"weight": {"kind": "sign", "scale": s}},
        }
        drawn = networks.plan_of_chain(network.shape, network.layers, network.classes, batch, **tables)
        return drawn.with_weights(np.sign(drawn.weights) * np.float32(s))

    return plan


def training(batch: int) -> dict[str, Any]:
    return {"batch": batch, "epochs": 1, "learning_rate": 0.05}


def data_of(network: Network, samples: int) -> Dataset:
    return Case(network.shape, network.layers, network.classes, samples, {}).data()


EVERY_NETWORK = any_network(("tanh", "relu", "linear"), ("softmax",))
BATCHES = st.sampled_from([1, 2, 7])


@settings(max_examples=30)
@given(
    EVERY_NETWORK,
    st.sampled_from(["rbp", "srbp", "arbp", "asrbp", "sign"]),
    BATCHES,
    st.sampled_from([{"distribution": "sign"}, {"distribution": "binary"}, {"distribution": "sign", "connections": 3}]),
    scales,
    scales,
)
def test_c_of_any_scale(network: Network, rule: str, batch: int, feedback: dict[str, Any], a: float, s: float) -> None:
    plan, data = over_c(network, rule, batch, **feedback), data_of(network, batch)
    messages, counted, biases = first_frame(plan(a, s), data)
    of_power = first_frame(plan(0.5, 0.25), data)
    assert (messages, counted) == of_power[:2]
    assert np.isfinite(biases).all()


@settings(max_examples=30)
@given(EVERY_NETWORK, st.sampled_from(["bp", "top"]), BATCHES, scales, scales)
def test_w_of_any_scale(network: Network, rule: str, batch: int, a: float, s: float) -> None:
    plan, data = over_w(network, rule, batch), data_of(network, batch)
    assert first_frame(plan(a, s), data)[:2] == first_frame(plan(0.5, 0.25), data)[:2]


@pytest.mark.parametrize("batch", [1, 5])
@pytest.mark.parametrize("bits", [1, 2, 4])
def test_c_of_few_bits(bits: int, batch: int) -> None:
    """C of so many bits times a message of few bits: as many whole numbers as in Python's own."""
    learning = {"rule": "srbp", "feedback": {"bits": bits, "scale": 0.3}}
    tables = {"learning": learning, "training": training(batch), "channels": {"learning": quantizer(0.7)}}
    plan = networks.plan_of([6, 40, 6], 60, ["linear", "softmax"], **tables)
    data = dense_case([6, 40, 6], ["linear", "softmax"], 60, {}).data()
    channel = plan.channels[-1]
    levels = np.rint(plan.feedback.reshape(6, 40) / channel["c_unit"]).astype(int)
    np.testing.assert_array_equal(np.float32(channel["c_unit"]) * levels.astype(np.float32).ravel(), plan.feedback)
    signs = 2 * np.eye(6, dtype=int)[data.train_y] - 1
    errors = np.count_nonzero(signs @ levels)
    state, _ = networks.run(plan, data.train_x, data.train_y)
    assert np.count_nonzero(signs @ levels == 0) > 0
    inputs = np.count_nonzero(data.train_x, axis=1)
    products = int((inputs * np.count_nonzero(signs @ levels, axis=1)).sum())
    assert int(state.counters[-1]["update_macs"]) == products and errors < 60 * 40


def test_an_average_of_as_many_plus_as_minus_is_zero() -> None:
    """Messages of +-0.7 over the equal wires of an average pool, which overlap on the way back."""
    layers = [
        {"kind": "avgpool", "size": 3, "stride": 1},
        {"kind": "conv2d", "channels": 2, "kernel": 1, "transfer": "linear"},
        {"kind": "avgpool", "size": 3, "stride": 1},
        {"kind": "dense", "units": 2, "transfer": "softmax"},
    ]
    channels = {"forward.1": quantizer(0.7), "learning.2": quantizer(0.7)}
    plan = networks.plan_of_chain(
        (1, 7, 7), layers, 2, 6, learning={"rule": "bp"}, training=training(3), channels=channels
    )
    rng = np.random.default_rng(5)
    x = np.where(rng.random((6, 1, 7, 7)) < 0.3, 0, rng.choice([-1.0, 1.0], (6, 1, 7, 7))).astype(np.float32)
    data = networks.dataset(x, rng.integers(2, size=6), 2)
    signs = np.lib.stride_tricks.sliding_window_view(x[:, 0].astype(int), (3, 3), axis=(1, 2)).sum((3, 4))
    state, _ = networks.run(plan, data.train_x, data.train_y)
    assert np.count_nonzero(signs == 0) > 0
    assert int(state.counters[1]["offered"]) == np.count_nonzero(signs)
    ref = reference.start(plan, data, clock=True)
    reference.advance(ref, plan.frames)
    assert int(ref.counters[1]["offered"]) == np.count_nonzero(signs)


def test_evaluation_sums_in_units_too() -> None:
    """W of +-0.3 and messages of +-0.7: a tie of the two classes is a tie, and the first of them is the answer."""
    tables = {"learning": {"rule": "top"}, "training": training(4), "channels": {"forward": quantizer(0.7)}}
    plan = networks.plan_of([8, 9, 2], 40, ["linear", "softmax"], synapses={"weight": {"kind": "sign"}}, **tables)
    rng = np.random.default_rng(3)
    plan = plan.with_weights(rng.choice(np.float32([-0.3, 0.3]), plan.synapses))
    x = rng.choice(np.float32([-1.0, 1.0]), (40, 8))
    first = plan.weights[:72].reshape(8, 9) > 0
    hidden = np.sign(x.astype(int) @ (2 * first.astype(int) - 1))
    top = hidden @ (2 * (plan.weights[72:].reshape(9, 2) > 0).astype(int) - 1)
    assert (top[:, 0] == top[:, 1]).any() and (hidden == 0).any()
    labels = top.argmax(1)
    data = networks.dataset(x, labels, 2)
    assert engine.evaluate(engine.start(plan, data), data.test_x, data.test_y)[1] == 1.0
    assert reference.evaluate(reference.start(plan, data), data.test_x, data.test_y)[1] == 1.0


@pytest.mark.parametrize("rule", ["rbp", "arbp", "bp"])
def test_units_survive_a_stop(rule: str) -> None:
    """Stopped and resumed after each frame, W of +-0.3 and C of signs, which arbp changes: the same to the last bit."""
    feedback = {} if rule == "bp" else {"feedback": {"distribution": "sign"}}
    tables = {
        "learning": {"rule": rule, **feedback},
        "training": training(3),
        "channels": {"forward": quantizer(0.7), "learning": quantizer(0.3)},
        "synapses": {"weight": {"kind": "sign", "scale": "rms"}},
    }
    case = dense_case([5, 7, 6, 3], ["tanh", "tanh", "softmax"], 20, tables)
    plan, data = case.plan(), case.data()
    expected = run(plan, data)
    state = engine.start(plan, data)
    for frame in range(plan.frames):
        engine.advance(plan, state, frame + 1)
        state = engine.restore(plan, data, engine.snapshot(state))
    assert outcome(state).same(expected)
    assert len(np.unique(np.abs(state.weights[: 5 * 7]))) == 1
