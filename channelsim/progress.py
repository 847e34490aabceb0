"""Progress of a run: the protocol between `channelsim.run` and what shows it, and an epoch in a line.

`run` calls these methods from its own thread, between chunks of the engine. The command line shows them as a
progress bar or as one line per epoch (`channelsim.cli.progress`), a notebook as HTML (`channelsim.notebook`); a test
may bring its own.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from channelsim.units import number_text, percent, quantity

if TYPE_CHECKING:
    from channelsim.result import Result


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

    def epoch(self, row: Mapping[str, Any]) -> None:
        """An epoch is done and evaluated.

        `row` has epoch (1-based), train_loss, train_accuracy and train_r2 (means during the epoch; NaN where no sample
        reached the top in it), test_loss, test_accuracy and test_r2 (at its end), test_loss_deployed,
        test_accuracy_deployed and test_r2_deployed (NaN where they would say the same), accuracies from 0 to 1 (NaN
        where targets are real) and R^2 (NaN where they are classes), simulated_time_s, bits (so far, all channels) and
        frames_per_second; and `own`, metrics of the user's own by name.
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

    def epoch(self, row: Mapping[str, Any]) -> None:
        return

    def finish(self, result: Result) -> None:
        return


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
        f"loss {number_text(row['train_loss'], '.4f')}",
        *(f"{name.replace('_', ' ')} {value:.4g}" for name, value in row.get("own", {}).items()),
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
    return "" if math.isnan(loss) or part == "train" else f"loss {number_text(loss, '.4f')}"
