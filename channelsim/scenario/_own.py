"""A part of the user's own: which function of which file, and its parameters."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

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

    @property
    def label(self) -> str:
        """What it is called in tables: the file's name and the function's."""
        return self.use.replace("\\", "/").rpartition("/")[2]


Use = Annotated[str, WithJsonSchema({"type": "string", "pattern": r"\.py:[A-Za-z_]\w*$", "x-accepted": _ACCEPTED})]
"""A function without parameters, where a key takes other words as well."""


def own_or_word(value: Any) -> Any:
    """A table, or "FILE.py:FUNCTION" in place of one, as what it describes; other words as they are."""
    if isinstance(value, str) and ".py:" in value:
        value = {"use": value}
    return Own(**value) if isinstance(value, Mapping) else value


def _several(value: Any) -> Any:
    """One table as a list of one, for a key that takes both; "none" as an empty list."""
    if value == "none":
        return ()
    return tuple(value) if isinstance(value, list | tuple) else (value,)


Stages = Annotated[
    tuple[Own, ...], BeforeValidator(_several, json_schema_input_type=Own | tuple[Own, ...] | Literal["none"])
]


_TAKEN = {"epoch", "frames", "updates", "loss", "accuracy", "r2", "learning_rate", "simulated_time", "wall_time"}


def named_metrics(metrics: dict[str, Own]) -> dict[str, Own]:
    """[metrics], whose names are columns beside those of every run."""
    for name in metrics:
        if not re.fullmatch("[a-z][a-z0-9_]*", name) or name in _TAKEN or name.endswith("_deployed"):
            why = "what every run has" if name in _TAKEN else "no name of a metric"
            accepted = "small letters, digits and _, such as f1"
            raise TableError([((name,), f" is {why}; accepted: {accepted}")])
    return metrics


def located_metrics(metrics: Any, folder: Path, trusted: bool) -> Any:
    """[metrics] with their files relative to `folder`. Raises InputError."""
    if not isinstance(metrics, Mapping):
        return metrics
    return {name: located_own(own, f"metrics.{name}", folder, trusted) for name, own in metrics.items()}


def located_rule(learning: Any, folder: Path, trusted: bool) -> Any:
    """[learning] with the file of a rule relative to `folder`; as `located_parts`."""
    if not isinstance(learning, Mapping) or "rule" not in learning:
        return learning
    return {**learning, "rule": located_own(learning["rule"], "learning.rule", folder, trusted)}


def located_parts(channels: Any, folder: Path, trusted: bool) -> Any:
    """[channels] with the files of stages relative to `folder`.

    They are code that runs. So, unless they are `trusted`, they lie in the folder of the file that names them or below.
    Raises InputError.
    """
    if not isinstance(channels, Mapping):
        return channels
    return {name: _located(channel, name, folder, trusted) for name, channel in channels.items()}


def located_use(value: Any, folder: Path) -> Any:
    """A key that takes `own_or_word`, with the file relative to `folder`."""
    if isinstance(value, Mapping):
        return {**value, "use": located_use(value["use"], folder)} if isinstance(value.get("use"), str) else value
    file, colon, function = value.rpartition(":") if isinstance(value, str) else ("", "", "")
    return f"{(folder / path_of(file)).resolve()}:{function}" if colon and file.endswith(".py") else value


def refuse_outside(key: str, use: str, folder: Path) -> None:
    """Raises InputError unless the file of `use`, which is code that runs, lies in the folder or below."""
    if not Path(use.rpartition(":")[0]).is_relative_to(folder.resolve()):
        raise InputError(
            f"{key}.use = {use!r}: outside of the scenario's folder, and it is code that runs;"
            " accepted: a file in that folder, or --trust"
        )


def _located(channel: Any, name: str, folder: Path, trusted: bool) -> Any:
    if not isinstance(channel, Mapping) or "stage" not in channel:
        return channel
    stages = channel["stage"]
    key = f"channels.{name}.stage"
    several = [
        located_own(one, key, folder, trusted) for one in (stages if isinstance(stages, list | tuple) else [stages])
    ]
    return {**channel, "stage": several if isinstance(stages, list | tuple) else several[0]}


def located_own(own: Any, key: str, folder: Path, trusted: bool) -> Any:
    """What stands under `key`, the file of its `use` (if it has one) relative to `folder`. Raises InputError."""
    if not isinstance(own, Mapping) or not isinstance(own.get("use"), str):
        return own
    located = located_use(own, folder)
    if not trusted and ":" in located["use"]:
        refuse_outside(key, located["use"], folder)
    return located
