"""Where a system goes from its start, when, and for which reason."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from channelsim.theory.systems import Array

Kind = Literal["converges", "saddle", "diverges", "oscillates", "stays"]


class Undecided(ArithmeticError):
    """The integration came neither to rest nor to a growth that can be named."""


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
    "saddle" (comes to rest at a point that others leave), "diverges", "oscillates" or "stays" (starts at rest). limit:
    the parameters there, None where there are none. rate: of the exponential approach, per unit of the equation's time;
    0 where it is slower than any exponential, None where nothing approaches a limit. time: the smallest t after which
    every parameter stays within the tolerance of its limit; 0 where it starts there, None without a limit. period: of
    an oscillation, in the equation's time. asymptote: the leading behaviour of what diverges, in words. reason: why, in
    words with the numbers that decide (roots, potential, projector, stable manifold).
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

    def to_json(self) -> dict[str, Any]:
        """As plain lists, numbers and None, which also stands for what is not finite.

        A fixed point's rates are told by their real parts ("rates") and imaginary parts ("frequencies").
        """
        return {
            "outcome": self.outcome,
            "limit": None if self.limit is None else _plain(self.limit),
            "rate": _plain(self.rate),
            "time": _plain(self.time),
            "period": _plain(self.period),
            "reason": self.reason,
            "asymptote": self.asymptote,
            "fixed_points": [
                {
                    "parameters": _plain(point.parameters),
                    "rates": _plain([complex(rate).real for rate in point.rates]),
                    "frequencies": _plain([complex(rate).imag for rate in point.rates]),
                    "stable": bool(point.stable),
                }
                for point in self.fixed_points
            ],
            "invariants": _plain(self.invariants),
        }


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if isinstance(value, float):
        return value + 0.0 if math.isfinite(value) else None  # + 0.0: no -0.0
    return value
