"""What the theory is held to: the differential equations written down again, and SciPy's integration."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import solve_ivp

from channelsim.theory.systems import Hidden, Matrix

Array = NDArray[np.float64]


def matrix_velocity(system: Matrix, x: Array) -> Array:
    """A, B (and C under arbp, asrbp) row by row, element by element of the paper's equations."""
    n1, n0 = system.a.shape
    n2 = system.b.shape[0]
    a, b = x[: n1 * n0].reshape(n1, n0), x[n1 * n0 : n1 * n0 + n2 * n1].reshape(n2, n1)
    c = system.c
    if system.rule == "bp":
        c = b.T
    elif system.rule in ("arbp", "asrbp"):
        c = x[n1 * n0 + n2 * n1 :].reshape(n1, n2)
    error = system.sigma_TI - np.einsum("ki,ij,jl->kl", b, a, system.sigma_II)
    moved_a = np.einsum("ik,kj->ij", c, error)
    moved_b = np.einsum("kj,ij->ki", error, a)
    parts = [moved_a.ravel(), moved_b.ravel()]
    if system.rule in ("arbp", "asrbp"):
        parts.append(system.rho * moved_b.T.ravel())
    return np.concatenate(parts)


def hidden_velocity(system: Hidden, x: Array) -> Array:
    """One sample after the other; x has c too where the rule adapts it."""
    a1, a2 = x[:2]
    moved = np.zeros(2)
    for i, t, p in zip(system.inputs, system.targets, system.weights, strict=True):
        s = a1 * i
        if system.transfer == "tanh":
            f, slope = np.tanh(s), 1 / np.cosh(s) ** 2
        elif system.transfer == "logistic":
            f = 1 / (1 + np.exp(-s))
            slope = f * (1 - f)
        elif system.transfer == "relu":
            f, slope = max(s, 0.0), float(s > 0)
        else:
            f, slope = s**system.power, system.power * s ** (system.power - 1)
        e = t - a2 * f
        gain = a2 if system.rule == "bp" else x[-1] if len(x) == 3 else system.c
        moved += p * np.array([gain * e * (slope if system.derivative else 1.0) * i, e * f])
    return np.append(moved, system.rho * moved[1]) if len(x) == 3 else moved


def ends(velocity: Callable[[Array], Array], start: Array, times: Array, method: str = "DOP853") -> Array:
    """(times, n): the solution at given times, with tight tolerances."""
    found = solve_ivp(lambda t, x: velocity(x), (0, times[-1]), start, method, t_eval=times, rtol=3e-14, atol=1e-15)
    assert found.success
    return found.y.T
