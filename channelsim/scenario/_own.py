"""A part of the user's own: which function of which file, and its parameters."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, ConfigDict, WithJsonSchema, model_validator

from channelsim.errors import InputError
from channelsim.paths import path_of
from channelsim.scenario._table import Table, TableError

_ACCEPTED = '"FILE.py:FUNCTION", FILE relative to the file that names it'


def _use(text: str) -> str:
    file, _, name = text.rpartition(":")
    if not file.endswith(".py") or not name.isidentifier():
        raise InputError(f"names no function of a file; accepted: {_ACCEPTED}")
    return f"{path_of(file).absolute()}:{name}"


class Own(Table):
    """A function of a Python file, with its parameters: all other keys, which are numbers."""

    model_config = ConfigDict(extra="allow")

    use: Annotated[
        str,
        AfterValidator(_use),
        WithJsonSchema({"type": "string", "pattern": r"\.py:[A-Za-z_]\w*$", "x-accepted": _ACCEPTED}),
    ]
    """Which function: "FILE.py:FUNCTION"."""

    @model_validator(mode="after")
    def _numbers(self) -> Own:
        problems: list[tuple[tuple[str | int, ...], str]] = []
        for key, value in (self.__pydantic_extra__ or {}).items():
            if not isinstance(value, int | float):
                problems.append(((key,), f" = {value!r}: a parameter of {self.use}; accepted: a number"))
            elif not re.fullmatch("[A-Za-z][A-Za-z0-9_]*", key):
                problems.append(((key,), " is no name of a parameter; accepted: letters, digits and _"))
        if problems:
            raise TableError(problems)
        return self

    @property
    def parameters(self) -> dict[str, float]:
        """The other keys."""
        return {key: float(value) for key, value in (self.__pydantic_extra__ or {}).items()}


def _several(value: Any) -> Any:
    """One table as a list of one, for a key that takes both."""
    return tuple(value) if isinstance(value, list | tuple) else (value,)


Stages = Annotated[tuple[Own, ...], BeforeValidator(_several, json_schema_input_type=Own | tuple[Own, ...])]


def located_rule(learning: Any, folder: Path, trusted: bool) -> Any:
    """[learning] with the file of a rule relative to `folder`; as `located_parts`."""
    if not isinstance(learning, Mapping) or "rule" not in learning:
        return learning
    return {**learning, "rule": _at(learning["rule"], "learning.rule", folder, trusted)}


def located_parts(channels: Any, folder: Path, trusted: bool) -> Any:
    """[channels] with the files of stages relative to `folder`.

    They are code that runs. So, unless they are `trusted`, they lie in the folder of the file that names them or below.
    Raises InputError.
    """
    if not isinstance(channels, Mapping):
        return channels
    return {name: _located(channel, name, folder, trusted) for name, channel in channels.items()}


def _located(channel: Any, name: str, folder: Path, trusted: bool) -> Any:
    if not isinstance(channel, Mapping) or "stage" not in channel:
        return channel
    stages = channel["stage"]
    several = [
        _at(one, f"channels.{name}.stage", folder, trusted)
        for one in (stages if isinstance(stages, list | tuple) else [stages])
    ]
    return {**channel, "stage": several if isinstance(stages, list | tuple) else several[0]}


def _at(own: Any, key: str, folder: Path, trusted: bool) -> Any:
    if not isinstance(own, Mapping) or not isinstance(own.get("use"), str):
        return own
    file, colon, function = own["use"].rpartition(":")
    path = (folder / path_of(file)).resolve() if colon else None
    if path is None:
        return own
    if not trusted and not path.is_relative_to(folder.resolve()):
        raise InputError(
            f"{key}.use = {own['use']!r}: outside of the scenario's folder, and it is code that runs;"
            " accepted: a file in that folder, or --trust"
        )
    return {**own, "use": f"{path}:{function}"}
