"""Alignment in networks of any layers: of the signals with the gradient's, and of C with what it stands for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from channelsim import engine
from channelsim.alignment import Alignment, Probe, _compare, measure
from channelsim.plan import Wiring
from tests.networks import dataset, dense_layers, plan_of, plan_of_chain

SHAPE = (2, 7, 6)
LAYERS: list[dict[str, Any]] = [
    {"kind": "conv2d", "channels": 3, "kernel": 3, "padding": 1, "transfer": "tanh"},
    {"kind": "conv2d", "channels": 4, "kernel": 2, "stride": 2, "transfer": "relu"},
    {"kind": "maxpool", "size": 2, "stride": 1},
    {"kind": "avgpool", "size": 1},
    {"kind": "flatten"},
    *dense_layers([1, 5, 3]),
]
SAMPLES, PROBE = 24, 15


def begin(rule: str, **data: Any) -> tuple[engine.State, Any]:
    """A state after some learning, and the data."""
    rng = np.random.default_rng(3)
    images = dataset(rng.uniform(-1, 1, (SAMPLES, *SHAPE)), rng.integers(3, size=SAMPLES), 3)
    tables = {"learning": {"rule": rule}, "training": {"batch": 4, "epochs": 2}, "data": {"name": "synthetic", **data}}
    plan = plan_of_chain(SHAPE, LAYERS, 3, SAMPLES, **tables)
    state = engine.start(plan, images)
    engine.advance(plan, state, 5)
    return state, images


def found(state: engine.State, images: Any) -> dict[str, Alignment]:
    return {one.layer: one for one in measure(state, Probe(images, PROBE))}


def test_backpropagation_is_the_gradient_at_every_layer() -> None:
    aligned = found(*begin("bp"))
    assert set(aligned) == {"1", "2", "3", "4", "5", "6"}
    for one in aligned.values():
        assert one.cosine == pytest.approx(1, abs=1e-6)
        assert one.sign_agreement == 1
        if one.layer in ("1", "5", "6"):  # C is W transposed
            assert (one.feedback_cosine, one.feedback_sign_agreement) == (1, 1)
        else:
            assert np.isnan([one.feedback_cosine, one.feedback_sign_agreement]).all(), "what lies above has no W"


@pytest.mark.parametrize("rule", ["rbp", "arbp"])
def test_a_bank_is_compared_with_the_kernels_that_it_stands_for(rule: str) -> None:
    state, images = begin(rule)
    plan = state.plan
    (c,) = np.flatnonzero(plan.channels["wiring"] == Wiring.BANK)
    channel, source = plan.channels[c], plan.layers[2]
    bank = state.feedback[channel["c_offset"] :][: channel["c_size"]]
    kernels = state.weights[source["w_offset"] :][: source["w_size"]]
    aligned = found(state, images)["1"]
    assert aligned.feedback_cosine == pytest.approx(
        float(bank @ kernels / np.linalg.norm(bank) / np.linalg.norm(kernels)), abs=1e-5
    )
    assert aligned.feedback_sign_agreement == np.mean(np.sign(bank) == np.sign(kernels))
    assert aligned.cosine < 0.999


def test_banks_that_are_the_kernels_make_backpropagation() -> None:
    """With each C in the place of W transposed; what pools pass on is the same anyway."""
    state, images = begin("rbp")
    plan = state.plan
    for channel in plan.channels[plan.channels["c_size"] > 0]:
        source = plan.layers[channel["source"]]
        w = state.weights[source["w_offset"] :][: source["w_size"]]
        c = w if channel["wiring"] == Wiring.BANK else w.reshape(source["fan_in"], -1).T.ravel()
        state.memory.feedback[channel["c_offset"] :][: channel["c_size"]] = c
    for name, one in found(state, images).items():
        assert one.cosine == pytest.approx(1, abs=1e-5), name
        has_wires = name in ("1", "5", "6")  # what lies above the others has no synapses
        assert one.feedback_cosine == pytest.approx(1, abs=1e-5) if has_wires else np.isnan(one.feedback_cosine)


@pytest.mark.parametrize("connections", ["none", 2])
def test_sign_symmetric_feedback_is_compared_with_the_signs_that_it_has_from_the_weights(connections: Any) -> None:
    """C^1 is |C| with the signs of W^2: of learned weights, and only on the wires that exist."""
    learning = {"rule": "sign", "feedback": {"connections": connections}}
    plan = plan_of([4, 6, 5], SAMPLES, learning=learning, training={"batch": 4, "epochs": 2})
    rng = np.random.default_rng(4)
    images = dataset(rng.uniform(-1, 1, (SAMPLES, 4)), rng.integers(5, size=SAMPLES), 5)
    state = engine.start(plan, images)
    engine.advance(plan, state, 5)
    aligned = found(state, images)["1"]
    w = state.weights[plan.layers[2]["w_offset"] :][:30].reshape(6, 5).astype(np.float64)
    channel = plan.channels[plan.channel_names.index("learning.1")]
    values = state.feedback[channel["c_offset"] :][: channel["c_size"]]
    magnitudes = np.zeros((6, 5))
    if connections == "none":
        magnitudes[:] = values.reshape(6, 5)  # as W
    else:
        start = plan.c_start[channel["start_offset"] :]
        for wire, value in enumerate(values):
            sender = np.searchsorted(start[:6], wire, side="right") - 1
            magnitudes[plan.c_index[channel["c_offset"] + wire], sender] = value
    c = magnitudes * np.sign(w)
    assert (c == 0).any() == (connections != "none") and len(np.unique(np.sign(w))) == 2
    cosine = (c * w).sum() / np.linalg.norm(c) / np.linalg.norm(w)
    assert aligned.feedback_cosine == pytest.approx(cosine, abs=1e-5)
    assert aligned.feedback_sign_agreement == 1


def test_channels_that_skip_layers_have_signals_to_compare_and_no_product() -> None:
    """Between a map and the top lie pools, whose part no matrix tells."""
    aligned = found(*begin("srbp"))
    assert set(aligned) == {"1", "2", "6"}
    assert all(abs(one.cosine) < 0.99 for one in aligned.values())
    assert np.isnan(aligned["1"].feedback_cosine) and np.isnan(aligned["2"].feedback_cosine)
    assert abs(aligned["6"].feedback_cosine) < 0.99


def test_the_probe_is_neither_mirrored_nor_moved() -> None:
    state, images = begin("srbp", flip=True, shift=1)
    still = replace(state, plan=replace(state.plan, flip=False, shift=0))
    signals = [[one.cosine for one in measure(each, Probe(images, PROBE))] for each in (state, still)]
    assert signals[0] == signals[1]


@pytest.mark.parametrize("connections", ["none", 2])
def test_feedback_that_skips_layers_is_compared_with_the_product_of_all_weights_between(connections: Any) -> None:
    """C^1 with (W^2 W^3) transposed; signs over the wires that exist."""
    units, learning = [4, 6, 5, 3], {"rule": "srbp", "feedback": {"connections": connections}}
    plan = plan_of(units, SAMPLES, learning=learning, training={"batch": 4, "epochs": 2})
    rng = np.random.default_rng(4)
    images = dataset(rng.uniform(-1, 1, (SAMPLES, 4)), rng.integers(3, size=SAMPLES), 3)
    state = engine.start(plan, images)
    engine.advance(plan, state, 5)
    aligned = found(state, images)["1"]
    w = [
        state.weights[row["w_offset"] :][: row["w_size"]].reshape(row["fan_in"], row["n"]).astype(np.float64)
        for row in plan.layers[1:]
    ]
    product = (w[1] @ w[2]).T
    channel = plan.channels[plan.channel_names.index("learning.1")]
    wires, start = np.zeros(product.shape), plan.c_start[channel["start_offset"] :]
    for wire, value in enumerate(state.feedback[channel["c_offset"] :][: channel["c_size"]]):
        if connections == "none":
            wires.flat[wire] = value
        else:
            sender = np.searchsorted(start[: units[-1] + 1], wire, side="right") - 1
            wires[sender, plan.c_index[channel["c_offset"] + wire]] = value
    cosine = (wires * product).sum() / np.linalg.norm(wires) / np.linalg.norm(product)
    assert aligned.feedback_cosine == pytest.approx(cosine, abs=1e-5)
    assert (wires == 0).any() == (connections != "none")
    assert aligned.feedback_sign_agreement == np.mean((wires * product)[wires != 0] > 0)


def test_signs_are_compared_where_the_gradient_is_not_zero() -> None:
    """The gradient has four values that are not zero; at one of them nothing was delivered."""
    delivered, gradient = np.float32([[1, -2, 0], [3, 0, -1]]), np.float32([[2, -1, 1], [1, 0, 0]])
    cosine, signs = _compare(delivered, gradient)
    assert cosine == pytest.approx((2 + 2 + 3) / np.sqrt(15 * 7), abs=1e-6)
    assert signs == 3 / 4


def test_the_probe_is_the_first_samples() -> None:
    state, images = begin("srbp")

    def cosines(x: Any) -> list[float]:
        return [one.cosine for one in measure(state, Probe(replace(images, train_x=x), PROBE))]

    def changed(sample: int) -> bool:
        other = images.train_x.copy()
        other[sample] = -other[sample]
        return cosines(other) != cosines(images.train_x)

    assert changed(0) and changed(PROBE - 1)
    assert not changed(PROBE)


def test_what_will_change_later_has_not_changed_yet() -> None:
    """The probe goes through the channels of the moment, though it has more frames than there are until the change."""
    images = dataset(np.random.default_rng(5).uniform(-1, 1, (SAMPLES, 4)), np.arange(SAMPLES) % 3, 3)
    change = {"frame": 2, "channels": {"learning": {"threshold": {"value": 0.3}}}}
    cosines = []
    for frames, changes in ((1, []), (1, [change]), (3, [change])):
        tables = {"learning": {"rule": "bp"}, "schedule": {"change": changes}}
        plan = plan_of([4, 6, 3], SAMPLES, training={"batch": 4, "epochs": 2}, **tables)
        state = engine.start(plan, images)
        engine.advance(plan, state, frames)
        cosines.append(found(state, images)["1"].cosine)
    assert cosines[0] == cosines[1] == pytest.approx(1, abs=1e-6)
    assert cosines[2] < 0.999


RESIDUAL = {"threshold": {"value": 0.1}, "residual": "threshold"}


@pytest.mark.parametrize(
    "tables",
    [
        {},
        {"channels": {"forward": RESIDUAL, "learning": {**RESIDUAL, "drop": {"probability": 0.2}}}},
        {"schedule": {"change": [{"frame": 14, "channels": {"learning": {"drop": {"probability": 0.5}}}}]}},
        {"schedule": {"mode": "pipelined", "interval": "1 us"}, "channels": {"forward": {"latency": "2.5 us"}}},
    ],
    ids=["ideal", "with residuals", "changed on the way", "pipelined"],
)
@pytest.mark.parametrize("batch", [1, 4])
def test_a_probe_kept_says_what_a_new_one_does(tables: dict[str, Any], batch: int) -> None:
    images = dataset(np.random.default_rng(5).uniform(-1, 1, (SAMPLES, 4)), np.arange(SAMPLES) % 3, 3)
    training = {"batch": batch, "epochs": 9, "learning_rate": 0.3}
    plan = plan_of([4, 6, 5, 3], SAMPLES, training=training, learning={"rule": "rbp"}, **tables)
    state, kept = engine.start(plan, images), Probe(images, PROBE)
    signals = []
    for frames in (6, 12, 18, 24):
        engine.advance(plan, state, frames)
        engine.settle(state)
        before = state.weights
        signals.append(measure(state, kept))
        assert repr(signals[-1]) == repr(measure(state, Probe(images, PROBE)))
        np.testing.assert_array_equal(state.weights, before)
    assert len({repr(each) for each in signals}) == 4, "it has learned in between"


def test_what_a_probe_remembers_does_not_reach_the_run() -> None:
    """Between measurements, learning goes on as without them."""
    states = []
    for measured in (False, True):
        state, images = begin("srbp")
        probe = Probe(images, PROBE)
        for frames in (6, 8, 10):
            if measured:
                measure(state, probe)
            engine.advance(state.plan, state, frames)
        engine.settle(state)
        states.append(state)
    for name in ("weights", "biases", "feedback"):
        np.testing.assert_array_equal(getattr(states[0], name), getattr(states[1], name))
