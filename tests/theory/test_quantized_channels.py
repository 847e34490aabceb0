"""Quantizers, thresholds and bit flips on the learning channel: the engine beside `channelsim.theory.quantizers`.

Many weights side by side under a frozen top, from starts close together; e = 1 - A2 a1 and h = rate A2 C.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from channelsim.scenario import Scenario
from channelsim.theory import Chain, quantizers, solve
from tests.theory import measured
from tests.theory.measured import Values, side_by_side

A2, C = 2.0, 0.5
ROUNDING = 1e-5
"""What float32 makes of e in some thousand updates."""


def course(e: Values, h: float, channel: dict[str, Any], skip: int, reads: int, every: int = 1) -> Values:
    """(reads, n) the errors of weights side by side that begin with `e`, after so many frames."""
    scenario = side_by_side((1 - e) / A2, h / (A2 * C), A2, C, channels={"learning.1": channel})
    run = measured.started(scenario)
    run.to(skip)
    return 1 - A2 * run.path(reads * every, every)[:, : len(e)]


def starts(largest: float, n: int = 200) -> Values:
    """(n,) both signs, none 0, evenly spaced."""
    return np.linspace(-largest, largest, n)


@pytest.mark.parametrize("h", [0.1, 0.35, 0.8])
def test_uniform_rests_within_half_a_step(h: float) -> None:
    """The interval's ends are reached within 10 % of its length; K = 7, so q = a/7, and starts beyond a are clipped."""
    q = 0.25
    e = course(starts(2.5), h, {"quantize": {"kind": "uniform", "bits": 4, "scale": 7 * q}}, 300, 2, every=50)
    assert (e[0] == e[1]).all()
    low, high = quantizers.uniform_rest(h, q)
    moved = np.abs(e[0][np.abs(starts(2.5)) > high])
    assert moved.min() >= low - ROUNDING and moved.max() <= high + ROUNDING
    assert moved.min() < low + 0.1 * (high - low) and moved.max() > high - 0.1 * (high - low)


@pytest.mark.parametrize("h", [0.1, 0.8])
def test_ternary_rests_within_half_its_scale(h: float) -> None:
    """The interval's ends are reached within 10 % of its length."""
    scale = 0.7
    e = course(starts(2.0), h, {"quantize": {"kind": "ternary", "scale": scale}}, 300, 2, every=50)
    assert (e[0] == e[1]).all()
    low, high = quantizers.ternary_rest(h, scale)
    moved = np.abs(e[0][np.abs(starts(2.0)) > high])
    assert moved.min() >= low - ROUNDING and moved.max() <= high + ROUNDING
    assert moved.min() < low + 0.1 * (high - low) and moved.max() > high - 0.1 * (high - low)


@pytest.mark.parametrize("h", [0.1, 0.5])
def test_stochastic_uniform(h: float) -> None:
    """The mean square over starts: within 3 %."""
    q = 0.25
    channel = {"quantize": {"kind": "uniform", "bits": 4, "scale": 7 * q, "rounding": "stochastic"}}
    e = course(starts(1.0), h, channel, 300, 300, every=5)
    assert np.mean(e**2) == pytest.approx(quantizers.stochastic_uniform_mean_square(h, q), rel=0.03)


@pytest.mark.parametrize("h", [0.1, 0.5])
def test_sign_circles(h: float) -> None:
    """The bound, and the root mean square over starts within 1 %."""
    scale = 0.7
    bound, rms = quantizers.sign_cycle(h, scale)
    n = 200
    e = course(
        (np.arange(n) + 0.5) / n * 20 * bound - 10 * bound, h, {"quantize": {"kind": "sign", "scale": scale}}, 60, 6
    )
    assert np.abs(e).max() <= bound + ROUNDING and (np.sign(e[1:]) == -np.sign(e[:-1])).all()
    assert np.sqrt(np.mean(e**2)) == pytest.approx(rms, rel=0.01)


@pytest.mark.parametrize("h", [0.1, 0.7, 1.35])
def test_log2_circles_within_its_smallest_power(h: float) -> None:
    bits, scale = 4, 1.0
    e = course(starts(2.0), h, {"quantize": {"kind": "log2", "exponents": bits, "scale": scale}}, 600, 20)
    bound = quantizers.log2_cycle(h, scale, bits)
    assert 0.8 * bound < np.abs(e).max() <= bound + ROUNDING


def test_log2_contracts_below_the_square_root_of_two_only() -> None:
    """Every error above its smallest power is smaller after one update; 1 % above the limit some are not."""
    e = np.geomspace(2.0**-6, 1.0, 400)
    shrinks = []
    for share in (0.99, 1.01):
        h = share * quantizers.LOG2_CONTRACTS
        after = course(e, h, {"quantize": {"kind": "log2", "exponents": 8, "scale": 1.0}}, 0, 2)[1]
        shrinks.append(bool((np.abs(after) < e).all()))
    assert shrinks == [True, False]


@pytest.mark.parametrize("h", [0.1, 0.5])
def test_threshold(h: float) -> None:
    """Errors from above come to rest within [(1-h) theta, theta], ends within 10 % of its length; others stay."""
    theta = 0.3
    begin = starts(2.0)
    e = course(begin, h, {"threshold": {"value": theta}}, 200, 2, every=20)
    assert (e[0] == e[1]).all()
    low, high = quantizers.threshold_rest(h, theta)
    above = np.abs(begin) > theta
    np.testing.assert_allclose(e[0][~above], begin[~above], atol=ROUNDING)
    moved = np.abs(e[0][above])
    assert moved.min() >= low - ROUNDING and moved.max() <= high + ROUNDING
    assert moved.min() < low + 0.1 * (high - low) and moved.max() > high - 0.1 * (high - low)


@pytest.mark.parametrize("h", [0.05, 0.3])
def test_threshold_with_residual(h: float) -> None:
    """The bound is met, and reached by some to 0.8 (most circle at 2/3 of it); each mean is below 5 % of it."""
    theta = 0.3
    channel = {"threshold": {"value": theta}, "residual": "threshold"}
    e = course(starts(2.0) + 1e-4, h, channel, 10000, 500, every=7)
    bound = quantizers.threshold_with_residual(h, theta)
    assert 0.8 * bound < np.abs(e).max() <= bound + ROUNDING
    assert np.abs(e.mean(axis=0)).max() < 0.05 * bound


# --- a quantized hidden channel under an exact top --------------------------------------------------------


@pytest.mark.parametrize("rate", [0.01, 0.02, 0.05])
def test_signs_to_the_hidden_layer_with_an_exact_top(rate: float) -> None:
    """Period 2, and the amplitude within 2 rate of itself, with the weights of that moment."""
    c, scale = 0.8, 1.0
    scenario = chain((0.6, 1.5), c, rate, {"quantize": {"kind": "sign", "scale": scale}})
    run = measured.started(scenario)
    run.to(4000)
    path = run.path(10)
    e = 1 - path.prod(axis=1)
    expected = quantizers.sign_on_hidden(rate, 1.0, *path[-1], c, scale)
    np.testing.assert_allclose(np.abs(e), expected, rtol=2 * rate)
    assert (np.sign(e[1:]) == -np.sign(e[:-1])).all()


@pytest.mark.parametrize(
    "channel", [{"threshold": {"value": 0.3}}, {"quantize": {"kind": "uniform", "bits": 3, "scale": 1.5}}]
)
def test_a_dead_zone_does_not_stop_a_chain_whose_top_learns(channel: dict[str, Any]) -> None:
    """The hidden weight rests elsewhere than without the channel, but e becomes 0."""
    a, c = (0.3, -0.5), 0.8
    run = measured.started(chain(a, c, 0.05, channel))
    end = run.to(4000)
    assert abs(1 - end.prod()) < 1e-5
    limit = solve(Chain("rbp", np.array(a), np.array([c]), 1.0, 1.0)).limit
    assert limit is not None and abs(end[0] - limit["a"][0]) > 0.02


@pytest.mark.parametrize("kind", ["sign", "log2"])
def test_a_scale_of_the_message_is_no_quantization_for_one_neuron(kind: str) -> None:
    """With `max` or `rms` of one value that value arrives: the same weights, bit for bit."""
    paths = []
    for quantize in (
        None,
        *({"kind": kind, "scale": scale, **({"bits": 3} if kind == "log2" else {})} for scale in ("max", "rms")),
    ):
        run = measured.started(chain((0.3, -0.5), 0.8, 0.05, {"quantize": quantize} if quantize else {}))
        paths.append(run.path(200))
    assert (paths[0] == paths[1]).all() and (paths[0] == paths[2]).all()


def chain(a: tuple[float, float], c: float, rate: float, channel: dict[str, Any]) -> Scenario:
    """Two layers, both learning."""
    return measured.linear(
        [[a[0]]], [[a[1]]], data=measured.constant(1.0, 1.0),
        learning={"rule": "rbp", "feedback": measured.feedback([[c]])},
        training={"epochs": 4, "learning_rate": rate}, channels={"learning.1": channel},
    )  # fmt: skip


# --- bit flips --------------------------------------------------------------------------------------------


def mean_arriving(errors: Values, channel: dict[str, Any], frames: int = 2000) -> Values:
    """(n,) the mean of what arrives of these errors, which hardly change: the rate is 1e-6."""
    n, rate = len(errors), 1e-6
    data = {"train_x": [[1.0]] * measured.EPOCH, "train_y": [errors.tolist()] * measured.EPOCH, "target": "real"}
    run = measured.started(side_by_side(np.zeros(n), rate, data=data, channels={"learning.1": channel}))
    return run.to(frames)[:n] / (rate * frames)


@pytest.mark.parametrize("kind", ["sign", "ternary"])
@pytest.mark.parametrize("flips", [0.0, 0.05, 0.3])
def test_bit_flips_of_a_sign(flips: float, kind: str) -> None:
    """The gain's mean: within 0.01, five standard errors."""
    errors = np.tile([0.4, -0.9], 100)
    scale = 0.7
    arriving = mean_arriving(errors, {"quantize": {"kind": kind, "scale": scale}, "bit_errors": {"probability": flips}})
    gain = float(np.mean(arriving / (scale * np.sign(errors))))
    assert gain == pytest.approx(quantizers.sign_gain(flips), abs=0.01)


@pytest.mark.parametrize("bits", [2, 4])
@pytest.mark.parametrize("flips", [0.0, 0.02, 0.2])
def test_bit_flips_of_uniform_words(bits: int, flips: float) -> None:
    """The mean of each level: within 5 standard errors (of 0.3 to 1 % of the largest value); 0 is no event."""
    most, q, copies, frames = 2 ** (bits - 1) - 1, 0.25, 16, 2000
    levels = np.arange(-most, most + 1)
    channel = {"quantize": {"kind": "uniform", "bits": bits, "scale": most * q}, "bit_errors": {"probability": flips}}
    arriving = mean_arriving(np.repeat(levels * q, copies), channel, frames).reshape(len(levels), copies)
    for level, mean in zip(levels.tolist(), arriving.mean(axis=1), strict=True):
        if level == 0:
            assert mean == 0
            continue
        spread = 2 * most * q * np.sqrt(bits * flips / (copies * frames))
        expected = quantizers.uniform_with_flips(level * q, q, bits, flips)
        assert mean == pytest.approx(expected, abs=5 * spread + 1e-4)


def test_flipped_signs_are_a_slower_learner() -> None:
    """The mean of e falls by h a (1 - 2 p) an update while it is far from 0: within 2 %."""
    h, scale, p, frames, n = 0.01, 1.0, 0.2, 200, 100
    channel = {"quantize": {"kind": "sign", "scale": scale}, "bit_errors": {"probability": p}}
    e = course(np.full(n, 5.0), h, channel, frames, 1)
    assert 5.0 - e.mean() == pytest.approx(frames * h * scale * quantizers.sign_gain(p), rel=0.02)
