"""Transfer functions of the user's own: f and f' as functions of one number, tried before a run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from channelsim import extend, parts
from channelsim.parts import Part

TRIED = (-3.0, -0.5, 0.0, 0.5, 3.0)
"""S at which f and f' are tried."""


def note_of(part: Part) -> extend.Transfer:
    """What the decorator noted. Raises InputError for a part of another kind."""
    return parts.noted(part, extend.Transfer, "transfer function", "@cx.transfer(...)")


def is_of_s(part: Part) -> bool:
    """Whether f' is given S, which a layer then keeps, and not O."""
    return note_of(part).of == "S"


def functions(part: Part) -> tuple[Callable[..., float], Callable[..., float]]:
    """f and f', as they stand in the file."""
    return parts.function_of(part), note_of(part).derivative


def of_one(part: Part, function: Callable[..., float], compiled: Any = None) -> Any:
    """One of the two as a function of one number, with the part's `p` if it takes it.

    `compiled`: what is called in its place. Raises InputError if it takes anything else.
    """
    takes = parts.takes_p(part, function, (argument(part, function),))
    called = function if compiled is None else compiled
    return parts.with_parameters(part, called, 1) if takes else called


def argument(part: Part, function: Callable[..., float]) -> str:
    """What one of the two is given, by its usual name."""
    return "s" if function is parts.function_of(part) or is_of_s(part) else "o"


def mapped(part: Part, function: Callable[..., float], values: NDArray[np.float32]) -> NDArray[np.float32]:
    """One of the two of each value, as it stands. Raises InputError where it raises anything."""
    one = of_one(part, function)
    with parts.calling(part, function):
        found = [one(value) for value in values.astype(np.float64).ravel()]
    with np.errstate(over="ignore"):
        return np.array(found, np.float64).astype(np.float32).reshape(values.shape)


def try_out(part: Part) -> None:
    """Calls both at some S, so that mistakes show before a run begins. Raises InputError."""
    f, slope = functions(part)
    if part.parameters and not any(parts.takes_p(part, each, (argument(part, each),)) for each in (f, slope)):
        parts.refuse_unused(part, ("s",))
    for s in TRIED:
        o = _tried(part, f, s)
        _tried(part, slope, s if is_of_s(part) else o)


def _tried(part: Part, function: Callable[..., float], given: float) -> float:
    one = of_one(part, function)
    with parts.calling(part, function):
        found = one(np.float64(given))
    parts.refuse_other_than_finite(part, function, found, f"{given:g}")
    return float(np.float32(found))
