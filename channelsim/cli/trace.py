"""`channelsim trace`: what is in a trace, and what can be taken out of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from channelsim.cli.options import Json
from channelsim.cli.output import print_json

app = typer.Typer(help="Look into a trace, or take its weights out of it.", no_args_is_help=True)


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


@app.command("export")
def export(
    trace: Annotated[Path, typer.Argument(metavar="TRACE", help="Trace (HDF5).", show_default=False)],
    weights: Annotated[
        Path, typer.Option("--weights", metavar="FILE", help="Write W, b and C there, as an .npz.", show_default=False)
    ],
    epoch: Annotated[
        int | None,
        typer.Option("--epoch", metavar="N", help="After this epoch (default: the last one kept).", show_default=False),
    ] = None,
) -> None:
    """Write the weights of a trace as an .npz, from which a scenario can start."""
    from channelsim.trace import Trace

    with Trace(trace) as opened:
        opened.export_weights(weights, epoch)
