"""A run as it is shown: a progress bar on a terminal, a line per epoch elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TextIO

from channelsim.cli.output import number
from channelsim.progress import Progress, Silent, epoch_line, figure, has_line
from channelsim.units import quantity


@contextmanager
def shown(stream: TextIO | None) -> Iterator[Progress]:
    """A listener that suits `stream`: a bar on a terminal, lines elsewhere, nothing without a stream.

    However the run ends, the screen is left in order.
    """
    if stream is None:
        yield Silent()
    elif not stream.isatty():
        yield LineProgress(stream)
    else:
        bar = RichProgress(stream)
        try:
            yield bar
        finally:
            bar.close()


class LineProgress(Silent):
    """One line per epoch, if these are not too many, and one for each note, as logs and pipes want it."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._epochs = 0

    def note(self, text: str) -> None:
        print(text, file=self._stream, flush=True)

    def start(self, scenario_name: str, epochs: int, frames_per_epoch: int, first_frame: int) -> None:
        self._epochs = epochs
        after = f", from frame {first_frame}" if first_frame else ""
        self.note(f"{scenario_name}: {epochs} epochs of {frames_per_epoch} frames{after}")

    def epoch(self, row: Mapping[str, Any]) -> None:
        if has_line(row["epoch"], self._epochs):
            self.note(epoch_line(row, self._epochs))


class RichProgress(Silent):
    """A bar over all frames, the numbers of the moment under it, and a line that stays for each epoch."""

    def __init__(self, stream: TextIO) -> None:
        from rich.console import Console
        from rich.live import Live
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        self._console = Console(file=stream, highlight=False)
        self._bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            MofNCompleteColumn(),
            TimeRemainingColumn(compact=True),
            console=self._console,
        )
        self._live = Live(console=self._console, refresh_per_second=8, transient=True)
        self._task: Any = None
        self._epochs = 0
        self._tested = "-"

    def note(self, text: str) -> None:
        self._console.print(text, style="dim")

    def start(self, scenario_name: str, epochs: int, frames_per_epoch: int, first_frame: int) -> None:
        self._epochs = epochs
        self._task = self._bar.add_task(scenario_name, total=epochs * frames_per_epoch, completed=first_frame)
        self._live.update(self._bar)
        self._live.start()

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
