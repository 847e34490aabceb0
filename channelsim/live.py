"""A run as it goes on: a board with curves, bits and queues, on a terminal or in a notebook."""

from __future__ import annotations

import io
import math
import sys
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TextIO

from channelsim.errors import printable
from channelsim.lines import LOSS, LineProgress, epoch_line, figure, has_line
from channelsim.notebook import in_notebook
from channelsim.progress import Inside, Silent
from channelsim.units import number_text, percent, quantity, seconds

if TYPE_CHECKING:
    from rich.console import RenderableType

    from channelsim.result import Result

BARS, PLAIN_BARS = "▁▂▃▄▅▆▇█", "_.-=+*%#"
WIDTH = 40  # of a curve, in characters
MOST_CHANNELS = 12
MOST_VALUES = 4096  # of a curve, that are remembered
_NOTEBOOK_WIDTH = 100  # characters
_NOTEBOOK_SECONDS = 0.5  # between two pictures


def curve(values: Sequence[float], plain: bool = False, width: int = WIDTH) -> str:
    """Values as a line of bars between their least and their greatest, at most `width` of them: of several that share a
    bar it shows the last. `plain`: in ASCII. NaN is left out."""
    there = [value for value in values if math.isfinite(value)]
    if len(there) > width:
        there = [there[(k + 1) * len(there) // width - 1] for k in range(width)]
    if not there:
        return ""
    low, span = min(there), max(there) - min(there)
    bars = PLAIN_BARS if plain else BARS
    return "".join(bars[round((len(bars) - 1) * (value - low) / span) if span > 0 else 0] for value in there)


class Board:
    """What is shown of a run: it takes in what `Progress` says, and makes a renderable of Rich of it."""

    def __init__(self) -> None:
        self.status = "starting ..."
        self.name = ""
        self.epochs = self.frames = self.done = 0
        self._began = time.monotonic()
        self._now = ""
        self._figures: dict[str, str] = {}
        self._curves: dict[str, list[float]] = {"test": [], "training": [], "loss": []}
        self._channels: Mapping[str, Mapping[str, float]] = {}
        self._waits: list[str] = []

    def begin(self, name: str, epochs: int, frames: int, first: int) -> None:
        """The engine begins."""
        self.name, self.epochs, self.frames, self.done, self.status = name, epochs, frames, first, "epoch 1"

    def chunk(self, done: int, epoch: int, rate: float, simulated: float, bits: int, loss: float) -> None:
        """As `Progress.chunk`."""
        self.done, self.status = done, f"epoch {epoch} of {self.epochs}"
        self._now = f"{quantity(rate, 'frames/s')}, {quantity(simulated, 's')} simulated, {quantity(bits, 'bit')} sent"
        self._add("loss", loss)
        self._figures["loss"] = number_text(loss, LOSS)

    def look(self, inside: Inside) -> None:
        """As `Progress.look`."""
        self._channels = inside.channels
        late = sorted(inside.backlog.items(), key=lambda pair: -pair[1])
        self._waits = [f"{printable(name)} {quantity(seconds(wait), 's')}" for name, wait in late[:3] if wait > 0]
        self._waits = [f"{inside.in_flight:,} frames in flight", *self._waits]

    def epoch(self, row: Mapping[str, Any]) -> None:
        """As `Progress.epoch`."""
        for split, words in (("test", "test"), ("train", "training")):
            values = (row[f"{split}_accuracy"], row[f"{split}_r2"], -row[f"{split}_loss"])
            self._add(words, next((value for value in values if not math.isnan(value)), math.nan))
            self._figures[words] = figure(row, split)

    def _add(self, name: str, value: float) -> None:
        values = self._curves[name]
        values.append(value)
        if len(values) > MOST_VALUES:
            del values[:-1:2]

    def picture(self, plain: bool = False) -> RenderableType:
        """The board; `plain`: in ASCII."""
        from rich import box
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        took = f"{time.monotonic() - self._began:.0f} s"
        if not self.frames:
            return Text(f"{self.status}  {took}")
        head = Table.grid(padding=(0, 2))
        head.add_row(
            Text(self.name, style="bold"),
            ProgressBar(self.frames, self.done, width=WIDTH),
            Text(f"{self.done:,} of {self.frames:,} frames, {self.status}, {took}"),
        )
        curves = Table.grid(padding=(0, 2))
        for name, values in self._curves.items():
            if self._figures.get(name):
                curves.add_row(name, Text(curve(values, plain), style="cyan"), self._figures[name])
        now = ", ".join(part for part in (self._now, *self._waits) if part)
        parts: list[RenderableType] = [head, curves, Text(now)]
        if self._channels:
            table = Table(box=None if plain else box.SIMPLE)
            table.add_column("channel", no_wrap=True)
            for heading in ("bits", "lost", "longest queue", "busy"):
                table.add_column(heading, justify="right", no_wrap=True)
            shown = sorted(self._channels.items(), key=lambda pair: -pair[1]["bits"])[:MOST_CHANNELS]
            for name, total in shown:
                table.add_row(
                    Text(name),
                    quantity(total["bits"], "bit"),
                    percent(total["lost"]),
                    f"{total['queue_max']:,}",
                    percent(total["utilisation"]),
                )
            if len(self._channels) > len(shown):
                table.caption = f"{len(self._channels) - len(shown)} more channels with fewer bits"
            parts.append(table)
        return Group(*parts)


class Live(Silent):
    """A listener that shows accuracy, loss, bits and queues as they come: `cs.run(scenario, progress=cs.Live())`.

    On a terminal the board is drawn in place, and gone when the run is over; in a notebook it is the cell's output;
    elsewhere there is a line per epoch. Something is shown from the first moment on, and compiling is said.

    Arguments:
        stream: where to show it; None: stdout, or the notebook.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._board = Board()
        self._screen: _Terminal | _Notebook | _Lines
        target = stream or sys.stdout
        if target.isatty():
            self._screen = _Terminal(target, self._board)
        elif stream is None and in_notebook():
            self._screen = _Notebook(self._board)
        else:
            self._screen = _Lines(target)

    def note(self, text: str) -> None:
        if not self._board.frames:
            self._board.status = printable(text)
        self._screen.line(text)

    def start(self, scenario_name: str, epochs: int, frames_per_epoch: int, first_frame: int) -> None:
        self._board.begin(scenario_name, epochs, epochs * frames_per_epoch, first_frame)
        self._screen.begin(scenario_name, epochs, frames_per_epoch, first_frame)

    def chunk(
        self,
        frames_done: int,
        epoch: int,
        frames_per_second: float,
        simulated_time_s: float,
        bits: int,
        loss: float,
    ) -> None:
        self._board.chunk(frames_done, epoch, frames_per_second, simulated_time_s, bits, loss)

    def look(self, inside: Inside) -> None:
        self._board.look(inside)
        self._screen.draw()

    def epoch(self, row: Mapping[str, Any]) -> None:
        self._board.epoch(row)
        if has_line(row["epoch"], self._board.epochs):
            self._screen.epoch(row, self._board.epochs)
        self._screen.draw()

    def finish(self, result: Result) -> None:
        self.close()

    def close(self) -> None:
        """Take the board off the screen, or leave the last one in the notebook. Again: nothing."""
        self._screen.close()


class _Terminal:
    """The board in place, below the lines that stay."""

    def __init__(self, stream: TextIO, board: Board) -> None:
        from rich.console import Console
        from rich.live import Live as Screen

        self._console = Console(file=stream, highlight=False)
        plain = self._console.options.ascii_only
        # Drawn anew also between two chunks, so that the seconds go on while the engine compiles.
        self._live = Screen(
            get_renderable=lambda: board.picture(plain), console=self._console, refresh_per_second=4, transient=True
        )
        self._live.start(refresh=True)

    def line(self, text: str) -> None:
        self._console.print(printable(text), style="dim", markup=False, soft_wrap=True)

    def begin(self, name: str, epochs: int, frames_per_epoch: int, first_frame: int) -> None:
        self._live.refresh()

    def epoch(self, row: Mapping[str, Any], epochs: int) -> None:
        """The curves say it."""

    def draw(self) -> None:
        """Rich does, four times a second."""

    def close(self) -> None:
        self._live.stop()


class _Notebook:
    """The board as the output of a cell, which is replaced."""

    def __init__(self, board: Board) -> None:
        from IPython.display import display

        self._board, self._notes, self._drawn = board, list[str](), 0.0
        self._handle = display(self._html(), raw=True, display_id=True)

    def _html(self) -> dict[str, str]:
        from rich.console import Console

        console = Console(file=io.StringIO(), width=_NOTEBOOK_WIDTH, record=True, highlight=False)
        for text in self._notes:
            console.print(printable(text), style="dim", markup=False)
        console.print(self._board.picture())
        form = '<pre style="line-height:1.2">{code}</pre>'
        return {"text/html": console.export_html(inline_styles=True, code_format=form)}

    def line(self, text: str) -> None:
        self._notes.append(text)
        self._update()

    def begin(self, name: str, epochs: int, frames_per_epoch: int, first_frame: int) -> None:
        self._update()

    def epoch(self, row: Mapping[str, Any], epochs: int) -> None:
        self._update()

    def draw(self) -> None:
        if time.monotonic() - self._drawn > _NOTEBOOK_SECONDS:
            self._update()

    def _update(self) -> None:
        self._drawn = time.monotonic()
        self._handle.update(self._html(), raw=True)

    def close(self) -> None:
        self._update()


class _Lines:
    """A line per epoch."""

    def __init__(self, stream: TextIO) -> None:
        self._lines = LineProgress(stream)

    def line(self, text: str) -> None:
        self._lines.note(text)

    def begin(self, name: str, epochs: int, frames_per_epoch: int, first_frame: int) -> None:
        self._lines.start(name, epochs, frames_per_epoch, first_frame)

    def epoch(self, row: Mapping[str, Any], epochs: int) -> None:
        self._lines.note(epoch_line(row, epochs))

    def draw(self) -> None:
        """There is nothing in place."""

    def close(self) -> None:
        """Lines stay."""
