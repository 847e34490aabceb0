"""The curves that chains follow in the learning clock, as power series."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from channelsim.theory.chain_flow import direction_slope, learning_of
from channelsim.theory.curve import ORDER, Curve, Series
from channelsim.theory.systems import Array, Chain

_EPS = float(np.finfo(np.float64).eps)
_COUNT = np.arange(1, ORDER + 1)


def product_noise(depth: int, ratio: float) -> Callable[[Array, Array], float]:
    """What rounding can do to alpha/beta - P: each factor off by 32 eps of the largest that it was."""

    def noise(x: Array, largest: Array) -> float:
        size = np.abs(x[:depth])
        rounded = size + 32 * _EPS * np.maximum(size, largest[:depth])
        return float(np.prod(rounded) - np.prod(size)) + 4 * _EPS * abs(ratio)

    return noise


def _balance(ratio: float) -> Callable[[float], float]:
    return lambda g: 4 * max(abs(ratio - g), abs(ratio))


def clock_curve(system: Chain, ratio: float) -> Curve:
    """rbp and srbp in the learning clock: each a_i is the antiderivative of C_i a_1 .. a_{i-1}."""
    learning, depth = learning_of(system, system.c), system.a.size

    def expand(y: Array, length: float) -> Series:
        x = np.empty((depth, ORDER + 1))
        x[:, 0] = y
        factors = learning[:, None] * length / _COUNT
        products = np.zeros((depth + 1, 2 * ORDER + 1))
        products[0, 0] = 1
        for i in range(depth):
            x[i, 1:] = factors[i] * products[i, :ORDER]
            products[i + 1] = np.convolve(products[i, : ORDER + 1], x[i])
        lost = np.abs(learning * length) * np.abs(products[:-1, ORDER:]).sum(axis=1) / (ORDER + 1)
        return Series(x, x, error_series(products[-1, : ORDER + 1], ratio), lost)

    return Curve(system.a, expand, product_noise(depth, ratio), _balance(ratio))


def inner(left: Array, right: Array) -> Array:
    return np.vecdot(left, right)


def _spans(factors: Array) -> Array:
    """The matrix that makes x_0, x_1, .. of x_0 and of what is added where x_{i+1} = x_i factors_i + added_i.

    So it makes one order of a running product of series of the orders before; entry i, j is factors_j .. factors_{i-1}.
    """
    size = factors.size + 1
    steps = np.where(np.tri(size, k=-1, dtype=bool), np.concatenate([[1.0], factors])[:, None], 1.0)
    return np.cumprod(steps, axis=0) * np.tri(size)


def _tails(left: Array, right: Array) -> Array:
    """Of each row the sum of the magnitudes that the product of two series has beyond ORDER."""
    padded = np.concatenate([np.zeros((len(right), ORDER)), right[:, ::-1]], axis=1)
    windows = np.lib.stride_tricks.sliding_window_view(padded, ORDER + 1, axis=1)[:, :ORDER]
    products: Array = np.abs(np.einsum("ikm,im->ik", windows, left)).sum(axis=1)
    return products


def error_series(product: Array, ratio: float) -> Array:
    g = -product
    g[0] += ratio
    return g


def adaptive_curve(system: Chain, ratio: float) -> Curve:
    """arbp and asrbp in the learning clock: a_i' = W_i c_i and c_i' = rho W_i a_i.

    W_i is the product of the weights below and, for arbp, of those of the learning channel above. A weight that starts
    with c_i = +-w a_i, w = sqrt(rho), keeps to that, and is set to it before every step, so that rounding cannot take
    it away.
    """
    depth, hidden, w = system.a.size, system.a.size - 1, math.sqrt(system.rho)
    layered = system.rule == "arbp"
    ties = np.zeros(hidden)
    for sign in (1.0, -1.0):
        apart = np.abs(system.c - sign * w * system.a[:-1])
        ties[apart <= 4 * _EPS * (np.abs(system.c) + w * np.abs(system.a[:-1]))] = sign * w
    tied = ties != 0

    def expand(y: Array, length: float) -> Series:
        a, c, top = np.zeros((hidden, ORDER + 1)), np.zeros((hidden, ORDER + 1)), np.zeros(ORDER + 1)
        a[:, 0], top[0], c[:, 0] = y[:hidden], y[hidden], np.where(tied, ties * y[:hidden], y[depth:])
        # The products of a below a layer, and of c from a layer up.
        before, after = np.zeros((depth, ORDER + 1)), np.zeros((depth, ORDER + 1))
        drive = np.zeros((hidden, ORDER + 1))
        below, above = _spans(a[:, 0]), _spans(c[::-1, 0])[::-1, ::-1]
        before[:, 0], after[:, 0] = below[:, 0], above[:, -1]
        for n in range(ORDER + 1):
            if n > 0:
                before[:, n] = below[:, 1:] @ inner(before[:-1, :n], a[:, n:0:-1])
            if layered:
                if n > 0:
                    after[:, n] = above[:, :-1] @ inner(after[1:, :n], c[:, n:0:-1])
                drive[:, n] = inner(before[:-1, : n + 1], after[1:, n::-1])
            else:
                drive[:, n] = before[:-1, n]
            if n < ORDER:
                step = length / (n + 1)
                a[:, n + 1] = step * inner(drive[:, : n + 1], c[:, n::-1])
                c[:, n + 1] = step * system.rho * inner(drive[:, : n + 1], a[:, n::-1])
                top[n + 1] = step * before[hidden, n]
        g = error_series(np.convolve(before[hidden], top)[: ORDER + 1], ratio)
        x = np.vstack([a, top, c])
        return Series(x, x, g, lost(a, c, before, after, abs(length) / (ORDER + 1)))

    def lost(a: Array, c: Array, before: Array, after: Array, step: float) -> Array:
        low, high = np.abs(before[:, -1]), np.abs(after[:, -1])
        low[1:] += _tails(before[:-1], a)
        drive = low[:-1]
        if layered:
            high[:-1] += _tails(after[1:], c)
            drive = low[:-1] * np.abs(after[1:]).sum(axis=1) + high[1:] * np.abs(before[:-1]).sum(axis=1)
        of_a, of_c = drive * np.abs(c).sum(axis=1), drive * np.abs(a).sum(axis=1) * system.rho
        return step * np.concatenate([of_a, low[-1:], of_c])

    # What can die out: anything in arbp, a tied weight in asrbp, and what lies above it comes to rest.
    dying = [0] if layered else np.flatnonzero(tied).tolist()
    sets = [[*range(first, depth), *range(depth + first, depth + hidden)] for first in dying]
    start = np.concatenate([system.a, system.c])
    noise = product_noise(depth, ratio)
    if tied.any() and ratio == 0:  # P may decay towards the targets' 0, and is never rounding
        noise = _no_noise
    rest = _separatrix(system) if layered and hidden > 1 else None
    return Curve(start, expand, noise, _balance(ratio), sets, rest, returns=layered)


def _separatrix(system: Chain) -> Callable[[Array, Array], tuple[Array, float] | None]:
    """Finds the points of an arbp chain where s goes to infinity although no c_i = +-w a_i: a_p = 0 and c_q = 0, p < q.

    The invariants decide whether a chain can reach one. Rounding keeps it from there by a share of about 1e-8, within
    which it is said to arrive; what else depends on a_p and c_q does so by their squares, or by c_i - rho a_{i+1},
    which is kept.
    """
    depth, rho = system.a.size, system.rho

    def distance(x: Array) -> Array:
        below = np.minimum.accumulate(np.abs(x[: depth - 2]))
        return np.maximum(below * math.sqrt(rho), np.abs(x[depth + 1 :]))

    kept = system.c - rho * system.a[1:]
    at_start = np.concatenate([system.a, system.c])

    def rest(x: Array, largest: Array) -> tuple[Array, float] | None:
        apart = distance(x)
        q = int(np.argmin(apart))
        if not (apart[q] < 1e-7 * largest.max() and distance(at_start)[q] > 1e-3 * largest.max()):
            return None
        p = int(np.argmin(np.abs(x[: q + 1])))
        point = x.copy()
        point[p] = point[depth + 1 + q] = 0
        point[q + 2] = -kept[q + 1] / rho
        if p > 0:
            point[depth + p - 1] = kept[p - 1]
        return point, float(np.linalg.eigvals(direction_slope(system, point)).real.max())

    return rest


def _no_noise(x: Array, largest: Array) -> float:
    return 0.0
