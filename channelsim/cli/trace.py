"""`channelsim trace`: what is in a trace, and what can be taken out of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from channelsim.cli.options import Json
from channelsim.cli.output import print_json
from channelsim.errors import InputError

app = typer.Typer(help="Look into a trace, or take weights and tables out of it.", no_args_is_help=True)


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
        Path | None,
        typer.Option("--weights", metavar="FILE", help="Write W, b and C there, as an .npz.", show_default=False),
    ] = None,
    epoch: Annotated[
        int | None,
        typer.Option("--epoch", metavar="N", help="After this epoch (default: the last one kept).", show_default=False),
    ] = None,
    table: Annotated[
        str | None,
        typer.Option("--table", metavar="NAME", help="channels, metrics/test, events, ...", show_default=False),
    ] = None,
    csv: Annotated[
        Path | None, typer.Option("--csv", metavar="FILE", help="Write the table there.", show_default=False)
    ] = None,
    parquet: Annotated[
        Path | None, typer.Option("--parquet", metavar="FILE", help="Write the table there.", show_default=False)
    ] = None,
) -> None:
    """Write the weights of a trace as an .npz, from which a scenario can start, or a table as CSV or Parquet."""
    from channelsim.trace import Trace

    written = [path for path in (csv, parquet) if path is not None]
    if (table is None) != (len(written) != 1) or (weights is None) == (table is None):
        raise InputError("trace export: accepted: --weights FILE, or --table NAME with one of --csv and --parquet")
    for path, ending in ((csv, ".csv"), (parquet, ".parquet")):
        if path is not None and path.suffix != ending:
            raise InputError(f"{path}: accepted: a name that ends in {ending}")
    with Trace(trace) as opened:
        if weights is not None:
            opened.export_weights(weights, epoch)
        elif table is not None:
            opened.export_table(table, written[0])
