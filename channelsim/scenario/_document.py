"""From TOML text to tables: reading files, dotted keys, `--set`, and errors that name the file."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from channelsim.errors import InputError
from channelsim.files import open_regular
from channelsim.paths import path_of
from channelsim.scenario._given import located
from channelsim.scenario._model import Model
from channelsim.scenario._own import located_use
from channelsim.scenario._rates import DEFAULT, RATE_TABLES
from channelsim.scenario._table import Table, TableError, dotted, nearest

_LONGEST = 64 << 20  # bytes of a TOML file
DEEPEST = 50  # tables and lists in each other; a scenario has 7


def read_toml(path: Path, *, pipes: bool = False) -> tuple[dict[str, Any], str]:
    """A TOML file's tables and its text; InputError if it cannot be read, naming file, line and column.

    The file is a regular one, or if `pipes` a FIFO, such as a shell's <(...).
    """
    try:
        with open_regular(path, pipes=pipes, accepted="a TOML file that can be read") as file:
            content = file.read(_LONGEST + 1)
        if len(content) > _LONGEST:
            raise InputError(f"{path}: more than {_LONGEST >> 20} MiB; accepted: a TOML file of a scenario or model")
        text = content.decode("utf-8-sig").replace("\r\n", "\n")
    except FileNotFoundError:
        folder = path.parent
        beside = [p.name for p in folder.glob("*.toml")] if folder.is_dir() else []
        raise InputError(f"{path}: no such file{nearest(path.name, beside)}; accepted: a TOML file") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text (byte {error.start}); accepted: a TOML file") from None
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; accepted: a TOML file that can be read") from None
    try:
        return _parsed(text), text
    except ValueError as error:
        raise InputError(f"{path}: {str(error).replace(chr(10), ' ')}; accepted: TOML") from None


def _parsed(text: str) -> dict[str, Any]:
    """TOML as tables. Raises ValueError, also where it is nested too deep or has a number of 4,300 digits."""
    try:
        document = tomllib.loads(text)
    except RecursionError:
        document = None
    except tomllib.TOMLDecodeError:
        raise
    except ValueError as error:  # of an integer, with advice to programmers behind the semicolon
        raise ValueError(str(error).partition(";")[0]) from None
    if document is None or _is_deeper(document, DEEPEST):
        raise ValueError("nested too deep")
    return document


def _is_deeper(document: dict[str, Any], depth: int) -> bool:
    """Whether tables and lists are nested in each other more than `depth` times."""
    level: list[Any] = [document]
    for _ in range(depth):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
    return bool(level)


def read_model(path: Path) -> Model:
    """A model file, checked; InputError that names it."""
    try:
        model = Model(**_model_at(path))
    except TableError as error:
        raise InputError(f"{path}: {error}") from None
    model._path = path
    return model


def _model_at(path: Path) -> dict[str, Any]:
    """The tables of a model file, a path in them relative to the file."""
    return located_model(read_toml(path)[0], path.parent)


def located_model(model: dict[str, Any], folder: Path) -> dict[str, Any]:
    """A model whose weights file and Python files are named relative to `folder`."""
    if "weights" in model:
        model = {**model, "weights": located(model["weights"], folder)}
    if isinstance(model.get("layers"), list):
        model = {**model, "layers": [_located_layer(layer, folder) for layer in model["layers"]]}
    return model


def _located_layer(layer: Any, folder: Path) -> Any:
    if not isinstance(layer, Mapping) or "transfer" not in layer:
        return layer
    return {**layer, "transfer": located_use(layer["transfer"], folder)}


def parse_key(text: str) -> list[str]:
    """The parts of a TOML dotted key: `channels."learning.2".latency` has three."""
    try:
        table: Any = _parsed(f"{text} = 0") if "\n" not in text and "=" not in text else None
    except ValueError:
        table = None
    if table is None:
        raise InputError(f'{text!r} is no key; accepted: a dotted key such as channels."learning.2".latency')
    parts = []
    while isinstance(table, dict):
        ((part, table),) = table.items()
        parts.append(part)
    return parts


def parse_assignment(text: str) -> tuple[list[str], Any]:
    """Key and value of `key=value`, as `--set` takes it: a TOML value, or else the bare text as a string."""
    match = re.fullmatch(r'((?:[^="\']|"[^"]*"|\'[^\']*\')+)=(.*)', text, re.DOTALL)
    if match is None:
        raise InputError("no '=' in it; accepted: KEY=VALUE such as learning.rule=rbp")
    key, value = match[1].strip(), match[2].strip()
    try:
        table = _parsed(f"value = {value}")
    except ValueError:
        table = {}
    return parse_key(key), table["value"] if list(table) == ["value"] else value


def assign(document: dict[str, Any], parts: Sequence[str], value: Any) -> None:
    """Set a key of nested tables and lists, making tables on the way."""
    place: Any = document
    for depth, part in enumerate(parts[:-1], start=1):
        place = _only(place, part)
        key = _index(place, parts[:depth])
        inner = place[key] if _has(place, part) else None
        if tuple(parts[:depth]) in RATE_TABLES and isinstance(inner, int | float) and not isinstance(inner, bool):
            inner = place[key] = {DEFAULT: inner}  # one rate for all layers, until one has its own
        if inner is None:
            inner = place[key] = {}
        elif not isinstance(inner, dict | list):
            raise InputError(f"{dotted(parts[:depth])} = {inner!r} is no table; accepted: a key of a table")
        if part == "stage" and isinstance(inner, list) and len(inner) == 1 and not parts[depth].isdecimal():
            inner = inner[0]  # one stage may stand for a list of one
        place = inner
    if isinstance(value, Table):
        value = value.model_dump(mode="json", exclude_unset=True)
    place = _only(place, parts[-1])
    place[_index(place, parts)] = value


def lay_over(document: dict[str, Any], parts: Sequence[str], value: Any) -> None:
    """As `assign`, but a dict for a section, channel or link sets the keys in it and leaves the rest."""
    depth = {"model": 0, "sweep": 0, "channels": 2, "links": 2}.get(parts[0], 1)
    if isinstance(value, Mapping) and len(parts) <= depth:
        for key, inner in value.items():
            lay_over(document, [*parts, key], inner)
    else:
        assign(document, parts, value)


def _only(place: Any, part: str) -> Any:
    """The one table in a list, where a key of it is meant: a channel has one stage or a list of them."""
    is_one = isinstance(place, list) and len(place) == 1 and isinstance(place[0], dict) and not part.isdecimal()
    return place[0] if is_one else place


def _has(place: Any, part: str) -> bool:
    return part in place if isinstance(place, dict) else True


def _index(place: Any, parts: Sequence[str]) -> Any:
    """The key or, in a list, the index that the last of `parts` stands for."""
    if isinstance(place, dict):
        return parts[-1]
    if parts[-1].isdecimal() and int(parts[-1]) < len(place):
        return int(parts[-1])
    raise InputError(f"{dotted(parts)} is unknown; accepted: an index from 0 to {len(place) - 1}")


def inline_model(document: dict[str, Any], folder: Path) -> None:
    """Put the model itself where its path is, so that its keys can be set."""
    if isinstance(document.get("model"), str):
        document["model"] = _model_at(folder / path_of(document["model"]))
