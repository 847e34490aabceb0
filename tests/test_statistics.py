"""The random stages against their distributions.

Everything is drawn at fixed seeds, so a test passes or fails for good. Each statistic is held to a
significance of 1e-4: |z| < 3.89, or a p-value above 1e-4.

What a layer heard is read off the network's own updates: with one linear layer on top of the input and a
learning rate of 1, the weights of output i grow by x e_i and its bias by e_i, so their ratio is the x that
was delivered.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from channelsim import codes, engine, hashing
from channelsim.plan import Plan
from tests.networks import dataset, plan_of, run

SIGNIFICANCE = 1e-4
Z = 3.89
N = 40_000


@dataclass(frozen=True)
class Heard:
    """What arrived over forward.1: x float64 (frames, n), and the channel's counters over all frames."""

    x: NDArray[np.float64]
    counters: np.void
    plan: Plan


def hear(values: Any, channel: dict[str, Any], seed: int = 1) -> Heard:
    """Sends each row of `values` (frames, n) over a channel, a frame each."""
    sent = np.atleast_2d(np.asarray(values, np.float32))
    p = plan_of(
        [sent.shape[1], 2],
        len(sent),
        ["linear"],
        seed=seed,
        weights={"scale": 1e-7},
        learning={"rule": "top"},
        training={"batch": 1, "epochs": 1, "learning_rate": 1.0, "shuffle": False},
        channels={"forward.1": channel},
    )
    state = engine.start(p, dataset(sent, np.zeros(len(sent)), 2))
    x = []
    for frame in range(len(sent)):
        weights, biases = state.weights.astype(np.float64), state.biases.astype(np.float64)
        engine.advance(p, state, frame + 1)
        engine.settle(state)
        x.append((state.weights - weights)[0::2] / (state.biases - biases)[0])
    return Heard(np.array(x), state.counters[0], p)


def z_binomial(count: int, trials: int, p: float) -> float:
    return (count - trials * p) / math.sqrt(trials * p * (1 - p))


# --- drop -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("p", [0.01, 0.1, 0.5, 0.9])
def test_drop_rate(p: float) -> None:
    heard = hear(np.full(N, 0.5), {"drop": {"probability": p}})
    lost = heard.x[0] == 0
    assert heard.counters["dropped"] == lost.sum()
    assert heard.counters["delivered"] == N - lost.sum()
    assert abs(z_binomial(lost.sum(), N, p)) < Z
    np.testing.assert_allclose(heard.x[0][~lost], 0.5, rtol=1e-5)
    # Neighbours are lost independently of each other.
    pairs = lost[0::2] & lost[1::2]
    assert abs(z_binomial(pairs.sum(), N // 2, p * p)) < Z


def test_drop_extremes() -> None:
    assert hear(np.full(100, 0.5), {"drop": {"probability": 0.0}}).counters["dropped"] == 0
    assert hear(np.full(100, 0.5), {"drop": {"probability": 1.0}}).counters["dropped"] == 100


def test_drop_differs_from_frame_to_frame() -> None:
    p, frames, n = 0.3, 20, 2000
    heard = hear(np.full((frames, n), 0.01), {"drop": {"probability": p}})
    lost = np.abs(heard.x) < 1e-6
    by_frame = lost.sum(axis=1)
    by_neuron = lost.sum(axis=0)
    for counts, trials in ((by_frame, n), (by_neuron, frames)):
        chi2 = ((counts - trials * p) ** 2 / (trials * p * (1 - p))).sum()
        assert SIGNIFICANCE < stats.chi2.sf(chi2, len(counts)) < 1 - SIGNIFICANCE


def test_rescaled_drop_is_unbiased() -> None:
    p = 0.25
    heard = hear(np.full(N, 0.5), {"drop": {"probability": p, "rescale": True}})
    spread = 0.5 * math.sqrt(p / (1 - p))  # of one delivered value
    assert abs(heard.x.mean() - 0.5) < Z * spread / math.sqrt(N)


# --- noise ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scale", "deviation"), [(1.0, 0.1), (0.25, 0.025), ("max", 0.08), ("rms", 0.1 * math.sqrt(0.34))]
)
def test_noise_is_normal(scale: float | str, deviation: float) -> None:
    # Values of 0.8 and 0.2, half each: largest 0.8, mean square 0.34.
    sent = np.where(np.arange(N) % 2, 0.8, 0.2)
    noise = (hear(sent, {"noise": {"sigma": 0.1, "scale": scale}}).x[0] - sent) / deviation
    assert abs(noise.mean()) < Z / math.sqrt(N)
    assert abs((noise**2).mean() - 1) < Z * math.sqrt(2 / N)
    assert abs((noise**3).mean()) < Z * math.sqrt(15 / N)
    assert abs((noise**4).mean() - 3) < Z * math.sqrt(96 / N)
    assert stats.kstest(noise, "norm").pvalue > SIGNIFICANCE
    neighbours = (noise[:-1] * noise[1:]).mean()
    assert abs(neighbours) < Z / math.sqrt(N - 1)


def test_silence_hears_no_noise() -> None:
    sent = np.where(np.arange(1000) % 2, 0.5, 0.0)
    heard = hear(sent, {"noise": {"sigma": 0.1}}).x[0]
    assert np.array_equal(heard != 0, sent != 0)


# --- stochastic rounding --------------------------------------------------------------------------------


def test_stochastic_rounding_is_unbiased() -> None:
    bits, top = 4, 7
    sent = (np.arange(N) + 0.5) / N
    channel = {"quantize": {"kind": "uniform", "bits": bits, "scale": 1.0, "rounding": "stochastic"}}
    levels = hear(sent, channel).x[0] * top
    np.testing.assert_allclose(levels, np.rint(levels), atol=1e-3)
    fraction = sent * top - np.floor(sent * top)
    up = np.rint(levels) - np.floor(sent * top)
    assert set(np.unique(up)) == {0.0, 1.0}
    variance = fraction * (1 - fraction)
    assert abs((up - fraction).sum()) < Z * math.sqrt(variance.sum())
    # And at each distance from the level below, not only on average.
    part = np.minimum((fraction * 20).astype(int), 19)
    z = np.bincount(part, up - fraction) / np.sqrt(np.bincount(part, variance))
    assert stats.chi2.sf((z**2).sum(), 20) > SIGNIFICANCE


def test_nearest_rounding_is_biased_where_stochastic_is_not() -> None:
    """The test above can fail: values a little above a level all go down."""
    channel = {"quantize": {"kind": "uniform", "bits": 4, "scale": 1.0}}
    heard = hear(np.full(N, 3.2 / 7), channel).x[0]
    np.testing.assert_allclose(heard, 3 / 7, rtol=1e-5)


# --- bit errors -----------------------------------------------------------------------------------------

QUANTIZERS: list[tuple[str, dict[str, Any] | None, int]] = [
    ("none", None, 32),
    ("log2-2", {"kind": "log2", "bits": 2, "scale": 1.0}, 2),
    ("log2-5", {"kind": "log2", "bits": 5, "scale": 1.0}, 5),
    ("uniform-8", {"kind": "uniform", "bits": 8, "scale": 1.0}, 8),
    ("uniform-16", {"kind": "uniform", "bits": 16, "scale": "max"}, 16),
    ("sign", {"kind": "sign", "scale": 1.0}, 1),
    ("ternary", {"kind": "ternary", "scale": 1.0}, 2),
]


@pytest.mark.parametrize("p", [1e-3, 0.05, 0.4])
@pytest.mark.parametrize(("name", "quantize", "width"), QUANTIZERS, ids=[q[0] for q in QUANTIZERS])
def test_bit_error_rate(name: str, quantize: dict[str, Any] | None, width: int, p: float) -> None:
    channel = {"bit_errors": {"probability": p}} | ({"quantize": quantize} if quantize else {})
    # One frame, of which only the counters are read: a float32 with a flipped exponent bit can be huge.
    plan = plan_of(
        [N, 2],
        1,
        ["linear"],
        learning={"rule": "top"},
        training={"batch": 1, "epochs": 1, "learning_rate": 1e-30},
        channels={"forward.1": channel},
    )
    state = engine.start(plan, dataset(np.full((1, N), 0.9), [0], 2))
    engine.advance(plan, state, 1)
    counted = state.counters[0]
    assert abs(z_binomial(counted["flipped_bits"], N * width, p)) < Z
    assert counted["sent"] == N == counted["delivered"] + counted["corrupted"]


def test_bit_errors_hit_every_bit_alike_and_independently() -> None:
    p, bits = 0.2, 8
    sent = np.where(np.arange(N) % 2, 1.0, -32 / 127)
    heard = hear(
        sent,
        {"bit_errors": {"probability": p}, "quantize": {"kind": "uniform", "bits": bits, "scale": 1.0}},
    )
    channel = heard.plan.channels[0]
    top = 2 ** (bits - 1) - 1
    levels = np.rint(heard.x[0] * top)
    # A 0 was heard as word 127, or was word 255, which means nothing: these two words are left out below.
    known = levels != 0
    before = codes.encode(np.float32(1) / np.float32(top) * np.rint(sent * top).astype(np.float32), 1.0, channel)
    after = (levels + top).astype(np.int64)
    flipped = (before.astype(np.int64) ^ after)[:, None] >> np.arange(bits) & 1
    # Of the 256 patterns of flips, the two that make 127 or 255 of each word are the ones that are left out.
    for word in np.unique(before):
        mine = known & (before == word)
        patterns = np.bincount(flipped[mine] @ (1 << np.arange(bits)), minlength=256)
        weight = np.array([bin(k).count("1") for k in range(256)])
        expected = p**weight * (1 - p) ** (bits - weight)
        expected[[word ^ top, word ^ 255]] = 0
        expected *= mine.sum() / expected.sum()
        frequent = expected >= 5
        rare = ~frequent & (expected > 0)
        seen = np.append(patterns[frequent], patterns[rare].sum())
        due = np.append(expected[frequent], expected[rare].sum())
        assert stats.chisquare(seen, due).pvalue > SIGNIFICANCE


@pytest.mark.parametrize("quantize", [q for _, q, _ in QUANTIZERS if q], ids=[q[0] for q in QUANTIZERS if q[1]])
def test_flipped_words_mean_what_the_code_says(quantize: dict[str, Any]) -> None:
    """Each event flipped anew, bit by bit from the hash, and decoded by the code."""
    p, seed, n = 0.3, 3, 24
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], (6, n))
    heard = hear(signs, {"bit_errors": {"probability": p}, "quantize": quantize}, seed)
    channel = heard.plan.channels[0]
    for frame, sent in enumerate(signs):
        words = codes.encode(sent, 1.0, channel)
        key = hashing.key(seed, hashing.Stream.BIT_ERRORS.of(0), frame, 0)
        for neuron in range(n):
            draws = hashing.uniform(hashing.bits(key, neuron * 64 + np.arange(20)))
            gaps = np.floor(np.log1p(-draws) / math.log1p(-p)).astype(int) + 1
            for bit in np.cumsum(gaps) - 1:
                if bit < channel["value_bits"]:
                    words[neuron] ^= np.uint32(1 << bit)
        meant, _ = codes.decode(words, 1.0, channel)
        np.testing.assert_allclose(heard.x[frame], meant, atol=1e-3)


def test_a_word_that_means_nothing_is_lost() -> None:
    # log2 with 3 bits: codes 0..5 of 8 are in use. +1 is 000: lost if it becomes 110 or 111.
    p = 0.3
    channel = {
        "bit_errors": {"probability": p},
        "quantize": {"kind": "log2", "exponents": 3, "scale": 1.0},
    }
    heard = hear(np.full(N, 1.0), channel)
    lost = heard.counters["corrupted"]
    assert abs(z_binomial(lost, N, p * p)) < Z
    assert (heard.x[0] == 0).sum() == lost


# --- the clock ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("distribution", ["uniform", "exponential"])
def test_jitter(distribution: str) -> None:
    samples, value = 5000, 1_000_000
    p = plan_of(
        [2, 2],
        samples,
        learning={"rule": "top"},
        training={"batch": samples, "epochs": 1},
        channels={"forward.1": {"latency": "3 us", "jitter": {"distribution": distribution, "value": "1 us"}}},
    )
    _, rows = run(p, np.full((samples, 2), 0.5), np.zeros(samples))
    delay = (rows["complete"] - rows["offered"] - 3_000_000) / value
    assert len(delay) == samples and delay.min() >= 0
    expected = stats.uniform if distribution == "uniform" else stats.expon
    assert stats.kstest(delay, expected.cdf).pvalue > SIGNIFICANCE


def test_poisson_entries() -> None:
    frames = 5000
    p = plan_of(
        [2, 2],
        frames,
        learning={"rule": "top"},
        training={"batch": 1, "epochs": 1, "learning_rate": 1e-6},
        schedule={"mode": "pipelined", "interval": "1 us", "arrivals": "poisson"},
    )
    _, rows = run(p, np.full((frames, 2), 0.5), np.zeros(frames))
    entries = rows["offered"]
    assert len(entries) == frames and entries[0] == 0
    assert stats.kstest(np.diff(entries) / 1e6, stats.expon.cdf).pvalue > SIGNIFICANCE
