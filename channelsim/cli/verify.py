"""`channelsim verify`: the engine against PyTorch, from the same start."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from channelsim.cli.options import Json, ScenarioFile, Settings, Trust
from channelsim.cli.output import note, print_json

if TYPE_CHECKING:
    from channelsim._verify import Watcher


def verify(
    scenario: ScenarioFile,
    updates: Annotated[
        int | None,
        typer.Option(
            "--updates",
            min=1,
            metavar="N",
            help="Compare the first N updates, however long it takes (default: some, in seconds).",
            show_default=False,
        ),
    ] = None,
    train: Annotated[
        bool, typer.Option("--train", help="Also train both to the end, and compare the test accuracies (or losses).")
    ] = False,
    settings: Settings = None,
    trust: Trust = False,
    as_json: Json = False,
) -> None:
    """Compare the engine with the PyTorch reference.

    Update by update from the same weights: up to 20 from the start, a few from the middle and the end of the run.
    Exit status 1 if they differ by more than float32 rounding explains.
    Needs PyTorch: pip install 'channelsim\\[reference]'.
    """
    from channelsim.scenario import load

    wanted = load(scenario, set=settings or (), trust=trust)

    from channelsim._verify import verify as compare

    with shown(sys.stderr) as watcher:
        verification = compare(wanted, updates=updates, train=train, watcher=watcher)
    if as_json:
        print_json(verification.to_json())
    else:
        print(verification)
    raise typer.Exit(0 if verification.passed else 1)


@contextmanager
def shown(stream: TextIO) -> Iterator[Watcher]:
    """A watcher that suits `stream`: a bar on a terminal, lines elsewhere."""
    if not stream.isatty():
        yield Lines()
        return
    bar = Bar(stream)
    try:
        yield bar
    finally:
        bar.close()


class Lines:
    """A line for every tenth of a training run."""

    def __init__(self) -> None:
        self._last = ("", 0)

    def note(self, text: str) -> None:
        note(text)

    def trained(self, program: str, frames: int, of: int) -> None:
        now = program, 10 * frames // of
        if now[1] > 0 and now != self._last:
            self._last = now
            note(f"{program}: {frames} of {of} frames trained")


class Bar:
    """A bar for each of the two programs."""

    def __init__(self, stream: TextIO) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self._console = Console(file=stream, highlight=False)
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("frames"),
            TimeRemainingColumn(compact=True),
            console=self._console,
            transient=True,
        )
        self._tasks: dict[str, Any] = {}

    def note(self, text: str) -> None:
        self._console.print(text, style="dim")

    def trained(self, program: str, frames: int, of: int) -> None:
        if program not in self._tasks:
            self._bars.start()
            self._tasks[program] = self._bars.add_task(program, total=of)
        self._bars.update(self._tasks[program], completed=frames)

    def close(self) -> None:
        """Take the bars off the screen."""
        self._bars.stop()
