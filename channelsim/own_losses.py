"""Losses of the user's own: the loss of a sample and its error e, tried before a run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from channelsim import extend, parts
from channelsim.errors import InputError
from channelsim.parts import Part

TAKES = ("o", "t")


def note_of(part: Part) -> extend.Loss:
    """What the decorator noted. Raises InputError for a part of another kind."""
    return parts.noted(part, extend.Loss, "loss", "@cx.loss(...)")


def is_of_s(part: Part) -> bool:
    """Whether it is given S of the top layer, and not O."""
    return note_of(part).of == "S"


def functions(part: Part) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """The loss and the error, as they stand in the file."""
    return parts.function_of(part), note_of(part).error


def of_two(part: Part, function: Callable[..., Any], compiled: Any = None) -> Any:
    """One of the two as a function of outputs and targets, with the part's `p` if it takes it.

    `compiled`: what is called in its place. Raises InputError if it takes anything else.
    """
    called = function if compiled is None else compiled
    return parts.with_parameters(part, called, len(TAKES)) if parts.takes_p(part, function, TAKES) else called


def of_sample(
    part: Part, outputs: NDArray[np.float32], target: NDArray[np.float32]
) -> tuple[float, NDArray[np.float32]]:
    """Loss and e (n,) of one sample, called as they stand. Raises InputError where one of them raises anything."""
    loss, error = (of_two(part, function) for function in functions(part))
    o, t = outputs.astype(np.float64), target.astype(np.float64)
    with parts.calling(part, parts.function_of(part)):
        if note_of(part).over == "sample":
            return float(loss(o, t)), np.asarray(error(o.copy(), t.copy())).astype(np.float32)
        total = 0.0
        for one, wanted in zip(o, t, strict=True):
            total += loss(one, wanted)
        made = [error(one, wanted) for one, wanted in zip(o, t, strict=True)]
        return float(total), np.array(made, np.float64).astype(np.float32)


def try_out(part: Part, n: int) -> None:
    """Calls both on outputs of 0.5, so that mistakes show before a run begins. Raises InputError."""
    loss, error = functions(part)
    if part.parameters and not any(parts.takes_p(part, each, TAKES) for each in (loss, error)):
        parts.refuse_unused(part, TAKES)
    if note_of(part).over == "value":
        for function in (loss, error):
            for t in (0.0, 1.0):
                found = _called(part, function, np.float64(0.5), np.float64(t))
                parts.refuse_other_than_finite(part, function, found, f"0.5 and {t:g}")
        return
    outputs, target = np.full(n, 0.5), np.zeros(n)
    target[0] = 1.0
    parts.refuse_other_than_finite(part, loss, _called(part, loss, outputs.copy(), target.copy()))
    made = _called(part, error, outputs, target)
    if np.shape(made) != (n,):
        told = f"{parts.place_of(part, error)} returns an array of shape {np.shape(made)}"
        raise InputError(f"{told}; accepted: ({n},), an error for each output")
    for value in np.asarray(made):
        parts.refuse_other_than_finite(part, error, value)


def _called(part: Part, function: Callable[..., Any], outputs: Any, target: Any) -> Any:
    one = of_two(part, function)
    with parts.calling(part, function):
        return one(outputs, target)
