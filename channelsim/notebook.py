"""Progress in a notebook: HTML that takes its own place, without ipywidgets."""

from __future__ import annotations

import html
import sys
import time
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from channelsim.lines import epoch_line, has_line
from channelsim.progress import Silent
from channelsim.units import number_text, quantity

PAUSE = 0.2  # s between two looks of a bar


def in_notebook() -> bool:
    """Whether this process is the kernel of a notebook."""
    ipython = sys.modules.get("IPython")  # there in every kernel
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")


class Panel:
    """A place below the cell: lines that stay, and under them a bar while there is one."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._display: Any = None  # IPython's handle
        self._shown = 0.0

    def line(self, text: str) -> None:
        """One more line."""
        self._lines.append(text)
        self._show("")

    def bar(self, done: float, of: float, text: str) -> None:
        """The bar as it is now, with the numbers of the moment; at most five times a second."""
        if time.monotonic() - self._shown >= PAUSE or done >= of:
            self._shown = time.monotonic()
            self._show(f"<progress value='{done}' max='{of}'></progress> {html.escape(text)}")

    def clear(self) -> None:
        """Take the bar off."""
        self._show("")

    def _show(self, bar: str) -> None:
        lines = html.escape("\n".join(self._lines))
        tools = import_module("IPython.display")
        content = tools.HTML(f"<pre>{lines}</pre>{bar}")
        if self._display is None:
            self._display = tools.display(content, display_id=True)
        else:
            self._display.update(content)


class NotebookProgress(Silent):
    """A run: a bar over all frames with the numbers of the moment, under a line for each epoch."""

    def __init__(self) -> None:
        self._panel = Panel()
        self._name, self._epochs, self._frames = "", 0, 0

    def note(self, text: str) -> None:
        self._panel.line(text)

    def start(self, scenario_name: str, epochs: int, frames_per_epoch: int, first_frame: int) -> None:
        self._name, self._epochs, self._frames = scenario_name, epochs, epochs * frames_per_epoch
        self._panel.bar(first_frame, self._frames, scenario_name)

    def chunk(
        self,
        frames_done: int,
        epoch: int,
        frames_per_second: float,
        simulated_time_s: float,
        bits: int,
        loss: float,
    ) -> None:
        now = (
            f"{self._name}  epoch {epoch}/{self._epochs}  loss {number_text(loss, '.4f')}  "
            f"{quantity(frames_per_second, 'frames/s')}  {quantity(simulated_time_s, 's')} simulated  "
            f"{quantity(bits, 'bit')}"
        )
        self._panel.bar(frames_done, self._frames, now)

    def epoch(self, row: Mapping[str, Any]) -> None:
        if has_line(row["epoch"], self._epochs):
            self._panel.line(epoch_line(row, self._epochs))

    def finish(self, result: object) -> None:
        self._panel.clear()


class NotebookSweep:
    """A sweep: a bar over all points, with how many have failed and the time left."""

    def __init__(self) -> None:
        self._panel = Panel()
        self._name, self._points, self._failed = "", 0, 0

    def note(self, text: str) -> None:
        self._panel.line(text)

    def start(self, name: str, points: int, done: int, workers: int) -> None:
        self._name, self._points = name, points
        self._panel.bar(done, points, f"{name}  {done}/{points}")

    def point(self, row: Mapping[str, Any], done: int, seconds_left: float) -> None:
        self._failed += row["status"] != "done"
        failed = f"  {self._failed} failed" if self._failed else ""
        now = f"{self._name}  {done}/{self._points}{failed}  {seconds_left:.0f} s left"
        self._panel.bar(done, self._points, now)

    def finish(self, done: int, failed: int) -> None:
        self._panel.line(f"{self._name}: {done} done" + (f", {failed} failed" if failed else ""))
