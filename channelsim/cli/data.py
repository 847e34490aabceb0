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

    from channelsim.data import available

    entries = available()
    if as_json:
        print_json({entry.name: asdict(entry) for entry in entries})
        return
    for entry in entries:
        sizes = "" if entry.train is None else f"{entry.train} + {entry.test}"
        print(f"{entry.name:18} {sizes:15} {entry.place or 'not here'}")
        if entry.remedy:
            print(f"{'':18} {'':15} -> {entry.remedy}")


@app.command("fetch")
def fetch(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="mnist, fashion-mnist or cifar10.", show_default=False)
    ],
) -> None:
    """Download a data set into the user's cache, checked against its known checksums."""
    from channelsim.data import fetch as download

    print(download(name, report=note))
