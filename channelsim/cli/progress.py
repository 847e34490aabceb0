"""A run as it is shown: a progress bar or a live board on a terminal, a line per epoch elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TextIO

from channelsim.cli.output import number
from channelsim.lines import LineProgress, epoch_line, figure, has_line
from channelsim.live import Live
from channelsim.progress import Progress, Silent
from channelsim.units import quantity


@contextmanager
def shown(stream: TextIO | None, live: bool = False) -> Iterator[Progress]:
    """A listener that suits `stream`: on a terminal a bar, or with `live` a board, lines elsewhere, nothing without a
    stream.

    However the run ends, the screen is left in order.
    """
    if stream is None:
        yield Silent()
    elif not stream.isatty():
        yield LineProgress(stream)
    else:
        screen = Live(stream) if live else RichProgress(stream)
        try:
            yield screen
        finally:
            screen.close()


class RichProgress(Silent):
    """A bar over all frames, the numbers of the moment under it, and a line that stays for each epoch."""

    def __init__(self, stream: TextIO) -> None:
        from rich.console import Console
        from rich.live import Live as Screen
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar
        from rich.spinner import Spinner

        self._console = Console(file=stream, highlight=False)
        self._bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            MofNCompleteColumn(),
            TimeRemainingColumn(compact=True),
            console=self._console,
        )
        # From the first moment on: loading and compiling take seconds.
        waiting = Spinner("dots", "starting ...")
        self._live = Screen(waiting, console=self._console, refresh_per_second=8, transient=True)
        self._live.start()
        self._task: Any = None
        self._epochs = 0
        self._tested = "-"

    def note(self, text: str) -> None:
        self._console.print(text, style="dim")

    def start(self, scenario_name: str, epochs: int, frames_per_epoch: int, first_frame: int) -> None:
        self._epochs = epochs
        self._task = self._bar.add_task(scenario_name, total=epochs * frames_per_epoch, completed=first_frame)
        self._live.update(self._bar)

    def chunk(
        self,
        frames_done: int,
        epoch: int,
        frames_per_second: float,
        simulated_time_s: float,
        bits: int,
        loss: float,
    ) -> None:
        from rich.console import Group
        from rich.text import Text

        self._bar.update(self._task, completed=frames_done)
        now = (
            f"epoch {epoch}/{self._epochs}  test {self._tested}  loss {number(loss)}  "
            f"{quantity(frames_per_second, 'frames/s')}  {quantity(simulated_time_s, 's')} simulated  "
            f"{quantity(bits, 'bit')}"
        )
        self._live.update(Group(self._bar, Text(now)))

    def epoch(self, row: Mapping[str, Any]) -> None:
        self._tested = figure(row, "test") or "-"
        if has_line(row["epoch"], self._epochs):
            self._console.print(epoch_line(row, self._epochs))

    def close(self) -> None:
        """Take the bar off the screen."""
        self._live.stop()
