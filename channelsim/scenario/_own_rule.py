"""A learning rule of the user's own: which class of which file, and what the file says of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import model_validator
from pydantic.json_schema import SkipJsonSchema

from channelsim import own_rules, parts
from channelsim.errors import InputError
from channelsim.extend import Message, Route, Wiring
from channelsim.rules import Rule
from channelsim.scenario._own import Own
from channelsim.scenario._table import Table


class Declared(Table):
    """Arguments of `channelsim.extend.rule`, and which steps the rule has."""

    route: Route
    wiring: Wiring
    message: Message
    derivative: bool
    adaptive: bool
    top: bool
    step_w: bool
    step_c: bool


class OwnRule(Own):
    """A class of a Python file, with its parameters: all other keys, which are numbers."""

    declared: Annotated[Declared | None, SkipJsonSchema()] = None
    """What the file says; a trace has it, so that nobody need run the file in order to read the trace."""

    @model_validator(mode="after")
    def _declare(self) -> OwnRule:
        if self.declared is None:
            self.__dict__["declared"] = declared(parts.part(self.use, self.parameters))  # no key that was given
        return self

    @property
    def row(self) -> Rule:
        """Its row of the table of rules."""
        said = self.declared
        assert said is not None
        return own_rules.row(said.route, said.wiring, said.message, said.adaptive)


def declared(part: parts.Part) -> Declared:
    """What the file of a part says of its rule. Raises InputError where the part is no rule."""
    note = own_rules.note_of(part)
    return Declared(
        route=note.route,
        wiring=note.wiring,
        message=note.message,
        derivative=note.derivative,
        adaptive=note.adaptive,
        top=note.top,
        step_w="step_w" in note.steps,
        step_c="step_c" in note.steps,
    )


def refuse_undeclared(resolved: Mapping[str, Any]) -> None:
    """Raises InputError if the scenario of a trace would run a file in order to be read."""
    rule = resolved.get("learning", {}).get("rule")
    if isinstance(rule, Mapping) and "declared" not in rule:
        raise InputError("learning.rule has no declared; accepted: what the file said when the run began")
