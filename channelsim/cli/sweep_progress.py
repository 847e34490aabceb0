"""A sweep as it is shown: a progress bar on a terminal, and a line for each point."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TextIO

from channelsim.cli.output import number
from channelsim.sweeps import Silent, keys_in
from channelsim.units import percent


@dataclass
class Tally:
    """How many points of the sweep are done, and how many failed."""

    done: int = 0
    failed: int = 0


class Quiet(Silent):
    """Shows nothing, and keeps the tally."""

    def __init__(self) -> None:
        self.tally = Tally()

    def finish(self, done: int, failed: int) -> None:
        self.tally = Tally(done, failed)


class Lines(Quiet):
    """A line per point, as logs and pipes want it."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream
        self._points = 0

    def note(self, text: str) -> None:
        print(text, file=self._stream, flush=True)

    def start(self, name: str, points: int, done: int, workers: int) -> None:
        self._points = points
        self.note(opening(name, points, done, workers))

    def point(self, row: Mapping[str, Any], done: int, seconds_left: float) -> None:
        self.note(f"{point_line(row, done, self._points)}  {duration(seconds_left)} left")

    def finish(self, done: int, failed: int) -> None:
        super().finish(done, failed)
        self.note(closing(done, failed))


class Bar(Quiet):
    """A bar over all points with the time left, under a line per point that stays."""

    def __init__(self, stream: TextIO) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        super().__init__()
        self._console = Console(file=stream, highlight=False)
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[left]}"),
            console=self._console,
            transient=True,
        )
        self._task: Any = None
        self._points = 0

    def note(self, text: str) -> None:
        self._console.print(text, style="dim", markup=False)

    def start(self, name: str, points: int, done: int, workers: int) -> None:
        self._points = points
        self.note(opening(name, points, done, workers))
        self._task = self._bar.add_task(name, total=points, completed=done, left="")
        self._bar.start()

    def point(self, row: Mapping[str, Any], done: int, seconds_left: float) -> None:
        self._console.print(point_line(row, done, self._points), markup=False, soft_wrap=True)
        self._bar.update(self._task, completed=done, left=f"{duration(seconds_left)} left")

    def finish(self, done: int, failed: int) -> None:
        super().finish(done, failed)
        self._bar.stop()
        self._console.print(closing(done, failed), markup=False)

    def close(self) -> None:
        """Take the bar off the screen."""
        self._bar.stop()


@contextmanager
def shown(stream: TextIO | None) -> Iterator[Quiet]:
    """A listener that suits `stream`: a bar on a terminal, lines elsewhere, nothing without a stream."""
    if stream is None:
        yield Quiet()
    elif not stream.isatty():
        yield Lines(stream)
    else:
        bar = Bar(stream)
        try:
            yield bar
        finally:
            bar.close()


def opening(name: str, points: int, done: int, workers: int) -> str:
    """What is to be done."""
    before = f", {done} of them done before" if done else ""
    return f"{name}: {points} point{'s' * (points != 1)}{before}" + (f", {workers} at a time" if workers else "")


def closing(done: int, failed: int) -> str:
    """What became of it."""
    return f"{done} done" + (f", {failed} failed (the column reason says why)" if failed else "")


def point_line(row: Mapping[str, Any], done: int, points: int) -> str:
    """A point in a line: its values, and how well it fared, or why it failed."""
    values = [f"{key}={row[key]}" for key in keys_in(row)]
    told = _fared(row) if row["status"] == "done" else f"{row['status']}: {row['reason']}"
    told += f"  warning: {row['warnings']}" if row["status"] == "done" and row["warnings"] else ""
    return f"{done:>{len(str(points))}}/{points}  {'  '.join(values)}  {told}"


def _fared(row: Mapping[str, Any]) -> str:
    """The first figure that there is: of the test set, or of training where nothing is tested."""
    figures = {"test_accuracy": percent, "test_r2": _r2, "test_loss": _loss, "train_accuracy": percent}
    for name, show in (figures | {"train_r2": _r2, "train_loss": _loss}).items():
        value = row[name]
        if value is not None and not math.isnan(value):
            return f"{'test' if name.startswith('test') else 'train'} {show(value)}"
    return "test -"


def _r2(value: float) -> str:
    return f"R^2 {value:.4g}"


def _loss(value: float) -> str:
    return f"loss {number(value)}"


def duration(seconds: float) -> str:
    """A time to wait, in words: 40 s, 12 min, 3.5 h."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
