"""Where a system goes from its start, when, and for which reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from channelsim.theory.systems import Array

Kind = Literal["converges", "saddle", "diverges", "oscillates", "stays"]


@dataclass(frozen=True)
class FixedPoint:
    """A point where nothing moves, on the leaf of the invariants that the start fixes.

    rates: eigenvalues of minus the Jacobian along that leaf (per unit of the equation's time); stable where all real
    parts are positive.
    """

    parameters: Mapping[str, Array]
    rates: tuple[complex, ...]
    stable: bool


@dataclass(frozen=True)
class Outcome:
    """What a system does as time goes to infinity.

    outcome: "converges" (to a stable limit, or a degenerate one where `rate` is 0 and the approach is like 1/t),
    "saddle" (comes to rest at a point that others leave), "diverges", "oscillates" or "stays" (starts at rest).
    limit: the parameters there, None where there are none. rate: of the exponential approach, per unit of the equation's
    time; 0 where it is slower than any exponential, None without a limit. time: the smallest t after which every parameter
    stays within the tolerance of its limit; 0 where it starts there, None without a limit. period: of an oscillation, in
    the equation's time. asymptote: the leading behaviour of what diverges, in words. reason: why, in words with the numbers
    that decide (roots, potential, projector, stable manifold).
    """

    outcome: Kind
    limit: Mapping[str, Array] | None
    rate: float | None
    time: float | None
    period: float | None
    reason: str
    asymptote: str | None = None
    fixed_points: tuple[FixedPoint, ...] = ()
    invariants: Mapping[str, Any] = field(default_factory=dict)
