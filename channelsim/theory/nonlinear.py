"""The learning equation of A[1, 1, 1] with a non-linear hidden unit S = a1 I and output O = a2 f(S).

With E = T - O: a1' = c E(E f'(S) I) and a2' = E(E f(S)); bp has a2 for c; without the derivative f' is left out. arbp
and asrbp, the same here, have c' = rho a2'.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from channelsim.errors import InputError
from channelsim.theory.systems import Array, Flow, Hidden


@dataclass(frozen=True)
class Transfer:
    """A transfer function with its first two derivatives, elementwise."""

    value: Callable[[Array], Array]
    slope: Callable[[Array], Array]
    curvature: Callable[[Array], Array]


def _bell(s: Array) -> Array:
    """The logistic function's derivative, also where the function itself rounds to 0 or 1."""
    small = np.exp(-np.abs(s))
    return small / (1 + small) ** 2


_SMOOTH = {
    "tanh": Transfer(np.tanh, lambda s: 4 * _bell(2 * s), lambda s: -8 * np.tanh(s) * _bell(2 * s)),
    "logistic": Transfer(expit, _bell, lambda s: -np.tanh(s / 2) * _bell(s)),
    "relu": Transfer(lambda s: np.maximum(s, 0.0), lambda s: (s > 0).astype(float), np.zeros_like),
}


def transfer(system: Hidden) -> Transfer:
    """f, f' and f'' of the hidden unit; a power with a fraction has the domain S >= 0, below which it is 0."""
    if system.transfer != "power":
        return _SMOOTH[system.transfer]
    mu = float(system.power)

    def power(s: Array, exponent: float) -> Array:
        if exponent == int(exponent):
            return np.power(s, int(exponent)) if exponent >= 0 else np.zeros_like(s)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(s > 0, np.power(np.maximum(s, 0.0), exponent), 0.0)

    return Transfer(lambda s: power(s, mu), lambda s: mu * power(s, mu - 1), lambda s: mu * (mu - 1) * power(s, mu - 2))


def check(system: Hidden) -> None:
    """Raises InputError for what this module has no equation for."""
    if system.transfer not in ("power", *_SMOOTH):
        raise InputError(f"transfer {system.transfer}: use power, {', '.join(_SMOOTH)}")
    if system.transfer == "power":
        if not system.power >= 1:
            raise InputError(f"power {system.power:g}: use 1 or more")
        if system.power != int(system.power) and np.any(system.a[0] * system.inputs < 0):
            raise InputError(
                f"power {system.power:g} of a negative number: use an integer, or inputs of the sign of a[0]"
            )


def adapts(system: Hidden) -> bool:
    return system.rule in ("arbp", "asrbp")


def gain(system: Hidden, a2: Array) -> Array:
    """What the error is multiplied by on its way to the hidden unit, where the top weight is a2."""
    if system.rule == "bp":
        return a2
    return system.c + (system.rho * (a2 - system.a[1]) if adapts(system) else 0.0 * a2)


def state(system: Hidden, a1: float, a2: float) -> Array:
    """(a1, a2), and the c that belongs to it where the rule adapts it."""
    a = np.array([a1, a2])
    return np.append(a, gain(system, a[1])) if adapts(system) else a


def flow(system: Hidden) -> Flow:
    """The equation of a1, a2 and an adaptive c. Invariants: c - rho a2, and those of powers and of relu with f'.

    The half-planes of relu share one.
    """
    check(system)
    f = transfer(system)
    inputs, targets, weights = system.inputs, system.targets, system.weights
    bp, adaptive = system.rule == "bp", adapts(system)

    def passed(x: Array) -> float:
        return float(x[1] if bp else x[2] if adaptive else system.c)

    def velocity(x: Array) -> Array:
        s = x[0] * inputs
        value = f.value(s)
        error = weights * (targets - x[1] * value)
        through = error * f.slope(s) if system.derivative else error
        first, top = passed(x) * float(through @ inputs), float(error @ value)
        return np.array([first, top, system.rho * top] if adaptive else [first, top])

    def jacobian(x: Array) -> Array:
        s = x[0] * inputs
        value, slope = f.value(s), f.slope(s)
        error = targets - x[1] * value
        through = slope if system.derivative else np.ones_like(s)
        bent = f.curvature(s) if system.derivative else np.zeros_like(s)
        of_first = passed(x) * float(weights @ (inputs**2 * (error * bent - x[1] * slope * through)))
        of_second = -passed(x) * float(weights @ (inputs * value * through))
        of_gain = float(weights @ (inputs * error * through))
        top = [float(weights @ (inputs * slope * (error - x[1] * value))), -float(weights @ value**2)]
        if adaptive:
            of_c = [system.rho * k for k in top]
            return np.array([[of_first, of_second, of_gain], [*top, 0.0], [*of_c, 0.0]])
        return np.array([[of_first, of_second + bp * of_gain], top])

    def unpack(x: Array) -> dict[str, Array]:
        return {"a": x[:2].copy()} | ({"c": x[2:].copy()} if adaptive else {})

    start = state(system, float(system.a[0]), float(system.a[1]))
    return Flow(start, velocity, jacobian, unpack, _invariants(system))


def _invariants(system: Hidden) -> dict[str, Callable[[Array], Array]]:
    rho = system.rho
    found: dict[str, Callable[[Array], Array]] = {}
    if adapts(system):
        found["c - rho a2"] = lambda x: np.array([x[2] - rho * x[1]])
    if not system.derivative or system.transfer not in ("power", "relu"):
        return found
    mu = float(system.power) if system.transfer == "power" else 1.0
    if adapts(system):
        found["c^2/rho - a1^2/mu"] = lambda x: np.array([x[2] ** 2 / rho - x[0] ** 2 / mu])
        return found
    if system.rule == "bp":
        return {"a2^2 - a1^2/mu": lambda x: np.array([x[1] ** 2 - x[0] ** 2 / mu])}
    return {"c a2 - a1^2/(2 mu)": lambda x: np.array([system.c * x[1] - x[0] ** 2 / (2 * mu)])}
