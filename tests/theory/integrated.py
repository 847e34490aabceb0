"""An independent integration: SciPy's DOP853 with tight tolerances, of right-hand sides written anew."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.integrate import solve_ivp
from scipy.integrate._ivp.common import OdeSolution

from channelsim.theory import Branch, Chain
from channelsim.theory.systems import Array


def chain_velocity(system: Chain) -> Callable[[float, Array], Array]:
    """a' and, for the adaptive rules, c', layer by layer as the rules are stated (docs/design.md, section 4)."""
    depth, rule = system.a.size, system.rule

    def velocity(_: float, x: Array) -> Array:
        a, c = x[:depth], (x[depth:] if rule in ("arbp", "asrbp") else system.c)
        outputs = np.concatenate([[1.0], np.cumprod(a)])
        error = system.alpha - system.beta * outputs[-1]
        signal = [error] * depth  # what arrives at each layer, from the top down
        for layer in range(depth - 2, -1, -1):
            if rule == "bp":
                signal[layer] = a[layer + 1] * signal[layer + 1]
            elif rule in ("rbp", "arbp"):
                signal[layer] = c[layer] * signal[layer + 1]
            else:
                signal[layer] = c[layer] * error
        da = [signal[layer] * outputs[layer] for layer in range(depth)]
        if rule not in ("arbp", "asrbp"):
            return np.array(da)
        sent = signal[1:] if rule == "arbp" else [error] * (depth - 1)
        return np.array(da + [system.rho * sent[layer] * outputs[layer + 1] for layer in range(depth - 1)])

    return velocity


def branch_velocity(system: Branch) -> Callable[[float, Array], Array]:
    n, rule = system.a.size, system.rule

    def velocity(_: float, x: Array) -> Array:
        a, b = x[:n], x[n : 2 * n]
        error = system.alpha - system.beta * sum(a * b)
        if rule == "bp":
            return np.concatenate([error * b, error * a])
        if rule in ("rbp", "srbp"):
            return np.concatenate([error * system.c, error * a])
        return np.concatenate([error * x[2 * n :], error * a, system.rho * error * a])

    return velocity


def path(system: Chain | Branch, end: float) -> OdeSolution:
    """The solution from the start to time `end`, as a function of time."""
    adaptive = system.rule in ("arbp", "asrbp")
    parts = [system.a] + ([system.b] if isinstance(system, Branch) else []) + ([system.c] if adaptive else [])
    velocity = chain_velocity(system) if isinstance(system, Chain) else branch_velocity(system)
    found = solve_ivp(
        velocity, (0, end), np.concatenate(parts), method="DOP853", rtol=3e-14, atol=1e-14, dense_output=True
    )
    assert found.success
    return found.sol
