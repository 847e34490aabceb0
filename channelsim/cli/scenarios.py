"""`channelsim scenarios`: the scenarios that come with the package, and copies of them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from channelsim.cli.options import Json
from channelsim.cli.output import print_json

app = typer.Typer(help="List and copy the scenarios that come with the package.", no_args_is_help=True)


@app.command("list")
def list_(as_json: Json = False) -> None:
    """List the scenarios that come with the package."""
    from channelsim.shipped import scenarios

    found = scenarios()
    if as_json:
        print_json({scenario.name: scenario.about for scenario in found})
        return
    widest = max(len(scenario.name) for scenario in found)
    for scenario in found:
        print(f"{scenario.name:{widest}}  {scenario.about}")


@app.command("copy")
def copy(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="Which one; scenarios list shows them.", show_default=False)
    ],
    to: Annotated[Path, typer.Option("--to", metavar="DIR", help="Where scenarios/ and models/ are made.")] = Path(),
    force: Annotated[bool, typer.Option("--force", help="Replace files that are there.")] = False,
) -> None:
    """Copy a scenario and its model here, to change and run them."""
    from channelsim.shipped import copy as copy_files

    for path in copy_files(name, to, force):
        print(path)
