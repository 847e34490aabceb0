"""The stages one by one, against values worked out by hand and against the package's own codes."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from channelsim import codes, hashing, reference
from channelsim.hashing import Stream
from channelsim.plan import Quantizer, Scale
from channelsim.reference import quantizers, stages, words
from channelsim.reference.evaluate import EVALUATION_FRAME, predict
from channelsim.reference.state import State, records
from tests.networks import plan_of
from tests.reference.small import run, same, start


def channel(**settings: Any) -> tuple[SimpleNamespace, Any]:
    """A forward channel of 8 neurons with these settings, as the reference and as the plan see it."""
    plan = plan_of([8, 2], 1, channels={"forward": settings})
    return records(plan.channels)[0], plan.channels[0]


def through(c: SimpleNamespace, x: Any, seed: int = 1, frame: int = 0) -> tuple[stages.Encoded, stages.Received]:
    x = torch.tensor(x, dtype=torch.float32)
    samples = range(len(x))
    encoded = stages.encode(c, 0, seed, frame, samples, x, torch.zeros(x.shape[1]) if c.residual else None)
    return encoded, stages.transmit(c, 0, seed, frame, samples, encoded)


def q(kind: Quantizer, levels: int, v: list[float], a: float, u: float | None = None) -> list[float]:
    row = torch.tensor([v])
    draws = None if u is None else torch.full_like(row, u)
    return quantizers.quantize(kind, levels, row, torch.tensor([[a]]), draws)[0].tolist()


def test_log2() -> None:
    # The boundary between 1 and 1/2 lies at 2^-0.5 = 0.7071; with 3 bits the smallest magnitude is 1/4.
    v = [1.0, 0.72, 0.70, 0.36, 0.35, 0.01, -0.01, -5.0, 0.0]
    assert q(Quantizer.LOG2, 3, v, 1.0) == [1.0, 1.0, 0.5, 0.5, 0.25, 0.25, -0.25, -1.0, 0.0]
    assert q(Quantizer.LOG2, 1, [0.1, -3.0, 0.0], 0.5) == [0.5, -0.5, 0.0]
    assert q(Quantizer.LOG2, 16, [2.0**-20], 1.0) == [2.0**-15]


def test_uniform() -> None:
    # 3 bits: K = 3, steps of 1/3 of a.
    v = [0.0, 0.4, 0.6, 1.4, -1.6, 9.0, -9.0]
    assert q(Quantizer.UNIFORM, 3, v, 3.0) == [0, 0, 1, 1, -2, 3, -3]
    assert q(Quantizer.UNIFORM, 3, [0.5, 1.5, 2.5], 3.0) == [0, 2, 2], "halves go to the even step"
    assert q(Quantizer.UNIFORM, 1, [0.4, -0.6], 1.0) == [0, -1]


def test_stochastic_rounding() -> None:
    assert q(Quantizer.UNIFORM, 3, [0.25, -0.25, 1.0, 0.0], 3.0, u=0.7) == [0, 0, 1, 0]
    assert q(Quantizer.UNIFORM, 3, [0.25, -0.25, 1.0, 0.0], 3.0, u=0.8) == [1, 0, 1, 0]
    assert q(Quantizer.UNIFORM, 3, [0.25, -0.25, 1.0, 0.0], 3.0, u=0.0) == [0, -1, 1, 0]


def test_sign_and_ternary() -> None:
    assert q(Quantizer.SIGN, 0, [0.1, -7.0, 0.0], 2.0) == [2.0, -2.0, 0.0]
    assert q(Quantizer.TERNARY, 0, [0.49, 0.5, -0.5, -0.4, 3.0], 1.0) == [0, 1, -1, 0, 1]


@pytest.mark.parametrize("kind", [Scale.MAX, Scale.RMS])
def test_scales_are_of_those_who_speak(kind: Scale) -> None:
    v = torch.tensor([[3.0, -4.0, 100.0, 0.0], [0.0, 0.0, 0.0, 0.0]])
    active = torch.tensor([[True, True, False, False], [False] * 4])
    expected = 4.0 if kind == Scale.MAX else math.sqrt(12.5)
    assert quantizers.scale_of(kind, 1.0, v, active).flatten().tolist() == pytest.approx([expected, 0.0])


def test_nobody_speaks() -> None:
    for quantize in (
        {"kind": "log2", "exponents": 3},
        {"kind": "uniform", "bits": 3, "scale": "rms"},
        {"kind": "sign"},
    ):
        c, _ = channel(quantize=quantize, drop={"probability": 0.5}, noise={"sigma": 1.0})
        _, received = through(c, [[0.0] * 8])
        assert not received.values.any()


def test_threshold() -> None:
    c, _ = channel(threshold={"value": 0.5})
    _, received = through(c, [[0.5, -0.5, 0.51, -0.6, 0, 2, 0.1, 0.49]])
    assert received.values.tolist()[0] == pytest.approx([0, 0, 0.51, -0.6, 0, 2, 0, 0])


def test_residual_is_kept_from_sample_to_sample() -> None:
    c, _ = channel(threshold={"value": 0.5}, residual="threshold")
    rows = [[0.25, 0.75, -0.3, 0, 0, 0, 0, 0]] * 3
    x = torch.tensor(rows)
    residual = torch.zeros(8)
    encoded = stages.encode(c, 0, 1, 0, range(3), x, residual)
    expected = [[0, 0.75, 0], [0, 0.75, -0.6], [0.75, 0.75, 0]]
    assert torch.allclose(encoded.sent[:, :3], torch.tensor(expected))
    assert torch.allclose(residual[:3], torch.tensor([0, 0, -0.3]))


def test_error_feedback_keeps_what_was_not_sent() -> None:
    """By hand: signs of 0.5 of the values 0.2, and of 0.9, which is too much for them; without a threshold."""
    c, _ = channel(quantize={"kind": "sign", "scale": 0.5}, residual="error_feedback")
    residual = torch.zeros(8)
    encoded = stages.encode(c, 0, 1, 0, range(4), torch.tensor([[0.2, 0.9, 0, 0, 0, 0, 0, 0]] * 4), residual)
    assert torch.allclose(encoded.v[:, 0], torch.tensor([0.2, -0.1, 0.6, 0.3]))
    assert torch.allclose(encoded.sent[:, 0], torch.tensor([0.5, -0.5, 0.5, 0.5]))
    assert torch.allclose(encoded.v[:, 1], torch.tensor([0.9, 1.3, 1.7, 2.1]))
    assert torch.allclose(residual[:3], torch.tensor([-0.2, 1.6, 0]))


def test_error_feedback_goes_over_the_threshold_too() -> None:
    c, _ = channel(threshold={"value": 0.3}, quantize={"kind": "sign", "scale": 0.5}, residual="error_feedback")
    residual = torch.zeros(8)
    encoded = stages.encode(c, 0, 1, 0, range(4), torch.tensor([[0.2, 0, 0, 0, 0, 0, 0, 0]] * 4), residual)
    assert torch.allclose(encoded.sent[:, 0], torch.tensor([0, 0.5, 0, 0]))
    assert torch.allclose(residual[:2], torch.tensor([0.3, 0]))


def test_residual_outlives_the_frame() -> None:
    """Nothing is lost for good: what was sent and what is kept add up to what was to be encoded."""
    ref = start(
        [6, 5, 3],
        training={"batch": 4},
        channels={"learning": {"threshold": {"value": 0.3}, "residual": "threshold"}},
    )
    encoded: list[tuple[torch.Tensor, torch.Tensor]] = []

    class Listener:
        def message(self, ref: State, c: int, frame: int, m: stages.Encoded, samples: Any) -> stages.Encoded:
            if c == 2:
                encoded.append((m.v - carried[-1], m.sent))
                carried.append(torch.where(m.active, 0.0, m.v)[0])
            return m

        def update(self, *_: Any) -> None: ...

    carried = [torch.zeros(3)]
    ref.witness = Listener()
    reference.advance(ref, ref.plan.frames)
    total = sum(x.sum(0) for x, _ in encoded)
    assert torch.allclose(total, sum(sent.sum(0) for _, sent in encoded) + ref.residual(2), atol=1e-5)


def test_drop_and_rescale() -> None:
    c, _ = channel(drop={"probability": 0.4, "rescale": True})
    _, received = through(c, [[1.0] * 8] * 50)
    lost = hashing.uniform(hashing.bits(hashing.key(1, Stream.DROP.of(0), 0, 7), 8)) < 0.4
    assert received.dropped[7].tolist() == lost.tolist()
    assert torch.allclose(received.values, torch.where(received.dropped, 0.0, 1 / 0.6))
    assert received.dropped.float().mean() == pytest.approx(0.4, abs=0.1)


def test_dropping_all() -> None:
    c, _ = channel(drop={"probability": 1.0})
    _, received = through(c, [[1.0] * 8])
    assert not received.values.any() and received.dropped.all()


@pytest.mark.parametrize(("scale", "size"), [(2.0, 2.0), ("max", 4.0), ("rms", math.sqrt(12.5))])
def test_noise_is_added_to_events(scale: Any, size: float) -> None:
    c, _ = channel(noise={"sigma": 0.5, "scale": scale}, quantize={"kind": "sign", "scale": 1.0})
    _, received = through(c, [[3.0, -4.0, 0, 0, 0, 0, 0, 0]])
    draw = hashing.normal(hashing.bits(hashing.key(1, Stream.NOISE.of(0), 0, 0), 8))
    expected = [1 + 0.5 * size * draw[0], -1 + 0.5 * size * draw[1], *[0] * 6]
    assert received.values[0].tolist() == pytest.approx(expected, abs=1e-5)


QUANTIZERS = [
    None,
    {"kind": "log2", "exponents": 1, "scale": 0.7},
    {"kind": "log2", "exponents": 3},
    {"kind": "log2", "exponents": 5, "scale": "rms"},
    {"kind": "uniform", "bits": 2},
    {"kind": "uniform", "bits": 8, "rounding": "stochastic"},
    {"kind": "sign"},
    {"kind": "ternary", "scale": "rms"},
]


@pytest.mark.parametrize("quantize", QUANTIZERS, ids=str)
def test_words_are_those_of_the_packer(quantize: Any) -> None:
    c, record = channel(quantize=quantize)
    x = np.random.default_rng(0).normal(size=(20, 8))
    encoded, _ = through(c, x)
    code = words.encode(c, encoded.sent, encoded.scale)
    for row in range(20):
        sent = encoded.sent[row].numpy()
        active = sent != 0
        packed = codes.encode(sent[active], float(encoded.scale[row]), record)
        assert code[row].numpy()[active].tolist() == packed.tolist()
    every = torch.arange(2 ** min(c.value_bits, 12)).expand(1, -1) << max(0, c.value_bits - 12)
    scale = torch.tensor([[0.75]])
    value, valid = words.decode(c, every, scale)
    expected, means = codes.decode(every[0].numpy(), 0.75, record)
    assert valid[0].tolist() == means.tolist()
    assert np.array_equal(value[0].numpy()[means], expected[means])


@settings(max_examples=30)
@given(st.floats(1e-4, 1.0), st.integers(0, 10))
def test_bit_errors(probability: float, frame: int) -> None:
    """Masks by a plain loop over the geometric gaps, and what the flipped words mean."""
    c, record = channel(quantize={"kind": "log2", "bits": 5}, bit_errors={"probability": probability})
    x = np.random.default_rng(frame).normal(size=(2, 8))
    encoded, received = through(c, x, frame=frame)
    for b in range(2):
        key = hashing.key(1, Stream.BIT_ERRORS.of(0), frame, b)
        for j in range(8):
            mask, position = 0, -1
            for t in range(5):
                u = float(hashing.uniform(hashing.bits(key, np.array([64 * j + t])))[0])
                position += 1 + (0 if probability == 1 else math.floor(math.log1p(-u) / math.log1p(-probability)))
                if position >= 5:
                    break
                mask |= 1 << position
            assert int(received.flipped[b, j]) == mask
            a = float(encoded.scale[b])
            code = codes.encode([float(encoded.sent[b, j])], a, record) ^ np.uint32(mask)
            value, valid = codes.decode(code, a, record)
            assert bool(received.corrupted[b, j]) == (not valid[0])
            assert float(received.values[b, j]) == (value[0] if valid[0] else 0.0)


def test_every_bit_flips_at_probability_one() -> None:
    c, _ = channel(quantize={"kind": "sign", "scale": 1.0}, bit_errors={"probability": 1.0})
    _, received = through(c, [[1.0, -1.0, 2.0, -2.0, 0, 0, 0, 0]])
    assert received.values[0].tolist() == [-1, 1, -1, 1, 0, 0, 0, 0]


def test_a_corrupted_event_is_not_dropped_as_well() -> None:
    c, _ = channel(quantize={"kind": "uniform", "bits": 2}, bit_errors={"probability": 0.5}, drop={"probability": 0.5})
    _, received = through(c, np.random.default_rng(0).normal(size=(200, 8)))
    assert received.corrupted.any() and received.dropped.any()
    assert not (received.corrupted & received.dropped).any()
    assert not received.values[received.corrupted | received.dropped].any()


def test_synapse_quantizers() -> None:
    sign = {"update": {"kind": "sign", "scale": 2.0**-6}}
    ref = start([6, 5, 3], learning={"rule": "srbp"}, training={"batch": 4}, synapses=sign)
    before = ref.weights.clone()
    reference.step(ref)
    assert torch.allclose((ref.weights - before).abs(), torch.tensor(2.0**-6), atol=1e-6)
    few = {"weight": {"kind": "uniform", "bits": 3, "scale": 1.5}}
    ref = run([6, 5, 3], learning={"rule": "srbp"}, training={"batch": 4}, synapses=few)
    assert torch.equal(ref.weights * 2, (ref.weights * 2).round())


def test_evaluation_goes_through_the_forward_channels_alone() -> None:
    """The draws are the samples' own wherever the set is cut; residuals and the clock play no part."""
    tables = {
        "forward": {
            "threshold": {"value": 0.1},
            "residual": "threshold",
            "drop": {"probability": 0.3},
            "deadline": "1 ps",
            "latency": "1 s",
        }
    }
    ref = start([6, 5, 3], channels=tables)
    whole = predict(ref, ref.images)
    assert torch.equal(predict(ref, ref.images[5:], first=5), whole[5:])
    assert not ref.residuals.any()
    lost = hashing.uniform(hashing.bits(hashing.key(0, Stream.DROP.of(0), EVALUATION_FRAME, 4), 6)) < 0.3
    x = torch.where(ref.images[4].abs() > 0.1, ref.images[4], 0.0).masked_fill(torch.from_numpy(lost), 0.0)
    w, b = ref.synapses(1)
    o = torch.tanh(x @ w + b)
    lost = hashing.uniform(hashing.bits(hashing.key(0, Stream.DROP.of(1), EVALUATION_FRAME, 4), 5)) < 0.3
    o = torch.where(o.abs() > 0.1, o, 0.0).masked_fill(torch.from_numpy(lost), 0.0)
    w, b = ref.synapses(2)
    assert torch.allclose(whole[4], torch.softmax(o @ w + b, 0), atol=1e-6)


def test_a_change_holds_from_its_frame_on() -> None:
    silent = [{"frame": 2, "channels": {"learning": {"drop": {"probability": 1.0}}}}]
    ref = start([6, 5, 3], training={"batch": 4, "epochs": 2}, schedule={"change": silent})
    plain = start([6, 5, 3], training={"batch": 4, "epochs": 2})
    for frame in range(ref.plan.frames):
        before = ref.synapses(1)[0].clone()
        reference.step(ref)
        reference.step(plain)
        assert same(ref, plain) == (frame < 2)
        assert torch.equal(ref.synapses(1)[0], before) == (frame >= 2)
