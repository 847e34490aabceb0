"""What a sweep tells while it runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol


class SweepProgress(Protocol):
    """A listener to a sweep. An exception raised by a method stops the sweep as Ctrl-C does."""

    def note(self, text: str) -> None:
        """Something worth a line: starting workers, compiling the engine, a point that is tried again."""

    def start(self, name: str, points: int, done: int, workers: int) -> None:
        """The sweep begins; `done` of its `points` were done before."""

    def point(self, row: Mapping[str, Any], done: int, seconds_left: float) -> None:
        """A point is done or has failed: its row of the table, and how many points of the sweep now are."""

    def finish(self, done: int, failed: int) -> None:
        """All points are done or have failed, and the table is written."""


class Silent(SweepProgress):
    """A listener that shows nothing; also the base of those that show only a part."""

    def note(self, text: str) -> None:
        return

    def start(self, name: str, points: int, done: int, workers: int) -> None:
        return

    def point(self, row: Mapping[str, Any], done: int, seconds_left: float) -> None:
        return

    def finish(self, done: int, failed: int) -> None:
        return
