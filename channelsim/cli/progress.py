"""A run as it is shown: a progress bar on a terminal, a line per epoch elsewhere."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TextIO

from channelsim.cli.output import number
from channelsim.progress import Progress, Silent
from channelsim.units import percent, quantity


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


MOST_LINES = 100
"""Of epochs, in one run; a longer one shows every so many of them, and the last."""


def has_line(epoch: int, epochs: int) -> bool:
    """Whether an epoch, counted from 1, is shown."""
    return epoch in (1, epochs) or epoch % math.ceil(epochs / MOST_LINES) == 0


def epoch_line(row: Mapping[str, Any], epochs: int) -> str:
    """One epoch in one line of at most 100 characters, and a few more where test accuracies are two."""
    tested, deployed, trained = (figure(row, split) for split in ("test", "test_deployed", "train"))
    parts = [
        f"epoch {row['epoch']:>{len(str(epochs))}}/{epochs}",
        *([f"test {tested}" + (f" (deployed {deployed})" if deployed else "")] if tested else []),
        *([f"train {trained or '-'}"] if trained or math.isnan(row["train_loss"]) else []),
        f"loss {number(row['train_loss'])}",
        f"{quantity(row['frames_per_second'], 'frames/s')}",
        f"{quantity(row['simulated_time_s'], 's')} simulated",
        f"{quantity(row['bits'], 'bit')}",
    ]
    return "  ".join(parts)


def figure(row: Mapping[str, Any], split: str) -> str:
    """How well a split fares, in a word or two: accuracy, else R^2, else the loss of what is tested; else ""."""
    part, *deployed = split.split("_")
    accuracy, r2, loss = (row["_".join([part, name, *deployed])] for name in ("accuracy", "r2", "loss"))
    if not math.isnan(accuracy):
        return percent(accuracy)
    if not math.isnan(r2):
        return f"R^2 {r2:.4g}"
    return "" if math.isnan(loss) or part == "train" else f"loss {number(loss)}"


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
