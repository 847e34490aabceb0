"""channelsim's engine as `channelsim run` drives it: in chunks, with events, clock and accounting."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.work import Matrix, matrices
from channelsim import engine
from channelsim.data import Dataset
from channelsim.plan import Plan
from channelsim.simulation import CHUNK_SECONDS, FIRST_CHUNK

TRACED_FRAMES = 10  # as many as a run writes down by default


class Engine:
    """A run that goes on for as long as it is asked to."""

    def __init__(self, plan: Plan, dataset: Dataset, **how: Any) -> None:
        self.plan = plan
        self.state = engine.start(plan, dataset, trace_frames=TRACED_FRAMES, **how)
        self.chunk = FIRST_CHUNK

    def advance(self, frames: int) -> int:
        """Runs so many frames more, in the chunks of `channelsim.run`."""
        state, until = self.state, self.state.frame + frames
        while state.frame < until:
            first, began = state.frame, time.perf_counter()
            engine.advance(self.plan, state, min(until, first + self.chunk), lambda rows, values: None)
            done, took = state.frame - first, time.perf_counter() - began
            self.chunk = max(1, min(4 * self.chunk, int(done * CHUNK_SECONDS / max(took, 1e-6))))
        return frames

    def train(self, order: NDArray[np.int64]) -> int:
        """As many frames as these samples make; the samples are those of the run's own order."""
        return self.advance(-(-len(order) // self.plan.batch))

    def weights(self) -> tuple[tuple[Matrix, ...], tuple[Matrix, ...]]:
        engine.settle(self.state)
        return matrices(self.plan, self.state.weights.copy(), self.state.biases.copy())
