"""Whether the arrays of a checkpoint are such as a run of this plan leaves them.

Compiled code follows indices without looking whether they lie within an array. So all of them are held against the plan
before it runs: names, types and shapes, and every number that is used as an index or a count.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from channelsim.engine.channel.link_clock import LOST
from channelsim.engine.config import FIRST_SLOTS, STEPS
from channelsim.engine.layers.deferred import MORE
from channelsim.engine.layers.inputs import DATA, FULL, LIST, MATRIX, SPARSE
from channelsim.engine.loop.frames import DONE, ENTER
from channelsim.engine.setup.memory import BY_SLOT, SCRATCH
from channelsim.engine.state import State
from channelsim.engine.tables.layouts import Memory
from channelsim.plan import Direction, Kind, Quantizer

Arrays = Mapping[str, NDArray[Any]]

_NEVER_NEGATIVE = ("ring", "broadcast_finish", "broadcast_bits", "counters", "unit_counts", "ages", "misses")


def fault(fresh: State, arrays: Arrays) -> str:
    """What is wrong with the arrays of a checkpoint, in words; empty if nothing is.

    Arguments:
        fresh: the same run before its first frame.
        arrays: what `checkpoint.snapshot` returned, and perhaps others, which are not looked at.
    """
    if found := next(_of_another_form(fresh, arrays), ""):
        return found
    memory = fresh.memory._replace(**{name: arrays[name] for name in Memory._fields if name in arrays})
    # Each of them relies on what the ones before it have found in order.
    faults = (_out_of_range(fresh, memory, arrays), _heap_faults(fresh, memory), _input_faults(fresh, memory))
    return next(chain.from_iterable(faults), "")


def _of_another_form(fresh: State, arrays: Arrays) -> Iterator[str]:
    """Names, types and shapes. What has a row for each frame in flight, the heap and the rings may have doubled."""
    kept = {name: array for name, array in fresh.memory._asdict().items() if name not in SCRATCH}
    kept["weights"] = fresh.plan.weights
    kept["changes_done"] = np.zeros(1, np.int64)
    slots = len(arrays["slots"]) if "slots" in arrays and arrays["slots"].ndim else 0
    times = slots // FIRST_SLOTS
    if slots != times * FIRST_SLOTS or times.bit_count() != 1:
        yield f"slots has {slots} rows"
        return
    for name, array in kept.items():
        if name not in arrays:
            yield f"{name} is missing"
            return
        shape = list(array.shape)
        if name in BY_SLOT or name == "heap":
            shape[0] *= times
        elif name == "ring":
            shape[1] *= times
        found = arrays[name]
        if (found.dtype, found.shape) != (array.dtype, tuple(shape)):
            yield f"{name} is {_kind(found)} of shape {found.shape}, not {_kind(array)} of shape {tuple(shape)}"


def _kind(array: NDArray[Any]) -> str:
    return "a table" if array.dtype.names else str(array.dtype)


def _out_of_range(fresh: State, memory: Memory, arrays: Arrays) -> Iterator[str]:
    plan, clock, slots = fresh.plan, memory.clock[0], memory.slots
    for name in _NEVER_NEGATIVE:
        array = getattr(memory, name)
        columns = [array[field] for field in array.dtype.names] if array.dtype.names else [array]
        if any(column.size and column.min() < 0 for column in columns):
            yield f"{name} has negative values"
    count, layers, batch = len(slots), len(plan.layers), plan.batch
    widest = int(plan.layers["n"].max())
    to_layers = plan.channels["target"][plan.channels["direction"] == Direction.LEARNING]
    learning = np.bincount(to_layers, minlength=layers)
    bounds = (
        ("clock.now", clock["now"], 0, 2**62),
        ("clock.sequence", clock["sequence"], 0, 2**56 - 1),
        ("clock.heap_size", clock["heap_size"], 0, len(memory.heap)),
        ("clock.next_frame", clock["next_frame"], 0, plan.frames),
        ("clock.rows", clock["rows"], 0, 0),
        ("clock.payload", clock["payload"], 0, 0),
        ("clock.fault_frame", clock["fault_frame"], -1, -1),
        ("clock.in_flight", clock["in_flight"], 0, min(count, int(clock["in_flight_max"]))),
        ("clock.samples", clock["samples"], int(clock["correct"]), plan.frames * batch),
        ("clock.correct", clock["correct"], 0, plan.frames * batch),
        ("clock.updates", clock["updates"], 0, plan.frames),
        ("slots.used", slots["used"], 0, 1),
        ("slots.finished", slots["finished"], 0, 1),
        ("slots.frame", slots["frame"], 0, max(int(clock["next_frame"]) - 1, 0)),
        ("slots.samples", slots["samples"], 0, batch),
        ("slots.samples", slots["samples"][slots["used"] == 1], 1, batch),
        ("slots.events", slots["events"], 0, len(memory.heap)),
        ("slots.holders", slots["holders"], 0, layers),
        ("layer_states.free_at", memory.layer_states["free_at"], 0, None),
        ("layer_states.computed", memory.layer_states["computed"], 0, plan.frames),
        ("layer_states.slot", memory.layer_states["slot"], 0, count - 1),
        ("layer_states.pending", memory.layer_states["pending"], 0, MORE),
        ("layer_states.newest_step", memory.layer_states["newest_step"], 0, STEPS - 1),
        ("layer_states.settled", memory.layer_states["settled"], -1, plan.frames),
        ("link_states.free_at", memory.link_states["free_at"], 0, None),
        ("link_states.head", memory.link_states["head"], 0, memory.ring.shape[1] - 1),
        ("link_states.count", memory.link_states["count"], 0, memory.ring.shape[1]),
        ("broadcast_start", memory.broadcast_start, LOST, None),
        ("deferred_at", memory.deferred_at, 0, STEPS - 1),
        ("sample", memory.sample, 0, plan.train_size - 1),
        ("feedback_frames", memory.feedback_frames, 0, max(int(clock["next_frame"]) - 1, 0)),
        ("arrived", memory.arrived, 0, np.maximum(learning - 1, 0)),
        ("input_events", memory.input_events, 0, plan.layers["fan_in"][None, :, None]),
        ("message_events", memory.message_events, 0, widest),
        ("changes_done", arrays["changes_done"], 0, len(plan.changes)),
    )
    for name, values, least, most in bounds:
        if np.size(values) and (np.any(values < least) or (most is not None and np.any(values > most))):
            yield f"{name} is out of range"
    may_wait = (plan.layers["kind"] == Kind.DENSE) & (plan.batch == 1) & (plan.momentum == 0.0)
    may_wait &= plan.weight_decay == 0.0
    may_wait &= (plan.layers["update_quantizer"] == Quantizer.NONE) & (
        plan.layers["weight_quantizer"] == Quantizer.NONE
    )
    if memory.layer_states["pending"][~may_wait].any():
        yield "layer_states.pending: a layer without deferred updates has some"
    newest = memory.layer_states["computed"]
    if (memory.computed < 0).any() or (memory.computed > newest).any():
        yield "computed is out of range"
    elif any(
        newest[h] and memory.computed[memory.layer_states["slot"][h] % count, h] != newest[h] for h in range(layers)
    ):
        yield "layer_states.slot is not of the frame that the layer computed last"


def _heap_faults(fresh: State, memory: Memory) -> Iterator[str]:
    """The heap in order, and its events such as the frames in flight can have."""
    plan, slots, size = fresh.plan, memory.slots, int(memory.clock[0]["heap_size"])
    heap = memory.heap[: max(size, 0)]
    of_frames = heap[heap["act"] != ENTER]
    if not _within(heap["act"], DONE) or not _within(heap["channel"], len(plan.channels) - 1):
        yield "heap: an event of an unknown kind or channel"
        return
    if not _within(heap["slot"], len(slots) - 1):
        yield "heap: an event of a frame that is not there"
        return
    if len(heap) - len(of_frames) > 1 or (heap["time"] < memory.clock[0]["now"]).any():
        yield "heap: an event that is not due"
    above = heap[(np.arange(1, len(heap)) - 1) >> 1]
    below = heap[1:]
    if ((below["time"] < above["time"]) | ((below["time"] == above["time"]) & (below["order"] < above["order"]))).any():
        yield "heap is not in order"
    if (np.bincount(of_frames["slot"], minlength=len(slots)) != slots["events"]).any():
        yield "slots.events is not what the heap has"
    if ((slots["events"] > 0) & ((slots["used"] == 0) | (slots["finished"] == 1))).any():
        yield "slots: a frame that is over has events"
    if np.count_nonzero((slots["used"] == 1) & (slots["finished"] == 0)) != memory.clock[0]["in_flight"]:
        yield "clock.in_flight is not the frames in flight"
    channels = plan.channels[of_frames["channel"]]
    forward = channels["direction"] == Direction.FORWARD
    rising = np.bincount(of_frames["slot"][forward], minlength=len(slots))
    falling = np.bincount(of_frames["slot"][~forward], minlength=len(slots))
    if (rising > 1).any() or ((rising > 0) & (falling > 0)).any():
        yield "heap: a frame that learns before it has reached the top"
    # What an event needs must have been computed: all layers from 1 up to `known`.
    known = np.where(forward, channels["target"] - 1, plan.top)
    for slot, top in zip(of_frames["slot"], known, strict=True):
        if (memory.computed[slot, 1 : top + 1] == 0).any():
            yield "heap: a frame whose activity has not been computed"
            return


def _input_faults(fresh: State, memory: Memory) -> Iterator[str]:
    """How the inputs of layers are held, where they have been computed: each list within its buffer."""
    plan, net = fresh.plan, fresh.net
    if not _within(memory.input_form, SPARSE) or (memory.list_start < 0).any():
        yield "input_form or list_start is out of range"
        return
    # Until a layer computes, the counts are those of the new frame and the list that of the last one.
    waits = np.zeros(memory.computed.shape, np.bool_)
    heap = memory.heap[: memory.clock[0]["heap_size"]]
    heap = heap[heap["act"] != ENTER]
    channels = plan.channels[heap["channel"]]
    forward = channels["direction"] == Direction.FORWARD
    waits[heap["slot"][forward], channels["target"][forward]] = True
    for slot, h in np.argwhere(memory.computed > 0):
        form, start = int(memory.input_form[slot, h]), int(memory.list_start[slot, h])
        n, first = int(plan.layers["fan_in"][h]), int(net.list_offset[h])
        singles = plan.batch == 1 and plan.layers["kind"][h] == Kind.DENSE
        room = int(net.list_offset[h + 1]) - first
        allowed = ((FULL, LIST) if room else (DATA,)) if singles else (MATRIX, SPARSE)
        if h and form not in allowed:
            yield f"input_form: layer {h} cannot hold its input so"
        if form == LIST and not (start == first and _within(memory.list_index[slot, first : first + room], n - 1)):
            yield f"list_index: the events of layer {h} are out of range"
        if form == DATA and not waits[slot, h] and start + int(memory.input_events[slot, h, 0]) > len(net.event_index):
            yield f"list_start: the events of layer {h} are out of range"


def _within(values: NDArray[Any], most: Any) -> bool:
    return not np.size(values) or (int(values.min()) >= 0 and int(values.max()) <= most)
