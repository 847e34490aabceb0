"""Alignment in networks of any layers: of the signals with the gradient's, and of C with what it stands for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from channelsim import engine
from channelsim.alignment import Alignment, measure
from channelsim.plan import Wiring
from tests.networks import dataset, dense_layers, plan_of_chain

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
    return {one.layer: one for one in measure(state, images, PROBE)}


def test_backpropagation_is_the_gradient_at_every_layer() -> None:
    aligned = found(*begin("bp"))
    assert set(aligned) == {"1", "2", "3", "4", "5", "6"}
    for one in aligned.values():
        assert one.cosine == pytest.approx(1, abs=1e-6)
        assert one.sign_agreement == 1
        assert np.isnan(one.feedback_cosine), "there is no C"


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
        state.feedback[channel["c_offset"] :][: channel["c_size"]] = c
    for name, one in found(state, images).items():
        assert one.cosine == pytest.approx(1, abs=1e-5), name
        has_wires = name in ("1", "5", "6")  # what lies above the others has no synapses
        assert one.feedback_cosine == pytest.approx(1, abs=1e-5) if has_wires else np.isnan(one.feedback_cosine)


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
    signals = [[one.cosine for one in measure(each, images, PROBE)] for each in (state, still)]
    assert signals[0] == signals[1]
