"""Scenario and model files."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from channelsim.errors import InputError
from channelsim.paths import path_of
from channelsim.scenario._document import assign, inline_model, parse_assignment, read_model, read_toml
from channelsim.scenario._model import Model
from channelsim.scenario._scenario import Scenario, from_document


def load(path: str | Path, set: Iterable[str] = (), trust: bool = False) -> Scenario:
    """The scenario in a TOML file.

    `set` holds assignments `KEY=VALUE` that are laid over the file, in their order: a dotted TOML key
    (`learning.rule`, `channels."learning.2".latency`, also `model.layers.0.units`) and a TOML value, or else
    bare text for a string. Paths, also those set, are relative to the file.

    A scenario may name Python files, which run (`channelsim.extend`): those in its folder or below, and with `trust`
    those anywhere.

    Raises InputError: one line with the file, the key and what would be accepted.
    """
    path = path_of(path)
    document, text = read_toml(path, pipes=True)
    for assignment in set:
        try:
            key, value = parse_assignment(assignment)
            if key[0] == "model" and len(key) > 1:
                inline_model(document, path.parent)
            assign(document, key, value)
        except InputError as error:
            raise InputError(f"--set {assignment}: {error}") from None
    return from_document(document, path, text, trust)


def load_model(path: str | Path) -> Model:
    """The network description in a TOML file; InputError as `load`."""
    return read_model(path_of(path))
