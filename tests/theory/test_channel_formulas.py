"""Delay, loss, noise and momentum on the learning channel: what the engine does beside `channelsim.theory.stability`.

Critical rates are found by bisection, without the formula: a rate is stable if the error's root mean square does not
grow between two windows of a long run.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from channelsim.theory import Chain, solve, stability
from tests.theory import measured
from tests.theory.measured import Values, late, side_by_side, stays

A2, C = 2.0, 0.5
"""The frozen top weight and the channel weight: h = rate * A2 * C."""


def one(rate: float, delay: int = 0, start: float = 0.0, **tables: Any) -> measured.Run:
    """One hidden weight whose errors are `delay` frames late; 2000 frames are traced."""
    tables = {**late(learning=[delay + 0.5]), **tables}
    return measured.started(side_by_side(np.array([start]), rate, A2, C, **tables), trace_frames=2000)


def error(path: Values) -> Values:
    """e = 1 - A2 a1 of weights side by side, (frames, n)."""
    n = int(np.sqrt(path.shape[1] + 0.25))  # n weights and the n x n of the top
    return 1 - A2 * path[:, :n]


# --- delay ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("delay", range(9))
def test_critical_delay(delay: int) -> None:
    """Within 0.3 % (bisection ends at 0.2 %), and what the engine counted: every error that late."""
    seen = []

    def stable(rate: float) -> bool:
        run = one(rate / (A2 * C), delay)
        result = stays(run, 10 * stability.critical_period(delay))
        seen.append(run.ages()[0])
        return result

    found = stability.bisect_rate(stable, 0.02, 2.5, 2e-3)
    assert found == pytest.approx(stability.critical_rate(delay), rel=3e-3)
    assert len(seen) > 5 and all(list(ages) == [delay] for ages in seen)


@pytest.mark.parametrize("delay", [0, 1, 2, 5, 8])
def test_period_at_the_limit(delay: int) -> None:
    """4 D + 2 updates within 0.1 %: of the sinusoid that fits x_{n+1} + x_{n-1} = 2 cos(w) x_n best."""
    run = one(stability.critical_rate(delay), delay)
    run.to(800)
    x = run.errors()[500:, 0]
    cos = float(x[1:-1] @ (x[2:] + x[:-2]) / (2 * x[1:-1] @ x[1:-1]))
    assert 2 * np.pi / np.arccos(np.clip(cos, -1, 1)) == pytest.approx(stability.critical_period(delay), rel=1e-3)
    assert np.abs(x).max() > 0.5


@pytest.mark.parametrize("delay", [1, 2, 4])
def test_fastest_rate(delay: int) -> None:
    """It does not oscillate, 10 % more does, and 20 % more or less is slower.

    The target is 0, so that the rounding of float32 is relative to the error.
    """
    h, modulus = stability.fastest_rate(delay)

    def course(rate: float) -> Values:
        data = measured.constant(1.0, 0.0)
        return one(rate, delay, start=1.0, data=data).path(40 * (delay + 1))[:, 0]

    assert (course(0.99 * h) > 0).all() and (course(1.1 * h) < 0).any()
    n = 40 * (delay + 1) - 1
    reached = {k: float(np.abs(course(k * h)[-8 * (delay + 1) :]).max()) for k in (0.8, 1.0, 1.2)}
    assert reached[1.0] < min(reached[0.8], reached[1.2])
    x = course(h)
    # Of a double root: (n + const) modulus^n.
    assert x[n] / x[n - 1] == pytest.approx(modulus, rel=2 / n)


@pytest.mark.parametrize(
    ("learning", "forward", "ages"),
    [
        ((0.3, 0.5), (), (0, 0)),
        ((2.0, 1.5), (), (3, 1)),
        ((4.3, 0.5), (), (4, 0)),
        ((2.3, 1.5), (0.6, 0.7), (5, 2)),  # the loop counts, forward and back
    ],
)
def test_layers_of_different_ages(
    learning: tuple[float, ...], forward: tuple[float, ...], ages: tuple[int, int]
) -> None:
    """Both hidden layers of a chain of three learn, close to their limit: within 1 %."""
    a, c = (0.8, 1.25, 1.0), (0.7, 0.9)
    gains = (c[0] * c[1] * a[1] * a[2], c[1] * a[0] ** 2 * a[2])

    def stable(rate: float) -> bool:
        scenario = measured.linear(
            [[a[0] + 1e-3]], [[a[1]]], [[a[2]]], data=measured.constant(1.0, 1.0),
            learning={"rule": "rbp", "feedback": measured.feedback([[c[0]]], [[c[1]]])},
            training={"epochs": 2, "learning_rate": {"default": rate, "3": 0.0}},
            **late(learning=learning, forward=forward),
        )  # fmt: skip
        run = measured.started(scenario, trace_frames=2000)
        result = stays(run, 100, frames=400, settle=60)
        assert [list(found) for found in run.ages()] == [[ages[0]], [ages[1]], []]
        return result

    expected = stability.critical_rate_of_layers(gains, ages)
    assert stability.bisect_rate(stable, 0.01, 5.0, 2e-3) == pytest.approx(expected, rel=0.01)


def late_below_a_prompt_top(rate: float, c: float, delay: int) -> bool:
    """Whether two layers that learn are stable close to their limit (1, 1), the hidden one so late: k0 = 1, k1 = c."""
    scenario = measured.linear(
        [[1.0 + 1e-3]], [[1.0]], data=measured.constant(1.0, 1.0),
        learning={"rule": "rbp", "feedback": measured.feedback([[c]])},
        training={"epochs": 4, "learning_rate": rate}, **late(learning=[delay + 0.5]),
    )  # fmt: skip
    frames = 50 * delay
    run = measured.started(scenario, trace_frames=frames)
    result = stays(run, 8 * delay, frames, settle=8 * delay)
    assert [list(found) for found in run.ages()] == [[delay], []]
    return result


@pytest.mark.parametrize(("delay", "c"), [(30, 1.5), (150, 1.5), (150, 4.0)])
def test_late_hidden_layer_under_a_prompt_top(delay: int, c: float) -> None:
    """By the roots within 1 %; the continuous formula, to which they tend like 1/D, within 1 / D + 1 %."""
    found = stability.bisect_rate(lambda rate: late_below_a_prompt_top(rate, c, delay), 1e-4, 1.0, 2e-3)
    assert found == pytest.approx(stability.critical_rate_of_layers((1.0, c), (0, delay)), rel=0.01)
    assert found * (delay + 0.5) == pytest.approx(stability.critical_latency(prompt=1.0, late=c), rel=1 / delay + 0.01)


@pytest.mark.parametrize("delay", [3, 30, 150])
def test_a_layer_that_learns_less_than_the_prompt_top_may_be_as_late_as_it_likes(delay: int) -> None:
    """k1 < k0."""
    assert stability.critical_latency(prompt=1.0, late=0.7) == float("inf")
    assert late_below_a_prompt_top(0.3, 0.7, delay)


@pytest.mark.parametrize(("momentum", "delay"), [(0.5, 0), (0.9, 0), (0.5, 2), (0.9, 4)])
def test_momentum_with_delay(momentum: float, delay: int) -> None:
    """Within 1 %."""

    def stable(rate: float) -> bool:
        return stays(one(rate, delay, training={"momentum": momentum}), 300)

    expected = stability.critical_rate_with_momentum(momentum, delay)
    assert stability.bisect_rate(stable, 0.002, 5.0, 2e-3) == pytest.approx(expected, rel=0.01)


# --- random delays: means over seeds ----------------------------------------------------------------------


def mean_and_error(paths: Values) -> tuple[Values, Values]:
    """(mean, standard error of it) over the first axis."""
    return paths.mean(axis=0), paths.std(axis=0, ddof=1) / np.sqrt(len(paths))


def test_independent_geometric_delays() -> None:
    """Exponential jitter of mean -1 / ln r intervals makes ages with Pr(d) = (1-r) r^d.

    The mean over 150 seeds is that of the recursion behind 2 (1+r) / (1-r), within 5 standard errors (of below 0.1).
    """
    r, frames = 0.6, 40
    jitter = {"distribution": "exponential", "value": f"{-measured.INTERVAL / np.log(r):.6f} ns"}
    pipeline = {"schedule": {"mode": "pipelined", "interval": f"{measured.INTERVAL} ns"}}
    scenario = side_by_side(
        np.zeros(1),
        1.0,
        A2,
        C,
        data=measured.constant(1.0, 1.0, samples=1),
        channels={"learning.1": {"jitter": jitter}},
        **pipeline,
    )
    data = measured.repeated(scenario)
    counted = measured.started(scenario.with_({"training.learning_rate.default": 1e-6}), data)
    counted.to(20000)
    ages = counted.ages()[0]
    total = sum(ages.values())
    for d in range(5):
        p = (1 - r) * r**d
        assert ages[d] / total == pytest.approx(p, abs=5 * np.sqrt(p / total))
    rate = 0.3
    paths = []
    for seed in range(150):
        wanted = scenario.with_({"training.learning_rate.default": rate, "seed": seed})
        run = measured.started(wanted, data, trace_frames=frames)
        run.to(frames)
        paths.append(run.errors()[:, 0])
    mean, spread = mean_and_error(np.array(paths))
    x, late_mean, expected = 1.0, 0.0, []
    for _ in range(frames):
        expected.append(x)
        late_mean = r * late_mean + (1 - r) * x
        x -= rate * late_mean
    assert (np.abs(mean - expected) <= 5 * spread + 1e-6).all()
    assert spread.max() < 0.1


def poisson_solution(k: float, latency: float, t: Values) -> Values:
    """x' = -k x(t - latency), where x is 0 before t = 0 and 1 at it."""
    x, term = np.zeros_like(t), 1.0
    for j in range(int(t.max() / latency) + 2):
        x += np.where(t >= j * latency, term * np.maximum(t - j * latency, 0.0) ** j, 0.0)
        term *= -k / (j + 1)
    return x


def test_poisson_frames() -> None:
    """The mean over 200 seeds obeys x' = -nu h x(t - tau); in bins of time within 5 standard errors (of about 0.02).

    A frame's error is a sample of x at the moment of its entry, and entries do not depend on x (Campbell's theorem).
    The first frame enters at 0, in every run; so x makes a step of -h at tau beside what the Poisson process does.
    """
    nu_tau, k_tau, bins = 10, 1.2, 20
    h, frames = k_tau / nu_tau, 90
    pipeline = late(learning=[nu_tau])
    pipeline["schedule"]["arrivals"] = "poisson"
    scenario = side_by_side(np.zeros(1), h, A2, C, data=measured.constant(1.0, 1.0, samples=1), **pipeline)
    data = measured.repeated(scenario)
    edges = np.linspace(0.0, 60.0, bins + 1)
    means = []
    for seed in range(200):
        run = measured.started(scenario.with_(seed=seed), data, trace_frames=frames)
        run.to(frames)
        x = run.errors()[:, 0]
        at = np.array(run.entered) / (measured.INTERVAL * 1000)
        assert len(at) == frames and at[-1] > edges[-1]
        means.append([np.histogram(at[1:], edges, weights=w)[0] for w in (x[1:], np.ones(frames - 1))])
    sums, counts = np.array(means).transpose(1, 0, 2)
    mean = sums.sum(axis=0) / counts.sum(axis=0)
    spread = (sums - mean * counts).std(axis=0) * np.sqrt(len(sums)) / counts.sum(axis=0)
    fine = np.linspace(0.0, 60.0, 100 * bins + 1)[:-1] + 60.0 / (200 * bins)
    x = poisson_solution(h, nu_tau, fine) - h * poisson_solution(h, nu_tau, fine - nu_tau)
    expected = x.reshape(bins, -1).mean(axis=1)
    assert (np.abs(mean - expected) <= 5 * spread + 1e-3).all()
    assert spread.max() < 0.06 and expected.min() < -0.3


@pytest.mark.slow
@pytest.mark.parametrize(("share", "grows"), [(0.8, False), (1.25, True)])
def test_mean_square_of_poisson_frames(share: float, grows: bool) -> None:
    """Over 300 seeds, a third of the run beside the next: it falls below its limit and grows above, with a stable mean.

    No sharper: close to the limit the mean square is made by runs too rare for any number of seeds.
    """
    nu_tau, seeds, end = 2, 300, 48
    for_mean, for_square = stability.critical_rate_of_poisson_frames(1.0, nu_tau)
    pipeline = late(learning=[nu_tau])
    pipeline["schedule"]["arrivals"] = "poisson"
    rate = share * for_square
    assert rate < for_mean
    scenario = side_by_side(np.ones(1), rate, data=measured.constant(1.0, 0.0, samples=1), **pipeline)
    data, frames = measured.repeated(scenario), 120
    squares = np.zeros(3)
    for seed in range(seeds):
        run = measured.started(scenario.with_(seed=seed), data, trace_frames=frames)
        run.to(frames)
        at = np.array(run.entered) / (measured.INTERVAL * 1000)
        assert at[-1] > end
        squares += np.histogram(at, [0, end / 3, 2 * end / 3, end], weights=run.errors()[:, 0] ** 2)[0]
    assert (squares[2] > 2 * squares[1]) if grows else (squares[2] < squares[1] / 2)


# --- loss -------------------------------------------------------------------------------------------------


def dropped(p: float, rescale: bool, rate: float, delay: int = 0, copies: int = 100) -> measured.Run:
    """Weights side by side from 1 to their limit 0 whose errors are lost with probability p."""
    pipeline = late(learning=[delay + 0.5])
    pipeline["channels"]["learning.1"]["drop"] = {"probability": p, "rescale": rescale}
    scenario = side_by_side(np.ones(copies), rate, A2, C, data=measured.constant(1.0, 0.0, copies), **pipeline)
    return measured.started(scenario, trace_frames=300)


@pytest.mark.parametrize("rescale", [False, True])
@pytest.mark.parametrize("p", [0.2, 0.5])
def test_drop_without_delay(p: float, rescale: bool) -> None:
    """Limits of the mean (by its gain an update) and of the mean square: within 1 %."""
    for_mean, for_square = stability.critical_rate_with_drop(p, 0, rescale)
    rate, copies = 0.1, 200
    run = dropped(p, rescale, rate, copies=copies)
    run.to(300)
    x = run.errors()
    gain = float(np.mean(1 - x[1:] / x[:-1])) / rate
    assert 2 / gain == pytest.approx(for_mean, rel=0.01)

    def stable(h: float) -> bool:
        run = dropped(p, rescale, h)
        run.to(30)
        early, end = np.mean(run.errors()[[5, 25]] ** 2, axis=1)
        return bool(end < early)

    assert stability.bisect_rate(stable, 0.1, 5.0, 2e-3) == pytest.approx(for_square, rel=0.01)


@pytest.mark.parametrize("rescale", [False, True])
def test_drop_with_delay(rescale: bool) -> None:
    """Mean square over 400 weights, between two windows: within 4 %, as a mean square at its limit has heavy tails."""
    p, delay, copies = 0.2, 2, 400
    window = stability.critical_period(delay)

    def stable(h: float) -> bool:
        run = dropped(p, rescale, h, delay, copies)
        run.to(60 + window)
        e = run.errors()
        return bool(np.mean(e[60:] ** 2) < np.mean(e[20 : 20 + window] ** 2))

    expected = stability.critical_rate_with_drop(p, delay, rescale)[1]
    assert stability.bisect_rate(stable, 0.1, 2.0, 1e-2) == pytest.approx(expected, rel=0.04)


def test_drop_on_a_hidden_channel_is_a_smaller_channel_weight() -> None:
    """Two layers that learn: the mean limit over 100 seeds is that of c (1 - p), and a quarter of the rate has half the
    scatter (2 +- 0.4). Within 4 standard errors and, for finite steps, 0.2 rate; c itself is farther off than 0.05."""
    a, c, p = (0.3, 0.6), 0.8, 0.4
    smaller = stability.channel_with_drop(c, p)
    limits = [solve(Chain("rbp", np.array(a), np.array([k]), 1.0, 1.0)).limit for k in (smaller, c)]
    wanted, without_loss = (float(limit["a"][0]) for limit in limits if limit is not None)
    spreads = []
    for rate in (0.04, 0.01):
        scenario = measured.linear(
            [[a[0]]], [[a[1]]], data=measured.constant(1.0, 1.0, samples=1),
            learning={"rule": "rbp", "feedback": measured.feedback([[c]])},
            training={"learning_rate": rate, "epochs": 1}, channels={"learning.1": {"drop": {"probability": p}}},
        )  # fmt: skip
        data = measured.repeated(scenario)
        ends = np.array([measured.started(scenario.with_(seed=seed), data).to(2000)[0] for seed in range(100)])
        spreads.append(float(ends.std(ddof=1)))
        assert ends.mean() == pytest.approx(wanted, abs=4 * spreads[-1] / 10 + rate * 0.2)
    assert abs(wanted - without_loss) > 0.05
    assert spreads[0] / spreads[1] == pytest.approx(2, abs=0.4)


# --- noise ------------------------------------------------------------------------------------------------


def variance(run: measured.Run, reads: int = 250, every: int = 9) -> float:
    """The mean of e^2 over weights side by side, after 200 frames, without those whose e has become exactly 0.

    An e of 0 is no event and gets no noise, so that they stay there: about 1 weight in 10^6 updates, by the spacing of
    float32 beside the scatter of e.
    """
    run.to(200)
    e = error(run.path(reads * every, every))
    moving = e[-1] != 0
    assert moving.mean() > 0.95
    return float(np.mean(e[:, moving] ** 2))


@pytest.mark.parametrize(("delay", "share"), [(0, 0.1), (0, 0.7), (1, 0.5), (3, 0.5), (3, 0.8)])
def test_stationary_variance_under_noise(delay: int, share: float) -> None:
    """Noise of the channel times h is the recursion's: within 3 %. `share` is h beside the critical rate."""
    h, sigma, copies = share * stability.critical_rate(delay), 0.1, 100
    pipeline = late(learning=[delay + 0.5])
    pipeline["channels"]["learning.1"]["noise"] = {"sigma": sigma}
    run = measured.started(side_by_side(np.zeros(copies), h, A2, C, **pipeline))
    expected = stability.stationary_variance(h, delay, (h * sigma) ** 2)
    assert variance(run) == pytest.approx(expected, rel=0.03)
    assert list(run.ages()[0]) == [delay]


@pytest.mark.parametrize("delay", [0, 2])
def test_stationary_variance_under_noise_and_drop(delay: int) -> None:
    """Rescaled drop is a gain of variance p / (1 - p), and loses noise and error together: within 4 %."""
    p, sigma, copies = 0.3, 0.1, 100
    h = 0.5 * stability.critical_rate_of_random_gain(p / (1 - p), delay)
    pipeline = late(learning=[delay + 0.5])
    pipeline["channels"]["learning.1"] |= {"noise": {"sigma": sigma}, "drop": {"probability": p, "rescale": True}}
    run = measured.started(side_by_side(np.zeros(copies), h, A2, C, **pipeline))
    expected = stability.stationary_variance(h, delay, (h * sigma) ** 2 / (1 - p), p / (1 - p))
    assert variance(run) == pytest.approx(expected, rel=0.04)


def test_an_error_that_is_exactly_0_gets_no_noise() -> None:
    """Where recursion and engine part: 0 is no event, so a weight that is at its limit stays there."""
    pipeline = late(learning=[0.5])
    pipeline["channels"]["learning.1"]["noise"] = {"sigma": 0.1}
    path = measured.started(side_by_side(np.array([0.5, 0.51]), 0.1, A2, C, **pipeline)).path(50)
    assert (path[:, 0] == 0.5).all() and np.abs(np.diff(path[:, 1])).min() > 0
