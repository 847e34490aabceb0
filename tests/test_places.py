"""Where and when quantizers act: at the receiver, on the updates of single samples; and what that costs in bits."""

from __future__ import annotations

from typing import Any

import numpy as np

from channelsim.plan import Plan
from tests.networks import plan_of, run

UNITS = [6, 5, 4, 3]


def data(samples: int = 24) -> tuple[Any, Any]:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(samples, UNITS[0])).astype(np.float32)
    x[rng.random(x.shape) < 0.3] = 0
    return x, rng.integers(UNITS[-1], size=samples)


def plan(batch: int, **tables: Any) -> Plan:
    training = {"batch": batch, "epochs": 1, "learning_rate": 0.1, **tables.pop("training", {})}
    return plan_of(UNITS, 24, training=training, **{"learning": {"rule": "srbp"}, **tables})


def bits_of_updates(p: Plan) -> int:
    state, _ = run(p, *data())
    return int(state.counters["update_bits"].sum())


def test_updates_of_frames_of_one_sample_are_those_of_samples() -> None:
    for update in ({"kind": "log2", "bits": 3}, {"kind": "uniform", "bits": 4, "rounding": "stochastic"}):
        one, other = (
            run(plan(1, synapses={"update": {**update, "per": per}}), *data())[0] for per in ("batch", "sample")
        )
        np.testing.assert_array_equal(one.weights, other.weights)
        assert one.counters.tobytes() == other.counters.tobytes()


def test_updates_of_samples_are_added_before_their_mean_is_taken() -> None:
    """One layer, one frame: of each sample the signs of x (x) R, times the scale."""
    x, y = data()
    training = {"batch": 24, "epochs": 1, "learning_rate": 0.1, "shuffle": False}
    update = {"kind": "sign", "scale": 0.25, "per": "sample"}
    p = plan_of([6, 3], 24, training=training, learning={"rule": "top"}, synapses={"update": update})
    before = p.weights.reshape(6, 3)
    s = x @ before
    o = np.exp(s - s.max(1, keepdims=True))
    error = np.eye(3)[y] - o / o.sum(1, keepdims=True)
    signs = np.einsum("bj,bi->bji", np.sign(x), np.sign(error))
    state, _ = run(p, x, y)
    np.testing.assert_allclose(state.weights.reshape(6, 3), before + 0.25 * signs.mean(0), atol=1e-6)


def test_bits_of_updates() -> None:
    synapses = 6 * 5 + 5 * 4 + 4 * 3
    for kind, keys, width in (("sign", {}, 1), ("log2", {"bits": 3}, 3), ("abs", {}, 31)):
        for per, messages in (("batch", 3), ("sample", 24)):
            update = {"kind": kind, **keys, "per": per}
            assert bits_of_updates(plan(8, synapses={"update": update})) == messages * synapses * width


def test_only_absolute_updates_grow() -> None:
    p = plan(8, synapses={"update": {"kind": "abs"}})
    state, _ = run(p, *data())
    assert (state.weights >= p.weights).all() and (state.weights > p.weights).any()


def test_a_message_to_the_receiver_has_a_word_for_each_of_its_units() -> None:
    quantize = {"kind": "uniform", "bits": 5, "scale": 1.0}
    at = {
        place: run(plan(8, channels={"learning": {"quantize": {**quantize, "at": place}}}), *data())[0].counters
        for place in ("sender", "receiver")
    }
    # learning.2 and learning.1, from a top of 3 units to 4 and to 5
    assert at["sender"]["bits"][3:].tolist() == [24 * 3 * 5] * 2
    assert at["receiver"]["bits"][3:].tolist() == [24 * 4 * 5, 24 * 5 * 5]
    assert at["receiver"]["macs"][3:].tolist() == [24 * 3 * 4, 24 * 3 * 5]
