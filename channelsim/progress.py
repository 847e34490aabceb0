"""Progress of a run: the protocol between `channelsim.run` and what shows it.

`run` calls these methods from its own thread, between chunks of the engine. The command line shows them as a progress
bar, as one line per epoch or as a board (`channelsim.lines`, `channelsim.live`), a notebook as HTML
(`channelsim.notebook`); a test may bring its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from channelsim.result import Result


class Inside(Protocol):
    """What can be looked at of a run between two chunks: its `Simulation`."""

    @property
    def channels(self) -> Mapping[str, Mapping[str, float]]:
        """Channel name -> messages, events, bits, losses, queue_max and utilisation so far, as in `Result.channels`."""

    @property
    def backlog(self) -> Mapping[str, int]:
        """Link or layer -> ps until it has done what it has been given."""

    @property
    def in_flight(self) -> int:
        """Frames that have entered and are not finished."""


class Progress(Protocol):
    """A listener to a run. An exception raised by a method stops the run as Ctrl-C does."""

    def note(self, text: str) -> None:
        """Something worth a line: what was found in the data, warnings, compiling the engine."""

    def start(self, scenario_name: str, epochs: int, frames_per_epoch: int, first_frame: int) -> None:
        """The engine begins at `first_frame` (0, or more when resumed) of `epochs * frames_per_epoch`."""

    def chunk(
        self,
        frames_done: int,
        epoch: int,
        frames_per_second: float,
        simulated_time_s: float,
        bits: int,
        loss: float,
    ) -> None:
        """A chunk of frames is done.

        `frames_done` counts from the start of the run, those before a resume included; `epoch` is the current
        one (1-based); `bits` is the total over all channels so far; `loss` the mean training loss of this
        epoch so far, NaN before any sample has reached the top.
        """

    def look(self, inside: Inside) -> None:
        """The run as it stands after a chunk, which follows `chunk`. It can be looked into, and not stepped."""

    def epoch(self, row: Mapping[str, Any]) -> None:
        """An epoch is done and evaluated.

        `row` has epoch (1-based), train_loss, train_accuracy and train_r2 (means during the epoch; NaN where no sample
        reached the top in it), test_loss, test_accuracy and test_r2 (at its end), test_loss_deployed,
        test_accuracy_deployed and test_r2_deployed (NaN where they would say the same), accuracies from 0 to 1 (NaN
        where targets are real) and R^2 (NaN where they are classes), simulated_time_s, bits (so far, all channels) and
        frames_per_second; all else that `Simulation.metrics` has; and `own`, metrics of the user's own by name.
        """

    def finish(self, result: Result) -> None:
        """The run is done and its trace closed."""


class Silent(Progress):
    """A listener that shows nothing; also the base of those that show only a part."""

    def note(self, text: str) -> None:
        return

    def start(self, scenario_name: str, epochs: int, frames_per_epoch: int, first_frame: int) -> None:
        return

    def chunk(
        self,
        frames_done: int,
        epoch: int,
        frames_per_second: float,
        simulated_time_s: float,
        bits: int,
        loss: float,
    ) -> None:
        return

    def look(self, inside: Inside) -> None:
        return

    def epoch(self, row: Mapping[str, Any]) -> None:
        return

    def finish(self, result: Result) -> None:
        return
