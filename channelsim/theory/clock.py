"""Outcomes in the learning clock: where s comes to rest, or why it does not."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from channelsim.theory.curve import Curve, Piece, Walk, Zero, duration, time_within, walk
from channelsim.theory.outcome import FixedPoint, Outcome
from channelsim.theory.systems import Array


@dataclass(frozen=True)
class Clock:
    """What turns a curve in s, with ds/dt = alpha/beta - P, into an outcome in the equation's time.

    unpack: state -> parameters by name; ratio = alpha/beta; beta: the curves count time in units of 1/beta; tolerance:
    of `Outcome.time`; invariants: their values at the start.
    """

    unpack: Callable[[Array], dict[str, Array]]
    ratio: float
    beta: float
    tolerance: float
    invariants: Mapping[str, Array]


def shown(value: float) -> str:
    return f"{value:.6g}"


def listed(values: list[str]) -> str:
    return ", ".join(values[:8]) + (f" and {len(values) - 8} more" if len(values) > 8 else "")


def resting(clock: Clock, start: Array, reason: str, fixed: tuple[FixedPoint, ...] = ()) -> Outcome:
    """The outcome where nothing moves from the start on."""
    return Outcome("stays", clock.unpack(start), None, 0.0, None, reason, None, fixed, clock.invariants)


def outcome_of(clock: Clock, curve: Curve, why: str) -> Outcome:
    """Where a curve in the learning clock goes. `why` says what kind of curve it is."""
    first = curve.expand(curve.y, 1.0)
    start, error = first.x[:, 0], float(first.g[0])
    if abs(error) <= curve.noise(start, np.abs(start)):
        zeros = _all_zeros(walk(curve, 1.0, False), walk(curve, -1.0, False))
        reason = f"the error is 0 at the start: P = alpha/beta = {shown(clock.ratio)}"
        return resting(clock, start, reason, _fixed_points(clock, zeros))
    direction = math.copysign(1.0, error)
    ahead = walk(curve, direction, True)
    behind = None if ahead.ends == "returns" else walk(curve, -direction, False)
    zeros = _all_zeros(ahead, behind)
    fixed = _fixed_points(clock, zeros)
    if ahead.zeros:
        return _converges(clock, ahead, zeros, fixed, why)
    if ahead.ends == "returns":
        return _oscillates(clock, ahead, why)
    return _settles(clock, ahead, fixed, why)


def _all_zeros(ahead: Walk, behind: Walk | None) -> list[Zero]:
    """The zeros on both sides of the start, in the order of s; one at the start is on both."""
    zeros = sorted(ahead.zeros + (behind.zeros if behind else []), key=lambda zero: zero.s)
    near = 1e-7 * min(abs(ahead.pieces[0].length), abs((behind or ahead).pieces[0].length))
    return [zero for i, zero in enumerate(zeros) if i == 0 or zero.s - zeros[i - 1].s > near]


def _fixed_points(clock: Clock, zeros: list[Zero]) -> tuple[FixedPoint, ...]:
    return tuple(_fixed_point(clock, zero) for zero in zeros)


def _fixed_point(clock: Clock, zero: Zero) -> FixedPoint:
    rate = _rate(clock, zero)
    return FixedPoint(clock.unpack(zero.x), (complex(rate),), rate > 0)


def _rate(clock: Clock, zero: Zero) -> float:
    return -clock.beta * zero.slope if zero.multiplicity == 1 else 0.0


def _converges(clock: Clock, ahead: Walk, zeros: list[Zero], fixed: tuple[FixedPoint, ...], why: str) -> Outcome:
    zero = ahead.zeros[0]
    time = time_within(ahead.pieces, zero.x, zero.approach, clock.tolerance) / clock.beta
    way = "rises" if ahead.pieces[0].length > 0 else "falls"
    roots = [f"s = {shown(one.s)} ({_kind(one)})" for one in zeros]
    potential = (clock.beta * _potential(ahead.pieces, zero)) if zero.s else 0.0
    reason = (
        f"{why}; P = alpha/beta = {shown(clock.ratio)} at {listed(roots)}: from 0, s {way} to the nearest, "
        f"s = {shown(zero.s)}, and the potential V falls by {shown(potential)}"
    )
    if zero.multiplicity > 1:
        power = "t" if zero.multiplicity == 2 else f"t^(1/{zero.multiplicity - 1})"
        reason += f"; it is a root of multiplicity {zero.multiplicity}, approached like 1/{power}"
    return Outcome(
        "converges",
        clock.unpack(zero.x),
        _rate(clock, zero),
        time,
        None,
        reason,
        None,
        fixed,
        clock.invariants,
    )


def _kind(zero: Zero) -> str:
    if zero.multiplicity > 1:
        return {2: "double", 3: "triple"}.get(zero.multiplicity, f"{zero.multiplicity}-fold")
    return "stable" if zero.slope < 0 else "unstable"


def _potential(passed: list[Piece], zero: Zero) -> float:
    """The integral of g ds from the start to a zero, which is that of the squared error in time."""
    total = 0.0
    for piece in passed:
        theta = min(1.0, (zero.s - piece.start) / piece.length)
        if theta <= 0:
            break
        powers = np.arange(1, piece.series.g.size + 1)
        total += piece.length * float(piece.series.g / powers @ theta**powers)
    return total


def _oscillates(clock: Clock, ahead: Walk, why: str) -> Outcome:
    period = duration(ahead.pieces) / clock.beta
    products = [clock.ratio - piece.g(theta) for piece in ahead.pieces for theta in piece.nodes()]
    reason = (
        f"{why}; here it is closed, and alpha/beta = {shown(clock.ratio)} lies outside P's range on it, "
        f"{shown(min(products))} to {shown(max(products))}: the error never vanishes, and s runs round for ever"
    )
    return Outcome("oscillates", None, None, None, period, reason, None, (), clock.invariants)


def _settles(clock: Clock, ahead: Walk, fixed: tuple[FixedPoint, ...], why: str) -> Outcome:
    """s goes to infinity: P goes to 0, and so do the derivatives of the weights that can settle."""
    last = ahead.pieces[-1]
    x, alpha = last.x(1), clock.ratio * clock.beta
    reason = f"{why}; here, for a start exactly so, no root lies ahead: P goes to 0 as s goes to infinity"
    if ahead.rest is None and len(ahead.settled) < x.size:
        moving = np.setdiff1d(np.arange(x.size), ahead.settled)
        asymptote = f"s ~ {shown(alpha)} t, and the {moving.size} weights below the layer that dies out grow at least "
        asymptote += "exponentially in s" if alpha else "exponentially in s, which itself grows slower than log t"
        return Outcome("diverges", None, None, None, None, reason, asymptote, fixed, clock.invariants)
    if ahead.rest is not None:
        x, decay = ahead.rest
    else:
        size = max(np.abs(x).max(), np.abs(ahead.pieces[0].series.x[:, 0]).max())
        x, decay = np.where(np.abs(x) < 1e-14 * size, 0, x), _decay(last)
    time = time_within(ahead.pieces, x, None, clock.tolerance) / clock.beta
    rate = decay * abs(alpha) if decay * abs(last.end) > 10 else 0.0
    point = FixedPoint(clock.unpack(x), (complex(rate), complex(-rate)) if rate else (0j,), False)
    kind: Literal["converges", "saddle"] = "saddle" if alpha else "converges"
    return Outcome(kind, clock.unpack(x), rate, time, None, reason, None, (*fixed, point), clock.invariants)


def _decay(piece: Piece) -> float:
    """The rate, in s, at which the speed falls in a piece."""
    slopes = piece.series.x[:, 1:] * np.arange(1, piece.series.x.shape[1])
    before, after = float(np.abs(slopes[:, 0]).max()), float(np.abs(slopes.sum(axis=1)).max())
    return math.log(before / after) / abs(piece.length) if after > 0 else math.inf
