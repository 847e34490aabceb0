"""The engine at some learning rates beside the differential equation, from the same start."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.integrate import solve_ivp

from channelsim import engine, theory
from channelsim._theory._case import Case, parameters, rate_shares, refuse_weight_decay
from channelsim.errors import InputError, RunError
from channelsim.theory import Flow, System
from channelsim.theory.systems import Array

CLOSE = 1e-3
"""The time of a comparison ends where the equation stays this close to its limit, unless it is given."""
MOST_UPDATES = 1_000_000
"""Of one path of a comparison: more would take minutes."""


@dataclass(frozen=True)
class Path:
    """The engine at one learning rate, beside the equation.

    distance: the largest difference of any parameter at any update; end: the same at the last one. order: log2 of the
    distance's ratio to that of the rate before, per halving of the rate; None for the first. drift: how far each
    invariant of the equation is from its start at the end.
    """

    rate: float
    updates: int
    distance: float
    end: float
    order: float | None
    drift: dict[str, float]


@dataclass(frozen=True)
class Comparison:
    """Engine and equation up to `time`, in the equation's time."""

    time: float
    paths: tuple[Path, ...]

    def to_json(self) -> dict[str, Any]:
        """The object under "engine" of `channelsim theory --engine --json`."""
        return asdict(self)


def compare(case: Case, rates: Sequence[float], time: float | None = None) -> Comparison:
    """Engine and equation from the same start, at some learning rates.

    `time`: how far, in the equation's time; None: until the equation stays within 1e-3 of its limit, or for three
    periods, or 10 units of time.

    Raises InputError for rates and a time that are not positive, and for more updates than MOST_UPDATES; RunError where
    the engine diverges, or the equation leaves what float64 can hold.
    """
    if not rates or not all(0 < rate < math.inf for rate in rates):
        raise InputError(f"--rates {','.join(map(str, rates))}; accepted: positive learning rates")
    if time is not None and not 0 < time < math.inf:
        raise InputError(f"--time {time:g}; accepted: a time above 0")
    if case.plan.momentum or not np.allclose(rate_shares(case.plan), 1):
        raise InputError("training: the equation has neither momentum nor rates by layer; accepted: one learning_rate")
    refuse_weight_decay(case)
    until = _horizon(case.system) if time is None else time
    for rate in rates:
        if until / rate > MOST_UPDATES:
            raise InputError(f"--rates {rate}: {until / rate:.0f} updates; accepted: at most {MOST_UPDATES}, or --time")
    equation = theory.flow(case.system)
    paths: list[Path] = []
    for rate in rates:
        paths.append(_path(case, equation, rate, until, paths[-1] if paths else None))
    return Comparison(until, tuple(paths))


def _horizon(system: System) -> float:
    found = theory.solve(system, CLOSE)
    if found.time:
        return found.time
    return 3 * found.period if found.period else 10.0


def _path(case: Case, equation: Flow, rate: float, until: float, before: Path | None) -> Path:
    updates = max(1, round(until / rate))
    plan = case.at_rate(rate, math.ceil(updates / case.plan.frames_per_epoch))
    state = engine.start(plan, case.dataset)
    solution = solve_ivp(
        lambda t, x: equation.velocity(x),
        (0, updates * rate),
        equation.start,
        method="LSODA",
        rtol=1e-10,
        atol=1e-12,
        t_eval=rate * np.arange(updates + 1),
    )
    if not solution.success:
        raise RunError(f"theory: the equation ends at time {solution.t[-1]:g}: {solution.message}")
    away = np.zeros(updates + 1)
    for update in range(updates + 1):
        engine.advance(plan, state, update)
        engine.settle(state)
        away[update] = np.abs(vector(parameters(case, state)) - solution.y[:, update]).max()
    end = vector(parameters(case, state))
    drift = {
        name: float(np.max(np.abs(np.subtract(value(end), value(equation.start)))))
        for name, value in equation.invariants.items()
    }
    distance = float(away.max())
    order = None
    if before is not None and distance > 0 and before.distance > 0 and before.rate != rate:
        order = math.log(before.distance / distance) / math.log(before.rate / rate)
    return Path(rate, updates, distance, float(away[-1]), order, drift)


def vector(named: dict[str, Array]) -> Array:
    """Parameters in one row, in the order of `Flow.start`."""
    return np.concatenate([np.ravel(value) for value in named.values()])
