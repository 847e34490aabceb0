"""A[1, 1, 1] with a power or a ReLU in the hidden unit, where both weights follow one error: solved along a curve.

On the half-line of a1's sign, with u = |a1|, P = a2 u^mu (mu = 1 for relu) and that half-line's moments alpha = E(T
f), beta = E(f^2), f = f(+-I): with f', u' = g mu u^(mu-1) e and a2' = u^mu e with e = alpha - beta P, g = c (bp: a2)
[P 12]. Without f', and with gamma = E(T I), delta = E(I f): u' = +-c (gamma - delta P), the same error up to a factor
only if gamma/delta = alpha/beta. Then a solution runs along one curve of the plane (an invariant) to the first point
on it at which P = alpha/beta, or to a1 = 0 if nothing moves there.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from math import factorial

import numpy as np
from scipy.integrate import IntegrationWarning, quad
from scipy.optimize import brentq

from channelsim.theory.systems import Array, Hidden

_ROUNDING = 64 * np.finfo(float).eps
_TIGHT = 4 * np.finfo(float).eps
_GRID = np.concatenate([[0.0], np.geomspace(1e-14, 1e-2, 240), np.linspace(1e-2, 1.0, 400)[1:]])  # of a segment


@dataclass(frozen=True)
class Side:
    """The moments of one half-line of a1: sign (1 or -1), alpha, beta, delta as above; gamma is the same on both."""

    sign: int
    alpha: float
    beta: float
    gamma: float
    delta: float

    @property
    def one_error(self) -> bool:
        """Whether gamma - delta P and alpha - beta P vanish together."""
        left, right = self.gamma * self.beta, self.alpha * self.delta
        return self.beta > 0 and self.delta != 0 and bool(abs(left - right) <= _ROUNDING * (abs(left) + abs(right)))


def exponent(system: Hidden) -> float:
    return 1.0 if system.transfer == "relu" else float(system.power)


def side(system: Hidden, sign: int) -> Side:
    """The half-line of a1's `sign`, for transfer "power" or "relu"."""
    p, t, i = system.weights, system.targets, system.inputs
    mu, signed = exponent(system), sign * i
    whole = system.transfer == "power" and mu == int(mu)
    f = signed ** int(mu) if whole else np.maximum(signed, 0.0) ** mu
    return Side(sign, float(p @ (t * f)), float(p @ f**2), float(p @ (t * i)), float(p @ (i * f)))


@dataclass(frozen=True)
class Segment:
    """A piece of a solution's curve, from z = first to z = last; velocity: dz/dt; place: z to (a1, a2)."""

    first: float
    last: float
    velocity: Callable[[float], float]
    place: Callable[[float], Array]


@dataclass(frozen=True)
class Run:
    """A solution as segments. end: "root", "double" (like 1/t), "zero" (a1 -> 0) or "dead" (a1 = 0 in finite time)."""

    segments: tuple[Segment, ...]
    end: str
    point: Array
    roots: tuple[tuple[float, float], ...]  # points (a1, a2) with P = alpha/beta on the curve


def solve(system: Hidden) -> Run | None:
    """The solution from the start; None where the two weights do not follow one error, so that no curve is known.

    The start must not be at rest.
    """
    sign = _first_side(system)
    a1, a2 = (float(x) for x in system.a)
    segments: list[Segment] = []
    for _ in range(3):
        here = side(system, sign)
        curve = _curve(system, here, abs(a1), a2)
        if curve is None:
            return None
        last, end = _next(curve)
        segments.append(Segment(curve.start, last, curve.velocity, curve.place))
        if end != "zero":
            return Run(tuple(segments), end, curve.place(last), _places(curve))
        a1, a2 = 0.0, float(curve.place(last)[1])
        leaving = sign * curve.velocity(0.0)
        if leaving == 0:
            return Run(tuple(segments), "zero", np.array([0.0, a2]), _places(curve))
        if not _moves_on(system, -sign, a2, leaving):
            return Run(tuple(segments), "dead", np.array([0.0, a2]), _places(curve))
        sign = -sign
    raise AssertionError("a solution crosses a1 = 0 once")


def _gain(system: Hidden, a2: float) -> float:
    return a2 if system.rule == "bp" else system.c


def _speed_at_zero(system: Hidden, sign: int, a2: float) -> float:
    """a1' just on that side of a1 = 0."""
    here, gain = side(system, sign), _gain(system, a2)
    if not system.derivative:
        return gain * here.gamma
    return sign * gain * here.alpha if exponent(system) == 1 else 0.0


def _moves_on(system: Hidden, sign: int, a2: float, leaving: float) -> bool:
    return _speed_at_zero(system, sign, a2) * leaving > 0


def _first_side(system: Hidden) -> int:
    if system.a[0] != 0:
        return int(np.sign(system.a[0]))
    return 1 if _speed_at_zero(system, 1, float(system.a[1])) > 0 else -1


@dataclass(frozen=True)
class _Curve:
    """A half-line's part of an invariant curve, in z >= low.

    P = product(z) is monotone between the turns and grows without bound, upward if `rises`; a turn in `touched` is a
    double root of P = alpha/beta.
    """

    start: float
    low: float
    product: Callable[[float], float]
    velocity: Callable[[float], float]
    place: Callable[[float], Array]
    side: Side
    rises: bool
    turn: float | None = None
    touched: bool = False


def _curve(system: Hidden, here: Side, u0: float, a2: float) -> _Curve | None:
    if system.rule == "bp":
        return _hyperbola(here, exponent(system), u0, a2) if system.derivative else None
    if system.c == 0 or not (system.derivative or here.one_error):
        return None
    return _parabola(system, here, u0, a2)


def _parabola(system: Hidden, here: Side, u0: float, a2: float) -> _Curve:
    """rbp: a2 = level + slope u^power, so that P = level u^mu + slope u^(mu + power)."""
    mu, c = exponent(system), system.c
    if system.derivative:
        slope, power = 1 / (2 * mu * c), 2.0
    else:
        slope, power = here.beta / (here.sign * c * here.delta * (mu + 1)), mu + 1
    level = a2 - slope * u0**power
    terms = ((level, mu), (slope, mu + power))
    bend = -level * mu / (slope * (mu + power))
    turn = bend ** (1 / power) if bend > 0 else None
    touched = turn is not None and _touches(here, terms, turn)

    def product(u: float) -> float:
        return sum(k * u**m for k, m in terms)

    def error(u: float) -> float:
        if touched and turn is not None and abs(u - turn) < 1e-3 * turn:
            # The difference would cancel: Taylor's series from the double root.
            series = (k * binomial(m, n) * turn ** (m - n) * (u - turn) ** n for n in range(2, 8) for k, m in terms)
            return -here.beta * float(sum(series))
        return here.alpha - here.beta * product(u)

    def velocity(u: float) -> float:
        if not system.derivative:
            return here.sign * c * here.delta / here.beta * error(u)
        return c * mu * (1.0 if mu == 1 else u ** (mu - 1)) * error(u)

    def place(u: float) -> Array:
        return np.array([here.sign * u, level + slope * u**power])

    return _Curve(u0, 0.0, product, velocity, place, here, slope > 0, turn, touched)


def _touches(here: Side, terms: tuple[tuple[float, float], ...], u: float) -> bool:
    parts = [here.alpha, *(-here.beta * k * u**m for k, m in terms)]
    return abs(sum(parts)) <= _ROUNDING * sum(abs(part) for part in parts)


def _hyperbola(here: Side, mu: float, u0: float, a2: float) -> _Curve:
    """bp: a2^2 - u^2/mu = level; in u where a2 keeps its sign, else in a2."""
    level = a2**2 - u0**2 / mu
    if abs(level) <= _ROUNDING * (a2**2 + u0**2 / mu):
        level = 0.0

    def top(u: float) -> float:
        return float(np.copysign(np.sqrt(level + u**2 / mu), a2))

    def in_u(u: float) -> float:
        return top(u) * mu * (1.0 if mu == 1 else u ** (mu - 1)) * (here.alpha - here.beta * top(u) * u**mu)

    def below(z: float) -> float:
        return float(np.sqrt(mu * (z**2 - level)))

    def in_top(z: float) -> float:
        return below(z) ** mu * (here.alpha - here.beta * z * below(z) ** mu)

    if level >= 0:
        return _Curve(
            u0, 0.0, lambda u: top(u) * u**mu, in_u, lambda u: np.array([here.sign * u, top(u)]), here, a2 > 0
        )
    return _Curve(
        a2, -np.inf, lambda z: z * below(z) ** mu, in_top, lambda z: np.array([here.sign * below(z), z]), here, True
    )


def binomial(m: float, n: int) -> float:
    """m over n for a real m."""
    return float(np.prod([m - k for k in range(n)])) / factorial(n)


def _next(curve: _Curve) -> tuple[float, str]:
    """The coordinate to which the flow takes the start, and how: "root", "double" or "zero"."""
    up = curve.start == curve.low or curve.velocity(curve.start) > 0
    ahead = [z for z in _roots(curve) if (z > curve.start if up else z < curve.start)]
    if not ahead:
        assert not up, "a weight that grows meets a root"
        return curve.low, "zero"
    last = min(ahead) if up else max(ahead)
    return last, "double" if curve.touched and last == curve.turn else "root"


def _places(curve: _Curve) -> tuple[tuple[float, float], ...]:
    return tuple((float(a1), float(a2)) for a1, a2 in map(curve.place, _roots(curve)))


def _roots(curve: _Curve) -> list[float]:
    """All z > low at which P = alpha/beta, in order."""
    here = curve.side
    if here.beta == 0:
        return []
    wanted = here.alpha / here.beta

    def above(z: float) -> float:
        return curve.product(z) - wanted

    def crossing(a: float, b: float) -> list[float]:
        return [float(brentq(above, a, b, xtol=1e-300, rtol=_TIGHT))] if above(a) * above(b) < 0 else []

    if curve.touched and curve.turn is not None:
        return [curve.turn]
    far = 1.0 + 2 * abs(curve.start) + (curve.turn or 0.0)
    while (above(far) > 0) != curve.rises:
        far *= 2
    if not np.isfinite(curve.low):
        low = -far
        while above(low) > 0:
            low *= 2
        return crossing(low, far)
    if curve.turn is None:
        return crossing(curve.low, far)
    return crossing(curve.low, curve.turn) + crossing(curve.turn, far)


def time_within(run: Run, tolerance: float) -> float:
    """The last time at which a weight is further than the tolerance from its limit, by quadrature; 0 if none."""
    total = found = 0.0
    for number, piece in enumerate(run.segments):

        def place(d: float, piece: Segment = piece) -> float:
            z = piece.last + np.copysign(d, piece.first - piece.last)
            return float(np.max(np.abs(piece.place(z) - run.point))) - tolerance

        grid = _GRID * abs(piece.first - piece.last)
        outside = [n for n, d in enumerate(grid) if place(d) > 0]
        if outside:
            n = outside[0]
            end = 0.0 if n == 0 else float(brentq(place, grid[n - 1], grid[n], xtol=1e-300, rtol=_TIGHT))
            found = total + _travel(piece, end)
        if number < len(run.segments) - 1:
            total += _travel(piece, 0.0)
    return found


def _travel(piece: Segment, end: float) -> float:
    """The time from a segment's start to the distance `end` from its last point."""
    span = abs(piece.first - piece.last)

    def slowness(d: float) -> float:
        return 1 / abs(piece.velocity(piece.last + np.copysign(d, piece.first - piece.last)))

    if end == 0:
        return _integral(slowness, 0.0, span)
    # Close to a root time is a logarithm, or a power, of the distance: one decade at a time.
    edges = np.append(np.arange(np.log(end), np.log(span), np.log(10.0)), np.log(span))
    return sum(_integral(lambda w: float(np.exp(w) * slowness(np.exp(w))), a, b) for a, b in pairwise(edges))


def _integral(f: Callable[[float], float], a: float, b: float) -> float:
    with warnings.catch_warnings():
        # Close to a root rounding keeps the integrand from the accuracy asked for; what is reached is good for a time.
        warnings.simplefilter("ignore", IntegrationWarning)
        return float(quad(f, a, b, epsrel=1e-10, epsabs=0.0, limit=500)[0])
