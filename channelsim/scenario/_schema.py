"""The JSON Schema of scenario files, by which editors complete and check them."""

from __future__ import annotations

from typing import Any

from channelsim.scenario._model import Model
from channelsim.scenario._scenario import Scenario

CHANNEL_NAME = r"^(forward\.[1-9]\d*|learning\.[1-9]\d*(\.from\.[1-9]\d*)?(\.copy\.[1-9]\d*)?)$"


def schema(model: bool = False) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a scenario file, or of a model file, with descriptions and units."""
    kind = Model if model else Scenario
    document = _without_null(kind.model_json_schema())
    if not model:
        channels = document["properties"]["channels"]
        channels["patternProperties"] = {CHANNEL_NAME: channels["additionalProperties"]}
        channels["properties"] = dict.fromkeys(("forward", "learning"), channels["additionalProperties"])
        channels["additionalProperties"] = False
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **document}


def _without_null(node: Any) -> Any:
    """TOML has no null: where one is accepted, a file says "none"."""
    if isinstance(node, list):
        return [_without_null(item) for item in node]
    if not isinstance(node, dict):
        return node
    if node == {"type": "null"}:
        return {"const": "none"}
    return {
        key: _none_for_null(value) if key == "default" else _without_null(value)
        for key, value in node.items()
        if key != "x-accepted" and not (key == "default" and value is None)
    }


def _none_for_null(default: Any) -> Any:
    """A default, in which keys of a table may be null."""
    if isinstance(default, dict):
        return {key: _none_for_null(value) for key, value in default.items()}
    return "none" if default is None else default
