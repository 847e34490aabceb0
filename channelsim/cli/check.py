"""`channelsim check`: validate a scenario and show what would be simulated."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from channelsim.cli.options import Json, Settings, Trust
from channelsim.cli.output import print_json
from channelsim.errors import InputError


def check(
    scenario: Annotated[
        Path | None, typer.Argument(metavar="SCENARIO", help="Scenario file (TOML).", show_default=False)
    ] = None,
    settings: Settings = None,
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON Schema of scenario files, for editors.")
    ] = False,
    trust: Trust = False,
    as_json: Json = False,
) -> None:
    """Validate a scenario and show what would be simulated.

    Layers and channels, wires, operations and bits per frame, memory.
    """
    if schema:
        from channelsim.scenario import schema as scenario_schema

        print_json(scenario_schema())
        return
    if scenario is None:
        raise InputError("check: give a scenario file (or --schema)")

    from channelsim.scenario import load

    wanted = load(scenario, set=settings or (), trust=trust)

    from channelsim._check import check as look

    found = look(wanted)
    if as_json:
        print_json(found.to_json())
    else:
        print(found)
