"""A run between two chunks: begun, read, and taken past the boundaries at which its constants change."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from channelsim.data import Dataset
from channelsim.engine.layers import deferred
from channelsim.engine.setup import constants
from channelsim.engine.setup import memory as run_memory
from channelsim.engine.tables import strides
from channelsim.engine.tables.handles import handle
from channelsim.engine.tables.layouts import Memory, Net
from channelsim.plan import Change, Plan


@dataclass
class State:
    """A run between two chunks. `net` and `memory` are the engine's own; the properties are what others read.

    `weights`, `biases` and `feedback` are flat buffers in the plan's layout; call `settle` before reading them.
    """

    plan: Plan
    net: Net
    memory: Memory
    epoch: int  # whose order of samples is in `net`
    changes_done: int
    _handles: tuple[Any, ...] = field(default=(None, None), init=False, repr=False, compare=False)

    def handles(self) -> tuple[Any, Any]:
        """`net` and `memory` as compiled functions take them, made anew when one of them has been exchanged."""
        if self._handles[0] is not self.net or self._handles[1] is not self.memory:
            self._handles = (self.net, self.memory, handle(self.net), handle(self.memory))
        return self._handles[2:]

    @property
    def now(self) -> int:
        """Simulated time, ps."""
        return int(self.memory.clock[0]["now"])

    @property
    def frame(self) -> int:
        """Frames that have entered."""
        return int(self.memory.clock[0]["next_frame"])

    @property
    def weights(self) -> NDArray[np.float32]:
        """A copy in the plan's layout."""
        return strides.gather(self.net.layers, self.plan, self.memory.weights)

    @property
    def biases(self) -> NDArray[np.float32]:
        return self.memory.biases

    @property
    def feedback(self) -> NDArray[np.float32]:
        return self.memory.feedback

    @property
    def counters(self) -> NDArray[Any]:
        """COUNTER, one a channel, since the start of the run."""
        return self.memory.counters


def start(plan: Plan, dataset: Dataset, *, trace_frames: int = 0) -> State:
    """A run at its beginning."""
    net = constants.net_of(plan, dataset, trace_frames=trace_frames, frozen=False, capture=False)
    return State(plan, net, run_memory.allocate(plan, net), epoch=0, changes_done=0)


def start_probe(plan: Plan, dataset: Dataset, learner: State) -> State:
    """A run over the synapses of another, which the two share: nothing learns in it, and the learning signals stay in
    `memory.captured`, (samples, units)."""
    net = constants.net_of(plan, dataset, trace_frames=0, frozen=True, capture=True)
    return State(plan, net, run_memory.allocate(plan, net, learner.memory), epoch=0, changes_done=0)


def rewind_probe(probe: State) -> None:
    """The beginning of such a run once more. It must not have scheduled changes."""
    run_memory.clear(probe.memory)
    enter_epoch(probe, 0)


def enter_epoch(state: State, epoch: int) -> None:
    """The samples enter in the order of this epoch from now on."""
    state.net.order[:] = constants.sample_order(state.plan, epoch)
    state.epoch = epoch


def exchange_tables(state: State, change: Change) -> None:
    """The channels and links are from now on as a scheduled change has them."""
    state.net.channels[:] = change.channels
    state.net.links[:] = change.links


def settle(state: State) -> None:
    """Applies the updates that wait for the next pass over their rows, so that the weights can be read."""
    net, memory = state.handles()
    for h in range(1, len(state.net.layers)):
        deferred.flush(net, memory, h)


def busiest(state: State) -> str:
    """The link that limits, in words: its channel, utilisation and queue."""
    counters, now = state.counters, max(state.now, 1)
    busy = np.bincount(state.net.channels["link"], counters["busy"], minlength=len(state.net.links))
    link = int(busy.argmax())
    queue = int(counters["queue_max"][state.net.channels["link"] == link].max(initial=0))
    name, share = state.plan.link_names[link], 100 * busy[link] / now
    return f"link {name} is busy {share:.0f} % of the time, its queue reached {queue}"
