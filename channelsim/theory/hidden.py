"""A[1, 1, 1] with a non-linear hidden unit: where it goes, and why.

Powers and ReLU with f' have closed forms (monomial.py); what is left is integrated. Without f' there is in general no
fixed point that attracts. A power or a ReLU has two regimes, by r = gamma/delta against q = alpha/beta: P -> q while
a1 ~ c (gamma - delta q) t; or P -> r, which is suboptimal, while a2 ~ sqrt(2 r (alpha - beta r) t). A bounded f has
one for each sign of a1: f turns into its values at infinity, a2 into the regression on them, and a1 ~ v t with v = c
E(E I) there. tanh has one more: a1 -> 0 and a2 ~ t^(1/4), where the unit becomes linear and the next order of f
drives the top. With f', a1 can only grow like ln t/m, m = 2 min |I| for tanh and min |I| for logistic units, over the
inputs that are not 0.

An adaptive c is c - rho a2, which is constant, plus rho a2: such systems are integrated. They can also come to rest
where c is 0, though an error is left.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq

from channelsim.theory import monomial, regimes
from channelsim.theory.nonlinear import adapts, flow, gain, state, transfer
from channelsim.theory.outcome import FixedPoint, Outcome, Undecided
from channelsim.theory.settle import Growth, at_rest, fixed_point, settle
from channelsim.theory.systems import Flow, Hidden

__all__ = ["flow", "outcome"]

_NAMES = ["a1", "a2", "c"]


def outcome(system: Hidden, tolerance: float) -> Outcome:
    """Where A[1, 1, 1] goes, by closed form or by integration; `tolerance` as in Outcome.time.

    Raises InputError for a rule or a transfer without an equation, Undecided where an integration comes to no end.
    """
    equation = flow(system)
    invariants = {name: float(f(equation.start)[0]) for name, f in equation.invariants.items()}
    if at_rest(equation, equation.start):
        here = fixed_point(equation, equation.start)
        rate = min((r.real for r in here.rates), default=None) if here.stable else None
        why = "nothing moves at the start" + ("" if here.stable else ", a point that others leave")
        return Outcome("stays", here.parameters, rate, 0.0, None, why, None, (here,), invariants)
    if system.transfer in ("power", "relu") and not adapts(system):
        if system.rule != "bp" and system.c == 0:
            return _only_the_top(system, equation, tolerance, invariants)
        run = monomial.solve(system)
        if run is not None:
            return _closed(system, equation, run, tolerance, invariants)
    return _integrated(system, equation, tolerance, invariants)


def _only_the_top(system: Hidden, equation: Flow, tolerance: float, invariants: dict[str, float]) -> Outcome:
    here = monomial.side(system, int(np.sign(system.a[0])))
    active = abs(float(system.a[0])) ** monomial.exponent(system)
    limit = np.array([system.a[0], here.alpha / here.beta / active])
    rate = here.beta * active**2
    time = max(0.0, float(np.log(max(abs(system.a[1] - limit[1]), 1e-300) / tolerance))) / rate
    point = fixed_point(equation, limit)
    why = f"c = 0: a1 does not move, and P -> {_optimum(system, float(system.a[0]))}"
    return Outcome("converges", point.parameters, rate, time, None, why, None, (point,), invariants)


def _closed(
    system: Hidden, equation: Flow, run: monomial.Run, tolerance: float, invariants: dict[str, float]
) -> Outcome:
    time = monomial.time_within(run, tolerance)
    roots = tuple(fixed_point(equation, np.array(root)) for root in run.roots)
    listed = ", ".join(f"({a1:.6g}, {a2:.6g})" for a1, a2 in run.roots) or "none"
    optimum = _optimum(system, float(run.point[0] or system.a[0]))
    level = ", ".join(f"{name} = {value:.6g}" for name, value in invariants.items())
    where = f"on the curve {level or 'through the start'}"
    end = {"a": run.point}
    if run.end == "root":
        point = fixed_point(equation, run.point)
        why = f"P -> {optimum} at the next root {where} (roots: {listed})"
        return Outcome("converges", end, min(r.real for r in point.rates), time, None, why, None, roots, invariants)
    if run.end == "double":
        why = f"P -> {optimum} at a double root {where}, approached like 1/t"
        return Outcome("converges", end, 0.0, time, None, why, None, roots, invariants)
    rest = fixed_point(equation, run.point)
    points = (*roots, rest)
    if run.end == "dead":
        why = f"a1 = 0 in finite time, and no input makes it leave: P = 0, {optimum} is not reached {where}"
        return Outcome("converges", end, None, time, None, why, None, points, invariants)
    leaves = _leaves_zero(system, run)
    rate = rest.rates[0].real if rest.rates and rest.rates[0].real > 0 else 0.0
    why = f"a1 -> 0 where nothing moves: no root {where} lies between (roots: {listed}); {optimum} is not reached"
    return Outcome("saddle" if leaves else "converges", end, rate, time, None, why, None, points, invariants)


def _optimum(system: Hidden, a1: float) -> str:
    """alpha/beta with its number, in terms of P = a2 a1^mu; for relu that of a1's side, with P = a2 |a1|."""
    here = monomial.side(system, int(np.sign(a1)) if system.transfer == "relu" or a1 < 0 < system.power % 1 else 1)
    return f"alpha/beta = {here.alpha / here.beta:.6g}" if here.beta > 0 else "alpha/beta"


def _leaves_zero(system: Hidden, run: monomial.Run) -> bool:
    """Whether others leave a1 = 0 where this solution comes to rest: on its other side, or from the origin under bp."""
    a2 = float(run.point[1])
    if system.rule == "bp" and a2 == 0:
        return True
    if system.transfer == "power" and system.power != int(system.power):
        return False
    gain = a2 if system.rule == "bp" else system.c
    return any(gain * monomial.side(system, sign).alpha > 0 for sign in (1, -1)) and system.derivative


def _integrated(system: Hidden, equation: Flow, tolerance: float, invariants: dict[str, float]) -> Outcome:
    rising = regimes.trap(system) if _has_regimes(system) else None
    settled = settle(equation, tolerance, trap=rising)
    points = fixed_points(system)
    if settled.kind == "oscillates":
        why = "the weights return to where they were: a closed orbit, and no fixed point attracts"
        return Outcome("oscillates", None, None, None, settled.period, why, None, points, invariants)
    if settled.growth is not None:
        if (
            system.transfer == "power"
            and system.power != int(system.power)
            and settled.growth.state[0] * system.a[0] <= 0
        ):
            raise Undecided(f"a1 changes its sign, where the power {system.power:g} is not defined")
        words = settled.growth.words(_NAMES[: equation.start.size])
        return Outcome(
            "diverges", None, None, None, None, _why_it_grows(system, settled.growth), words, points, invariants
        )
    assert settled.landing is not None
    end = settled.landing.point[:2]
    known = [point for point in points if np.allclose(point.parameters["a"], end, rtol=1e-7, atol=1e-7)]
    here = known[0] if known else fixed_point(equation, settled.landing.point)
    points = points if known else (*points, here)
    loss = _loss(system, settled.landing.point)
    if settled.kind == "saddle":
        why = f"the start lies on the stable manifold of a saddle, half mean squared error {loss:.6g}"
    elif settled.landing.rates.size == 0:
        why = f"more slowly than any exponential, half mean squared error {loss:.6g}"
    else:
        spiral = max(abs(r.imag) for r in here.rates)
        how = f" in a spiral of angular frequency {spiral:.6g}" if spiral > 1e-9 else ""
        why = f"a fixed point that attracts{how}, half mean squared error {loss:.6g}"
    return Outcome(
        settled.kind, here.parameters, settled.landing.rate, settled.time, None, why, None, points, invariants
    )


def _has_regimes(system: Hidden) -> bool:
    return system.transfer in ("power", "relu") and system.rule != "bp" and not system.derivative


def _loss(system: Hidden, x: np.ndarray) -> float:
    error = system.targets - x[1] * transfer(system).value(x[0] * system.inputs)
    return float(system.weights @ error**2) / 2


def _why_it_grows(system: Hidden, growth: Growth) -> str:
    a1, a2 = (float(x) for x in growth.state[:2])
    sign = int(np.sign(a1)) or 1
    if _has_regimes(system):
        here = monomial.side(system, sign)
        if here.beta == 0:
            return (
                f"no input passes, and a1' = c E(T I) = {float(gain(system, np.array(a2))) * here.gamma:.6g} for ever"
            )
        turned = here.sign**system.power if system.transfer == "power" and a1 < 0 else 1.0  # P = a2 a1^mu
        q = f"alpha/beta = {turned * here.alpha / here.beta:.6g}"
        if here.delta == 0:
            return f"delta = 0, so that a1' = c gamma for ever, and P -> {q}"
        r = f"gamma/delta = {turned * here.gamma / here.delta:.6g}"
        if growth.exponents[0] > 0:
            return f"{q} and {r} differ: P -> alpha/beta, and a1 grows for ever"
        return f"{q} and {r} differ: P -> gamma/delta, suboptimal, and a2 grows for ever"
    loss = f"half mean squared error -> {_loss(system, growth.state):.6g}"
    if system.transfer in ("power", "relu"):
        return f"no rest: {growth.words(_NAMES[: growth.state.size])}; {loss}"
    if "log" in growth.kinds:
        nearest = float(np.min(np.abs(system.inputs[system.inputs != 0])))
        return f"the unit saturates, f' of the smallest input {nearest:.6g} is what is left of the error's path: {loss}"
    if growth.exponents[1] > 0:
        return f"the top grows for ever and a1 falls behind, a1 a2 = {a1 * a2:.6g} so far: {loss}"
    if system.derivative:
        return f"the unit saturates, and less and less of the error passes f': {loss}"
    speed = _saturated_speed(system, sign, a2)
    return f"without f' the unit saturates: a1' -> {speed:.6g}, f -> its values at infinity: {loss}"


def _saturated_speed(system: Hidden, sign: int, a2: float) -> float:
    """a1' once a1 is infinite with that sign and a2 the regression on f, if f has not become 0: v = c E(E I)."""
    infinite = transfer(system).value(sign * np.sign(system.inputs) * 1e3)
    p = system.weights
    if np.any(infinite):
        a2 = float(p @ (system.targets * infinite)) / float(p @ infinite**2)
    return float(gain(system, np.array(a2)) * (p @ ((system.targets - a2 * infinite) * system.inputs)))


def fixed_points(system: Hidden) -> tuple[FixedPoint, ...]:
    """The isolated fixed points of a bounded f with |a1| max|I| < 40, by a scan in a1 along a2' = 0.

    There a1' = 0 too where the error gives no gradient, and where nothing of it passes (`nonlinear.gain` is 0).
    For a power or a ReLU without f' there are none but on a1 = 0, and the answer is empty.
    """
    if system.transfer in ("power", "relu"):
        return ()
    equation, f, p = flow(system), transfer(system), system.weights

    def best(a1: float) -> float:
        value = f.value(a1 * system.inputs)
        return float(p @ (system.targets * value)) / float(p @ value**2)

    def pull(a1: float) -> float:
        s = a1 * system.inputs
        error = p * (system.targets - best(a1) * f.value(s))
        return float((error * f.slope(s) if system.derivative else error) @ system.inputs)

    closed = _closed_at(system)

    def passing(a1: float) -> float:
        return best(a1) - float(closed or 0.0)

    reach = 40.0 / float(np.max(np.abs(system.inputs)))
    grid = np.concatenate([-np.geomspace(1e-3, 1.0, 300)[::-1], np.geomspace(1e-3, 1.0, 300)]) * reach
    at_zero = state(system, 0.0, closed or 0.0)
    found = [at_zero] if at_rest(equation, at_zero) else []
    for factor in (pull,) if closed is None else (pull, passing):
        values = [factor(a1) for a1 in grid]
        size = max(abs(v) for v in values)
        for a, b, va, vb in zip(grid[:-1], grid[1:], values[:-1], values[1:], strict=True):
            if va * vb < 0 and max(abs(va), abs(vb)) > 1e-12 * size and not (system.transfer == "tanh" and a < 0 < b):
                a1 = float(brentq(factor, a, b, xtol=1e-15))
                found.append(state(system, a1, best(a1)))
    return tuple(fixed_point(equation, x) for x in found)


def _closed_at(system: Hidden) -> float | None:
    """The top weight at which nothing of the error passes to the hidden unit, if it changes with the top weight."""
    if system.rule == "bp":
        return 0.0
    return float(system.a[1] - system.c / system.rho) if adapts(system) else None
