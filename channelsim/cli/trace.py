"""`channelsim trace`: what is in a trace."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from channelsim.cli.options import Json
from channelsim.cli.output import print_json

app = typer.Typer(help="Look into a trace.", no_args_is_help=True)


@app.command("info")
def info(
    trace: Annotated[Path, typer.Argument(metavar="TRACE", help="Trace (HDF5).", show_default=False)],
    as_json: Json = False,
) -> None:
    """Show what is in a trace: the scenario, how far it got, the metrics, and the size of each part."""
    from channelsim.trace import Trace

    with Trace(trace) as opened:
        if as_json:
            print_json(opened.info())
        else:
            print(opened)
