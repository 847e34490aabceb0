"""Contestants: each trains the same network by the same rule on the samples it is told, and shows its weights."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from benchmarks.work import Matrix


class Peer(Protocol):
    """A contestant. Built from a `Task`, it starts from that task's weights."""

    def train(self, order: NDArray[np.int64]) -> int:
        """Trains on these samples, a frame of `batch` after the other. Returns the frames."""
        ...

    def weights(self) -> tuple[tuple[Matrix, ...], tuple[Matrix, ...]]:
        """W (fan-in, n) and b of layers 1..L."""
        ...
