"""Where a chain goes under backpropagation: the smallest weight says where the others are."""

from __future__ import annotations

import math

import numpy as np
from scipy.optimize import brentq

from channelsim.theory.chain_curves import error_series, inner, product_noise
from channelsim.theory.chain_flow import others
from channelsim.theory.clock import Clock, resting, shown
from channelsim.theory.curve import ORDER, Curve, Piece, Series, piece_from, time_within, zero_at
from channelsim.theory.outcome import FixedPoint, Outcome
from channelsim.theory.systems import Array, Chain

_EPS = float(np.finfo(np.float64).eps)


def outcome_of_bp(system: Chain, clock: Clock) -> Outcome:
    """All a_i^2 - a_j^2 stay, so the smallest weight u says where the rest is: u' = (alpha - beta u R(u)) R(u)."""
    a, ratio = system.a, clock.ratio
    smallest = int(np.argmin(np.abs(a)))
    u, tied = float(a[smallest]), np.abs(a) == abs(a[smallest])
    count = int(tied.sum())
    if u == 0 and count > 1:
        return resting(clock, a, f"a saddle: {count} weights are 0, and every update has one of them as a factor")
    product = float(np.prod(a))
    squares = (np.abs(a) - abs(u)) * (np.abs(a) + abs(u))
    curve = _bp_curve(a, smallest, tied, squares, ratio)
    partner_sign = float(np.prod(np.sign(np.delete(a, smallest))))
    there = _bp_solution(squares, ratio)
    # P has the sign of u times that of the other weights, which change with u where they are tied to it.
    solutions = [
        one for one in dict.fromkeys((-there, there)) if _bp_sign(one, u, partner_sign, count) == np.sign(ratio)
    ]
    points = {one: _bp_point(system, clock, curve, one) for one in solutions}
    leaving = abs(_bp_rate(curve, 0.0, count - 1, clock))
    saddle = FixedPoint(clock.unpack(np.where(tied, 0, a)), (complex(leaving), complex(-leaving)), False)
    fixed = tuple(points.values()) + ((saddle,) if count > 1 and ratio else ())
    if abs(ratio - product) <= product_noise(a.size, ratio)(a, np.abs(a)):
        return resting(clock, a, f"the error is 0 at the start: P = alpha/beta = {shown(ratio)}", fixed)
    side = [one for one in solutions if count == 1 or ratio == 0 or one * u > 0]
    if side:
        limit, multiplicity = side[0], 1 if ratio else 2 * count - 1
    else:
        limit, multiplicity = 0.0, count - 1
    x, rate, time = _bp_way(curve, u, limit, multiplicity, clock)
    return Outcome(
        "converges" if side else "saddle",
        clock.unpack(x),
        rate,
        time,
        None,
        _bp_reason(system, limit, count, smallest, bool(side)),
        None,
        fixed,
        clock.invariants,
    )


def _bp_reason(system: Chain, limit: float, count: int, smallest: int, solved: bool) -> str:
    ratio, u = shown(system.alpha / system.beta), float(system.a[smallest])
    reason = "bp keeps every a_i^2 - a_j^2, and P moves monotonically"
    if not solved:
        speed = "exponentially" if count == 2 else f"like t^(-1/{count - 2})"
        return (
            f"{reason}; P and alpha/beta = {ratio} have different signs, and the smallest |a_i| is that of {count} "
            f"weights, which reach 0 together: a saddle, approached {speed}"
        )
    if system.alpha == 0:
        speed = "exponentially" if count == 1 else f"like t^(-1/{2 * count - 2})"
        return f"{reason} to alpha/beta = 0, where the smallest |a_i| is 0, {speed}"
    crossing = f" after a{smallest + 1}, the smallest in magnitude, has crossed zero" if u * limit < 0 else ""
    return f"{reason} to alpha/beta = {ratio}{crossing}"


def _bp_sign(u: float, start: float, partner_sign: float, count: int) -> float:
    """The sign of P at u; `partner_sign` is that of the other weights' product at the start."""
    flipped = count > 1 and u * start < 0
    return float(np.sign(u)) * partner_sign * (-1.0) ** ((count - 1) * flipped)


def _bp_solution(squares: Array, ratio: float) -> float:
    """|u| where |P| = |ratio|: the logarithm of |P| rises with that of u^2."""
    if ratio == 0:
        return 0.0

    def excess(z: float) -> float:
        return float(np.logaddexp(z, np.log(squares)).sum()) / 2 - math.log(abs(ratio))

    low = high = 0.0
    while excess(low) > 0:
        low = 2 * low - 1
    while excess(high) < 0:
        high = 2 * high + 1
    return math.exp(brentq(excess, low, high, xtol=1e-15, rtol=4 * _EPS, maxiter=500) / 2)


def _bp_rate(curve: Curve, u: float, multiplicity: int, clock: Clock) -> float:
    if multiplicity != 1:
        return 0.0
    return -clock.beta * float(curve.expand(np.array([u]), 1.0).g[1])


def _bp_point(system: Chain, clock: Clock, curve: Curve, u: float) -> FixedPoint:
    x = curve.expand(np.array([u]), 1.0).x[:, 0]
    rate = system.beta * float((others(x) ** 2).sum())
    return FixedPoint(clock.unpack(x), (complex(rate),), rate > 0)


def _bp_way(curve: Curve, u: float, limit: float, multiplicity: int, clock: Clock) -> tuple[Array, float, float]:
    """The limit, its rate and the time to it, as u goes from its start to a known zero of u'."""
    local = piece_from(curve, np.array([limit]), limit, u - limit, abs(u - limit), balanced=False)
    zero = zero_at(local, multiplicity)
    passed: list[Piece] = []
    at, length, end = u, limit - u, zero.approach.end
    while abs(end - at) > 1e-14 * abs(limit - u):
        piece = piece_from(curve, np.array([at]), at, length, abs(end - at))
        if not piece.g(0) or len(passed) > 3000:  # so flat that float64 does not see it move
            return zero.x, -clock.beta * zero.slope if multiplicity == 1 else 0.0, math.inf
        passed.append(piece)
        at, length = piece.end, piece.length
    time = time_within(passed, zero.x, zero.approach, clock.tolerance, u) / clock.beta
    return zero.x, -clock.beta * zero.slope if multiplicity == 1 else 0.0, time


def _bp_curve(a: Array, smallest: int, tied: Array, squares: Array, ratio: float) -> Curve:
    """The weights as functions of the smallest one, u: +-sqrt(u^2 + k_i), or +-u where they are tied with it."""
    u0 = float(a[smallest])
    signs = np.where(a < 0, -1.0, 1.0)
    linear = np.where(tied, signs * (1.0 if u0 >= 0 else -1.0), 0.0)
    linear[smallest] = 1.0
    straight = linear != 0

    def expand(y: Array, length: float) -> Series:
        u = float(y[0])
        x = np.zeros((a.size, ORDER + 1))
        squared = np.zeros((a.size, ORDER + 1))
        squared[:, 0], squared[:, 1], squared[:, 2] = u * u + squares, 2 * u * length, length * length
        x[:, 0] = np.sqrt(squared[:, 0])
        half = 1 / (2 * np.where(straight, 1.0, x[:, 0]))
        for n in range(1, ORDER + 1):
            x[:, n] = half * (squared[:, n] - inner(x[:, 1:n], x[:, n - 1 : 0 : -1]))
        x *= signs[:, None]
        x[straight] = 0
        x[straight, 0], x[straight, 1] = linear[straight] * u, linear[straight] * length
        rest = np.zeros(ORDER + 1)
        rest[0] = 1
        for row in np.delete(x, smallest, axis=0):
            rest = np.convolve(rest, row)[: ORDER + 1]
        product = np.convolve(rest, x[smallest])[: ORDER + 1]
        g = np.convolve(error_series(product, ratio), rest)[: ORDER + 1]
        return Series(x[smallest : smallest + 1], x, g, np.zeros(a.size))

    return Curve(np.array([u0]), expand, product_noise(a.size, ratio), lambda g: 4 * abs(g))
