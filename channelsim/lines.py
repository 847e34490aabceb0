"""A run in lines: one per epoch, for logs and pipes, and wherever there is no screen to draw on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, TextIO

from channelsim.progress import Silent
from channelsim.units import number_text, percent, quantity

LOSS = ".4f"
"""How a loss is written."""
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
        f"loss {number_text(row['train_loss'], LOSS)}",
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
    return "" if math.isnan(loss) or part == "train" else f"loss {number_text(loss, LOSS)}"


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
