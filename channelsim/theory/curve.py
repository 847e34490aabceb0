"""One-dimensional flows: what moves along a curve x(s) with ds/dt = g(s).

Each of the paper's chains is one: the learning clock s, ds = e dt, takes the error e out of the equations, so that the
weights x(s) do not depend on the targets, and e alone says how fast and in which direction the curve is travelled
(THEORY: a gradient flow in one dimension). Where it comes to rest is the nearest zero of g; how long that takes is an
integral of 1/g.

The curve is kept as pieces, each a power series that is exact to rounding (Taylor's method): no polynomial of degree
2^L - 1 is ever expanded, zeros are zeros of polynomials of degree ORDER, and near a zero g is expanded about the zero
itself, where it has no constant term to cancel.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.optimize import brentq

from channelsim.theory.systems import Array

ORDER = 40
_POWERS = np.arange(ORDER + 1)
_EPS = float(np.finfo(np.float64).eps)
_TAIL = 1e-17  # of a series, what its last terms may be
_SMALL = 1e-12  # of the largest parameter: those below it need not be exact to their own rounding
_DYING = 1e-6  # of its largest magnitude: a parameter that small is on its way to 0
_MOST_PIECES = 5000
_LARGEST = 1e60  # of alpha/beta or P at the start, what P may become while more zeros are looked for
_GRID = np.linspace(0.05, 1, 20).tolist()
_GAUSS = np.polynomial.legendre.leggauss(16)


@dataclass(frozen=True)
class Series:
    """Power series in theta = (s - s0) / length about a point of the curve, ORDER + 1 coefficients each.

    y: (m, ORDER + 1) the coordinates that the curve is computed in; x: (n, ORDER + 1) the parameters; g: ds/dt;
    lost: (n,) how much of x at theta = 1 the truncation may have left out.
    """

    y: Array
    x: Array
    g: Array
    lost: Array


@dataclass(frozen=True)
class Curve:
    """A curve through a start, and the flow on it.

    y: (m,) the coordinates at the start. expand(y, length): the series about y. noise(x, largest): what rounding can do
    to g at the parameters x, where `largest` holds the largest magnitude that each has had. balance: the largest change
    of g in a piece, given g at its start (0: the parameters' changes are limited instead). settling: sets of rows of x
    that may come to rest as s goes to infinity because the first row of the set goes to 0, a set before its subsets;
    empty where none can. rest(x, largest): the point where s goes to infinity that x is next to, to rounding, and the
    rate, in s, at which such a point is approached; None if there is none. returns: the curve may be closed.
    """

    y: Array
    expand: Callable[[Array, float], Series]
    noise: Callable[[Array, Array], float]
    balance: Callable[[float], float]
    settling: Sequence[Sequence[int]] = ()
    rest: Callable[[Array, Array], tuple[Array, float] | None] | None = None
    returns: bool = False


@dataclass(frozen=True)
class Piece:
    """The curve from s = start to start + length (negative: backwards), theta from 0 to 1."""

    start: float
    length: float
    series: Series

    @property
    def end(self) -> float:
        return self.start + self.length

    def x(self, theta: float) -> Array:
        return self.series.x @ theta**_POWERS

    def g(self, theta: float) -> float:
        return float(self.series.g @ theta**_POWERS)

    def nodes(self) -> list[float]:
        """0, 1 and, unless g cannot come near 0, values of theta between which it is monotone."""
        g = self.series.g
        return [0.0, 1.0] if abs(g[0]) > 2 * np.abs(g[1:]).sum() else _nodes(g)


@dataclass(frozen=True)
class Zero:
    """A point where g = 0: s, the parameters x, dg/ds there, its multiplicity, and the curve back towards the start.

    `approach` is expanded about the zero; the terms of g below the multiplicity, which are rounding, are left out.
    """

    s: float
    x: Array
    slope: float
    multiplicity: int
    approach: Piece


@dataclass(frozen=True)
class Walk:
    """The curve in one direction from the start, as far as it is of interest: its pieces and the zeros of g on them.

    ends: "grows" (every parameter that moves grows in magnitude for ever, g has no more zeros), "returns" (the last
    piece ends at the start, which closes the curve), "settles" (s goes to infinity while the rows `settled` come to
    rest), or "cut" (given up after very many pieces, with at least one zero found).
    """

    pieces: list[Piece]
    zeros: list[Zero]
    ends: str
    rest: tuple[Array, float] | None = None
    settled: Sequence[int] = ()


def piece_from(
    curve: Curve, y: Array, start: float, length: float, at_most: float = math.inf, balanced: bool = True
) -> Piece:
    """The longest piece about y whose series is exact to rounding; `length` gives the direction and a first guess.

    balanced: nor may it be so long that terms of g that cancel leave much of its rounding (`Curve.balance`).
    Raises ArithmeticError where the numbers leave the range of float64.
    """
    for _ in range(200):
        if length == 0 or not math.isfinite(length):
            break
        series = curve.expand(y, length)
        factor = min(_usable(curve, series, balanced), at_most / abs(length))
        if 0.5 <= factor < 2:
            break
        length *= factor
    else:
        length = 0.0
    if length == 0 or not (math.isfinite(length) and np.isfinite(series.x).all() and np.isfinite(series.g).all()):
        raise ArithmeticError("the weights leave the range of float64")
    if factor < 1:
        length *= factor
        scale = factor**_POWERS
        series = Series(series.y * scale, series.x * scale, series.g * scale, series.lost)
    return Piece(start, length, series)


def _usable(curve: Curve, series: Series, balanced: bool) -> float:
    """By which factor the length may be multiplied, 1/1000 to 1000; `balanced` limits what changes in a piece."""
    rows = np.vstack([series.x, series.g])
    if not np.isfinite(rows).all():
        return 1e-3
    size = np.abs(rows).sum(axis=1) + _SMALL * np.abs(series.x).max() + 1e-300
    last = np.maximum(np.abs(rows[:, -1]), np.abs(rows[:, -2])) / size
    factor = min(1e3, float(_root(_TAIL, last.max(), ORDER)))
    if series.lost.size:
        factor = min(factor, _root(_TAIL, float((series.lost / size[:-1]).max()), ORDER + 1))
    if not balanced:
        return max(factor, 1e-3)
    most = curve.balance(float(series.g[0]))
    changes = np.abs(series.g) if most > 0 else np.abs(series.x).max(axis=0)
    most = most or 4 * float(changes[0])
    if most == 0:  # a start at 0 without targets has no scale of its own
        return max(min(factor, 1.0), 1e-3)
    factor = min(factor, *(_root(most, float(one), n) for n, one in enumerate(changes[1:], start=1)))
    return max(factor, 1e-3)


def _root(wanted: float, found: float, order: int) -> float:
    return (wanted / found) ** (1 / order) if found > 0 else math.inf


def pieces(curve: Curve, direction: float) -> Iterator[Piece]:
    """The curve from the start onwards (direction 1) or backwards (-1), without end."""
    y, start, length = curve.y, 0.0, direction
    while True:
        piece = piece_from(curve, y, start, length)
        yield piece
        y, start, length = piece.series.y.sum(axis=1), piece.end, piece.length


def walk(curve: Curve, direction: float, needed: bool) -> Walk:
    """Follow the curve until no zero of g can come any more, or it returns, or it settles.

    needed: the first zero is wanted, however long it takes; any others only if they are not too far away: within a
    number of pieces that falls with the number of parameters, and before P is _LARGEST.
    """
    enough = max(20, 2000 // curve.y.size)
    passed: list[Piece] = []
    zeros: list[Zero] = []
    largest = np.zeros(0)
    origin = None
    for piece in pieces(curve, direction):
        series = piece.series
        if origin is None:
            origin, normal = series.x[:, 0], series.x[:, 1] / piece.length
            largest = np.abs(origin)
        largest = np.maximum(largest, np.abs(series.x.sum(axis=1)))
        closing = _closing(piece, origin, normal, largest) if curve.returns and passed else None
        if closing is not None:
            piece = _cut(piece, closing)
        passed.append(piece)
        for theta in _zeros_of(piece, lambda x: curve.noise(x, largest)):  # noqa: B023
            zero = _refined(curve, piece, theta, largest)
            if not zeros or abs(zero.s - zeros[-1].s) > 1e-7 * abs(piece.length):
                zeros.append(zero)
        if closing is not None:
            return Walk(passed, zeros, "returns")
        if curve.rest is not None:
            for theta in _GRID:
                rest = curve.rest(piece.x(theta), largest)
                if rest is not None:
                    passed[-1] = _cut(piece, theta)
                    return Walk(
                        passed, [zero for zero in zeros if (passed[-1].end - zero.s) * direction > 0], "settles", rest
                    )
        settled = _settled(curve, piece, largest)
        if settled:
            return Walk(passed, zeros, "settles", settled=settled)
        growing = bool((series.x[:, 0] * series.x[:, 1] >= 0).all())
        if growing and piece.g(1) * direction < -curve.noise(piece.x(1), largest):
            return Walk(passed, zeros, "grows")
        far = len(passed) >= enough or abs(piece.g(1)) > _LARGEST * abs(passed[0].series.g[0])
        if far and (zeros or not needed):
            return Walk(passed, zeros, "cut")
        if len(passed) >= _MOST_PIECES:
            raise ArithmeticError("the learning clock comes to no end in float64")
    raise AssertionError("a curve has no last piece")


def _settled(curve: Curve, piece: Piece, largest: Array) -> Sequence[int]:
    """The set of rows of which all that is left to come, at most their speed times s, is less than rounding; or ()."""
    x = piece.x(1)
    for rows in curve.settling:
        speed = np.abs(piece.series.x[list(rows)] @ _POWERS) / abs(piece.length)  # at theta = 1
        if (speed * abs(piece.end) <= 1e-17 * largest[list(rows)].max()).all():
            return rows
        if abs(x[rows[0]]) < _DYING * largest[rows[0]]:  # its subsets settle a little sooner, but because of it
            return ()
    return ()


def _closing(piece: Piece, origin: Array, normal: Array, largest: Array) -> float | None:
    """Where in a piece the curve comes back to its start, if it does."""
    offset = normal @ piece.series.x
    offset[0] -= normal @ origin
    for theta in _sign_changes(offset):
        if (np.abs(piece.x(theta) - origin) <= 1e-7 * largest.max()).all():
            return theta
    return None


def _cut(piece: Piece, theta: float) -> Piece:
    series, scale = piece.series, theta**_POWERS
    return Piece(
        piece.start, piece.length * theta, Series(series.y * scale, series.x * scale, series.g * scale, series.lost)
    )


# --- zeros ------------------------------------------------------------------------------------------------


def _nodes(series: Array) -> list[float]:
    """0, 1 and points between which a polynomial is monotone (and perhaps some more)."""
    slope = series[1:] * _POWERS[1:]
    size = np.abs(slope).max()
    if size == 0:
        return [0.0, 1.0]
    kept = np.flatnonzero(np.abs(slope) > 1e-18 * size)
    found = np.polynomial.polynomial.polyroots(slope[: kept[-1] + 1] / size).real
    return [0.0, *sorted(float(one) for one in found if 0 < one < 1), 1.0]


def _value(series: Array, theta: float) -> float:
    return float(series @ theta**_POWERS)


def _between(function: Callable[[float], float], low: float, high: float) -> float:
    """The zero in an interval at whose ends the signs differ, to rounding of its own size."""
    return float(brentq(function, low, high, xtol=1e-300, rtol=4 * _EPS, maxiter=500))


def _sign_changes(series: Array) -> list[float]:
    nodes = _nodes(series)
    values = [_value(series, one) for one in nodes]
    found = []
    for low, high, before, after in zip(nodes[:-1], nodes[1:], values[:-1], values[1:], strict=True):
        if before * after < 0:
            found.append(_between(lambda theta: _value(series, theta), low, high))
    return found


def _zeros_of(piece: Piece, noise: Callable[[Array], float]) -> list[float]:
    """All zeros of g in a piece: changes of sign, and extrema that are 0 to rounding (double zeros)."""
    nodes = piece.nodes()
    found: list[float] = []
    before, sign = 0.0, 0.0
    for node in nodes:
        value = piece.g(node)
        here = 0.0 if abs(value) <= noise(piece.x(node)) else math.copysign(1.0, value)
        if here == 0:
            if not found or node - found[-1] > 1e-6:
                found.append(node)
        elif here == -sign:
            found.append(_between(piece.g, before, node))
        before, sign = node, here
    return found


def _refined(curve: Curve, piece: Piece, theta: float, largest: Array) -> Zero:
    """A zero to rounding, its multiplicity, and the curve about it, back towards the start."""
    s, y = piece.start + theta * piece.length, piece.series.y @ theta**_POWERS
    back = -piece.length if piece.start == 0 and theta == 0 else -(piece.start + theta * piece.length)
    for _ in range(3):
        most = min(abs(back), abs(piece.length))
        local = piece_from(curve, y, s, math.copysign(most, -piece.length), most, balanced=False)
        multiplicity = _multiplicity(local.series.g, curve.noise(local.series.x[:, 0], largest))
        if multiplicity > 1 or local.series.g[0] == 0:
            break
        shift = -float(local.series.g[0] / local.series.g[1])
        if not abs(shift) < 0.1:
            break
        y = local.series.y @ shift**_POWERS
        s += shift * local.length
    return zero_at(local, multiplicity)


def zero_at(local: Piece, multiplicity: int) -> Zero:
    """The zero that a piece starts at, of known multiplicity; the piece is cut to where g's first term leads."""
    leading = abs(float(local.series.g[multiplicity]))
    later = np.abs(local.series.g[multiplicity + 1 :]).tolist()
    local = _cut(local, min(1.0, *(_root(leading, one, n) for n, one in enumerate(later, start=1))))
    series = local.series
    g = np.where(multiplicity <= _POWERS, series.g, 0.0)
    slope = float(g[1] / local.length)
    approach = Piece(local.start, local.length, Series(series.y, series.x, g, series.lost))
    return Zero(local.start, series.x[:, 0], slope, multiplicity, approach)


def _multiplicity(g: Array, noise: float) -> int:
    """The order of the term that rises above the noise closest to the zero: 1 unless the lower terms are rounding."""
    sizes = np.abs(g[1:8])
    with np.errstate(divide="ignore"):
        distance = [(max(noise, 1e-300) / one) ** (1 / n) if one > 0 else math.inf for n, one in enumerate(sizes, 1)]
    return 1 + int(np.argmin(distance))


# --- time -------------------------------------------------------------------------------------------------


def time_within(
    passed: Sequence[Piece], limit: Array, approach: Piece | None, tolerance: float, start: float = 0.0
) -> float:
    """The time after which every parameter stays within a tolerance of its limit.

    passed: the pieces from the start on. approach: the piece about the zero, where there is one, in which theta runs
    back towards the start; without it the limit is at the end of what was passed. start: s at the start.
    """
    if approach is None:
        return _time_before(passed, limit, tolerance)
    whole = min(1.0, abs((approach.start - start) / approach.length)) if approach.start != start else 0.0
    if whole == 0:
        return 0.0
    deviation = approach.series.x.copy()
    deviation[:, 0] = 0
    leaving = [_first_beyond(row, tolerance, whole) for row in deviation]
    theta = min((one for one in leaving if one is not None), default=None)
    handed = approach.start + whole * approach.length
    before = _until(passed, handed)
    if theta is None:
        return _time_before(before, limit, tolerance)
    return sum(_duration(piece, 0, 1) for piece in before) + _final(approach, theta, whole)


def duration(passed: Sequence[Piece]) -> float:
    """The time that the pieces take."""
    return sum(_duration(piece, 0, 1) for piece in passed)


def _until(passed: Sequence[Piece], s: float) -> list[Piece]:
    """The pieces as far as s."""
    kept = []
    for piece in passed:
        theta = (s - piece.start) / piece.length
        if theta <= 0:
            break
        kept.append(piece if theta >= 1 else _cut(piece, theta))
        if theta <= 1:
            break
    return kept


def _time_before(passed: Sequence[Piece], limit: Array, tolerance: float) -> float:
    """As `time_within`, where the last time beyond the tolerance lies within these pieces."""
    for index in range(len(passed) - 1, -1, -1):
        deviation = passed[index].series.x.copy()
        deviation[:, 0] -= limit
        found = [_last_beyond(row, tolerance) for row in deviation]
        theta = max((one for one in found if one is not None), default=None)
        if theta is not None:
            return sum(_duration(piece, 0, 1) for piece in passed[:index]) + _duration(passed[index], 0, theta)
    return 0.0


def _first_beyond(row: Array, tolerance: float, whole: float) -> float | None:
    """The smallest theta up to `whole` from which on |row| exceeds the tolerance for the first time; it is 0 at 0."""
    if np.abs(row) @ whole**_POWERS <= tolerance:
        return None
    inside = [one for one in _nodes(row) if 0 < one < whole]
    low = 0.0
    for high in (*inside, whole):
        if abs(_value(row, high)) > tolerance:
            return _between(lambda theta: abs(_value(row, theta)) - tolerance, low, high)
        low = high
    return None


def _last_beyond(row: Array, tolerance: float) -> float | None:
    """The largest theta up to which |row| exceeds the tolerance."""
    if np.abs(row).sum() <= tolerance:
        return None
    nodes = _nodes(row)[::-1]
    if abs(_value(row, 1)) > tolerance:
        return 1.0
    for high, low in pairwise(nodes):
        if abs(_value(row, low)) > tolerance:
            return _between(lambda theta: abs(_value(row, theta)) - tolerance, low, high)
    return None


def _duration(piece: Piece, low: float, high: float) -> float:
    """Time from theta = low to high."""
    return piece.length * _integral(lambda theta: _inverse(piece.series.g, theta), low, high)


def _final(approach: Piece, near: float, far: float) -> float:
    """Time from theta = far to near in a piece about a zero, at which 1/g has a pole: in z = -ln theta it has none."""

    def integrand(z: Array) -> tuple[Array, Array]:
        theta = np.exp(-z)
        value, noise = _inverse(approach.series.g, theta)
        return theta * value, theta * noise

    return -approach.length * _integral(integrand, -math.log(far), -math.log(near))


def _inverse(g: Array, theta: Array) -> tuple[Array, Array]:
    """1/g and what rounding may do to it."""
    powers = theta[:, None] ** _POWERS
    value = 1 / (powers @ g)
    return value, 8 * _EPS * (powers @ np.abs(g)) * value**2


def _integral(function: Callable[[Array], tuple[Array, Array]], low: float, high: float) -> float:
    """An integral to 1e-13 of its size or to the rounding of the integrand, by bisection and Gauss' rule."""
    total, size = 0.0, 0.0
    nodes, weights = _GAUSS

    def rule(a: float, b: float) -> tuple[float, float]:
        value, noise = function((a + b) / 2 + (b - a) / 2 * nodes)
        return float(weights @ value) * (b - a) / 2, float(weights @ noise) * abs(b - a) / 2

    open_parts = [(low, high, rule(low, high)[0])]
    while open_parts:
        a, b, whole = open_parts.pop()
        middle = (a + b) / 2
        (left, noise), (right, more) = rule(a, middle), rule(middle, b)
        size = max(size, abs(total) + abs(left + right))
        if abs(left + right - whole) <= 1e-13 * size + noise + more or b - a <= 1e-9 * (high - low):
            total += left + right
        else:
            open_parts += [(middle, b, right), (a, middle, left)]
    return total
