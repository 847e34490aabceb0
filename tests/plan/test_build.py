"""What a plan says of its weights, and of its channels."""

from __future__ import annotations

import numpy as np

from channelsim.plan import Jitter
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
