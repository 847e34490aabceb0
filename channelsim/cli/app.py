"""The application: its commands, its exit statuses, and how errors are told.

Exit status 0: done; 1: a check failed or a run had to stop; 2: the input is wrong; 130: interrupted, 143 and 129:
by SIGTERM and SIGHUP.
"""

from __future__ import annotations

import errno
import gc
import os
import stat
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from channelsim import signals
from channelsim.cli import check, data, plot, report, run, scenarios, sweep, theory, timeline, trace, verify
from channelsim.cli.output import abandon, error, prepare
from channelsim.errors import InputError, RunError

DONE, FAILED, WRONG_INPUT, INTERRUPTED = 0, 1, 2, 130

# The machine's refusals, which a person can mend. Any other OSError is a fault of the program.
_MENDABLE = {
    errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENAMETOOLONG, errno.ENOMEM
}  # fmt: skip

_GONE = {errno.EIO, errno.EBADF}  # of a terminal that has been closed, and of a stream

app = typer.Typer(
    name="channelsim",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("run")(run.run)
app.command("check")(check.check)
app.command("verify")(verify.verify)
app.command("sweep")(sweep.sweep)
app.command("plot")(plot.plot)
app.command("timeline")(timeline.timeline)
app.command("report")(report.report)
app.command("theory")(theory.theory)
app.add_typer(trace.app, name="trace")
app.add_typer(data.app, name="data")
app.add_typer(scenarios.app, name="scenarios")


def _show_version(wanted: bool) -> None:
    if wanted:
        from channelsim.version import version

        typer.echo(f"channelsim {version()}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """An event-driven simulator of the deep learning channel."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status.

    `arguments` are those after the program's name (default: `sys.argv[1:]`). Mistakes of the user become one
    line on stderr; faults of the program keep their traceback.
    """
    # Imports make many objects that stay: to look through them again and again takes a tenth of a short run.
    gc.set_threshold(50_000, 20, 20)
    prepare()
    with signals.as_ctrl_c() as came:
        try:
            status = _status(arguments)
        except OSError as lost:
            # A signal that has come says itself that the terminal is gone.
            if lost.errno not in _GONE or not (came or _is_gone()):
                raise
            abandon(sys.stdout, sys.stderr)
            status = INTERRUPTED if came else FAILED
    return 128 + came[0] if came and status == INTERRUPTED else status


def _status(arguments: Sequence[str] | None) -> int:
    """The exit status of a command, mistakes told. Raises OSError where the terminal is gone, and faults."""
    try:
        status = app(args=arguments, prog_name="channelsim", standalone_mode=False)
        sys.stdout.flush()
    except typer.TyperException as mistake:
        # Without a command Typer has already shown the help, and has nothing to add.
        if mistake.format_message():
            error(mistake.format_message())
        return WRONG_INPUT
    except InputError as mistake:
        error(str(mistake))
        return WRONG_INPUT
    except RunError as stop:
        error(str(stop))
        return FAILED
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except BrokenPipeError:  # the reader (`| head`) has what it wanted
        abandon(sys.stdout)
        return FAILED
    except MemoryError as lack:
        return _without_memory(str(lack) or "no figure")
    except (ImportError, OSError) as refusal:
        if _is_unmapped(refusal):
            return _without_memory("too little to load compiled libraries")
        if isinstance(refusal, ImportError):
            raise
        if isinstance(refusal, FileNotFoundError) and _is_nowhere():
            error("the working directory has been deleted; accepted: one that exists")
            return WRONG_INPUT
        if refusal.errno not in _MENDABLE:
            raise
        if not refusal.filename:  # perhaps it was stdout's
            abandon(sys.stdout)
        error(f"{refusal.filename}: {refusal.strerror}" if refusal.filename else str(refusal))
        return WRONG_INPUT
    return status if isinstance(status, int) else DONE


def _without_memory(figure: str) -> int:
    remedies = "fewer units, a smaller training.batch, or learning.feedback.connections = k"
    error(f"this machine has not enough memory ({figure}); accepted: {remedies}")
    return WRONG_INPUT


def _is_unmapped(failure: BaseException | None) -> bool:
    """Whether the machine had no room for a compiled library (as with `ulimit -v`), which the loader says in words."""
    words = ("failed to map segment", "Cannot allocate memory", "cannot allocate memory")
    while failure is not None:
        if any(word in str(failure) for word in words):
            return True
        failure = failure.__cause__ or failure.__context__
    return False


def _is_gone() -> bool:
    """Whether stdout is a terminal or a stream to which nothing can be written any more."""
    try:
        descriptor = sys.stdout.fileno()
    except (OSError, ValueError):  # it is no stream of the system
        return False
    try:
        sys.stdout.flush()
        if stat.S_ISCHR(os.fstat(descriptor).st_mode):
            os.write(descriptor, b"\n")
    except OSError:
        return True
    return False


def _is_nowhere() -> bool:
    """Whether the working directory no longer exists."""
    try:
        os.getcwd()
    except FileNotFoundError:
        return True
    return False
