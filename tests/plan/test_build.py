"""What a plan says of its weights, and of its channels."""

from __future__ import annotations

import numpy as np

from channelsim.plan import Jitter, ideal_backpropagation
from channelsim.plan.draws import InitialWeights
from tests.networks import plan_of


def test_weights_are_drawn_when_asked_for_and_not_held() -> None:
    plan = plan_of([6, 5, 4], 20)
    first, again = plan.weights, plan.weights
    assert first is not again
    np.testing.assert_array_equal(first, again)
    assert first.dtype == np.float32
    assert plan.synapses == first.size == 6 * 5 + 5 * 4


def test_a_plan_with_given_weights() -> None:
    plan = plan_of([6, 5, 4], 20)
    given = np.arange(plan.synapses, dtype=np.float32)
    np.testing.assert_array_equal(plan.with_weights(given).weights, given)
    np.testing.assert_array_equal(plan.weights, plan_of([6, 5, 4], 20).weights)


def test_a_channel_without_jitter_draws_none() -> None:
    jittery = {"distribution": "exponential", "value": "5 ps"}
    plan = plan_of([6, 5, 4], 20, channels={"forward": {"jitter": jittery}, "learning": {"jitter": "0 s"}})
    kinds = dict(zip(plan.channel_names, plan.channels["jitter_kind"], strict=True))
    assert kinds == {"forward.1": Jitter.EXPONENTIAL, "forward.2": Jitter.EXPONENTIAL, "learning.1": Jitter.NONE}


def test_channels_are_named_by_direction_and_receiving_layer() -> None:
    plan = plan_of([6, 5, 4, 3], 20, learning={"rule": "srbp"})
    names = ("forward.1", "forward.2", "forward.3", "learning.2", "learning.1")
    assert plan.channel_names == plan.link_names == names
    assert plan.channel_names[3] == "learning.2"


def test_ideal_backpropagation_is_the_plan_of_bp_without_channel_settings() -> None:
    noisy = plan_of([6, 5, 4, 3], 20, learning={"rule": "srbp"}, channels={"learning": {"noise": {"sigma": 0.1}}})
    ideal, bp = ideal_backpropagation(noisy), plan_of([6, 5, 4, 3], 20, learning={"rule": "bp"})
    np.testing.assert_array_equal(ideal.channels, bp.channels)
    np.testing.assert_array_equal(ideal.links, bp.links)
    assert ideal.link_names == bp.link_names
    assert ideal.feedback.size == 0


def test_a_plan_holds_nothing_of_the_scenario_that_it_is_made_of() -> None:
    plan = plan_of([6, 5, 4], 20, weights={"distribution": "uniform", "scale": 0.3}, seed=4)
    assert plan.initial == InitialWeights("uniform", 0.3, 4)
    kinds = {type(value).__module__ for value in vars(plan).values()}
    assert not any(kind.startswith("channelsim.scenario") for kind in kinds)
