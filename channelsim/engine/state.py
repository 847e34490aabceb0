"""The Python side of the engine: allocate, run in chunks, make room, dump and restore."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from channelsim import hashing
from channelsim.data import Dataset
from channelsim.engine import _dense_layer, _evaluate, _geometry, _hash, _loop, _parts, _pitch
from channelsim.engine._compile import compile_for
from channelsim.engine._tables import CLOCK, CONFIG, LAYER_STATE, LINK_STATE, SLOT, Memory, Net
from channelsim.engine._views import handle
from channelsim.errors import RunError
from channelsim.hashing import Stream
from channelsim.plan import COUNTER, MESSAGE_ROW, Direction, Kind, Plan, Quantizer, Wiring
from channelsim.plan.sizes import evaluated_at_once

FIRST_SLOTS = 2  # the frame that is on its way, and the one before, which is still the newest of some layers
AGE_BINS = 1025  # of a pipeline: ages 0..1023 frames, and older; one frame after another, every age is 0
ROWS_BYTES = 8_000_000  # of message rows and payload kept between two collections


class Diverged(RunError):
    """A learning signal, loss or weight is no longer finite."""


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
        return _pitch.gather(self.net.layers, self.plan, self.memory.weights)

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


@dataclass(frozen=True)
class Tally:
    """Training metrics summed since the last collection."""

    loss: float
    correct: int
    samples: int
    updates: int


def start(plan: Plan, dataset: Dataset, *, trace_frames: int = 0, frozen: bool = False, capture: bool = False) -> State:
    """A run at its beginning. `frozen`: nothing learns; `capture`: learning signals stay in `State.memory.captured`."""
    config = _records(np.zeros(1, CONFIG))
    row = config[0]
    row["top"], row["batch"], row["frames"] = plan.top, plan.batch, plan.frames
    row["frames_per_epoch"], row["train_size"] = plan.frames_per_epoch, plan.train_size
    row["pipelined"], row["poisson"], row["interval"] = plan.pipelined, plan.poisson, plan.interval
    row["stash"], row["on_miss_current"] = plan.stash, plan.on_miss_current
    row["derivative"], row["frozen"] = plan.derivative, frozen
    row["deferred"] = plan.batch == 1 and plan.momentum == 0.0
    row["learning_rate"], row["feedback_rate"] = plan.learning_rate, plan.feedback_learning_rate
    row["log_keep"], row["momentum"] = math.log1p(-plan.decay), plan.momentum
    row["seed"], row["trace_frames"], row["capture"] = plan.seed, trace_frames, capture
    row["flip"], row["shift"] = plan.flip and not frozen, 0 if frozen else plan.shift  # a probe sees what is there
    row["augmented"] = row["flip"] or row["shift"] > 0
    leaving, leaving_start = _leaving(plan)
    images = np.ascontiguousarray(dataset.train_x, np.float32)
    ideal = _ideal(plan)
    reads_events = plan.layers[1]["kind"] == Kind.DENSE and ideal[0] and not row["augmented"]
    event_start, event_index, event_value = events_of(images, lists=bool(reads_events))
    widest = int(plan.layers["n"].max())
    net = Net(
        config=config,
        layers=_records(_pitch.lay_out(plan)),
        geometry=_geometry.geometry(plan.layers),
        list_offset=_list_offset(plan.layers),
        channels=_records(plan.channels.copy()),
        links=_records(plan.links.copy()),
        leaving=leaving,
        leaving_start=leaving_start,
        ideal=ideal,
        roots=_roots(plan),
        c_start=plan.c_start,
        c_index=plan.c_index,
        iota=np.arange(widest, dtype=np.int32),
        order=sample_order(plan, 0),
        images=images.reshape(-1),
        labels=np.ascontiguousarray(dataset.train_y, np.int32),
        event_start=event_start,
        event_index=event_index,
        event_value=event_value,
    )
    return State(plan, net, _allocate(plan, net, FIRST_SLOTS, capture, trace_frames), epoch=0, changes_done=0)


def _records(table: NDArray[Any]) -> NDArray[Any]:
    """A table whose rows have attributes also where NUMBA_DISABLE_JIT is set and the engine runs as plain Python."""
    if numba.config.DISABLE_JIT and table.dtype.names:
        return table.view(np.recarray)
    return table


def sample_order(plan: Plan, epoch: int) -> NDArray[np.int64]:
    """The order in which an epoch's samples enter."""
    if not plan.shuffle:
        return np.arange(plan.train_size, dtype=np.int64)
    return hashing.permutation(hashing.key(plan.seed, Stream.ORDER.of(), epoch), plan.train_size).astype(np.int64)


def events_of(
    images: NDArray[np.float32], lists: bool = True
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]]:
    """Images as events, made once: (starts, neuron indices, values). A zero activity is no event.

    Works in blocks, so that the data set is never there twice. Without `lists` only the starts are made.
    """
    counts = np.count_nonzero(images, axis=1)
    start = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    if not lists:
        return start, np.zeros(0, np.int32), np.zeros(0, np.float32)
    index = np.empty(start[-1], np.int32)
    value = np.empty(start[-1], np.float32)
    for first in range(0, len(images), 4096):
        block = images[first : first + 4096]
        rows, columns = np.nonzero(block)
        span = slice(start[first], start[first] + len(columns))
        index[span] = columns
        value[span] = block[rows, columns]
    return start, index, value


def _roots(plan: Plan) -> NDArray[np.int64]:
    purposes = range(int(_hash.PURPOSES))
    roots = [hashing.root(plan.seed, p + 64 * c) for c in range(len(plan.channels)) for p in purposes]
    return np.array(roots, np.uint64).view(np.int64)


def _leaving(plan: Plan) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    channels, starts = [], [0]
    for h in range(len(plan.layers)):
        rows = plan.channels
        channels += list(np.flatnonzero((rows["direction"] == Direction.LEARNING) & (rows["source"] == h)))
        starts.append(len(channels))
    return np.array(channels, np.int64), np.array(starts, np.int64)


def _list_offset(layers: NDArray[Any]) -> NDArray[np.int64]:
    """Where a dense layer's event lists begin, in samples' worth of values."""
    sizes = np.where(layers["kind"] == Kind.DENSE, layers["fan_in"], 0)
    return np.cumsum(sizes) - sizes


def _ideal(plan: Plan) -> NDArray[np.bool_]:
    """Channels that never change a value or lose an event, whatever is scheduled to change."""
    tables = [(plan.channels, plan.links), *((change.channels, change.links) for change in plan.changes)]
    return np.logical_and.reduce([_is_ideal(rows, links) for rows, links in tables])


def _is_ideal(rows: NDArray[Any], links: NDArray[Any]) -> NDArray[np.bool_]:
    return (
        (rows["has_threshold"] == 0)
        & (rows["quantizer"] == Quantizer.NONE)
        & (rows["noise"] == 0)
        & (rows["bit_error"] == 0)
        & (rows["drop"] == 0)
        & (rows["deadline"] < 0)
        & (links["queue"][rows["link"]] < 0)
    )


def _allocate(plan: Plan, net: Net, slots: int, capture: bool, trace_frames: int) -> Memory:
    batch, layers, channels = plan.batch, plan.layers, plan.channels
    most = max(batch, evaluated_at_once(layers))
    convolutions = layers[layers["kind"] == Kind.CONV2D]
    listed = int(layers["fan_in"][layers["kind"] == Kind.DENSE].sum())
    units, inputs = int(layers["n"][1:].sum()), int(layers["fan_in"].sum())
    widest, widest_learner = int(layers["n"].max()), int(layers["n"][1:].max())
    message = int(
        sum(max(int(c["n"]), int(layers[c["target"]]["n"])) for c in channels if c["direction"] == Direction.LEARNING)
    )
    clock = _records(np.zeros(1, CLOCK))
    clock["fault_frame"] = -1
    layer_states = _records(np.zeros(len(layers), LAYER_STATE))
    layer_states["frame"] = -1
    link_states = _records(np.zeros(len(plan.links), LINK_STATE))
    link_states["frame"] = -1
    per_link = np.bincount(channels["link"], minlength=len(plan.links)).max()
    ring = slots * batch * (int(per_link) + 1) + batch * len(channels)
    heap = slots * 2 * len(channels) + 4
    momentum = plan.momentum > 0.0
    whole = momentum or bool((layers["update_quantizer"] != Quantizer.NONE).any())
    ideal_inputs = bool(net.ideal[: plan.top].all())
    first_held = batch > 1 or layers[1]["kind"] != Kind.DENSE or bool(net.config[0]["augmented"])
    rows = 0 if trace_frames == 0 else _row_capacity(plan, widest)
    message_room = -(-widest // 16) * 16  # see `_stages.whole_vectors`
    zeros = np.zeros
    return Memory(
        clock=clock,
        counters=_records(zeros(len(channels), COUNTER)),
        slots=_records(zeros(slots, SLOT)),
        layer_states=layer_states,
        link_states=link_states,
        ages=zeros((len(layers), AGE_BINS if plan.pipelined else 1), np.int64),
        misses=zeros(len(layers), np.int64),
        heap_time=zeros(heap, np.int64),
        heap_key=zeros(heap, np.int64),
        heap_payload=zeros(heap, np.int64),
        ring=zeros((len(plan.links), ring), np.int64),
        heard_start=zeros((len(plan.links), batch), np.int64),
        heard_finish=zeros((len(plan.links), batch), np.int64),
        heard_bits=zeros((len(plan.links), batch), np.int64),
        weights=_pitch.spread(net.layers, plan, plan.weights),
        biases=plan.biases.copy(),
        feedback=plan.feedback.copy(),
        weight_velocity=zeros(_pitch.size(net.layers) if momentum else 0, np.float32),
        bias_velocity=zeros(plan.biases.size if momentum else 0, np.float32),
        feedback_velocity=zeros(plan.feedback.size if momentum else 0, np.float32),
        residuals=zeros(int(channels["n"].sum()), np.float32),
        sample=zeros((slots, batch), np.int64),
        outputs=zeros((slots, batch * units), np.float32),
        inputs=zeros(
            (slots, batch * (inputs if not ideal_inputs else int(layers[1]["fan_in"]) * first_held)),
            np.float32,
        ),
        counts=zeros((slots, len(layers), batch), np.int64),
        starts=zeros((slots, len(layers), batch), np.int64),
        forms=zeros((slots, len(layers)), np.int64),
        event_index=zeros((slots, batch * listed), np.int32),
        event_value=zeros((slots, batch * listed), np.float32),
        messages=zeros((slots, batch * message), np.float32),
        heard=zeros((slots, len(channels), batch), np.int64),
        pending_x=zeros(inputs if batch == 1 else 0, np.float32),
        pending_index=zeros(inputs if batch == 1 else 0, np.int32),
        pending_step=zeros(units if batch == 1 else 0, np.float32),
        signal=zeros(batch * widest_learner, np.float32),
        error=zeros(batch * widest_learner, np.float32),
        turned=zeros(_turned(plan), np.float32),
        gathered=zeros(batch * widest, np.float32),
        learns=zeros(batch, np.bool_),
        learning_counts=zeros(batch, np.int64),
        touched=zeros(widest, np.bool_),
        step=zeros(int(layers["w_size"].max()) if whole else 0, np.float32),
        sent=zeros(widest, np.float32),
        speaking=zeros(message_room, np.int32),
        said=zeros(message_room, np.float32),
        alive=zeros(message_room, np.bool_),
        random=zeros(3 * message_room, np.float64),
        word=zeros(1, np.float32),
        patches=_pitch.aligned(_parts.parts(most) * int(net.geometry[:, -1].max())),
        event_counts=zeros(most, np.int64),
        macs=zeros(most, np.int64),
        map_sums=zeros(batch * int(convolutions["out_channels"].max(initial=0)), np.float32),
        bank=zeros(int(convolutions["w_size"].max(initial=0)), np.float32),
        captured=zeros((plan.frames * batch if capture else 0, units), np.float32),
        rows=_records(zeros(rows or batch * len(channels), MESSAGE_ROW)),
        payload=zeros(rows * widest, np.float32),
    )


def _turned(plan: Plan) -> int:
    """Values of the largest W of a dense layer that errors of a mini-batch pass backwards."""
    back = plan.channels[plan.channels["wiring"] == Wiring.TRANSPOSE]
    back = back[plan.layers["kind"][back["source"]] == Kind.DENSE]
    return int(plan.layers["w_size"][back["source"]].max(initial=0)) if plan.batch > 1 else 0


def _row_capacity(plan: Plan, widest: int) -> int:
    per_frame = plan.batch * len(plan.channels)
    affordable = ROWS_BYTES // (MESSAGE_ROW.itemsize + 4 * widest)
    return max(2 * per_frame, affordable)


_allowed = 1  # threads that kernels may use


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Lets kernels use `count` threads (at most the machine's cores) while the context lasts; one without it."""
    global _allowed
    before, _allowed = _allowed, max(1, min(count, numba.config.NUMBA_NUM_THREADS))
    try:
        yield
    finally:
        _allowed = before


@contextmanager
def _within_threads() -> Iterator[None]:
    """Numba's own setting belongs to the whole process: it is changed only while the engine runs."""
    before = numba.get_num_threads()
    numba.set_num_threads(_allowed)
    try:
        yield
    finally:
        numba.set_num_threads(before)


# --- running ------------------------------------------------------------------------------------------


def advance(
    plan: Plan,
    state: State,
    until_frame: int,
    collect: Callable[[NDArray[Any], NDArray[np.float32]], None] | None = None,
) -> None:
    """Runs until frame `until_frame` would enter (at most the run's last frame; past it, until all is done).

    Events of the frames that have entered and are due later stay in flight. `collect` receives the message rows and
    payload of traced frames whenever the buffer is full, and at the end. Raises Diverged.
    """
    compile_for(plan.maps)
    until_frame = min(until_frame, plan.frames)
    while True:
        stop = min(until_frame, _next_boundary(plan, state))
        with _within_threads():
            status = _loop.advance(handle(state.net), handle(state.memory), stop)
        if status == _loop.DIVERGED:
            _collect(state, collect)
            frame = int(state.memory.clock[0]["fault_frame"])
            raise Diverged(
                f"the learning signal is no longer finite at update {frame + 1} "
                f"(epoch {frame // plan.frames_per_epoch + 1}): "
                "the weights have grown without bound; a smaller training.learning_rate or a smaller "
                "learning.feedback.scale keeps them finite"
            )
        if status == _loop.NO_SLOT or status == _loop.RING_FULL:
            grow(state)
        elif status == _loop.ROWS_FULL:
            _collect(state, collect)
        elif state.frame >= until_frame:
            _collect(state, collect)
            return
        else:
            _cross_boundary(plan, state)


def _next_boundary(plan: Plan, state: State) -> int:
    """The next frame before which the order of samples or the channel tables have to be exchanged."""
    boundary = (state.epoch + 1) * plan.frames_per_epoch
    if state.changes_done < len(plan.changes):
        boundary = min(boundary, plan.changes[state.changes_done].frame)
    return boundary


def _cross_boundary(plan: Plan, state: State) -> None:
    while state.changes_done < len(plan.changes) and plan.changes[state.changes_done].frame <= state.frame:
        change = plan.changes[state.changes_done]
        state.net.channels[:] = change.channels
        state.net.links[:] = change.links
        state.changes_done += 1
    epoch = state.frame // plan.frames_per_epoch
    if epoch != state.epoch:
        state.net.order[:] = sample_order(plan, epoch)
        state.epoch = epoch


def _collect(state: State, collect: Callable[[NDArray[Any], NDArray[np.float32]], None] | None) -> None:
    clock = state.memory.clock[0]
    if collect is not None and clock["rows"] > 0:
        collect(state.memory.rows[: clock["rows"]].copy(), state.memory.payload[: clock["payload"]].copy())
    clock["rows"] = clock["payload"] = 0


def grow(state: State) -> None:
    """Makes room for twice as many frames in flight. Raises RunError where the scenario does not want that many."""
    memory, plan = state.memory, state.plan
    slots = 2 * len(memory.slots)
    if memory.clock[0]["in_flight"] > plan.max_in_flight:
        raise RunError(
            f"more than {plan.max_in_flight} frames are in flight: the network cannot keep up with a frame every "
            f"{plan.interval} ps ({busiest(state)}); "
            "a longer schedule.interval or a larger schedule.max_in_flight is needed"
        )
    larger = {}
    for name in ("slots", "sample", "outputs", "inputs", "counts", "starts", "forms", "event_index", "event_value",
                 "messages", "heard"):  # fmt: skip
        old = getattr(memory, name)
        new = np.zeros((slots, *old.shape[1:]), old.dtype)
        new[: len(old)] = old
        larger[name] = _records(new)
    for name in ("heap_time", "heap_key", "heap_payload"):
        old = getattr(memory, name)
        larger[name] = np.concatenate([old, np.zeros_like(old)])
    ring = np.zeros((memory.ring.shape[0], 2 * memory.ring.shape[1]), np.int64)
    for k, link in enumerate(memory.link_states):
        unfinished = np.roll(memory.ring[k], -int(link["head"]))
        ring[k, : memory.ring.shape[1]] = unfinished
        link["head"] = 0
    state.memory = memory._replace(ring=ring, **larger)


def busiest(state: State) -> str:
    """The link that limits, in words: its channel, utilisation and queue."""
    counters, now = state.counters, max(state.now, 1)
    busy = np.bincount(state.net.channels["link"], counters["busy"], minlength=len(state.net.links))
    link = int(busy.argmax())
    queue = int(counters["queue_max"][state.net.channels["link"] == link].max(initial=0))
    name, share = state.plan.link_names[link], 100 * busy[link] / now
    return f"link {name} is busy {share:.0f} % of the time, its queue reached {queue}"


def settle(state: State) -> None:
    """Applies the updates that wait for the next pass over their rows, so that the weights can be read."""
    net, memory = handle(state.net), handle(state.memory)
    for h in range(1, len(state.net.layers)):
        _dense_layer.flush(net, memory, h)


def evaluate(state: State, images: NDArray[np.float32], labels: NDArray[np.int32]) -> tuple[float, float]:
    """(mean loss, accuracy) on images (N, n_0) with the weights as they are; NaN where there are none.

    The forward channels do to activities what they do in training, except that residuals are not kept and nothing is
    late.
    """
    if len(labels) == 0:
        return math.nan, math.nan
    settle(state)
    plan, net = state.plan, state.net
    compile_for(plan.maps)
    channels, links = _records(net.channels.copy()), _records(net.links.copy())
    channels["residual"], channels["deadline"], links["queue"] = 0, -1, -1
    clockless = net._replace(channels=channels, ideal=_is_ideal(channels, links))
    flat = np.ascontiguousarray(images, np.float32).reshape(-1)
    labels = np.ascontiguousarray(labels, np.int32)
    widest = int(plan.layers["n"].max())
    at_once = evaluated_at_once(plan.layers)
    here, there = (np.zeros(at_once * widest, np.float32) for _ in range(2))
    loss, correct = 0.0, 0
    for first in range(0, len(labels), at_once):
        samples = min(at_once, len(labels) - first)
        more, right = _evaluate.evaluate(
            handle(clockless), handle(state.memory), flat, labels, first, samples, here, there
        )
        loss += more
        correct += right
    return loss / len(labels), correct / len(labels)


def tally(state: State) -> Tally:
    """Training metrics since the last call."""
    clock = state.memory.clock[0]
    result = Tally(float(clock["loss"]), int(clock["correct"]), int(clock["samples"]), int(clock["updates"]))
    clock["loss"] = 0.0
    clock["correct"] = clock["samples"] = clock["updates"] = 0
    return result


# --- dump and restore -----------------------------------------------------------------------------------

SCRATCH = ("signal", "error", "turned", "gathered", "learns", "learning_counts", "touched", "step", "sent", "speaking",
           "alive", "random", "said", "word", "patches", "event_counts",
           "macs", "map_sums", "bank", "captured", "rows", "payload")  # fmt: skip


def snapshot(state: State) -> dict[str, NDArray[Any]]:
    """Everything needed to go on, bit for bit. Taken between two chunks."""
    arrays = {name: array for name, array in state.memory._asdict().items() if name not in SCRATCH}
    arrays["weights"] = state.weights
    arrays["changes_done"] = np.array([state.changes_done], np.int64)
    return {name: np.array(array) for name, array in arrays.items()}


def restore(plan: Plan, dataset: Dataset, arrays: dict[str, NDArray[Any]], *, trace_frames: int = 0) -> State:
    """The state that `snapshot` dumped."""
    state = start(plan, dataset, trace_frames=trace_frames)
    known = {name: _records(np.array(array)) for name, array in arrays.items() if name in Memory._fields}
    known["weights"] = _pitch.spread(state.net.layers, plan, known["weights"])
    state.memory = state.memory._replace(**known)
    state.changes_done = int(arrays["changes_done"][0])
    if state.changes_done:
        change = plan.changes[state.changes_done - 1]
        state.net.channels[:] = change.channels
        state.net.links[:] = change.links
    state.epoch = min(state.frame // plan.frames_per_epoch, plan.epochs - 1)
    state.net.order[:] = sample_order(plan, state.epoch)
    return state
