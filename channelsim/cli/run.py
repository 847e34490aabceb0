"""`channelsim run`: simulate a scenario and leave a trace."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from channelsim.cli.options import Json, Settings, Threads, Trust
from channelsim.cli.output import note, print_json, warn
from channelsim.errors import InputError
from channelsim.paths import path_of


def run(
    scenario: Annotated[
        Path | None,
        typer.Argument(metavar="SCENARIO", help="Scenario file (TOML); none with --resume.", show_default=False),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FILE", help="The trace (default: runs/NAME.h5).", show_default=False),
    ] = None,
    settings: Settings = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite a trace that exists.")] = False,
    resume: Annotated[
        Path | None,
        typer.Option("--resume", metavar="TRACE", help="Go on where this trace stops.", show_default=False),
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(
            "--epochs",
            metavar="N",
            min=1,
            help="With --resume: so many epochs in all, more than it had.",
            show_default=False,
        ),
    ] = None,
    threads: Threads = None,
    live: Annotated[
        bool, typer.Option("--live", help="Show curves, bits and queues as they come (on a terminal; elsewhere lines).")
    ] = False,
    trust: Trust = False,
    as_json: Json = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but errors.")] = False,
) -> None:
    """Simulate a scenario and leave a trace.

    Ctrl-C stops it within a second, with the trace whole.
    --resume TRACE then goes on, bit for bit as if it had never stopped; with --epochs N also a run that is done.
    """
    if (scenario is None) == (resume is None):
        raise InputError("run: give either a scenario file or --resume TRACE")
    if epochs is not None and resume is None:
        raise InputError("run: --epochs goes with --resume TRACE; accepted: --set training.epochs=N")
    if live and quiet:
        raise InputError("run: --live shows what --quiet is silent about; accepted: one of them")
    if resume is not None and (out is not None or settings or force):
        raise InputError("run --resume: goes on in the trace as it is; --out, --set and --force do not apply")

    from channelsim import engine

    engine.start_early()  # where nothing is compiled yet, while this process loads all the rest

    from channelsim.cli.progress import shown
    from channelsim.cli.tables import print_result
    from channelsim.scenario import load

    wanted = None
    if scenario is not None:
        wanted = load(scenario, set=settings or (), trust=trust)
        if not quiet:
            warn(wanted.advice())

    trace = None
    stream = None if quiet else sys.stderr if as_json else sys.stdout
    try:
        with shown(stream, live) as progress:
            # Loading takes seconds, during which something is shown already.
            from channelsim._run import default_out
            from channelsim._run import run as simulate

            if wanted is not None and out is None:
                out = default_out(wanted)
            written = resume or out
            trace = None if written is None else path_of(written)
            result = simulate(
                wanted,
                out=out,
                force=force,
                resume=resume,
                progress=progress,
                threads=threads,
                epochs=epochs,
                trust=trust,
            )
    except KeyboardInterrupt:
        if trace is not None and _can_be_resumed(trace):
            place = shlex.quote(str(trace))
            note(f"interrupted; the trace {place} is whole, go on with: channelsim run --resume {place}")
        else:
            note("interrupted before the first update; there is nothing to go on from")
        raise typer.Exit(130) from None
    if as_json:
        print_json(result.to_json())
    elif not quiet:
        print_result(result)


def _can_be_resumed(path: Path) -> bool:
    from channelsim.trace import Trace

    try:
        with Trace(path) as trace:
            return bool(trace.checkpoint())
    except InputError:
        return False
