"""Learning rules of the user's own (`channelsim.extend.rule`): their row of the table of rules, and their steps."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from channelsim import extend, parts
from channelsim.errors import InputError
from channelsim.extend import STEPS, Step
from channelsim.parts import Part
from channelsim.rules import Message, Route, Rule, Wiring

_WIRINGS = {"random": Wiring.DENSE, "signs": Wiring.SIGN, "none": Wiring.NONE}
_MESSAGES = {"error": Message.ERROR, "target": Message.TARGET}


def note_of(part: Part) -> extend.Rule:
    """What a rule's decorator noted. Raises InputError where the part is something else."""
    return parts.noted(part, extend.Rule, "rule", "@cx.rule(...)", of="a class")


def row(route: str, wiring: str, message: str, adaptive: bool) -> Rule:
    """The row that a rule with these words of `extend.rule` would have in `channelsim.rules.RULES`."""
    if wiring == "none":
        return Rule(None, Wiring.NONE, Message.ERROR, adaptive=False)
    if wiring == "transpose":
        through = Wiring.TRANSPOSE if route == Route.LAYERED else Wiring.PRODUCT
        return Rule(Route(route), through, Message.ERROR, adaptive=False)
    return Rule(Route(route), _WIRINGS[wiring], _MESSAGES[message], adaptive)


def step_of(part: Part, step: Step) -> Callable[..., Any]:
    """A step that the rule has."""
    return note_of(part).steps[step]


def takes_p(part: Part, step: Step) -> bool:
    """Whether a step takes `p`. Raises InputError if it takes anything else than it is given."""
    return parts.takes_p(part, step_of(part, step), note_of(part).arguments(step))


def calls(part: Part, step: Step, *arguments: Iterable[Any]) -> list[Any]:
    """What a step as it stands makes of each of these arguments, with `p` behind them.

    Raises InputError where it raises anything.
    """
    function, p = step_of(part, step), parts.parameters_of(part)
    given = (*arguments, itertools.repeat(p)) if takes_p(part, step) else arguments
    with parts.calling(part, function):
        return list(map(function, *given))


def draws_of(note: extend.Rule, u: NDArray[np.float64]) -> tuple[Iterable[Any], ...]:
    """`u` of each call, of draws (calls, draws): none, numbers, or arrays of several."""
    return () if note.draws == 0 else (u[:, 0] if note.draws == 1 else u.copy(),)


def try_out(part: Part) -> None:
    """Calls each step once, so that its mistakes show before a run begins. Raises InputError."""
    note = note_of(part)
    for step in STEPS:
        if step in note.steps:
            half, u = np.full(1, 0.5), np.full((1, note.draws), 0.5)
            [result] = calls(part, step, *[half] * 4, *draws_of(note, u))
            parts.refuse_other_than_finite(part, note.steps[step], result)
    if part.parameters and not any(takes_p(part, step) for step in note.steps):
        given = ", ".join(dict(part.parameters))
        raise InputError(
            f"{part.place} has no step that takes p, and the scenario gives {given}; accepted: no such keys"
        )
