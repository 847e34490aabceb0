"""What a channel's delay, loss and noise do to the stability of a weight close to its limit.

There a weight obeys x_{n+1} = x_n - h m_n x_{n-D} + s xi_n: h = rate times lambda (the system's rate of approach), D
how many updates late the error is, m_n an independent gain of mean 1 and variance v, xi white noise of variance 1.
Finite steps and label noise are here too: they shift what the differential equation keeps constant.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq, minimize_scalar

from channelsim.theory.systems import Array

Roots = npt.NDArray[np.complex128]


def critical_rate(delay: int) -> float:
    """The h below which an error that is `delay` updates late is stable: 2 sin(pi / (2 (2 D + 1)))."""
    return float(2 * np.sin(np.pi / (2 * (2 * delay + 1))))


def critical_period(delay: int) -> int:
    """The period, in updates, of the oscillation at h = critical_rate(delay): 4 D + 2."""
    return 4 * delay + 2


def fastest_rate(delay: int) -> tuple[float, float]:
    """(h, modulus): the largest h without oscillation, which is also the fastest, and its factor per update.

    h = D^D / (D+1)^(D+1), modulus D / (D+1).
    """
    return float(delay) ** delay / float(delay + 1) ** (delay + 1), delay / (delay + 1)


def roots(h: float, gains: Sequence[float] = (1.0,), delays: Sequence[int] = (0,), momentum: float = 0.0) -> Roots:
    """The characteristic roots of x_{n+1} = x_n - h sum_i gains_i x_{n-delays_i}, largest modulus first.

    momentum mu replaces the step by one that keeps mu of the last: (z - 1)(z - mu) + h z sum_i k_i z^(-D_i) = 0, at
    mu = 0 the equation z - 1 + h sum_i k_i z^(-D_i) = 0 for layers of different ages. D_i counts the whole loop.
    """
    longest = max(delays)
    inertia = [1.0, -1.0] if momentum == 0 else [1.0, -(1.0 + momentum), momentum]
    polynomial = np.concatenate([inertia, np.zeros(longest)])
    for gain, delay in zip(gains, delays, strict=True):
        polynomial[1 + delay] += h * gain
    found = np.roots(polynomial).astype(np.complex128)
    return found[np.argsort(-np.abs(found))]


def critical_rate_of_layers(gains: Sequence[float], delays: Sequence[int], momentum: float = 0.0) -> float:
    """The h at which the first of `roots` reaches the unit circle; 0 if the gains' sum is not positive, inf if none.

    On the circle, z = exp(i w), h = -(z - 1)(z - mu) / (z sum_i k_i z^(-D_i)) has to be real and positive.
    """
    if sum(gains) <= 0:
        return 0.0

    def loop(w: float) -> complex:
        z = np.exp(1j * w)
        inertia = (z - 1) * (z - momentum) / z if momentum else z - 1
        return complex(-inertia / sum(k * z ** (-float(d)) for k, d in zip(gains, delays, strict=True)))

    def phase(w: float) -> float:
        # Im(loop) without its poles.
        z = np.exp(1j * w)
        inertia = (z - 1) * (z - momentum) / z if momentum else z - 1
        return float((-inertia * np.conj(sum(k * z ** (-float(d)) for k, d in zip(gains, delays, strict=True)))).imag)

    grid = np.linspace(0.0, np.pi, 64 * (max(delays) + 2))[1:-1]
    values = [phase(w) for w in grid]
    crossings = [np.pi]
    for a, b, va, vb in zip(grid[:-1], grid[1:], values[:-1], values[1:], strict=True):
        if va * vb < 0:
            crossings.append(float(brentq(phase, a, b, xtol=1e-15)))
    return min((h.real for h in map(loop, crossings) if h.real > 0), default=float("inf"))


def critical_rate_with_momentum(momentum: float, delay: int = 0) -> float:
    """The h below which an update that keeps `momentum` of the last one is stable; 2 (1 + mu) without delay."""
    return critical_rate_of_layers((1.0,), (delay,), momentum)


def critical_latency(prompt: float, late: float) -> float:
    """The tau below which w' = -prompt w(t) - late w(t - tau) is stable; inf if it always is, 0 if it never is.

    arccos(-k0/k1) / sqrt(k1^2 - k0^2); pi / (2 k1) for k0 = 0.
    """
    if prompt + late <= 0:
        return 0.0
    if abs(late) <= prompt:
        return float("inf")
    return float(np.arccos(-prompt / late) / np.sqrt(late**2 - prompt**2))


def critical_rate_of_geometric_delays(r: float) -> float:
    """The h below which the mean is stable if updates are d late with probability (1 - r) r^d: 2 (1 + r) / (1 - r)."""
    return 2 * (1 + r) / (1 - r)


def variance_factor(h: float, delay: int = 0) -> float:
    """S(h, D): the stationary variance of x per variance of the noise; inf from the critical rate on.

    tan(pi/4 + (2 D + 1) w/4) / (2 sin w), sin(w/2) = h/2; without delay 1 / (h (2 - h)).
    """
    if not 0 < h < critical_rate(delay):
        return float("inf")
    w = 2 * np.arcsin(h / 2)
    return float(np.tan(np.pi / 4 + (2 * delay + 1) * w / 4) / (2 * np.sin(w)))


def stationary_variance(h: float, delay: int = 0, noise: float = 1.0, gain_variance: float = 0.0) -> float:
    """Var x = s^2 S / (1 - h^2 v S) with noise of variance s^2 = `noise`; inf where h^2 v S >= 1."""
    factor = variance_factor(h, delay)
    left = 1 - h**2 * gain_variance * factor
    return float("inf") if not left > 0 else noise * factor / left


def critical_rate_of_random_gain(gain_variance: float, delay: int = 0) -> float:
    """The h below which the mean square is stable: h^2 v S(h, D) = 1 there."""
    limit = critical_rate(delay)
    if gain_variance == 0:
        return limit
    top = limit * (1 - 1e-12)
    return float(brentq(lambda h: h**2 * gain_variance * variance_factor(h, delay) - 1, 1e-12 * limit, top, xtol=1e-15))


def critical_rate_with_drop(drop: float, delay: int = 0, rescale: bool = False) -> tuple[float, float]:
    """(for the mean, for the mean square): the largest h with errors lost independently with probability `drop`.

    What arrives has mean gain 1 - p, or 1 if `rescale`, and relative variance p / (1 - p). Without delay the mean
    square's limits are 2, and 2 (1 - p) rescaled.
    """
    arriving = 1.0 if rescale else 1 - drop
    return critical_rate(delay) / arriving, critical_rate_of_random_gain(drop / (1 - drop), delay) / arriving


def critical_rates_of_gains(gains: Array, probabilities: Array) -> tuple[float, float, float]:
    """(for the mean, the mean square, a single run): the largest h of x_{n+1} = (1 - h m_n) x_n, with independent m_n.

    gains, probabilities: (n,) the law of m, with E m > 0. 2 / E m, 2 E m / E m^2, and the least h > 0 at which
    E ln|1 - h m| = 0: above it almost every run grows, below it almost every run falls, whatever the mean square does.
    """
    mean, square = float(probabilities @ gains), float(probabilities @ gains**2)
    return 2 / mean, 2 * mean / square, _growing(gains, probabilities)


def _growing(gains: Array, probabilities: Array) -> float:
    """The least h > 0 at which E ln|1 - h m| = 0. Between its poles, h = 1/m, the function is concave."""

    def slowing(h: float) -> float:
        return -float(probabilities @ np.log(np.maximum(np.abs(1 - h * gains), 1e-300)))

    poles = np.unique(1 / gains[(gains > 0) & (probabilities > 0)])
    for low, high in pairwise(poles):
        top = minimize_scalar(slowing, bounds=(low, high), method="bounded", options={"xatol": 1e-12 * high})
        if top.fun < 0:
            return float(brentq(slowing, low * (1 + 1e-14), top.x, xtol=1e-15))
    high = 2 * poles[-1]
    while slowing(high) > 0:
        high *= 2
    return float(brentq(slowing, poles[-1] * (1 + 1e-14), high, xtol=1e-15))


def critical_rate_of_poisson_frames(frames: float, latency: float) -> tuple[float, float]:
    """(for the mean, for the mean square): the largest h if frames come as a Poisson process of rate nu = `frames`.

    With a loop `latency` tau the mean obeys x' = -nu h x(t - tau), and the mean square is stable iff
    (h/2) tan(pi/4 + h nu tau/2) < 1.
    """
    if latency == 0:
        return float("inf"), 2.0
    mean = np.pi / (2 * frames * latency)
    top = min(mean * (1 - 1e-12), 2.0)

    def excess(h: float) -> float:
        return float(h / 2 * np.tan(np.pi / 4 + h * frames * latency / 2) - 1)

    return float(mean), float(brentq(excess, 0.0, top, xtol=1e-15))


def channel_with_drop(c: float, drop: float) -> float:
    """The channel weight whose limit is that of a hidden channel with drops without rescale: c (1 - p).

    Around it the weights scatter like the square root of the learning rate.
    """
    return c * (1 - drop)


def invariant_step_rbp(change_a: Array) -> Array:
    """(N1, N1): what an update of linear units changes in C B + (C B)^T - A A^T, for A's change (N1, N0)."""
    return -change_a @ change_a.T


def invariant_step_bp(change_a: Array, change_b: Array) -> Array:
    """(N1, N1): what an update changes in B^T B - A A^T, for the changes of A (N1, N0) and of B (N2, N1)."""
    return change_b.T @ change_b - change_a @ change_a.T


def shifted_limit(a: Array, c: float, alpha: float, beta: float, rate: float) -> Array:
    """(2,): the limit of a chain of two layers under full-batch rbp with a finite learning rate, up to O(rate^2).

    c a2 - a1^2/2 drifts by -(rate c^2/2)(V(0) - V(s*)), V(s) = (beta/2) a2(s)^2 - alpha s in the clock da1 = c ds;
    the cubic a^3/(2 c) + K a = alpha/beta has its K shifted by that over c.
    """
    first, second = (float(x) for x in a)
    k = second - first**2 / (2 * c)
    limit = _nearest_root(k, c, alpha / beta, first, alpha - beta * first * second)
    fall = -alpha * (0.0 - (limit - first) / c) - beta / 2 * ((k + limit**2 / (2 * c)) ** 2 - second**2)
    shifted = k - rate * c / 2 * fall
    for _ in range(50):
        limit -= (limit**3 / (2 * c) + shifted * limit - alpha / beta) / (1.5 * limit**2 / c + shifted)
    return np.array([limit, shifted + limit**2 / (2 * c)])


def _nearest_root(k: float, c: float, wanted: float, start: float, error: float) -> float:
    """The root of a^3/(2 c) + k a = wanted to which a1 goes: the first in the direction of c times the error."""
    found = np.roots([1 / (2 * c), 0.0, k, -wanted])
    real = found.real[np.abs(found.imag) < 1e-9 * (1 + np.abs(found))]
    up = c * error > 0
    ahead = real[real > start] if up else real[real < start]
    return float(ahead.min() if up else ahead.max())


def label_noise_drift(rate: float, c: float, noise: float, h: float) -> float:
    """The change of K = a2 - a1^2/(2 c) per update under label noise of variance `noise`, I = 1: no weight settles.

    -(rate^2 c/2) 2 sigma^2 / (2 - h), though their product does settle.
    """
    return -(rate**2) * c / 2 * 2 * noise / (2 - h)


def bisect_rate(stable: Callable[[float], bool], low: float, high: float, relative: float = 1e-3) -> float:
    """The rate between a stable `low` and an unstable `high` at which stability ends, by bisection of ln(rate)."""
    while high / low > 1 + relative:
        middle = float(np.sqrt(low * high))
        low, high = (middle, high) if stable(middle) else (low, middle)
    return float(np.sqrt(low * high))
