"""`channelsim sweep`: run the grid of a scenario."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from channelsim.cli.options import Json, ScenarioFile, Settings, Trust
from channelsim.cli.output import note, print_json
from channelsim.errors import printable
from channelsim.paths import path_of


def sweep(
    scenario: ScenarioFile,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="DIR", help="The directory (default: runs/NAME).", show_default=False),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers",
            metavar="N",
            min=1,
            help="Processes on this machine (default: one per core).",
            show_default=False,
        ),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(
            "--scheduler", metavar="ADDRESS", help="A Dask scheduler instead, e.g. tcp://host:8786.", show_default=False
        ),
    ] = None,
    settings: Settings = None,
    trust: Trust = False,
    as_json: Json = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but errors.")] = False,
) -> None:
    """Run all points of a scenario's \\[sweep] that are not done yet.

    A directory holds one trace per point and the table of all results, in Parquet and CSV.
    Ctrl-C leaves all that is done; the same command goes on. Exit status 1: some point failed.
    """
    from channelsim.cli.sweep_progress import shown
    from channelsim.scenario import load

    wanted = load(scenario, set=settings or (), trust=trust)

    from channelsim.sweeps import default_out
    from channelsim.sweeps import sweep as simulate

    directory = default_out(wanted) if out is None else path_of(out)
    stream = None if quiet else sys.stderr if as_json else sys.stdout
    try:
        with shown(stream) as progress:
            table = simulate(wanted, out=directory, workers=workers, scheduler=scheduler, progress=progress)
    except KeyboardInterrupt:
        if not (directory / "results.csv").exists():
            note("interrupted before the first point was done")
        else:
            note(f"interrupted; what is done is in {shlex.quote(str(directory))}, and the same command goes on")
        raise typer.Exit(130) from None
    tally = progress.tally
    if as_json:
        print_json(
            {
                "points": tally.done + tally.failed,
                "done": tally.done,
                "failed": tally.failed,
                "rows": len(table),
                "out": str(directory),
                "table": str(directory / "results.parquet"),
            }
        )
    elif not quiet:
        print(printable(f"table: {directory / 'results.csv'}"))
    if tally.failed:
        raise typer.Exit(1)
