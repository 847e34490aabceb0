"""A learning rule of the user's own: which part it is, and what of it the engine and the reference call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from channelsim import own_rules, parts
from channelsim.errors import InputError
from channelsim.parts import Part
from channelsim.scenario import OwnRule as Written
from channelsim.scenario import Scenario

FIRST_STEP_DRAW = 1 << 62
"""The index of the first draw of a matrix's steps, behind those of all stages of its channel."""


@dataclass(frozen=True)
class OwnRule:
    """A rule with steps of its own.

    Attributes:
        part: the class.
        step_w: whether hidden layers learn by its step of W.
        top: whether the top layer does.
        step_c: whether C learns by its step.
    """

    part: Part
    step_w: bool
    top: bool
    step_c: bool


def own_rule(scenario: Scenario) -> OwnRule | None:
    """The user's own rule of a scenario; None where it has none, or one without steps.

    Raises InputError for a part that raises, returns something else than it should, or is not what it was.
    """
    written = scenario.learning.rule
    if not isinstance(written, Written) or written.declared is None:
        return None
    said = written.declared
    part = parts.part(written.use, written.parameters)
    try:
        keys: dict[str, Any] = {"use": written.use, **written.parameters}
        if Written(**keys).declared != said:
            raise InputError(f"{part.place} is not what it was; accepted: the file as it was")
        own_rules.try_out(part)
    except InputError as error:
        raise InputError(f"learning.rule: {error}") from None
    return OwnRule(part, said.step_w, said.step_w and said.top, said.step_c) if said.step_w or said.step_c else None
