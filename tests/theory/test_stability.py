"""Each formula against the recursion that it is about, iterated in NumPy, or against the roots of its polynomial."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.integrate import solve_ivp
from scipy.linalg import solve_discrete_lyapunov

from channelsim.theory import stability

SEED = 20170614


def iterate(h: float, delay: int, updates: int) -> NDArray[np.float64]:
    x = np.ones(updates + delay + 1)
    for n in range(delay, updates + delay):
        x[n + 1] = x[n] - h * x[n - delay]
    return x[delay:]


@pytest.mark.parametrize("delay", [0, 1, 2, 3, 5, 8])
def test_a_late_error_is_stable_just_below_the_critical_rate_and_not_above(delay: int) -> None:
    limit = stability.critical_rate(delay)
    below, above = (np.abs(iterate(limit * k, delay, 6000)[-200:]).max() for k in (0.98, 1.02))
    assert below < 1e-3 and above > 10


@pytest.mark.parametrize("delay", [0, 1, 2, 5, 20, 100])
def test_the_critical_rate_is_where_the_largest_root_has_modulus_one(delay: int) -> None:
    found = stability.roots(stability.critical_rate(delay), delays=(delay,))
    assert abs(found[0]) == pytest.approx(1, abs=1e-12)
    assert 2 * np.pi / abs(np.angle(found[0])) == pytest.approx(stability.critical_period(delay), rel=1e-9)


@pytest.mark.parametrize("delay", [1, 2, 3, 8])
def test_the_fastest_rate_has_a_double_root_and_every_other_rate_is_slower(delay: int) -> None:
    h, modulus = stability.fastest_rate(delay)
    found = stability.roots(h, delays=(delay,))
    np.testing.assert_allclose(found[:2], modulus, atol=1e-6)
    assert all(abs(stability.roots(h * k, delays=(delay,))[0]) > modulus + 1e-4 for k in (0.5, 0.9, 1.1, 1.5))
    assert np.abs(stability.roots(h * 1.01, delays=(delay,))[0].imag) > 1e-3


@given(
    st.lists(st.tuples(st.floats(0.05, 2.0), st.integers(0, 8)), min_size=1, max_size=4),
    st.sampled_from([0.0, 0.5, 0.9]),
)
def test_layers_of_different_ages_are_stable_up_to_the_rate_found_on_the_unit_circle(
    layers: list[tuple[float, int]], momentum: float
) -> None:
    gains, delays = zip(*layers, strict=True)
    limit = stability.critical_rate_of_layers(gains, delays, momentum)
    moduli = [abs(stability.roots(limit * k, gains, delays, momentum)[0]) for k in (0.2, 0.7, 0.999, 1.001)]
    assert max(moduli[:3]) < 1 < moduli[3]


def test_gains_of_both_signs() -> None:
    assert stability.critical_rate_of_layers((-1.0, 0.5), (0, 1)) == 0
    limit = stability.critical_rate_of_layers((1.0, -0.4), (1, 3))
    assert (
        abs(stability.roots(0.999 * limit, (1.0, -0.4), (1, 3))[0])
        < 1
        < abs(stability.roots(1.001 * limit, (1.0, -0.4), (1, 3))[0])
    )


@pytest.mark.parametrize(("prompt", "late"), [(0.0, 1.0), (0.5, 1.0), (-0.3, 0.8), (0.9, 1.0)])
def test_continuous_latency(prompt: float, late: float) -> None:
    tau = stability.critical_latency(prompt, late)
    # w = exp(i b t) solves the equation at the critical latency.
    b = np.sqrt(late**2 - prompt**2)
    assert abs(1j * b + prompt + late * np.exp(-1j * b * tau)) < 1e-12
    # Euler's method with a fine step is item 2 with the prompt part of age 0.
    slots = 400
    assert slots * stability.critical_rate_of_layers((prompt, late), (0, slots)) == pytest.approx(tau, rel=0.01)


def test_continuous_latency_that_never_matters_and_that_always_does() -> None:
    assert stability.critical_latency(1.0, 0.9) == np.inf
    assert stability.critical_latency(-1.0, 0.9) == 0


@pytest.mark.parametrize("r", [0.0, 0.3, 0.7])
def test_geometric_delays(r: float) -> None:
    limit = stability.critical_rate_of_geometric_delays(r)
    for k, stable in ((0.98, True), (1.02, False)):
        x, late = 1.0, 1.0  # late: sum over d of (1 - r) r^d x_{n-d}
        for _ in range(3000):
            x = x - k * limit * late
            late = r * late + (1 - r) * x
        assert (abs(x) < 1e-3) == stable


def lyapunov(h: float, delay: int) -> float:
    """The stationary variance of x_{n+1} = x_n - h x_{n-delay} + xi, from its linear equation."""
    step = np.eye(delay + 1, k=-1)
    step[0, 0] += 1
    step[0, delay] -= h
    noise = np.zeros((delay + 1, delay + 1))
    noise[0, 0] = 1
    return float(solve_discrete_lyapunov(step, noise)[0, 0])


@given(st.integers(0, 12), st.floats(0.02, 0.98))
def test_stationary_variance(delay: int, part: float) -> None:
    h = part * stability.critical_rate(delay)
    assert stability.variance_factor(h, delay) == pytest.approx(lyapunov(h, delay), rel=1e-8)


def test_stationary_variance_without_delay_and_beyond_the_limit() -> None:
    assert stability.stationary_variance(0.3, 0, 2.0) == pytest.approx(2 / (0.3 * 1.7), rel=1e-12)
    assert stability.stationary_variance(2.0) == np.inf
    assert stability.stationary_variance(1.0, 0, 1.0, 1.1) == np.inf


@pytest.mark.parametrize(("delay", "h", "v"), [(0, 0.5, 0.5), (2, 0.25, 1.0), (4, 0.1, 3.0)])
def test_stationary_variance_with_a_random_gain(delay: int, h: float, v: float) -> None:
    draws = np.random.default_rng(SEED)
    chains, updates = 4000, 2500
    past = np.zeros((delay + 1, chains))
    total = 0.0
    for n in range(updates):
        gain = 1 + np.sqrt(v) * draws.choice([-1.0, 1.0], chains)
        new = past[0] - h * gain * past[delay] + draws.choice([-1.0, 1.0], chains)
        past = np.concatenate([new[None], past[:-1]])
        total += float(np.mean(new**2)) if n >= 500 else 0.0
    assert total / (updates - 500) == pytest.approx(stability.stationary_variance(h, delay, 1.0, v), rel=0.02)


def second_moments(h: float, delay: int, mean: float, variance: float) -> float:
    """The spectral radius of the map of E x_n x_m for a gain of that mean and variance."""
    n = delay + 1
    step = np.eye(n, k=-1)
    step[0, 0] += 1
    step[0, delay] -= h * mean
    random = np.zeros((n, n))
    random[0, delay] = h
    return float(np.max(np.abs(np.linalg.eigvals(np.kron(step, step) + variance * np.kron(random, random)))))


@pytest.mark.parametrize("drop", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("delay", [0, 1, 4])
@pytest.mark.parametrize("rescale", [False, True])
def test_drop(drop: float, delay: int, rescale: bool) -> None:
    mean_limit, square_limit = stability.critical_rate_with_drop(drop, delay, rescale)
    arriving = 1.0 if rescale else 1 - drop
    variance = drop / (1 - drop) * arriving**2
    assert abs(stability.roots(mean_limit * arriving, delays=(delay,))[0]) == pytest.approx(1, abs=1e-9)
    assert second_moments(0.999 * square_limit, delay, arriving, variance) < 1
    assert second_moments(1.001 * square_limit, delay, arriving, variance) > 1
    if delay == 0:
        assert square_limit == pytest.approx(2 * (1 - drop) if rescale else 2, rel=1e-9)


@pytest.mark.parametrize("latency", [0.3, 1.0, 2.0])
def test_poisson_frames_are_the_fine_limit_of_independent_gains(latency: float) -> None:
    frames = 1.5
    mean, square = stability.critical_rate_of_poisson_frames(frames, latency)
    assert mean * frames == pytest.approx(stability.critical_latency(0, 1.0) / latency, rel=1e-12)
    # A frame in each time slot with probability frames * slot, so a gain of mean 1 and variance (1 - p)/p.
    errors = []
    for slots in (500, 1000):
        p = frames * latency / slots
        discrete = stability.critical_rate_of_random_gain((1 - p) / p, slots) / p
        errors.append(abs(discrete / square - 1))
    assert errors[1] < 2e-3 and errors[1] < 0.6 * errors[0]
    assert stability.critical_rate_of_poisson_frames(frames, 0.0) == (np.inf, 2.0)


def test_poisson_frames_in_the_mean() -> None:
    """Simulated streams of frames against the delay equation."""
    draws = np.random.default_rng(SEED)
    frames, latency, slot, streams = 4.0, 0.5, 0.01, 20000
    h = 0.2
    late = round(latency / slot)
    x = np.ones((late + 1, streams))
    mean = np.ones(late + 1)
    for _ in range(400):
        x = np.concatenate([(x[0] - h * (draws.random(streams) < frames * slot) * x[-1])[None], x[:-1]])
        mean = np.append(mean[0] - h * frames * slot * mean[-1], mean[:-1])
    assert float(np.mean(x[0])) == pytest.approx(mean[0], abs=4 * float(np.std(x[0])) / np.sqrt(streams))


@pytest.mark.parametrize("momentum", [0.3, 0.9, 0.99])
def test_momentum(momentum: float) -> None:
    assert stability.critical_rate_with_momentum(momentum) == pytest.approx(2 * (1 + momentum), rel=1e-12)
    limit = stability.critical_rate_with_momentum(momentum, 3)
    for k, stable in ((0.97, True), (1.03, False)):
        x, before = [1.0] * 5, 0.0
        for _ in range(20000):
            before = momentum * before - k * limit * x[-4]
            x = [*x[-4:], x[-1] + before]
            if abs(x[-1]) > 1e6:
                break
        assert (abs(x[-1]) < 1) == stable


def test_drop_on_the_hidden_channel_has_the_limit_of_a_weaker_one() -> None:
    draws = np.random.default_rng(SEED)
    c, drop, alpha, beta = 0.8, 0.4, 1.0, 1.0
    spread = []
    for rate in (8e-3, 2e-3):
        a1, a2 = np.full(1000, 0.3), np.full(1000, -0.5)
        for _ in range(round(25 / rate)):
            e = alpha - beta * a1 * a2
            a1, a2 = a1 + rate * c * (draws.random(1000) >= drop) * e, a2 + rate * a1 * e
        expected = stability.shifted_limit(
            np.array([0.3, -0.5]), stability.channel_with_drop(c, drop), alpha, beta, 0.0
        )
        spread.append(float(np.std(a1)))
        assert float(np.mean(a1)) == pytest.approx(expected[0], abs=3 * rate)
    assert spread[0] / spread[1] == pytest.approx(2, rel=0.1)


@given(st.integers(0, 10_000))
def test_finite_steps_change_the_invariants_by_the_product_of_the_changes(seed: int) -> None:
    draws = np.random.default_rng([SEED, seed])
    n0, n1, n2 = draws.integers(1, 5, 3)
    a, b, c = draws.normal(size=(n1, n0)), draws.normal(size=(n2, n1)), draws.normal(size=(n1, n2))
    inputs, targets = draws.normal(size=(n0, 7)), draws.normal(size=(n2, 7))
    error = (targets - b @ a @ inputs) @ inputs.T / 7
    da, db = 0.3 * c @ error, 0.3 * error @ a.T

    def rbp(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
        return c @ b + (c @ b).T - a @ a.T

    np.testing.assert_allclose(rbp(a + da, b + db) - rbp(a, b), stability.invariant_step_rbp(da), atol=1e-9)
    da = 0.3 * b.T @ error

    def bp(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
        return b.T @ b - a @ a.T

    np.testing.assert_allclose(bp(a + da, b + db) - bp(a, b), stability.invariant_step_bp(da, db), atol=1e-9)


@pytest.mark.parametrize(("a", "c"), [((0.3, -0.5), 0.8), ((1.0, 0.2), -0.6), ((-2.0, 1.0), 1.5)])
def test_the_shifted_cubic_is_right_to_second_order_in_the_rate(a: tuple[float, float], c: float) -> None:
    alpha, beta = 1.0, 1.2

    def limit(rate: float) -> NDArray[np.float64]:
        a1, a2 = a
        for _ in range(round(120 / rate)):
            e = alpha - beta * a1 * a2
            a1, a2 = a1 + rate * c * e, a2 + rate * a1 * e
        return np.array([a1, a2])

    errors = [
        float(np.max(np.abs(limit(rate) - stability.shifted_limit(np.array(a), c, alpha, beta, rate))))
        for rate in (0.02, 0.01)
    ]
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.15)
    continuous = solve_ivp(
        lambda t, x: (alpha - beta * x[0] * x[1]) * np.array([c, x[0]]), (0, 200), a, rtol=1e-12, atol=1e-14
    )
    assert np.max(np.abs(continuous.y[:, -1] - stability.shifted_limit(np.array(a), c, alpha, beta, 0.0))) < 1e-9


def test_label_noise_moves_the_invariant_for_ever() -> None:
    draws = np.random.default_rng(SEED)
    rate, c, sigma, chains = 0.02, 0.8, 0.1, 4000
    a1, a2 = np.full(chains, 1.0), np.full(chains, 1.0)
    start = float(np.mean(a2 - a1**2 / (2 * c)))
    updates = 2000
    for _ in range(updates):
        e = 1 + sigma * draws.standard_normal(chains) - a1 * a2
        a1, a2 = a1 + rate * c * e, a2 + rate * a1 * e
    h = rate * (c * float(np.mean(a2)) + float(np.mean(a1**2)))
    moved = float(np.mean(a2 - a1**2 / (2 * c))) - start
    assert moved == pytest.approx(updates * stability.label_noise_drift(rate, c, sigma**2, h), rel=0.02)


def test_bisection_finds_the_end_of_stability() -> None:
    found = stability.bisect_rate(lambda h: abs(stability.roots(h, delays=(3,))[0]) < 1, 1e-3, 2.0, 1e-6)
    assert found == pytest.approx(stability.critical_rate(3), rel=1e-6)


@pytest.mark.parametrize("p", [0.2, 0.8])
def test_rates_of_gains_are_those_of_a_drop(p: float) -> None:
    law = np.array([p, 1 - p])
    assert stability.critical_rates_of_gains(np.array([0.0, 1.0]), law) == pytest.approx((2 / (1 - p), 2, 2))
    rescaled = stability.critical_rates_of_gains(np.array([0.0, 1 / (1 - p)]), law)
    assert rescaled == pytest.approx((2, 2 * (1 - p), 2 * (1 - p)))
    assert rescaled[:2] == pytest.approx(stability.critical_rate_with_drop(p, rescale=True))


@pytest.mark.parametrize("gains", [(2.0, 2.6), (1.0, 0.1), (1.0, 0.0, 0.7, 0.2), (0.4, 3.0, -0.1)])
def test_a_single_run_grows_above_its_rate_though_not_its_mean(gains: tuple[float, ...]) -> None:
    """ln|x| of one run over 200000 draws: it falls 3 % below the rate, and grows 3 % above."""
    m = np.array(gains)
    law = np.full(m.size, 1 / m.size)
    found = stability.critical_rates_of_gains(m, law)
    draws = np.random.default_rng(SEED).choice(m, 200_000)
    for k, grows in ((0.3, False), (0.97, False), (1.03, True)):
        assert (np.log(np.abs(1 - k * found[2] * draws)).sum() > 0) == grows
    squares = [law @ (1 - k * found[1] * m) ** 2 for k in (0.99, 1.01)]
    assert squares[0] < 1 < squares[1] and abs(1 - found[0] * law @ m) == pytest.approx(1)
