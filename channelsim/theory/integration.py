"""Solutions of a flow step by step, kept as a dense path: explicit while that is cheap, implicit once it is stiff."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from scipy.integrate import DOP853, LSODA, OdeSolver
from scipy.optimize import brentq

from channelsim.theory.outcome import Undecided
from channelsim.theory.systems import Array, Flow

EXPLICIT_STEPS = 800  # then the flow counts as stiff
IMPLICIT_STEPS = 30000  # then the integration is given up

RELATIVE = 1e-12  # error of a step
RELATIVE_IMPLICIT = 1e-11
ABSOLUTE = 1e-15
ABSOLUTE_IMPLICIT = 1e-14
LATEST = 1e30

_INSIDE = np.linspace(0.0, 1.0, 9)  # where a step is looked at for the last time outside a tolerance


@dataclass
class Path:
    """A solution as far as it was integrated: (start of a step, its end, its interpolant) in order."""

    steps: list[tuple[float, float, Callable[[Array | float], Array]]] = field(default_factory=list)

    def last_outside(self, limit: Array, tolerance: float) -> float | None:
        """The last time at which a parameter is further than the tolerance from its limit; None if there is none."""

        def excess(t: float, solution: Callable[[Array | float], Array]) -> float:
            return float(np.max(np.abs(solution(t) - limit))) - tolerance

        for t0, t1, solution in reversed(self.steps):
            times = t0 + (t1 - t0) * _INSIDE
            outside = np.flatnonzero(np.max(np.abs(solution(times) - limit[:, None]), axis=0) > tolerance)
            if outside.size:
                last = int(outside[-1])
                if last == len(times) - 1:
                    return t1
                return float(brentq(excess, times[last], times[last + 1], args=(solution,), xtol=1e-14 * (1 + t1)))
        return None


def steps(flow: Flow, path: Path | None = None) -> Iterator[tuple[float, Array]]:
    """Yields (time, state) from the start on, to LATEST; adds each step to `path`.

    DOP853 for EXPLICIT_STEPS steps, then LSODA with the flow's Jacobian. Raises Undecided where a step fails or after
    IMPLICIT_STEPS steps more.
    """

    def velocity(_: float, x: Array) -> Array:
        return flow.velocity(x)

    def jacobian(_: float, x: Array) -> Array:
        return flow.jacobian(x)

    solver: OdeSolver = DOP853(velocity, 0.0, flow.start, np.inf, rtol=RELATIVE, atol=ABSOLUTE)
    yield 0.0, flow.start
    for number in range(EXPLICIT_STEPS + IMPLICIT_STEPS):
        if number == EXPLICIT_STEPS:
            first = float(solver.step_size or 1e-3)
            solver = LSODA(
                velocity,
                solver.t,
                solver.y,
                LATEST,
                first,
                rtol=RELATIVE_IMPLICIT,
                atol=ABSOLUTE_IMPLICIT,
                jac=jacobian,
            )
        with np.errstate(over="ignore", invalid="ignore"):
            solver.step()
        if solver.status == "failed":
            raise Undecided(f"the integration fails at t = {solver.t:.6g}")
        if path is not None:
            path.steps.append((float(solver.t_old), float(solver.t), solver.dense_output()))
        yield float(solver.t), solver.y.copy()
        if solver.status == "finished":
            return
    raise Undecided(f"neither rest nor a steady growth up to t = {solver.t:.6g}")
