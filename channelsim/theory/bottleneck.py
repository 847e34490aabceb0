"""A[N, 1, M] under rbp, with any covariance: A runs down a potential to a multiple of w = C Sigma_TI Sigma_II^-1.

K = C B - |A|^2/2 is constant [P], so that A' = -grad U(A) Sigma_II with U = |A|^4/8 + K |A|^2/2 - w A^T. Where w != 0
its critical points are A = b w with |w|^2 b^3/2 + K b - 1 = 0: one positive root, the minimum of U, and for K <= -3/2
|w|^(2/3) two negative ones. The Hessian there is Id/b + A^T A, so a negative root repels in all directions across w:
with N > 1 the outer one is a saddle whose stable manifold is a curve. That curve is the straight line along w where w
is an eigenvector of Sigma_II (always so with decorrelated data); the inner one repels along w too.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq

from channelsim.theory.outcome import FixedPoint, Kind, Outcome
from channelsim.theory.settle import fixed_point, settle
from channelsim.theory.systems import Array, Matrix
from channelsim.theory.two_layers import flow

_ROUNDING = 64 * np.finfo(float).eps


def outcome(system: Matrix, tolerance: float) -> Outcome:
    """Limit, rates and time of A[N, 1, M] under rbp or srbp; `tolerance` as in Outcome.time."""
    a, c = system.a[0], system.c[0]
    k = float(c @ system.b[:, 0] - a @ a / 2)
    regression = np.linalg.solve(system.sigma_II, system.sigma_TI.T)
    w = regression @ c
    if not np.any(a) and not np.any(c @ system.sigma_TI):
        here = fixed_point(flow(system), flow(system).start)
        why = "A = 0 and C Sigma_TI = 0: nothing moves"
        return Outcome("stays", here.parameters, None, 0.0, None, why, None, (here,), _constant(k))
    if not np.any(c):
        return _to_regression(system, a, tolerance, k, "C = 0: A does not move, and B becomes the regression on A I")
    if np.linalg.norm(w) <= _ROUNDING * np.linalg.norm(c) * np.linalg.norm(regression):
        return _without_signal(system, k, tolerance)
    return _to_root(system, w, k, tolerance)


def roots(length: float, k: float) -> tuple[float, ...]:
    """The real roots b of length^2 b^3/2 + k b - 1, the positive one first, then the negative ones, inner first.

    A double root is there once. length: |w| > 0.
    """
    unit = length ** (-2 / 3)  # b = unit x: x^3/2 + kappa x - 1 = 0
    kappa = k * unit
    high = 2.0 + float(np.sqrt(max(0.0, -2 * kappa)))

    def between(low: float, high: float) -> float:
        return float(brentq(lambda x: x**3 / 2 + kappa * x - 1, low, high, xtol=1e-300, rtol=float(_ROUNDING) / 16))

    found = [between(0.0, high)]
    if abs(kappa + 1.5) <= _ROUNDING:
        found.append(-1.0)
    elif kappa < -1.5:
        top = -float(np.sqrt(-2 * kappa / 3))  # where the cubic has its maximum, between the negative roots
        found += [between(top, 0.0), between(-2.0 - float(np.sqrt(-2 * kappa)), top)]
    return tuple(unit * x for x in found)


def _to_root(system: Matrix, w: Array, k: float, tolerance: float) -> Outcome:
    length = float(np.linalg.norm(w))
    bs = roots(length, k)
    points = tuple(_fixed_point(system, b * w, 1 / b) for b in bs)
    numbers = f"|w|^2 b^3/2 + K b - 1 with |w| = {length:.6g}, K = {k:.6g} (roots {', '.join(f'{b:.6g}' for b in bs)})"
    on_line, start = _along(system, w)
    if not on_line or len(bs) == 1 or start > bs[1] + _ROUNDING * abs(bs[1]):
        why = f"A -> b w, b = {bs[0]:.6g} the positive root of {numbers}, the minimum of the potential"
        return _arrives(system, points[0], tolerance, k, points, why)
    many = w.size > 1
    saddle = ": a saddle; A starts on its stable manifold, the line along w, which is an eigenvector of Sigma_II"
    saddle = saddle if many else ""
    if len(bs) == 2:
        why = f"A -> b w, b = {bs[1]:.6g} the double negative root of {numbers}, approached like 1/t{saddle}"
        time = _time_to_double_root(system, w, start, bs, points[1], tolerance)
        kind: Kind = "saddle" if many else "converges"
        return Outcome(kind, points[1].parameters, 0.0, time, None, why, None, points, _constant(k))
    if abs(start - bs[1]) <= _ROUNDING * abs(bs[1]):
        why = (
            f"A = b w from the start, b = {bs[1]:.6g} the inner negative root of {numbers}, which every other A leaves"
        )
        rest, rate = points[1].parameters["b"], float(bs[1] ** 2 * (w @ system.sigma_II @ w))
        far = float(np.max(np.abs(system.b - rest)))
        if far <= _ROUNDING * float(np.max(np.abs(rest))):
            return Outcome("stays", points[1].parameters, None, 0.0, None, why, None, points, _constant(k))
        time = max(0.0, float(np.log(far / tolerance)) / rate)
        return Outcome("saddle", points[1].parameters, rate, time, None, why, None, points, _constant(k))
    why = f"A -> b w, b = {bs[2]:.6g} the outer negative root of {numbers}{saddle}"
    return _arrives(system, points[2], tolerance, k, points, why, (w / length)[:, None])


def _time_to_double_root(
    system: Matrix, w: Array, start: float, bs: tuple[float, ...], point: FixedPoint, tolerance: float
) -> float:
    """On the line A = b w: b' = speed (b - b*)^2 (b+ - b), with B close to the regression on A all along."""
    speed = float(w @ system.sigma_II @ w) / 2
    gap = bs[0] - bs[1]

    def excess(u: float) -> float:
        a = (bs[1] - u) * w
        off = np.max(np.abs(_regression(system, a) - point.parameters["b"]))
        return float(max(off, np.max(np.abs(u * w)))) - tolerance

    def primitive(u: float) -> float:
        return -1 / (gap * u) + np.log(abs(u) / (gap + abs(u))) / gap**2

    first = bs[1] - start
    if first <= 0 or excess(first) <= 0:
        return 0.0
    last = float(brentq(excess, 1e-3 * tolerance / float(np.max(np.abs(w))) * min(1.0, abs(bs[1])), first))
    return float(primitive(-last) - primitive(-first)) / speed


def _along(system: Matrix, w: Array) -> tuple[bool, float]:
    """Whether A stays a multiple of w for ever, and which multiple it is at the start."""
    a = system.a[0]
    x = float(a @ w / (w @ w))
    image = w @ system.sigma_II
    off = np.linalg.norm(image - (image @ w) / (w @ w) * w) > _ROUNDING * w.size * np.linalg.norm(image)
    return bool(not off and np.linalg.norm(a - x * w) <= _ROUNDING * np.linalg.norm(a)), x


def _on_line(system: Matrix, axis: Array) -> Matrix:
    """The system of A[1, 1, M] that a start along an eigenvector of Sigma_II follows: its component along it."""
    return Matrix(
        system.rule, system.a @ axis, system.b, system.c, axis.T @ system.sigma_II @ axis, system.sigma_TI @ axis
    )


def _without_signal(system: Matrix, k: float, tolerance: float) -> Outcome:
    """w = 0: A' = -(|A|^2/2 + K) A Sigma_II, so A = A(0) exp(-s Sigma_II) in a clock s of its own."""
    a = system.a[0]
    size = float(abs(system.c[0]) @ abs(system.b[:, 0]) + a @ a / 2)
    variances, axes = np.linalg.eigh(system.sigma_II)
    along = axes.T @ a

    def squared(s: float) -> float:
        return float(np.sum((along * np.exp(-s * variances)) ** 2))

    why = f"C Sigma_TI = 0, K = {k:.6g}: A = A(0) exp(-s Sigma_II)"
    if abs(k) <= _ROUNDING * size:
        slowest = int(np.flatnonzero(np.abs(along) > 1e-14 * np.linalg.norm(a))[0])
        axis = axes[:, slowest] * np.sign(along[slowest])
        drive = system.sigma_TI @ axis
        grows = np.linalg.norm(drive) > _ROUNDING * np.linalg.norm(system.sigma_TI)
        asymptote = f"|A| ~ (t {variances[slowest]:.5g})^-1/2"
        if grows:
            top = np.array2string(drive / np.sqrt(variances[slowest]), precision=5)
            asymptote += f"; B ~ {top} t^1/2"
            return Outcome(
                "diverges",
                None,
                None,
                None,
                None,
                f"{why} vanishes so slowly that B has no limit",
                asymptote,
                (),
                _constant(k),
            )
    elif k < 0:
        scale = 1.0 / variances[0]
        low, high = -scale, scale
        while squared(high) > -2 * k:
            high *= 2
        while squared(low) < -2 * k:
            low *= 2
        s = float(brentq(lambda s: squared(s) + 2 * k, low, high, xtol=1e-300, rtol=_ROUNDING / 16))
        limit = axes @ (along * np.exp(-s * variances))
        return _to_regression(system, limit, tolerance, k, f"{why} until |A|^2 = -2 K, at s = {s:.6g}")
    settled = settle(flow(system), tolerance)
    assert settled.landing is not None
    x = flow(system).unpack(settled.landing.point)
    why += " -> 0, and the learning of B stops where it then is"
    points = (fixed_point(flow(system), settled.landing.point),)
    return Outcome("converges", x, settled.landing.rate, settled.time, None, why, None, points, _constant(k))


def _to_regression(system: Matrix, a: Array, tolerance: float, k: float, why: str) -> Outcome:
    point = fixed_point(flow(system), np.concatenate([a, _regression(system, a).ravel()]))
    return _arrives(system, point, tolerance, k, (point,), why)


def _regression(system: Matrix, a: Array) -> Array:
    """(M, 1): the B at which B' = 0, given A != 0."""
    return (system.sigma_TI @ a / (a @ system.sigma_II @ a))[:, None]


def _fixed_point(system: Matrix, a: Array, inverse: float) -> FixedPoint:
    """The fixed point A = b w, inverse = 1/b: rates of A, and A Sigma_II A^T for each direction of B across C."""
    half = np.linalg.cholesky(system.sigma_II)
    hessian = inverse * np.eye(a.size) + np.outer(a, a)
    across = float(a @ system.sigma_II @ a)
    rates = [*np.linalg.eigvalsh(half.T @ hessian @ half), *[across] * (system.b.shape[0] - 1)]
    return FixedPoint(
        {"a": a[None], "b": _regression(system, a)}, tuple(complex(r) for r in sorted(rates)), bool(min(rates) > 0)
    )


def _constant(k: float) -> dict[str, float]:
    return {"K = C B - |A|^2/2": k}


def _arrives(
    system: Matrix,
    point: FixedPoint,
    tolerance: float,
    k: float,
    points: tuple[FixedPoint, ...],
    why: str,
    axis: Array | None = None,
) -> Outcome:
    """The outcome of a start that goes to `point`; axis: the unit vector (N, 1) along w, if it stays on that line."""
    followed = system if axis is None else _on_line(system, axis)
    a = point.parameters["a"]
    if axis is not None:
        a = a @ axis
    settled = settle(flow(followed), tolerance, np.concatenate([a.ravel(), point.parameters["b"].ravel()]))
    kind: Kind = settled.kind if settled.kind == "stays" or point.stable else "saddle"
    rate = settled.landing.rate if settled.landing is not None and settled.landing.rate > 0 else None
    return Outcome(kind, point.parameters, rate, settled.time, None, why, None, points, _constant(k))
