"""The learning equation of A[N0, N1, N2], a linear network with one hidden layer.

With E = Sigma_TI - B A Sigma_II: A' = C E and B' = E A^T under rbp, which is srbp with one hidden layer; bp has B^T
for C; arbp and asrbp let C follow C' = rho A E^T. Invariants: C B + (C B)^T - A A^T under rbp [P]; B^T B - A A^T
under bp; C - rho B^T =: D and D B + (D B)^T + rho B^T B - A A^T where C adapts.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from channelsim.theory.systems import Array, Flow, Matrix


def flow(system: Matrix) -> Flow:
    """The learning equation; the state is A, B and, where the rule adapts it, C, each row by row."""
    n1, n0 = system.a.shape
    n2 = system.b.shape[0]
    adapts = system.rule in ("arbp", "asrbp")
    sigma, target, rho = system.sigma_II, system.sigma_TI, system.rho
    ends = np.cumsum([n1 * n0, n2 * n1, n1 * n2 if adapts else 0])
    transposed = np.arange(n2 * n1).reshape(n2, n1).T.ravel()  # of B^T's elements within B's
    turned = np.eye(n2 * n1)[transposed]

    def parts(x: Array) -> tuple[Array, Array, Array]:
        a, b = x[: ends[0]].reshape(n1, n0), x[ends[0] : ends[1]].reshape(n2, n1)
        if system.rule == "bp":
            return a, b, b.T
        return a, b, x[ends[1] :].reshape(n1, n2) if adapts else system.c

    def velocity(x: Array) -> Array:
        a, b, c = parts(x)
        error = target - b @ a @ sigma
        top = error @ a.T
        moved = [(c @ error).ravel(), top.ravel()]
        return np.concatenate([*moved, rho * top.T.ravel()] if adapts else moved)

    def jacobian(x: Array) -> Array:
        a, b, c = parts(x)
        error = target - b @ a @ sigma
        of_error = np.zeros((n2 * n0, x.size))  # rows: the elements of E
        of_error[:, : ends[0]] = -np.kron(b, sigma)
        of_error[:, ends[0] : ends[1]] = -np.kron(np.eye(n2), (a @ sigma).T)
        of_a = np.kron(c, np.eye(n0)) @ of_error
        of_b = np.kron(np.eye(n2), a) @ of_error
        of_b[:, : ends[0]] += np.kron(error, np.eye(n1))[:, _transposition(n1, n0)]
        if system.rule == "bp":
            of_a[:, ends[0] : ends[1]] += np.kron(np.eye(n1), error.T) @ turned
        if not adapts:
            return np.concatenate([of_a, of_b])
        of_a[:, ends[1] :] += np.kron(np.eye(n1), error.T)
        return np.concatenate([of_a, of_b, rho * of_b[transposed]])

    def unpack(x: Array) -> dict[str, Array]:
        a, b, c = parts(x)
        return {"a": a, "b": b, "c": c} if adapts else {"a": a, "b": b}

    start = [system.a.ravel(), system.b.ravel(), *([system.c.ravel()] if adapts else [])]
    return Flow(np.concatenate(start).astype(float), velocity, jacobian, unpack, _invariants(system, parts))


def _transposition(rows: int, columns: int) -> npt.NDArray[np.intp]:
    """Order of columns that turns a product with the elements of A^T into one with those of A (rows x columns)."""
    return np.arange(columns * rows).reshape(columns, rows).T.ravel()


def _invariants(
    system: Matrix, parts: Callable[[Array], tuple[Array, Array, Array]]
) -> dict[str, Callable[[Array], Array]]:
    upper = np.triu_indices(system.a.shape[0])
    adapts = system.rule in ("arbp", "asrbp")

    def difference(x: Array) -> Array:
        _, b, c = parts(x)
        return c - system.rho * b.T

    def symmetric(x: Array) -> Array:
        a, b, c = parts(x)
        if system.rule == "bp":
            return (b.T @ b - a @ a.T)[upper]
        half = (difference(x) + 0.5 * system.rho * b.T if adapts else c) @ b
        return (half + half.T - a @ a.T)[upper]

    if system.rule == "bp":
        return {"B^T B - A A^T": symmetric}
    if adapts:
        return {"C - rho B^T": difference, "D B + (D B)^T + rho B^T B - A A^T": symmetric}
    return {"C B + (C B)^T - A A^T": symmetric}
