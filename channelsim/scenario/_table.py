"""What all tables of a scenario share: strict Pydantic models whose errors a user can act upon.

A mistake is told as `key = value: why; accepted: what`, with `what` from the JSON Schema that editors use.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema, PydanticUndefined

from channelsim.errors import InputError

Path = tuple[str | int, ...]


class TableError(InputError):
    """What is wrong in a table.

    `problems` has a pair for each key: its path within the table, and the text that follows it in the message
    (" is missing; accepted: ..."). So a table inside another can be told by its whole path.
    """

    def __init__(self, problems: Iterable[tuple[Path, str]]):
        self.problems = list(problems)
        lines = (f"{dotted(path)}{text}" if path else text.lstrip(": ") for path, text in self.problems)
        super().__init__("; ".join(lines))


class Table(BaseModel):
    """A table of a scenario: immutable, no unknown keys, no silent conversion of types.

    Raises InputError if a key is unknown or missing, or a value is not accepted.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
        serialize_by_alias=True,
    )

    def __init__(self, /, **data: Any):  # `self` may be a key
        data = {key: plain(value) for key, value in data.items()}
        try:
            super().__init__(**data)
        except ValidationError as error:
            raise TableError(_problems(type(self), data, error)) from None

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Pydantic's, with defaults as a file has them: "10 s", and not so many picoseconds."""
        schema = handler(core)
        properties = handler.resolve_ref_schema(schema).get("properties", {})
        for key, default in _defaults(cls).items():
            if "default" in properties.get(key, {}):
                properties[key]["default"] = default
        return schema


def _defaults(table: type[Table]) -> dict[str, Any]:
    """The defaults of a table's keys, as JSON has them; of those that have one which does not depend on other keys."""
    usual = {
        name: field.default for name, field in table.model_fields.items() if field.default is not PydanticUndefined
    }
    others = dict.fromkeys(table.model_fields.keys() - usual.keys())
    return table.model_construct(**usual, **others).model_dump(mode="json", exclude=set(others))


def keys_of(table: type[BaseModel]) -> dict[str, FieldInfo]:
    """The keys of a table as they are written: `from` is no name that a Python attribute can have."""
    return {field.alias or name: field for name, field in table.model_fields.items()}


def plain(value: Any) -> Any:
    """NumPy's numbers as Python's, which strict validation asks for; everything else as it is."""
    return value.item() if getattr(value, "shape", None) == () else value


def dotted(path: Sequence[str | int]) -> str:
    """A path as it is written in TOML: `channels."learning.2".latency`, with list items as `layers[0]`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            word = part if re.fullmatch(r"[A-Za-z0-9_-]+", part) else f'"{part}"'
            text += f".{word}" if text else word
    return text


def nearest(word: str, known: Iterable[str]) -> str:
    """' (did you mean X?)' for the known word that is most like `word`, or nothing."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f" (did you mean {close[0]}?)" if close else ""


def shown(value: object) -> str:
    """`value` as a user wrote it, cut to a length that fits into a line."""
    value = list(value) if isinstance(value, tuple) else value
    text = str(value).lower() if isinstance(value, bool) else repr(value)
    return " ".join(text.split()) if len(text) <= 60 else " ".join(text[:57].split()) + "..."


def _problems(table: type[Table], data: dict[str, Any], error: ValidationError) -> list[tuple[Path, str]]:
    """One problem for each key that is wrong, in the order of the keys."""
    found: dict[Path, str] = {}
    for item in error.errors(include_url=False):
        cause = item.get("ctx", {}).get("error")
        path = _path_in(data, item["loc"])
        if isinstance(cause, TableError):
            for inner, text in cause.problems:
                found.setdefault(path + inner, text)
        elif item["type"] == "missing":
            found.setdefault(path, f" is missing; accepted: {accepted(table, str(path[0]))}")
        elif item["type"] == "extra_forbidden":
            known = list(keys_of(table))
            found.setdefault(path, f" is unknown{nearest(str(path[-1]), known)}; accepted here: {', '.join(known)}")
        elif item["type"] == "default_factory_not_called":
            continue  # a default that another key sets, and that one is wrong
        elif item["type"] in ("union_tag_invalid", "union_tag_not_found"):
            key, tags = _tags(table, str(path[0]))
            tag = item["ctx"].get("tag")
            told = " is missing" if tag is None else f" = {shown(tag)}{nearest(tag, tags)}"
            found.setdefault((*path, key), f"{told}; accepted: {_quoted(tags)}")
        elif isinstance(cause, InputError):
            found.setdefault(path, f" = {shown(item['input'])}: {cause}")
        elif not any(known[:1] == path[:1] for known in found):
            # The branches of a union each complain: the first one is shown, with what the key accepts.
            text = f" = {shown(item['input'])}"
            if item["type"] == "literal_error" and isinstance(item["input"], str):
                text += nearest(item["input"], re.findall(r"'([^']*)'", item["ctx"]["expected"]))
            found[path] = f"{text}; accepted: {accepted(table, str(path[0]))}"
    return list(found.items())


def _path_in(data: object, location: Sequence[str | int]) -> Path:
    """The part of a Pydantic location that leads through the user's data, without names of union branches."""
    path: list[str | int] = []
    for part in location:
        inside = isinstance(data, dict) and part in data
        inside |= isinstance(data, list | tuple) and isinstance(part, int) and part < len(data)
        if not (inside or not path):
            continue
        path.append(part)
        data = data[part] if inside else None  # type: ignore[index]
    return tuple(path)


@cache  # Pydantic makes a schema in some milliseconds, and every [data] table asks
def accepted(table: type[Table], key: str) -> str:
    """In words, what `key` of `table` accepts."""
    schema = table.model_json_schema()
    return _in_words(schema["properties"][key], schema.get("$defs", {}))


def _tags(table: type[Table], key: str) -> tuple[str, list[str]]:
    """The key by which the tables in the list `key` of `table` are told apart, and its values."""
    schema = table.model_json_schema()["properties"][key]
    discriminator = schema.get("items", schema)["discriminator"]
    return discriminator["propertyName"], list(discriminator["mapping"])


def _quoted(words: Iterable[str]) -> str:
    return ", ".join(f'"{word}"' for word in words)


def _in_words(schema: dict[str, Any], definitions: dict[str, Any]) -> str:
    if "$ref" in schema:
        target = definitions[schema["$ref"].rsplit("/", 1)[-1]]
        return f"a table of {', '.join(target.get('properties', {}))}"
    if "x-accepted" in schema:
        return str(schema["x-accepted"])
    if "anyOf" in schema:
        words = [_in_words(branch, definitions) for branch in schema["anyOf"]]
        return " or ".join(dict.fromkeys(words))
    if "discriminator" in schema:
        discriminator = schema["discriminator"]
        return f"a table with {discriminator['propertyName']} = {_quoted(discriminator['mapping'])}"
    if "enum" in schema:
        return _quoted(schema["enum"])
    if "const" in schema:
        return f'"{schema["const"]}"'
    kind = schema.get("type")
    if kind == "array":
        return f"a list (each item: {_in_words(schema.get('items', {}), definitions)})"
    if kind in ("integer", "number"):
        return ("an integer" if kind == "integer" else "a number") + _bounds(schema)
    names = {"boolean": "true or false", "string": "a string", "object": "a table", "null": '"none"'}
    return names.get(str(kind), "another value")


def _bounds(schema: dict[str, Any]) -> str:
    """What a number of this schema must lie between, as words that follow "a number"."""
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and high is not None:
        return f" from {low} to {high}"
    words = {
        "minimum": "of at least",
        "exclusiveMinimum": "above",
        "maximum": "of at most",
        "exclusiveMaximum": "below",
    }
    bounds = [f" {text} {schema[key]}" for key, text in words.items() if key in schema]
    return " and".join(bounds)
