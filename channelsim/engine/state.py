"""A run between two chunks: begun, read, and taken past the boundaries at which its constants change."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from channelsim.data import Dataset
from channelsim.engine.layers import deferred
from channelsim.engine.setup import constants, warm_up
from channelsim.engine.setup import memory as run_memory
from channelsim.engine.setup.demands import NOTHING, demands
from channelsim.engine.tables import strides
from channelsim.engine.tables.handles import handle
from channelsim.engine.tables.layouts import Memory, Net
from channelsim.plan import Change, Plan, Recording, Window


@dataclass
class State:
    """A run between two chunks. `net` and `memory` are the engine's own; the properties are what others read.

    `weights`, `biases` and `feedback` are flat buffers in the plan's layout; call `settle` before reading them. Arrays
    that are not said to be copies cannot be written to, and change as the run goes on.
    """

    plan: Plan
    net: Net
    memory: Memory
    demands: frozenset[str]  # which code runs it
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
        weights = strides.gather(self.net.layers, self.plan, self.memory.weights)
        for h in np.flatnonzero(self.memory.weight_units):
            layer = self.plan.layers[h]
            weights[layer["w_offset"] : layer["w_offset"] + layer["w_size"]] *= self.memory.weight_units[h]
        return weights

    @property
    def biases(self) -> NDArray[np.float32]:
        return _read_only(self.memory.biases)

    @property
    def feedback(self) -> NDArray[np.float32]:
        """A copy where values of C are kept as multiples of a unit."""
        units = self.memory.feedback_units
        if not units.any():
            return _read_only(self.memory.feedback)
        feedback = self.memory.feedback.copy()
        for c in np.flatnonzero(units):
            channel = self.plan.channels[c]
            feedback[channel["c_offset"] : channel["c_offset"] + channel["c_size"]] *= units[c]
        return feedback

    @property
    def own_state(self) -> NDArray[np.float64]:
        """The states of the user's own stages, flat."""
        return _read_only(self.memory.own_state)

    @property
    def residuals(self) -> NDArray[np.float32]:
        """What the senders keep back, those of all channels one after another."""
        return _read_only(self.memory.residuals)

    @property
    def counters(self) -> NDArray[Any]:
        """COUNTER, one per channel, since the start of the run (queue_max: since it was last cleared)."""
        return _read_only(self.memory.counters)

    @property
    def unit_counts(self) -> list[NDArray[np.int64]]:
        """Per channel, how often its units sent what since they were last cleared (`plan.units_counted` has the order);
        empty where values are floats."""
        counts = _read_only(self.memory.unit_counts)
        return np.split(counts, self.plan.channels["count_offset"][1:])

    @property
    def channels(self) -> NDArray[Any]:
        """CHANNEL, one per channel, as scheduled changes have left them."""
        return _read_only(self.net.channels)

    @property
    def links(self) -> NDArray[Any]:
        """LINK, one per link, likewise."""
        return _read_only(self.net.links)

    @property
    def in_flight(self) -> int:
        """Frames that have entered and are not finished."""
        return int(self.memory.clock[0]["in_flight"])

    @property
    def most_in_flight(self) -> int:
        """The largest number of them so far."""
        return int(self.memory.clock[0]["in_flight_max"])

    @property
    def link_backlog(self) -> NDArray[np.int64]:
        """ps until each link has sent what it has been given; negative: it has been idle for so long."""
        return self.memory.link_states["free_at"] - self.now

    @property
    def layer_backlog(self) -> NDArray[np.int64]:
        """ps until each layer, from 0 to L, has computed what it has been given; likewise."""
        return self.memory.layer_states["free_at"] - self.now

    @property
    def ages(self) -> NDArray[np.int64]:
        """(L + 1, bins) updates of each layer by the age of their error in frames, the last bin for all older ones."""
        return _read_only(self.memory.ages)

    @property
    def misses(self) -> NDArray[np.int64]:
        """(L + 1,) errors whose frame was no longer stashed."""
        return _read_only(self.memory.misses)

    @property
    def mean_loss(self) -> float:
        """Training loss since `tally` was last called; NaN before any sample has reached the top."""
        clock = self.memory.clock[0]
        return float(clock["loss"]) / int(clock["samples"]) if clock["samples"] else math.nan

    @property
    def updates(self) -> int:
        """Updates of the top layer since `tally` was last called."""
        return int(self.memory.clock[0]["updates"])

    @property
    def signals(self) -> NDArray[np.float32]:
        """(samples, units) R of each sample in a probe, of all layers one after another."""
        return _read_only(self.memory.captured[: self.plan.train_size])

    def shares_synapses_with(self, other: State) -> bool:
        """Whether W, b and C of another run are the same arrays."""
        return self.memory.weights is other.memory.weights

    def begin_epoch(self) -> None:
        """Longest queues, and units by what they sent, count from now on."""
        self.memory.counters["queue_max"] = 0
        self.memory.unit_counts[:] = 0


def _read_only(array: NDArray[Any]) -> NDArray[Any]:
    view = array.view()
    view.flags.writeable = False
    return view


def start(plan: Plan, dataset: Dataset, *, trace_frames: int = 0, recording: Recording = NOTHING) -> State:
    """A run at its beginning, which writes down all messages of the first `trace_frames` frames, and `recording`."""
    recording = _with_first(recording, trace_frames)
    wanted = demands(plan, recording=recording)
    warm_up.begin(wanted)
    net = constants.net_of(plan, dataset, recording=recording, frozen=False, capture=False)
    return State(plan, net, run_memory.allocate(plan, net), wanted, epoch=0, changes_done=0)


def start_probe(plan: Plan, dataset: Dataset, learner: State, *, capture: bool = True) -> State:
    """A run over the synapses of another, which the two share: nothing learns in it, and the learning signals stay in
    `State.signals`, unless `capture` is false."""
    net = constants.net_of(plan, dataset, recording=NOTHING, frozen=True, capture=capture)
    memory = run_memory.allocate(plan, net, learner.memory)
    return State(plan, net, memory, demands(plan, frozen=True), epoch=0, changes_done=0)


def _with_first(recording: Recording, frames: int) -> Recording:
    """The same and all messages of so many frames."""
    return replace(recording, windows=(*recording.windows, Window(0, frames))) if frames else recording


def seconds_to_compile(plan: Plan, *, trace_frames: int = 0, recording: Recording = NOTHING) -> int:
    """About how long a quiet machine compiles before such a run's first frame, s; 0 where all is compiled."""
    return warm_up.seconds_to_compile(demands(plan, recording=_with_first(recording, trace_frames)))


def watch_from(state: State, frame: int) -> None:
    """All values of frames from this one on are written down, in a run that was started with `Recording.watch`."""
    state.net.config["watch_from"] = frame


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
    for h in np.flatnonzero(state.memory.layer_states["pending"]):
        deferred.apply_deferred(net, memory, h)


def busiest(state: State) -> str:
    """The link that limits, in words: its channel, utilisation and queue."""
    counters, now = state.counters, max(state.now, 1)
    busy = np.zeros(len(state.net.links), np.int64)
    np.add.at(busy, state.net.channels["link"], counters["busy"])  # ps, exactly
    link = int(busy.argmax())
    queue = int(counters["queue_max"][state.net.channels["link"] == link].max(initial=0))
    name, share = state.plan.link_names[link], int(busy[link]) / now
    load = f"is busy {100 * share:.0f} % of the time" if share <= 1 else f"is given {share:,.2f} times what it can send"
    return f"link {name} {load}, its queue reached {queue:,}"
