"""Residuals and the quantizer (docs/design.md, section 3): what the threshold held back, and error feedback."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from numpy.typing import NDArray

from channelsim import engine, plan, reference
from tests.networks import dataset, plan_of

Floats = NDArray[np.float32]

UNITS, SAMPLES, EPOCHS = [6, 5, 3], 7, 4
A = 0.5
QUANTA: list[tuple[dict[str, Any], float]] = [
    ({"kind": "sign"}, A),
    ({"kind": "ternary"}, A / 2),
    ({"kind": "uniform", "bits": 4}, A / 14),
    ({"kind": "uniform", "bits": 4, "rounding": "stochastic"}, A / 7),
]
"""Quantizers of scale A, with the largest residual that they leave of values up to A."""


def images() -> Floats:
    rng = np.random.default_rng(1)
    x = rng.uniform(-A, A, (SAMPLES, UNITS[0])).astype(np.float32)
    x[rng.random(x.shape) < 0.3] = 0
    return x


def ran(batch: int = 3, rule: str = "rbp", **channels: Any) -> tuple[plan.Plan, engine.State, dict[str, Floats]]:
    """The plan, the state after the run, and what was sent on each channel: (messages, n), in their order."""
    training = {"batch": batch, "epochs": EPOCHS, "learning_rate": 0.1, "shuffle": False}
    p = plan_of(UNITS, SAMPLES, channels=channels, training=training, learning={"rule": rule})
    sent: dict[str, list[Any]] = {name: [] for name in p.channel_names}

    def collect(rows: Any, payload: Any) -> None:
        for row in rows:
            first = int(row["payload"])
            sent[p.channel_names[row["channel"]]].append(payload[first : first + int(row["neurons"])].copy())

    data = dataset(images(), np.arange(SAMPLES) % 3, 3)
    state = engine.start(p, data, trace_frames=p.frames)
    engine.advance(p, state, p.frames, collect)
    engine.settle(state)
    return p, state, {name: np.array(values) for name, values in sent.items()}


def residual(p: plan.Plan, state: engine.State, name: str) -> Floats:
    row = p.channels[p.channel_names.index(name)]
    kept: Floats = state.memory.residuals[row["residual_offset"] :][: row["n"]]
    return kept


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize(("quantize", "quantum"), QUANTA, ids=str)
@pytest.mark.parametrize("lost", [{}, {"drop": {"probability": 0.5}}, {"bandwidth": "1 Mbit/s", "queue": 0}], ids=str)
def test_what_was_sent_follows_the_values_to_within_a_quantum(
    quantize: dict[str, Any], quantum: float, batch: int, lost: dict[str, Any]
) -> None:
    """Message by message; and what is lost on the way changes nothing at the sender."""
    settings = {"quantize": {**quantize, "scale": A}, "residual": "error_feedback", **lost}
    p, state, sent = ran(batch, **{"forward.1": settings})
    values = np.tile(images(), (EPOCHS, 1)).astype(np.float64)
    missing = np.cumsum(values - sent["forward.1"], axis=0)
    assert np.abs(missing).max() <= quantum * (1 + 1e-5)
    np.testing.assert_allclose(missing[-1], residual(p, state, "forward.1"), atol=1e-5)
    assert set(np.abs(sent["forward.1"]).ravel()) > {0.0}


def test_without_error_feedback_it_does_not() -> None:
    for kept in ("none", "threshold"):
        settings = {"threshold": {"value": 0.0}, "quantize": {"kind": "sign", "scale": A}, "residual": kept}
        _, _, sent = ran(**{"forward.1": settings})
        missing = np.cumsum(np.tile(images(), (EPOCHS, 1)) - sent["forward.1"], axis=0)
        assert np.abs(missing).max() > 3 * A


def test_error_feedback_changes_what_signs_teach() -> None:
    """A residual of a threshold of 0 keeps nothing; error feedback of the same signs does."""
    signs = {"quantize": {"kind": "sign", "scale": 0.3}}
    plain = ran(learning=signs)[1].weights.copy()
    held = ran(learning={**signs, "threshold": {"value": 0.0}, "residual": "threshold"})[1].weights.copy()
    fed_back = ran(learning={**signs, "residual": "error_feedback"})[1].weights.copy()
    over_zero = ran(learning={**signs, "threshold": {"value": 0.0}, "residual": "error_feedback"})[1].weights.copy()
    np.testing.assert_array_equal(plain, held)
    np.testing.assert_array_equal(fed_back, over_zero)
    assert np.abs(fed_back - plain).max() > 0.01


def test_without_a_quantizer_the_two_are_the_same() -> None:
    for more in ({}, {"noise": {"sigma": 0.1}}):
        found = [
            ran(learning={"threshold": {"value": 0.2}, "residual": kept, **more})[1]
            for kept in ("threshold", "error_feedback")
        ]
        np.testing.assert_array_equal(found[0].weights, found[1].weights)
        np.testing.assert_array_equal(found[0].counters, found[1].counters)


def test_a_neuron_sends_what_is_left_though_its_value_is_zero() -> None:
    """By hand: x = 0.3 and then 0, signs of 0.5 each time that v is not 0: 0.5, -0.5, 0.5, -0.5 of v = 0.3, -0.2, 0.3,
    -0.2; three of these events were not offered."""
    p = plan_of(
        [1, 2],
        4,
        channels={"forward": {"quantize": {"kind": "sign", "scale": 0.5}, "residual": "error_feedback"}},
        training={"batch": 4, "epochs": 1, "shuffle": False},
    )
    state = engine.start(p, dataset([[0.3], [0], [0], [0]], [0, 1, 0, 1], 2), trace_frames=1)
    payloads: list[Floats] = []
    engine.advance(p, state, 1, lambda rows, payload: payloads.append(payload[: len(rows)].copy()))
    np.testing.assert_array_equal(payloads[0], np.array([0.5, -0.5, 0.5, -0.5], np.float32))
    assert (int(state.counters[0]["offered"]), int(state.counters[0]["sent"])) == (1, 4)
    np.testing.assert_allclose(residual(p, state, "forward.1"), [0.3], atol=1e-6)


channels = st.fixed_dictionaries(
    {
        "quantize": st.sampled_from([quantize for quantize, _ in QUANTA]).flatmap(
            lambda table: st.sampled_from(["max", "rms", A]).map(lambda scale: {**table, "scale": scale})
        )
    },
    optional={
        "threshold": st.sampled_from([0.0, 0.1]).map(lambda value: {"value": value}),
        "drop": st.just({"probability": 0.3}),
    },
)


@settings(max_examples=25)
@given(channels, st.sampled_from(["rbp", "srbp", "bp", "arbp"]), st.integers(1, 4))
def test_sums_differ_by_the_residual(channel: dict[str, Any], rule: str, batch: int) -> None:
    """Whatever the scale. In the reference, as the engine does not write down what it was to send."""
    channel = {**channel, "residual": "error_feedback"}
    training = {"batch": batch, "epochs": 2, "learning_rate": 0.1}
    p = plan_of(UNITS, SAMPLES, channels={"learning": channel}, training=training, learning={"rule": rule})
    ref = reference.start(p, dataset(images(), np.arange(SAMPLES) % 3, 3))
    c = p.channel_names.index("learning.1")
    before, values, sent = torch.zeros(int(p.channels[c]["n"])), 0.0, 0.0

    class Witness:
        def message(self, ref: Any, channel: int, frame: int, encoded: Any, samples: Any) -> Any:
            nonlocal before, values, sent
            if channel == c:
                values = values + (encoded.v[0].double() - before.double())
                sent = sent + encoded.sent[0].double()
                before = (encoded.v - encoded.sent)[0]
            return encoded

        def update(self, *_: Any) -> None: ...

    ref.witness = Witness()  # type: ignore[assignment]
    reference.advance(ref, p.frames)
    torch.testing.assert_close(values - sent, ref.residual(c).double(), atol=1e-5, rtol=1e-5)
