"""A[1, N, 1]: the flow, where it goes, why and when.

In the learning clock s, ds = e dt, the weights follow a linear equation under every rule, and P = a.b is d(b.b)/ds / 2.
With one hidden layer the skipped and the layered route are the same: rbp = srbp and arbp = asrbp.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from channelsim.theory.clock import Clock, outcome_of, resting, shown
from channelsim.theory.curve import ORDER, Curve, Series
from channelsim.theory.outcome import Outcome
from channelsim.theory.systems import Array, Branch, Flow

_EPS = float(np.finfo(np.float64).eps)


def flow(system: Branch) -> Flow:
    """The system as an initial value problem; the state is a, b, and c where the rule adapts it."""
    units = system.a.size
    start, matrix, constant = _linear(system)

    def error(x: Array) -> float:
        return system.alpha - system.beta * float(x[:units] @ x[units : 2 * units])

    def velocity(x: Array) -> Array:
        return error(x) * (matrix @ x + constant)

    def jacobian(x: Array) -> Array:
        slope = np.zeros(x.size)
        slope[:units], slope[units : 2 * units] = -system.beta * x[units : 2 * units], -system.beta * x[:units]
        return np.outer(matrix @ x + constant, slope) + error(x) * matrix

    return Flow(start, velocity, jacobian, _unpack(system), _invariants(system))


def _unpack(system: Branch) -> Callable[[Array], dict[str, Array]]:
    units = system.a.size
    names = ("a", "b", "c") if system.rule in ("arbp", "asrbp") else ("a", "b")
    return lambda x: {name: x[i * units : (i + 1) * units] for i, name in enumerate(names)}


def _linear(system: Branch) -> tuple[Array, Array, Array]:
    """The start x, and M and k of dx/ds = M x + k."""
    units = system.a.size
    one, none = np.eye(units), np.zeros((units, units))
    if system.rule == "bp":
        start, blocks, constant = [system.a, system.b], [[none, one], [one, none]], np.zeros(2 * units)
    elif system.rule in ("rbp", "srbp"):
        start, blocks = [system.a, system.b], [[none, none], [one, none]]
        constant = np.concatenate([system.c, np.zeros(units)])
    else:
        start, constant = [system.a, system.b, system.c], np.zeros(3 * units)
        blocks = [[none, none, one], [one, none, none], [system.rho * one, none, none]]
    return np.concatenate(start), np.block(blocks), constant


def _invariants(system: Branch) -> dict[str, Callable[[Array], Array]]:
    n = system.a.size
    if system.rule == "bp":
        return {"a_i^2 - b_i^2": lambda x: (x[:n] - x[n:]) * (x[:n] + x[n:])}
    if system.rule in ("rbp", "srbp"):
        return {"c_i b_i - a_i^2 / 2": lambda x: system.c * x[n:] - x[:n] ** 2 / 2}
    return {
        "c_i - rho b_i": lambda x: x[2 * n :] - system.rho * x[n : 2 * n],
        "rho a_i^2 - c_i^2": lambda x: system.rho * x[:n] ** 2 - x[2 * n :] ** 2,
    }


def outcome(system: Branch, tolerance: float = 1e-6) -> Outcome:
    """Where the system goes; `tolerance` is that of `Outcome.time`."""
    with np.errstate(all="ignore"):
        found = flow(system)
        invariants = {name: function(found.start) for name, function in found.invariants.items()}
        clock = Clock(found.unpack, system.alpha / system.beta, system.beta, tolerance, invariants)
        _, matrix, constant = _linear(system)
        if not np.any(matrix @ found.start + constant):
            return resting(clock, found.start, "every update has a factor that is 0")
        return outcome_of(clock, _curve(system, clock.ratio), _why(system))


def _why(system: Branch) -> str:
    if system.rule in ("rbp", "srbp"):
        if not np.any(system.c):
            return "c = 0: a stays, and P is linear in the learning clock"
        square = float(system.c @ system.c)
        return f"in the learning clock P(s) is a cubic that begins with |c|^2/2 = {shown(square / 2)}"
    if system.rule == "bp":
        return (
            "in the learning clock P(s) = |a + b|^2 e^(2s)/4 - |a - b|^2 e^(-2s)/4, which takes every value unless "
            "a = b or a = -b"
        )
    return (
        "in the learning clock |b|^2 grows exponentially both ways unless c = +-sqrt(rho) a, so that P takes every "
        "value"
    )


def _curve(system: Branch, ratio: float) -> Curve:
    """The weights in the learning clock: a' = p and p' = w^2 a, where a's partner p is b (bp, w = 1) or c.

    Where all p_i = +-w a_i at the start, with one sign, they keep to that, and are set to it before every step, so that
    rounding cannot take a start off the way into the saddle.
    """
    n = system.a.size
    fixed, adaptive = system.rule in ("rbp", "srbp"), system.rule in ("arbp", "asrbp")
    w = math.sqrt(system.rho) if adaptive else 1.0
    start = _linear(system)[0]
    tie = 0.0
    for sign in () if fixed else (1.0, -1.0):
        apart = np.abs(start[-n:] - sign * w * system.a)
        if (apart <= 4 * _EPS * (np.abs(start[-n:]) + w * np.abs(system.a))).all():
            tie = sign * w
    orders = np.arange(ORDER + 1)

    def parameters(y: Array, length: float) -> Array:
        if fixed:
            x = np.zeros((y.size, ORDER + 1))
            x[:, 0] = y
            x[:n, 1], x[n:, 1], x[n:, 2] = system.c * length, y[:n] * length, system.c * length**2 / 2
            return x
        a, partner = y[:n], tie * y[:n] if tie else y[-n:]
        powers = np.cumprod(np.concatenate([[1.0], w * length / orders[1:]]))
        even, odd = np.where(orders % 2 == 0, powers, 0), np.where(orders % 2 == 1, powers, 0)
        a, partner = np.outer(a, even) + np.outer(partner / w, odd), np.outer(partner, even) + np.outer(w * a, odd)
        if not adaptive:
            return np.vstack([a, partner])
        b = np.hstack([y[n : 2 * n, None], length * a[:, :-1] / orders[1:]])
        return np.vstack([a, b, partner])

    def expand(y: Array, length: float) -> Series:
        x = parameters(y, length)
        g = np.zeros(ORDER + 1)
        for k in range(ORDER + 1):
            g[k] = -np.einsum("ij,ij->", x[:n, : k + 1], x[n : 2 * n, k::-1])
        g[0] += ratio
        return Series(x, x, g, np.zeros(len(x)))

    def noise(x: Array, largest: Array) -> float:
        size, off = np.abs(x[: 2 * n]), 32 * _EPS * np.maximum(np.abs(x), largest)[: 2 * n]
        change = size[:n] @ off[n:] + off[:n] @ size[n:] + off[:n] @ off[n:]
        return float(change) + 4 * _EPS * (abs(ratio) + float(size[:n] @ size[n:]))

    settling = [range(start.size)] if tie else []
    if tie and ratio == 0:  # P decays towards the targets' 0 and is never rounding
        return Curve(start, expand, lambda x, largest: 0.0, lambda g: 4 * abs(g), settling)
    return Curve(start, expand, noise, lambda g: 4 * max(abs(ratio - g), abs(ratio)), settling)
