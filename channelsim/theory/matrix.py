"""A[N0, N1, N2]: where a linear network with one hidden layer goes, the linear autoencoder among them.

What rbp does to the hidden layer is a system of its own: with X = A, S = C B, W = C M and M = Sigma_TI Sigma_II^-1,
X' = (W - S X) Sigma_II and S' = X' X^T. |S|^2/2 - <X, W> falls along every solution, so S X -> W, and A2 A1 -> M
where C has full column rank. In general C (M - A2 A1) = 0 at the end, and the error left is orthogonal to the hidden
units' activity: if S is invertible, A2 A1 = Sigma_TI W^T (W Sigma_II W^T)^-1 W, for an autoencoder the projector
Sigma C^T (C Sigma C^T)^-1 C. For N1 = 1 there is a closed form (bottleneck.py). For N1 > 1 the invariants leave a
continuum of limits, so A and B are integrated; that they converge, and not only their product, is a conjecture.

Rates leave out the neutral directions along that continuum.
"""

from __future__ import annotations

import numpy as np

from channelsim.theory import bottleneck
from channelsim.theory.outcome import FixedPoint, Outcome
from channelsim.theory.settle import Settled, fixed_point, settle
from channelsim.theory.systems import Array, Matrix
from channelsim.theory.two_layers import flow

__all__ = ["flow", "outcome"]

_RANK = 1e-10  # singular values below this part of the largest count as 0
_EQUAL = 1e-8


def outcome(system: Matrix, tolerance: float) -> Outcome:
    """Where A[N0, N1, N2] goes, by closed form for a bottleneck under rbp or srbp, else by integration.

    tolerance: every parameter stays so close to its limit from Outcome.time on. Raises Undecided where the integration
    comes to no end.
    """
    if system.rule in ("rbp", "srbp") and system.a.shape[0] == 1:
        return bottleneck.outcome(system, tolerance)
    equation = flow(system)
    settled = settle(equation, tolerance)
    invariants = {name: f(equation.start) for name, f in equation.invariants.items()}
    if settled.growth is not None:
        names = [
            f"{name}{list(index)}"
            for name, part in equation.unpack(equation.start).items()
            for index in np.ndindex(part.shape)
        ]
        asymptote = settled.growth.words(names)
        return Outcome("diverges", None, None, None, None, f"no rest: {asymptote}", asymptote, (), invariants)
    assert settled.landing is not None
    point = fixed_point(equation, settled.landing.point)
    rate = settled.landing.rate
    reason = _reason(system, settled, point)
    found = None if settled.kind == "stays" and not (point.stable and point.rates) else rate
    return Outcome(settled.kind, point.parameters, found, settled.time, None, reason, None, (point,), invariants)


def projector(system: Matrix) -> Array:
    """(N2, N0): the limit of A2 A1 under rbp if C A2 becomes invertible: Sigma_TI W^T (W Sigma_II W^T)^+ W, W = C M."""
    w = system.c @ np.linalg.solve(system.sigma_II, system.sigma_TI.T).T
    return system.sigma_TI @ w.T @ np.linalg.pinv(w @ system.sigma_II @ w.T, rcond=_RANK, hermitian=True) @ w


def best_of_rank(system: Matrix) -> Array:
    """(N2, N0): the product of rank N1 with the smallest squared error, which bp finds from almost every start."""
    half = np.linalg.cholesky(system.sigma_II)
    u, s, vt = np.linalg.svd(np.linalg.solve(half, system.sigma_TI.T).T, full_matrices=False)
    rank = system.a.shape[0]
    return np.linalg.solve(half.T, ((u[:, :rank] * s[:rank]) @ vt[:rank]).T).T


def _reason(system: Matrix, settled: Settled, point: FixedPoint) -> str:
    m: Array = np.asarray(np.linalg.solve(system.sigma_II, system.sigma_TI.T).T, dtype=float)
    product = point.parameters["b"] @ point.parameters["a"]
    if settled.kind == "stays":
        words = ["nothing moves at the start" + ("" if point.stable else ", a point that others leave")]
    elif settled.kind == "saddle":
        away = -min(r.real for r in point.rates)
        words = [f"the start lies on the stable manifold of a saddle that others leave at rate {away:.6g}"]
    else:
        words = [_what(system, product, m)]
    spirals = [r for r in point.rates if r.real > 0 and abs(r.imag) > _EQUAL * abs(r)]
    if spirals and settled.kind == "converges":
        words.append(f"in spirals: rate {spirals[0].real:.6g} with angular frequency {abs(spirals[0].imag):.6g}")
    if settled.kind == "converges" and settled.landing is not None and settled.landing.rates.size == 0:
        words.append("more slowly than any exponential")
    left = float(np.trace((m - product) @ system.sigma_II @ (m - product).T))
    words.append(f"squared error above the best linear map's {left:.6g}")
    return "; ".join(words)


def _what(system: Matrix, product: Array, m: Array) -> str:
    size = max(1.0, float(np.max(np.abs(m))))

    def meets(other: Array) -> bool:
        return bool(np.max(np.abs(product - other)) < _EQUAL * size)

    if meets(m):
        full = np.linalg.matrix_rank(system.c, _RANK) == system.c.shape[1]
        by = "C has full column rank, so " if full and system.rule in ("rbp", "srbp") else ""
        return f"{by}A2 A1 -> M = Sigma_TI Sigma_II^-1"
    if system.rule in ("rbp", "srbp"):
        if meets(projector(system)):
            if np.allclose(m, np.eye(*m.shape), atol=1e-12):
                return "A2 A1 -> the projector Sigma C^T (C Sigma C^T)^-1 C, not the principal components"
            return "A2 A1 -> Sigma_TI W^T (W Sigma_II W^T)^-1 W with W = C M"
        return "C (M - A2 A1) -> 0, the potential |C A2|^2/2 - <A1, C M> falls to rest"
    if meets(best_of_rank(system)):
        return f"A2 A1 -> the best map of rank {system.a.shape[0]}"
    return "the error that is left gives no gradient"
