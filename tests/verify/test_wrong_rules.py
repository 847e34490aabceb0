"""A rule, a quantizer or a clock that is wrong is found."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from channelsim import tolerances
from channelsim.plan import RateDecay
from channelsim.reference import rules, simulate
from channelsim.side_by_side import compare
from tests.verify.comparisons import AT_RECEIVER, CHANNELS, data, fails, plan, with_rates


@pytest.mark.parametrize("channels", CHANNELS)
class TestWrongRules:
    """Each of these passes when it is not broken: see `test_agrees`."""

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
        send, update = simulate.send_learning, rules.update
        held_back: list[Any] = []

        def send_later(*arguments: Any) -> None:
            held_back.append(arguments)

        def update_first(*arguments: Any) -> None:
            update(*arguments)
            while held_back:
                send(*held_back.pop())

        monkeypatch.setattr(simulate, "send_learning", send_later)
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

    def test_wrong_errors_though_c_is_right(self, channels: str, monkeypatch: pytest.MonkeyPatch) -> None:
        project, matrix = rules.project, rules.matrix
        monkeypatch.setattr(rules, "project", lambda *arguments: -project(*arguments))
        fails(plan(learning={"rule": "bp"}, channels=CHANNELS[channels]))
        monkeypatch.setattr(rules, "project", project)
        monkeypatch.setattr(rules, "matrix", lambda ref, c: matrix(ref, c).T.reshape(matrix(ref, c).shape))
        fails(plan(learning={"rule": "srbp"}, channels=CHANNELS[channels]))

    @pytest.mark.parametrize("factor", [1.003, 1.0003])
    def test_a_rate_wrong_by_parts_in_a_thousand(self, channels: str, factor: float) -> None:
        right = plan(learning={"rule": "srbp"}, channels=CHANNELS[channels])
        fails(right, with_rates(right, factor))


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
    right = plan(learning={"rule": "srbp"}, synapses={"update": {"kind": "log2", "exponents": 4}})
    layers = right.layers.copy()
    layers["update_levels"] = 3
    fails(right, replace(right, layers=layers))


def test_updates_that_are_quantized_at_a_wrong_time() -> None:
    for update in ({"kind": "log2", "bits": 3}, {"kind": "uniform", "bits": 4, "rounding": "stochastic"}):
        right = plan(training={"batch": 4}, synapses={"update": {**update, "per": "sample"}})
        layers = right.layers.copy()
        layers["update_per_sample"] = 0
        fails(right, replace(right, layers=layers))


def test_a_wrong_decay() -> None:
    right = plan(training={"weight_decay": 0.1}, learning={"rule": "arbp"})
    fails(right, replace(right, weight_decay=0.101))
    fails(right, replace(right, feedback_decay=0.0))
    falling = plan(training={"learning_rate_decay": {"per_update": 0.05, "form": "linear"}})
    fails(falling, replace(falling, decay_form=RateDecay.INVERSE))


def test_a_wrong_quantizer_at_the_receiver() -> None:
    for rule in ("bp", "rbp", "srbp"):
        right = plan(learning={"rule": rule}, channels={"learning": {"quantize": AT_RECEIVER}})
        channels = right.channels.copy()
        channels["levels"][channels["at_receiver"] != 0] -= 1
        fails(right, replace(right, channels=channels))


def test_wrong_wires_of_synapses() -> None:
    right = plan(learning={"rule": "srbp", "feedback": {"per": "synapse"}})
    wires = right.feedback.copy()
    wires[-1] *= 1.1  # to a bias
    fails(right, replace(right, feedback=wires))


def test_a_wrong_clock_is_found_though_no_weight_shows_it() -> None:
    right = plan(channels={"learning": {"latency": "10 ns"}})
    other = right.channels.copy()
    other["latency"][-1] += 1
    result = compare(right, data(), 5, reference_plan=replace(right, channels=other))
    assert max(result.max_weight_difference) <= tolerances.WEIGHTS
    assert not result.passed
    assert "simulated time" in result.disagreements[0]
