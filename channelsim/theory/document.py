"""Files with a table [theory]."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from channelsim.errors import InputError
from channelsim.scenario import load as load_scenario
from channelsim.scenario import system_from
from channelsim.scenario._document import assign, parse_assignment, read_toml
from channelsim.theory.systems import System


def load(path: str | Path, set: Iterable[str] = ()) -> System:
    """The system in the [theory] table of a TOML file.

    `set` holds assignments `KEY=VALUE` that are laid over the file, in their order, such as `theory.alpha=2`. Other
    tables, which are a scenario's, are checked. Raises InputError: one line with the file, the key and what would be
    accepted.
    """
    path = Path(path)
    document, _ = read_toml(path)
    for assignment in (assignments := list(set)):
        try:
            assign(document, *parse_assignment(assignment))
        except InputError as error:
            raise InputError(f"--set {assignment}: {error}") from None
    try:
        if not isinstance(document.get("theory"), dict):
            raise InputError("theory is missing; accepted: a table [theory] with system, rule, a, c, alpha, beta, ..")
        system = system_from(document["theory"])
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    if document.keys() - {"theory", "name"}:
        load_scenario(path, assignments)
    return system
