"""Linear chains of any length: the flow, where it goes, why and when.

All rules but bp share the learning clock s, ds = e dt, in which the weights do not depend on the targets; bp's chain
keeps all a_i^2 - a_j^2, so one weight says where the others are. Either way the chain moves on a curve, and `curve`
follows it.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq

from channelsim.theory.clock import Clock, listed, outcome_of, resting, shown
from channelsim.theory.curve import ORDER, Curve, Piece, Series, piece_from, time_within, zero_at
from channelsim.theory.outcome import FixedPoint, Outcome
from channelsim.theory.systems import Array, Chain, Flow

_EPS = float(np.finfo(np.float64).eps)
_COUNT = np.arange(1, ORDER + 1)


# --- the flow ---------------------------------------------------------------------------------------------


def flow(system: Chain) -> Flow:
    """The chain as an initial value problem; the state is a, followed by c where the rule adapts it."""
    depth, adaptive = system.a.size, system.rule in ("arbp", "asrbp")

    def velocity(x: Array) -> Array:
        return _error(system, x) * _direction(system, x)

    def jacobian(x: Array) -> Array:
        slope = np.zeros(x.size)
        slope[:depth] = -system.beta * _others(x[:depth])
        return np.outer(_direction(system, x), slope) + _error(system, x) * _direction_slope(system, x)

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


def _others(x: Array) -> Array:
    """The product of all others, for each."""
    return _before(x)[:-1] * _after(x)[1:]


def _learning(system: Chain, c: Array) -> Array:
    """C_i: (L,)."""
    if c.size == 0:
        return np.ones(1)
    return np.append(c, 1.0) if system.rule in ("srbp", "asrbp") else _after(c)


def _direction(system: Chain, x: Array) -> Array:
    """dx/ds: the velocity without the error."""
    a, c = x[: system.a.size], x[system.a.size :]
    if system.rule == "bp":
        return _others(a)
    before = _before(a)
    learning = _learning(system, c if c.size else system.c)
    da = learning * before[:-1]
    if not c.size:
        return da
    return np.concatenate([da, system.rho * before[1:-1] * (learning[1:] if system.rule == "arbp" else 1.0)])


def _direction_slope(system: Chain, x: Array) -> Array:
    """The derivatives of `_direction`, (n, n): of each product, the product without the one factor."""
    depth, layers = system.a.size, np.arange(system.a.size)
    slope = np.zeros((x.size, x.size))
    for index, member in enumerate(_factors(system)):
        factors = x[member] if member.size else x[:0]
        slope[index, member] = _others(factors)
    fixed = np.ones(x.size)
    if system.rule in ("rbp", "srbp"):
        fixed[layers] = _learning(system, system.c)
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
        big = _learning(system, system.c)
        return {"C_i a_{i+1} - C_{i+1} a_i^2 / 2": lambda x: big[:-1] * x[1:] - big[1:] * x[:-1] ** 2 / 2}
    squares = {"rho a_i^2 - c_i^2": lambda x: rho * x[: depth - 1] ** 2 - x[depth:] ** 2}
    if system.rule == "arbp":
        return {"c_i - rho a_{i+1}": lambda x: x[depth:] - rho * x[1:depth], **squares}
    return {"c_{L-1} - rho a_L": lambda x: x[-1:] - rho * x[depth - 1 : depth], **squares}


# --- the outcome ------------------------------------------------------------------------------------------


def outcome(system: Chain, tolerance: float = 1e-6) -> Outcome:
    """Where the chain goes; `tolerance` is that of `Outcome.time`."""
    with np.errstate(all="ignore"):
        found = flow(system)
        invariants = {name: function(found.start) for name, function in found.invariants.items()}
        clock = Clock(found.unpack, system.alpha / system.beta, system.beta, tolerance, invariants)
        if system.rule == "bp" and system.a.size > 1:
            return _outcome_of_bp(system, clock)
        adaptive = system.rule in ("arbp", "asrbp") and system.a.size > 1
        curve = _adaptive_curve(system, clock.ratio) if adaptive else _clock_curve(system, clock.ratio)
        if not np.any(_direction(system, found.start)):
            return resting(clock, found.start, _why_still(system))
        if _dead(system) is not None and system.alpha == 0:
            return resting(
                clock, found.start, "a dead chain: the product is 0 for ever, and so is the error with alpha = 0"
            )
        if _drifts(system):
            return _drift(system, clock)
        return outcome_of(clock, curve, _why(system))


def _why_still(system: Chain) -> str:
    if system.rule in ("arbp", "asrbp"):
        return "every update has a factor that is 0"
    return "a dead chain: a weight is 0, and so is every C_i that could move it or the weights below it"


def _dead(system: Chain) -> int | None:
    """The lowest layer (from 0) whose weight is 0 for ever, if there is one."""
    own = system.c if system.rule in ("arbp", "asrbp") else _learning(system, system.c)[:-1]
    dead = (system.a[:-1] == 0) & (own == 0)
    return int(np.argmax(dead)) if dead.any() else None


def _drifts(system: Chain) -> bool:
    """A dead chain whose lower weights move without end."""
    dead = _dead(system)
    if dead is None:
        return False
    if system.rule != "asrbp":
        return True
    w = math.sqrt(system.rho)
    return not (dead > 0 and system.c[0] == -math.copysign(w, system.alpha) * system.a[0])


def _drift(system: Chain, clock: Clock) -> Outcome:
    """A dead chain whose lower weights move for ever, as nothing they do reaches the output."""
    dead = _dead(system)
    assert dead is not None
    reason = (
        f"a dead chain: a{dead + 1} = 0 and C{dead + 1} = 0, so the product stays 0 and the error stays alpha = "
        f"{shown(system.alpha)}, while weights below layer {dead + 1} move with s = alpha t"
    )
    if system.rule == "asrbp":
        asymptote = f"a1 and c1 grow like exp({shown(math.sqrt(system.rho) * abs(system.alpha))} t)"
    else:
        grown = _monomials(system, dead)
        asymptote = listed([f"a{i + 1} ~ {shown(k)} t" + f"^{n}" * (n > 1) for i, (k, n) in enumerate(grown) if n > 0])
    return Outcome("diverges", None, None, None, None, reason, asymptote, (), clock.invariants)


def _monomials(system: Chain, dead: int) -> list[tuple[float, int]]:
    """The leading term, coefficient and power of t, of each weight below the dead layer of an rbp or srbp chain."""
    learning = _learning(system, system.c)
    product, power = 1.0, 0
    found = []
    for i in range(dead):
        factor = learning[i] * product * system.alpha / (power + 1)
        term = (factor, power + 1) if learning[i] != 0 else (float(system.a[i]), 0)
        found.append(term)
        product, power = product * term[0], power + term[1]
    return found


def _why(system: Chain) -> str:
    depth = system.a.size
    if depth == 1:
        return "one weight: a' = alpha - beta a"
    if system.rule in ("arbp", "asrbp") and depth == 2:
        w, a, c = math.sqrt(system.rho), float(system.a[0]), float(system.c[0])
        return (
            f"in the learning clock a1 = {shown(a)} cosh ws + {shown(c / w)} sinh ws with w = sqrt(rho) = {shown(w)}, "
            "so P takes every value unless c = +-w a1 at the start"
        )
    if system.rule == "asrbp":
        return (
            "in the learning clock a_L grows without bound both ways unless some c_i = +-sqrt(rho) a_i, so that "
            "P = (a_L^2/2)' takes every value"
        )
    if system.rule == "arbp" and depth == 3:
        return (
            "the invariants leave a curve for the weights: where it is unbounded P takes every value; it is closed, "
            "and P stays within a range, if c1^2 > rho a1^2, rho a2^2 > c2^2 and c1 a2 < 0"
        )
    if system.rule == "arbp":
        return (
            "the invariants leave a curve for the weights: where it is unbounded P takes every value, where it is "
            "closed only those of its range"
        )
    degree = f"{2**depth - 1}" if depth <= 20 else f"2^{depth} - 1"
    text = f"in the learning clock P(s) is a polynomial of odd degree (at most {degree}) that rises at infinity"
    if depth == 2 and system.c[0] != 0:
        k, c = float(system.a[1] - system.a[0] ** 2 / (2 * system.c[0])), float(system.c[0])
        text += f"; a1 solves a^3/(2 c) + K a = alpha/beta with c = {shown(c)}, K = {shown(k)}"
    return text


def _product_noise(depth: int, ratio: float) -> Callable[[Array, Array], float]:
    """What rounding can do to alpha/beta - P: each factor off by 32 eps of the largest that it was."""

    def noise(x: Array, largest: Array) -> float:
        size = np.abs(x[:depth])
        rounded = size + 32 * _EPS * np.maximum(size, largest[:depth])
        return float(np.prod(rounded) - np.prod(size)) + 4 * _EPS * abs(ratio)

    return noise


def _balance(ratio: float) -> Callable[[float], float]:
    return lambda g: 4 * max(abs(ratio - g), abs(ratio))


def _clock_curve(system: Chain, ratio: float) -> Curve:
    """rbp and srbp in the learning clock: each a_i is the antiderivative of C_i a_1 .. a_{i-1}."""
    learning, depth = _learning(system, system.c), system.a.size

    def expand(y: Array, length: float) -> Series:
        x = np.empty((depth, ORDER + 1))
        x[:, 0] = y
        factors = learning[:, None] * length / _COUNT
        products = np.zeros((depth + 1, 2 * ORDER + 1))
        products[0, 0] = 1
        for i in range(depth):
            x[i, 1:] = factors[i] * products[i, :ORDER]
            products[i + 1] = np.convolve(products[i, : ORDER + 1], x[i])
        lost = np.abs(learning * length) * np.abs(products[:-1, ORDER:]).sum(axis=1) / (ORDER + 1)
        return Series(x, x, _error_series(products[-1, : ORDER + 1], ratio), lost)

    return Curve(system.a, expand, _product_noise(depth, ratio), _balance(ratio))


def _inner(left: Array, right: Array) -> Array:
    return np.einsum("ij,ij->i", left, right)


def _running(first: float, factors: Array, added: Array) -> list[float]:
    """x_0 = first, x_{i+1} = x_i factors_i + added_i: the coefficients of one order of a running product of series."""
    values = [first]
    for factor, more in zip(factors.tolist(), added.tolist(), strict=True):
        values.append(values[-1] * factor + more)
    return values


def _error_series(product: Array, ratio: float) -> Array:
    g = -product
    g[0] += ratio
    return g


def _adaptive_curve(system: Chain, ratio: float) -> Curve:
    """arbp and asrbp in the learning clock: a_i' = W_i c_i and c_i' = rho W_i a_i.

    W_i is the product of the weights below and, for arbp, of those of the learning channel above. A weight that starts
    with c_i = +-w a_i, w = sqrt(rho), keeps to that, and is set to it before every step, so that rounding cannot take
    it away.
    """
    depth, hidden, w = system.a.size, system.a.size - 1, math.sqrt(system.rho)
    layered = system.rule == "arbp"
    ties = np.zeros(hidden)
    for sign in (1.0, -1.0):
        apart = np.abs(system.c - sign * w * system.a[:-1])
        ties[apart <= 4 * _EPS * (np.abs(system.c) + w * np.abs(system.a[:-1]))] = sign * w
    tied = ties != 0

    def expand(y: Array, length: float) -> Series:
        a, c, top = np.zeros((hidden, ORDER + 1)), np.zeros((hidden, ORDER + 1)), np.zeros(ORDER + 1)
        a[:, 0], top[0], c[:, 0] = y[:hidden], y[hidden], np.where(tied, ties * y[:hidden], y[depth:])
        # The products of a below a layer, and of c from a layer up.
        before, after = np.zeros((depth, ORDER + 1)), np.zeros((depth, ORDER + 1))
        drive = np.zeros((hidden, ORDER + 1))
        for n in range(ORDER + 1):
            one = float(n == 0)
            before[:, n] = _running(one, a[:, 0], _inner(before[:-1, :n], a[:, n:0:-1]))
            if layered:
                after[::-1, n] = _running(one, c[::-1, 0], _inner(after[1:, :n], c[:, n:0:-1])[::-1])
                drive[:, n] = _inner(before[:-1, : n + 1], after[1:, n::-1])
            else:
                drive[:, n] = before[:-1, n]
            if n < ORDER:
                step = length / (n + 1)
                a[:, n + 1] = step * _inner(drive[:, : n + 1], c[:, n::-1])
                c[:, n + 1] = step * system.rho * _inner(drive[:, : n + 1], a[:, n::-1])
                top[n + 1] = step * before[hidden, n]
        g = _error_series(np.convolve(before[hidden], top)[: ORDER + 1], ratio)
        x = np.vstack([a, top, c])
        return Series(x, x, g, lost(a, c, before, after, abs(length) / (ORDER + 1)))

    def lost(a: Array, c: Array, before: Array, after: Array, step: float) -> Array:
        low, high = np.abs(before[:, -1]), np.abs(after[:, -1])
        for i in range(hidden):
            low[i + 1] += np.abs(np.convolve(before[i], a[i])[ORDER + 1 :]).sum()
        drive = low[:-1]
        if layered:
            for i in range(hidden):
                high[i] += np.abs(np.convolve(after[i + 1], c[i])[ORDER + 1 :]).sum()
            drive = low[:-1] * np.abs(after[1:]).sum(axis=1) + high[1:] * np.abs(before[:-1]).sum(axis=1)
        of_a, of_c = drive * np.abs(c).sum(axis=1), drive * np.abs(a).sum(axis=1) * system.rho
        return step * np.concatenate([of_a, low[-1:], of_c])

    first = 0 if layered else int(np.argmax(tied))
    rows = [*range(first, depth), *range(depth + first, depth + hidden)] if layered or tied.any() else []
    start = np.concatenate([system.a, system.c])
    noise = _product_noise(depth, ratio)
    if tied.any() and ratio == 0:  # P may decay towards the targets' 0, and is never rounding
        noise = _no_noise
    rest = _separatrix(system) if layered and hidden > 1 else None
    return Curve(start, expand, noise, _balance(ratio), rows, rest, returns=layered)


def _separatrix(system: Chain) -> Callable[[Array, Array], tuple[Array, float] | None]:
    """Finds the points of an arbp chain where s goes to infinity although no c_i = +-w a_i: a_p = 0 and c_q = 0, p < q.

    The invariants decide whether a chain can reach one. Rounding keeps it from there by a share of about 1e-8, within
    which it is said to arrive; what else depends on a_p and c_q does so by their squares, or by c_i - rho a_{i+1},
    which is kept.
    """
    depth, rho = system.a.size, system.rho

    def distance(x: Array) -> Array:
        below = np.minimum.accumulate(np.abs(x[: depth - 2]))
        return np.maximum(below * math.sqrt(rho), np.abs(x[depth + 1 :]))

    kept = system.c - rho * system.a[1:]
    at_start = np.concatenate([system.a, system.c])

    def rest(x: Array, largest: Array) -> tuple[Array, float] | None:
        apart = distance(x)
        q = int(np.argmin(apart))
        if not (apart[q] < 1e-7 * largest.max() and distance(at_start)[q] > 1e-3 * largest.max()):
            return None
        p = int(np.argmin(np.abs(x[: q + 1])))
        point = x.copy()
        point[p] = point[depth + 1 + q] = 0
        point[q + 2] = -kept[q + 1] / rho
        if p > 0:
            point[depth + p - 1] = kept[p - 1]
        return point, float(np.linalg.eigvals(_direction_slope(system, point)).real.max())

    return rest


def _no_noise(x: Array, largest: Array) -> float:
    return 0.0


# --- bp ---------------------------------------------------------------------------------------------------


def _outcome_of_bp(system: Chain, clock: Clock) -> Outcome:
    """bp keeps a_i^2 - a_j^2: the smallest weight u says where the others are, and u' = (alpha - beta u R(u)) R(u)."""
    a, ratio = system.a, clock.ratio
    smallest = int(np.argmin(np.abs(a)))
    u, tied = float(a[smallest]), np.abs(a) == abs(a[smallest])
    count = int(tied.sum())
    if u == 0 and count > 1:
        return resting(clock, a, f"a saddle: {count} weights are 0, and every update has one of them as a factor")
    product = float(np.prod(a))
    squares = (np.abs(a) - abs(u)) * (np.abs(a) + abs(u))
    curve = _bp_curve(a, smallest, tied, squares, ratio)
    others = float(np.prod(np.sign(np.delete(a, smallest))))
    there = _bp_solution(squares, ratio)
    # P has the sign of u times that of the other weights, which change with u where they are tied to it.
    solutions = [one for one in dict.fromkeys((-there, there)) if _bp_sign(one, u, others, count) == np.sign(ratio)]
    points = {one: _bp_point(system, clock, curve, one) for one in solutions}
    leaving = abs(_bp_rate(curve, 0.0, count - 1, clock))
    saddle = FixedPoint(clock.unpack(np.where(tied, 0, a)), (complex(leaving), complex(-leaving)), False)
    fixed = tuple(points.values()) + ((saddle,) if count > 1 and ratio else ())
    if abs(ratio - product) <= _product_noise(a.size, ratio)(a, np.abs(a)):
        return resting(clock, a, f"the error is 0 at the start: P = alpha/beta = {shown(ratio)}", fixed)
    side = [one for one in solutions if count == 1 or ratio == 0 or one * u > 0]
    if side:
        limit, multiplicity = side[0], 1 if ratio else 2 * count - 1
    else:
        limit, multiplicity = 0.0, count - 1
    x, rate, time = _bp_way(curve, u, limit, multiplicity, clock)
    return Outcome(
        "converges" if side else "saddle",
        clock.unpack(x),
        rate,
        time,
        None,
        _bp_reason(system, limit, count, smallest, bool(side)),
        None,
        fixed,
        clock.invariants,
    )


def _bp_reason(system: Chain, limit: float, count: int, smallest: int, solved: bool) -> str:
    ratio, u = shown(system.alpha / system.beta), float(system.a[smallest])
    reason = "bp keeps every a_i^2 - a_j^2, and P moves monotonically"
    if not solved:
        speed = "exponentially" if count == 2 else f"like t^(-1/{count - 2})"
        return (
            f"{reason}; P and alpha/beta = {ratio} have different signs, and the smallest |a_i| is that of {count} "
            f"weights, which reach 0 together: a saddle, approached {speed}"
        )
    if system.alpha == 0:
        speed = "exponentially" if count == 1 else f"like t^(-1/{2 * count - 2})"
        return f"{reason} to alpha/beta = 0, where the smallest |a_i| is 0, {speed}"
    crossing = f" after a{smallest + 1}, the smallest in magnitude, has crossed zero" if u * limit < 0 else ""
    return f"{reason} to alpha/beta = {ratio}{crossing}"


def _bp_sign(u: float, start: float, others: float, count: int) -> float:
    """The sign of P at u; `others` is that of the other weights' product at the start."""
    flipped = count > 1 and u * start < 0
    return float(np.sign(u)) * others * (-1.0) ** ((count - 1) * flipped)


def _bp_solution(squares: Array, ratio: float) -> float:
    """|u| where |P| = |ratio|: the logarithm of |P| rises with that of u^2."""
    if ratio == 0:
        return 0.0

    def excess(z: float) -> float:
        return float(np.logaddexp(z, np.log(squares)).sum()) / 2 - math.log(abs(ratio))

    low = high = 0.0
    while excess(low) > 0:
        low = 2 * low - 1
    while excess(high) < 0:
        high = 2 * high + 1
    return math.exp(brentq(excess, low, high, xtol=1e-15, rtol=4 * _EPS, maxiter=500) / 2)


def _bp_rate(curve: Curve, u: float, multiplicity: int, clock: Clock) -> float:
    if multiplicity != 1:
        return 0.0
    return -clock.beta * float(curve.expand(np.array([u]), 1.0).g[1])


def _bp_point(system: Chain, clock: Clock, curve: Curve, u: float) -> FixedPoint:
    x = curve.expand(np.array([u]), 1.0).x[:, 0]
    rate = system.beta * float((_others(x) ** 2).sum())
    return FixedPoint(clock.unpack(x), (complex(rate),), rate > 0)


def _bp_way(curve: Curve, u: float, limit: float, multiplicity: int, clock: Clock) -> tuple[Array, float, float]:
    """The limit, its rate and the time to it, as u goes from its start to a known zero of u'."""
    local = piece_from(curve, np.array([limit]), limit, u - limit, abs(u - limit), balanced=False)
    zero = zero_at(local, multiplicity)
    passed: list[Piece] = []
    at, length, end = u, limit - u, zero.approach.end
    while abs(end - at) > 1e-14 * abs(limit - u):
        piece = piece_from(curve, np.array([at]), at, length, abs(end - at))
        if not piece.g(0) or len(passed) > 3000:  # so flat that float64 does not see it move
            return zero.x, -clock.beta * zero.slope if multiplicity == 1 else 0.0, math.inf
        passed.append(piece)
        at, length = piece.end, piece.length
    time = time_within(passed, zero.x, zero.approach, clock.tolerance, u) / clock.beta
    return zero.x, -clock.beta * zero.slope if multiplicity == 1 else 0.0, time


def _bp_curve(a: Array, smallest: int, tied: Array, squares: Array, ratio: float) -> Curve:
    """The weights as functions of the smallest one, u: +-sqrt(u^2 + k_i), or +-u where they are tied with it."""
    u0 = float(a[smallest])
    signs = np.where(a < 0, -1.0, 1.0)
    linear = np.where(tied, signs * (1.0 if u0 >= 0 else -1.0), 0.0)
    linear[smallest] = 1.0
    straight = linear != 0

    def expand(y: Array, length: float) -> Series:
        u = float(y[0])
        x = np.zeros((a.size, ORDER + 1))
        squared = np.zeros((a.size, ORDER + 1))
        squared[:, 0], squared[:, 1], squared[:, 2] = u * u + squares, 2 * u * length, length * length
        x[:, 0] = np.sqrt(squared[:, 0])
        half = 1 / (2 * np.where(straight, 1.0, x[:, 0]))
        for n in range(1, ORDER + 1):
            x[:, n] = half * (squared[:, n] - _inner(x[:, 1:n], x[:, n - 1 : 0 : -1]))
        x *= signs[:, None]
        x[straight] = 0
        x[straight, 0], x[straight, 1] = linear[straight] * u, linear[straight] * length
        rest = np.zeros(ORDER + 1)
        rest[0] = 1
        for row in np.delete(x, smallest, axis=0):
            rest = np.convolve(rest, row)[: ORDER + 1]
        product = np.convolve(rest, x[smallest])[: ORDER + 1]
        g = np.convolve(_error_series(product, ratio), rest)[: ORDER + 1]
        return Series(x[smallest : smallest + 1], x, g, np.zeros(a.size))

    return Curve(np.array([u0]), expand, _product_noise(a.size, ratio), lambda g: 4 * abs(g))
