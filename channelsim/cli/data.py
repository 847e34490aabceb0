"""`channelsim data`: which data sets are at hand, and fetching those that are not."""

from __future__ import annotations

from typing import Annotated

import typer

from channelsim.cli.options import Json
from channelsim.cli.output import note, print_json

app = typer.Typer(help="List and fetch data sets.", no_args_is_help=True)


@app.command("list")
def list_(as_json: Json = False) -> None:
    """List the data sets that scenarios can name, and where each was found."""
    from dataclasses import asdict

    from channelsim.cli.tables import print_data_sets
    from channelsim.data import available

    entries = available()
    if as_json:
        print_json({entry.name: asdict(entry) for entry in entries})
    else:
        print_data_sets(entries)


@app.command("fetch")
def fetch(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="Which one; data list shows those there are.", show_default=False)
    ],
) -> None:
    """Download a data set into the user's cache, checked against its known checksums."""
    from channelsim.data import fetch as download

    print(download(name, report=note))
