"""Linear chains as differential equations: velocities, Jacobians and invariants under every rule."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from channelsim.theory.systems import Array, Chain, Flow


def flow(system: Chain) -> Flow:
    """The chain as an initial value problem; the state is a, followed by c where the rule adapts it."""
    depth, adaptive = system.a.size, system.rule in ("arbp", "asrbp")

    def velocity(x: Array) -> Array:
        return _error(system, x) * direction(system, x)

    def jacobian(x: Array) -> Array:
        slope = np.zeros(x.size)
        slope[:depth] = -system.beta * others(x[:depth])
        return np.outer(direction(system, x), slope) + _error(system, x) * direction_slope(system, x)

    def unpack(x: Array) -> dict[str, Array]:
        return {"a": x[:depth], "c": x[depth:]} if adaptive else {"a": x}

    start = np.concatenate([system.a, system.c]) if adaptive else system.a.copy()
    return Flow(start, velocity, jacobian, unpack, _invariants(system))


def _error(system: Chain, x: Array) -> float:
    return system.alpha - system.beta * float(np.prod(x[: system.a.size]))


def _before(x: Array) -> Array:
    """The product of all before each, and of all at the end: (n + 1,)."""
    return np.concatenate([[1.0], np.cumprod(x)])


def _after(x: Array) -> Array:
    """The product of each and all after it, and 1 at the end: (n + 1,)."""
    return _before(x[::-1])[::-1]


def others(x: Array) -> Array:
    """The product of all others, for each."""
    return _before(x)[:-1] * _after(x)[1:]


def learning_of(system: Chain, c: Array) -> Array:
    """C_i: (L,)."""
    if c.size == 0:
        return np.ones(1)
    return np.append(c, 1.0) if system.rule in ("srbp", "asrbp") else _after(c)


def direction(system: Chain, x: Array) -> Array:
    """dx/ds: the velocity without the error."""
    a, c = x[: system.a.size], x[system.a.size :]
    if system.rule == "bp":
        return others(a)
    before = _before(a)
    learning = learning_of(system, c if c.size else system.c)
    da = learning * before[:-1]
    if not c.size:
        return da
    return np.concatenate([da, system.rho * before[1:-1] * (learning[1:] if system.rule == "arbp" else 1.0)])


def direction_slope(system: Chain, x: Array) -> Array:
    """The derivatives of `direction`, (n, n): of each product, the product without the one factor."""
    depth, layers = system.a.size, np.arange(system.a.size)
    slope = np.zeros((x.size, x.size))
    for index, member in enumerate(_factors(system)):
        factors = x[member] if member.size else x[:0]
        slope[index, member] = others(factors)
    fixed = np.ones(x.size)
    if system.rule in ("rbp", "srbp"):
        fixed[layers] = learning_of(system, system.c)
    fixed[depth:] = system.rho
    return fixed[:, None] * slope


def _factors(system: Chain) -> list[npt.NDArray[np.intp]]:
    """The indices into x of the factors of dx/ds, for each of the state's parameters."""
    depth = system.a.size
    layers = range(depth)
    if system.rule == "bp":
        return [np.delete(np.arange(depth), i) for i in layers]
    below = [np.arange(i) for i in layers]
    if system.rule in ("rbp", "srbp"):
        return below
    c = depth + np.arange(depth - 1)
    if system.rule == "arbp":
        of_a = [np.append(below[i], c[i:]) for i in layers]
        return of_a + [np.append(np.arange(i + 1), c[i + 1 :]) for i in layers[:-1]]
    return [np.append(below[i], c[i : i + 1]) for i in layers] + [np.arange(i + 1) for i in layers[:-1]]


def _invariants(system: Chain) -> dict[str, Callable[[Array], Array]]:
    depth, rho = system.a.size, system.rho
    if depth == 1:
        return {}
    if system.rule == "bp":
        return {"a_i^2 - a_{i+1}^2": lambda x: (x[:-1] - x[1:]) * (x[:-1] + x[1:])}
    if system.rule in ("rbp", "srbp"):
        big = learning_of(system, system.c)
        return {"C_i a_{i+1} - C_{i+1} a_i^2 / 2": lambda x: big[:-1] * x[1:] - big[1:] * x[:-1] ** 2 / 2}
    squares = {"rho a_i^2 - c_i^2": lambda x: rho * x[: depth - 1] ** 2 - x[depth:] ** 2}
    if system.rule == "arbp":
        return {"c_i - rho a_{i+1}": lambda x: x[depth:] - rho * x[1:depth], **squares}
    return {"c_{L-1} - rho a_L": lambda x: x[-1:] - rho * x[depth - 1 : depth], **squares}
