"""Where a flow goes for which there is no closed form: integrate, land on a fixed point, or name the growth.

The landing: Newton's method from the state at hand, kept on the leaf by the exact invariants and, along a continuum of
fixed points, by the left null vectors of the Jacobian, which are what every solution conserves close to the limit. Its
eigenvalues give rate and stability, its modes the rest of the approach, so that no integration has to go to the end.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from scipy.optimize import brentq

from channelsim.theory.integration import Path, steps
from channelsim.theory.outcome import FixedPoint, Kind, Undecided
from channelsim.theory.systems import Array, Flow

NEUTRAL = 1e-8  # eigenvalues below this part of the largest count as 0
SLOWEST = 1e-13  # the same where nothing else is left to move
NOTHING = 1e-17  # entries of a Jacobian below this part of the largest are less than its rounding
NEAR = 1e-6  # envelope of all modes, relative to the state, below which they stand for the solution
NEAR_SADDLE = 1e-3
ON_MANIFOLD = 1e-11  # unstable part of the distance to a saddle, relative to the state, that rounding explains
LATE = 1e4  # over the speed at the start, or 1 if that is more: the time from which growth is looked for
STRETCH = 4.0
RETURNED = 1e-7  # distance from an earlier state, relative to the orbit's extent, that counts as a return
EXPONENT = 2e-3  # local exponents between three looks that agree so far name a growth
PATIENCE = 400  # steps for which an approach like a power of 1/t is followed before it is extrapolated
LOOKS = 9  # after which a growth is named by its local exponents, though they still change


@dataclass(frozen=True)
class Landing:
    """A fixed point near a state: its rates without neutral directions, and the modes of the distance to it.

    factors (n, m) and exponents (m,): x(t) - point = Re(factors exp(-exponents t)), t from the state on.
    unstable: the largest unstable part of the distance.
    """

    point: Array
    rates: Array
    factors: Array
    unstable: float

    @property
    def stable(self) -> bool:
        return bool(np.all(self.rates.real > 0))

    @property
    def rate(self) -> float:
        """The slowest rate of approach; 0 where all directions are neutral."""
        attracting = self.rates.real[self.rates.real > 0]
        return float(attracting.min()) if attracting.size else 0.0

    def envelope(self) -> float:
        """A bound for every parameter's distance from the limit, from here on, without the unstable part."""
        attracting = self.rates.real > 0
        return float(np.max(np.sum(np.abs(self.factors[:, attracting]), axis=1), initial=0.0))

    def last_outside(self, tolerance: float) -> float:
        """The last time, from the state on, at which a parameter is further than the tolerance from the limit."""
        attracting = self.rates.real > 0
        exponents, factors = self.rates[attracting], self.factors[:, attracting]

        def excess(t: float) -> float:
            return float(np.max(np.abs((factors @ np.exp(-exponents * t)).real))) - tolerance

        if self.envelope() <= tolerance:
            return 0.0
        end = float(np.log(self.envelope() / tolerance) / self.rate)
        fastest = float(np.max(np.abs(exponents.imag), initial=self.rate))
        times = np.linspace(0.0, end, min(200_000, 50 + int(20 * end * fastest)))
        outside = [n for n, t in enumerate(times) if excess(t) > 0]
        if not outside:
            return 0.0
        last = outside[-1]
        return (
            end
            if last == len(times) - 1
            else float(brentq(excess, times[last], times[last + 1], xtol=1e-15 + 1e-14 * end))
        )


@dataclass(frozen=True)
class Growth:
    """What a state does that never comes to rest, by its parameters: x ~ coefficient t^exponent (or ln t).

    kind of a parameter: "power", "log" or "bounded" (then the coefficient is its value at the end).
    """

    state: Array
    kinds: tuple[str, ...]
    coefficients: Array
    exponents: Array

    def words(self, names: list[str]) -> str:
        """The asymptotes of the parameters that grow, such as "a1 ~ 0.15057 t; a2 -> 0.71307"."""
        said = []
        for name, kind, k, p in zip(names, self.kinds, self.coefficients, self.exponents, strict=True):
            if kind == "power":
                power = "t" if abs(p - 1) < 1e-3 else f"t^{p:.3g}"
                said.append(f"{name} ~ {k:.5g} {power}")
            elif kind == "log":
                said.append(f"{name} ~ {k:.5g} ln t")
            else:
                said.append(f"{name} -> {k:.5g}")
        return "; ".join(said)


@dataclass(frozen=True)
class Approach:
    """An approach like a power of 1/t: x(t') = point - rest (t'/t)^-powers for t' > t."""

    t: float
    point: Array
    rest: Array
    powers: Array

    def landing(self) -> Landing:
        return Landing(self.point, np.zeros(0, complex), np.zeros((self.point.size, 0), complex), 0.0)

    def last_outside(self, tolerance: float) -> float:
        """The last time at which a parameter is further than the tolerance from its limit, if that is after t."""
        ratios = np.maximum(np.abs(self.rest) / tolerance, 1.0)
        return self.t * float(np.max(ratios ** (1 / self.powers)))


@dataclass(frozen=True)
class Settled:
    """Result of an integration: kind as in Outcome, with the landing or the growth that it rests on."""

    kind: Kind
    time: float | None
    landing: Landing | None
    growth: Growth | None = None
    period: float | None = None


def scale_of(x: Array) -> float:
    return max(1.0, float(np.max(np.abs(x))))


def at_rest(flow: Flow, x: Array) -> bool:
    """Whether nothing moves at x, up to the rounding of the terms of its velocity."""
    terms = float(np.max(np.sum(np.abs(flow.jacobian(x)), axis=1))) * float(np.max(np.abs(x)))
    return float(np.max(np.abs(flow.velocity(x)))) <= 8 * float(np.finfo(float).eps) * terms


def rates_at(flow: Flow, x: Array) -> Array:
    """Eigenvalues of minus the Jacobian at a fixed point, without the neutral ones, slowest first."""
    values = -np.linalg.eigvals(flow.jacobian(x))
    values = values[np.abs(values) > NEUTRAL * np.max(np.abs(values), initial=1e-300)]
    return values[np.lexsort((values.imag, values.real))]


def fixed_point(flow: Flow, x: Array) -> FixedPoint:
    """x as a fixed point, with its rates and its stability; neutral directions are left out of both."""
    rates = rates_at(flow, x)
    return FixedPoint(flow.unpack(x), tuple(complex(r) for r in rates), bool(np.all(rates.real > 0)))


def land(flow: Flow, x: Array, point: Array | None = None) -> Landing | None:
    """The fixed point close to x on its leaf, or `point` if it is given, with its modes; None where there is none."""
    y = _newton(flow, x) if point is None else point
    if y is None:
        return None
    jacobian = flow.jacobian(y)
    # Weights that have decayed to 1e-30 leave such entries: LAPACK's balancing scales by them, and its eigenvectors are
    # then none.
    jacobian = np.where(np.abs(jacobian) < NOTHING * np.max(np.abs(jacobian)), 0.0, jacobian)
    values, vectors = np.linalg.eig(jacobian)
    moving = np.abs(values) > NEUTRAL * max(float(np.max(np.abs(values))), 1e-300)
    # What does not move spans the null space of the Jacobian's square, also where an eigenvector is missing.
    right = np.linalg.svd(jacobian @ jacobian)[2]
    still = right[len(right) - int(np.sum(~moving)) :].T
    parts = np.linalg.lstsq(np.hstack([vectors[:, moving], still]), (x - y).astype(complex), rcond=None)[0]
    factors = vectors[:, moving] * parts[: int(np.sum(moving))]
    rates = -values[moving]
    repelling = rates.real < 0
    unstable = float(np.max(np.abs(np.sum(factors[:, repelling], axis=1)), initial=0.0))
    return Landing(y, rates, factors, unstable)


def _newton(flow: Flow, x: Array) -> Array | None:
    known = np.concatenate([np.ravel(f(flow.start)) for f in flow.invariants.values()] or [np.zeros(0)])
    y = x.copy()
    for _ in range(12):
        jacobian = flow.jacobian(y)
        left, singular, _right = np.linalg.svd(jacobian)
        null = left[:, singular <= NEUTRAL * max(float(singular[0]), 1e-300)].T
        gradients = _gradients(flow, y)
        # Left null vectors beyond the invariants' gradients: where the limits on the leaf form a continuum.
        kept = _span(gradients)
        null = _span(null - (null @ kept.T) @ kept)
        now = np.concatenate([np.ravel(f(y)) for f in flow.invariants.values()] or [np.zeros(0)])
        rows = np.concatenate([jacobian, gradients, null])
        wanted = np.concatenate([-flow.velocity(y), known - now, null @ (x - y)])
        step = np.linalg.lstsq(rows, wanted, rcond=1e-12)[0]
        if not np.all(np.isfinite(step)) or np.max(np.abs(step)) > 10 * scale_of(y):
            return None
        y = y + step
        if np.max(np.abs(step)) < 1e-14 * scale_of(y):
            break
    slopes = np.abs(flow.jacobian(y))
    rounding = 1e-13 * (slopes @ np.abs(y)) + 1e-15 * scale_of(y) * np.sum(slopes, axis=1)
    return y if np.all(np.abs(flow.velocity(y)) <= rounding) else None


def _span(rows: Array) -> Array:
    """An orthonormal basis of the rows' span, (rank, n)."""
    if not rows.size:
        return rows
    _, singular, right = np.linalg.svd(rows, full_matrices=False)
    return right[singular > 1e-7]


def _gradients(flow: Flow, y: Array) -> Array:
    """(m, n): derivatives of all invariants, by central differences, exact for the quadratic ones up to rounding."""
    if not flow.invariants:
        return np.zeros((0, y.size))
    step = 1e-3 * scale_of(y)
    columns = []
    for k in range(y.size):
        ahead, behind = y.copy(), y.copy()
        ahead[k] += step
        behind[k] -= step
        columns.append(
            np.concatenate([np.ravel(f(ahead)) - np.ravel(f(behind)) for f in flow.invariants.values()]) / (2 * step)
        )
    return np.array(columns).T


def settle(
    flow: Flow,
    tolerance: float,
    point: Array | None = None,
    trap: Callable[[Array], Growth | None] | None = None,
) -> Settled:
    """Integrate until the flow's end can be said.

    point: the limit, where it is known; then only the time is looked for, and a saddle's unstable modes are ignored.
    trap: says of a state that it is bound for a growth, sooner than the growth shows. Raises Undecided where neither
    rest nor a growth shows.
    """
    start = flow.start
    if at_rest(flow, start):
        landing = land(flow, start, start)
        return Settled("stays", 0.0, landing)
    path = Path()
    tried = np.inf
    watch, returns = _Watch(flow), _Returns(flow)
    approach: Approach | None = None
    waited = 0
    for t, x in steps(flow, path):
        speed = float(np.max(np.abs(flow.velocity(x))))
        if speed < 0.2 * tried and speed < 1e-2 * scale_of(x):
            tried = speed
            landing = land(flow, x, point)
            kind = _verdict(flow, x, landing, point is not None)
            if landing is not None and kind is not None:
                return Settled(kind, _time(path, landing, t, tolerance), landing)
        if point is not None and np.max(np.abs(x - point)) < 0.01 * tolerance:
            return Settled("converges", path.last_outside(point, tolerance) or 0.0, land(flow, x, point))
        bound = trap(x) if trap is not None else None
        if bound is not None:
            return Settled("diverges", None, None, bound)
        period = returns(t, x, path)
        if period is not None:
            return Settled("oscillates", None, None, None, period)
        slow = watch(t, x)
        if isinstance(slow, Growth):
            return Settled("diverges", None, None, slow)
        approach = slow or approach
        if approach is not None:
            waited += 1
            if np.max(np.abs(x - approach.point)) < 0.1 * tolerance:
                return Settled("converges", path.last_outside(approach.point, tolerance) or 0.0, approach.landing())
            if waited > PATIENCE:
                return Settled("converges", approach.last_outside(tolerance), approach.landing())
    if not at_rest(flow, x):
        raise Undecided(f"neither rest nor a steady growth up to t = {t:.6g}")
    # So slow an approach that its rate was taken for that of a neutral direction.
    values = -np.linalg.eigvals(flow.jacobian(x))
    rates = values[np.abs(values) > SLOWEST * np.max(np.abs(values))]
    landing = Landing(x, rates, np.zeros((x.size, rates.size), complex), 0.0)
    return Settled("converges", path.last_outside(x, tolerance) or 0.0, landing)


def _verdict(flow: Flow, x: Array, landing: Landing | None, known: bool) -> Kind | None:
    """ "converges" or "saddle" if x is so close to the landing that its modes stand for the solution; else None."""
    if landing is None or landing.rates.size == 0:
        return None
    size = scale_of(x)
    distance = float(np.max(np.abs(x - landing.point)))
    if landing.envelope() > (NEAR if landing.stable or known else NEAR_SADDLE) * size:
        return None
    if distance > 1e-14 * size:
        linear = flow.jacobian(landing.point) @ (x - landing.point)
        velocity = flow.velocity(x)
        rounding = 20 * np.finfo(float).eps * (np.abs(flow.jacobian(x)) @ np.abs(x))
        if np.any(np.abs(velocity - linear) > 1e-2 * np.max(np.abs(velocity)) + rounding):
            return None
    if landing.stable:
        return "converges"
    return "saddle" if known or landing.unstable <= ON_MANIFOLD * size else None


def _time(path: Path, landing: Landing, t: float, tolerance: float) -> float:
    after = landing.last_outside(tolerance)
    if after > 0:
        return t + after
    return path.last_outside(landing.point, tolerance) or 0.0


class _Returns:
    """Looks for a period: whether the path comes back, in the same direction, to a state that it has passed."""

    def __init__(self, flow: Flow) -> None:
        self.flow = flow
        self.since, self.until, self.number = 0.0, 16, 0
        self.state, self.normal = flow.start, flow.velocity(flow.start)
        self.side, self.extent = 0.0, 0.0

    def __call__(self, t: float, x: Array, path: Path) -> float | None:
        self.number += 1
        before, self.side = self.side, float(self.normal @ (x - self.state))
        self.extent = max(self.extent, float(np.max(np.abs(x - self.state))))
        if before < 0 <= self.side:
            t0, t1, solution = path.steps[-1]
            back = float(brentq(lambda t: float(self.normal @ (solution(t) - self.state)), t0, t1, xtol=1e-14 * t1))
            near = np.max(np.abs(solution(back) - self.state)) < RETURNED * self.extent
            if near and self.extent > NEAR_SADDLE * scale_of(x):
                return back - self.since
        if self.number >= self.until:  # a later state, closer to the orbit that attracts
            self.since, self.until, self.state = t, int(1.5 * self.until), x
            self.normal, self.side, self.extent = self.flow.velocity(x), 0.0, 0.0
        return None


def _simple(exponents: Array, within: float) -> Array:
    """Each exponent, or the simple fraction close to it, which is what it tends to."""
    simple = np.array([float(Fraction(p).limit_denominator(6)) if np.isfinite(p) else p for p in exponents])
    return np.where(np.abs(simple - exponents) < within, simple, exponents)


def _growth(x: Array, t: float, powers: Array, logs: Array, drift: Array, exponents: Array) -> Growth:
    exponents = _simple(exponents, 5e-3) * powers
    kinds = tuple("power" if p else "log" if g else "bounded" for p, g in zip(powers, logs, strict=True))
    return Growth(x, kinds, np.where(logs, drift, x / t**exponents), exponents)


class _Watch:
    """Looks at a path at times a factor STRETCH apart for what is slower than any exponential.

    That is growth like a power of t or like ln t, or an approach like a power of 1/t: exponents between three looks
    agree.
    """

    def __init__(self, flow: Flow) -> None:
        self.next = LATE / min(max(float(np.max(np.abs(flow.velocity(flow.start)))), 1e-6), 1.0)
        self.looks: list[tuple[float, Array]] = []
        self.number = 0

    def __call__(self, t: float, x: Array) -> Growth | Approach | None:
        if t < self.next:
            return None
        self.next = STRETCH * t
        self.looks = [*self.looks[-3:], (t, x)]
        if len(self.looks) < 4:
            return None
        spans = [np.log(self.looks[n + 1][0] / self.looks[n][0]) for n in range(3)]
        drifts = np.array([(self.looks[n + 1][1] - self.looks[n][1]) / spans[n] for n in range(3)])  # dx / d ln t
        sizes = [np.log(np.maximum(np.abs(look[1]), 1e-300)) for look in self.looks]
        exponents = np.array([(sizes[n + 1] - sizes[n]) / spans[n] for n in range(3)])
        size = np.abs(drifts[-1])
        powers = (np.ptp(exponents[1:], axis=0) < EXPONENT) & (np.abs(exponents[-1]) > 0.05)
        steady = np.abs(drifts[-1] - drifts[-2]) < 1e-2 * size
        logs = ~powers & steady & (size > 1e-3 * scale_of(x)) & (exponents[-1] < 0.2)
        resting = ~powers & ~logs & (size < 1e-2)
        grows = (powers & (exponents[-1] > 0)) | logs
        if np.any(grows) and np.all(powers | logs | resting):
            return _growth(x, t, powers, logs, drifts[-1], exponents[-1])
        self.number += 1
        lasting = (size > 0.8 * np.abs(drifts[-2])) & (size > 0.8**2 * np.abs(drifts[-3]))
        lasting &= size > 1e-3 * scale_of(x)  # less may be the slow part of a stiff approach
        if self.number > LOOKS and np.any(lasting & (exponents[-1] > 0)):
            powers = np.abs(exponents[-1]) > 0.15
            return _growth(x, t, powers, ~powers & lasting, drifts[-1], exponents[-1])
        return None if np.any(grows) else self._approach(t, x, drifts, spans)

    def _approach(self, t: float, x: Array, drifts: Array, spans: list[float]) -> Approach | None:
        """The limit of an approach like t^-p, if p stayed the same in all parameters that still move."""
        moving = np.abs(drifts[-1]) > 1e-11
        if np.any(np.abs(drifts[-1]) > 1e-2) or not np.any(moving):
            return None
        with np.errstate(divide="ignore", invalid="ignore"):
            fall = -np.log(np.abs(drifts[1:] / drifts[:-1])) / np.array(spans[1:])[:, None]
        if not np.all((fall[-1] > 0.05) & (np.abs(fall[-1] - fall[-2]) < 0.02), where=moving):
            return None
        # From a span's end on, a sum of t^-p goes on as a geometric series over spans.
        powers = np.where(moving, _simple(fall[-1], 0.03), 1.0)
        rest = np.where(moving, drifts[-1] * spans[-1] / (np.exp(powers * spans[-1]) - 1), 0.0)
        point = np.where(np.abs(x + rest) < 0.05 * np.abs(rest), 0.0, x + rest)  # what vanishes within the error of p
        return Approach(t, point, point - x, powers)
