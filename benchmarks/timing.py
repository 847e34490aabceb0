"""Interleaved timing: contestants take turns, so that a slow minute of the machine hits them all."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median

Work = Callable[[], int]
"""Does a piece of work and returns how many frames it was."""


@dataclass(frozen=True)
class Times:
    """Seconds per frame, one figure per round."""

    rounds: tuple[float, ...]

    @property
    def median(self) -> float:
        return median(self.rounds)

    @property
    def spread(self) -> float:
        """(largest - smallest) / median."""
        return (max(self.rounds) - min(self.rounds)) / self.median


def interleave(contestants: Mapping[str, Work], rounds: int) -> dict[str, Times]:
    """Every contestant once a round, after one round that does not count."""
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for number in range(rounds + 1):
        for name, work in contestants.items():
            began = time.perf_counter()
            frames = work()
            took = time.perf_counter() - began
            if number > 0:
                seconds[name].append(took / frames)
    return {name: Times(tuple(values)) for name, values in seconds.items()}
