"""Frames in flight: their slots, their events on the heap, and the layers that take them up one after another."""

from __future__ import annotations

import numpy as np

from channelsim.engine.compile.jit import inner
from channelsim.engine.loop import heap
from channelsim.engine.tables.layouts import CLOCK_ENDED
from channelsim.plan import CLOCK_END, Direction

# What an event is: a frame enters; its messages over a channel are complete; the layer that they went to is done.
ENTER, COMPLETE, DONE = np.int64(0), np.int64(1), np.int64(2)
FORWARD = int(Direction.FORWARD)


@inner()
def enters_next(mem):
    """Whether the next thing to happen is that a frame enters."""
    return mem.clock.heap_size == 0 or mem.heap[0].act == ENTER


@inner()
def schedule_entry(mem, time):
    """The next frame enters at this time."""
    _schedule(mem, time, heap.FRAME_ENTRY, ENTER, np.int64(0), np.int64(0))


@inner()
def schedule(net, mem, time, what, c, slot):
    """Something happens to a frame at this time: COMPLETE or DONE, over channel c."""
    priority = heap.FORWARD_ARRIVAL if net.channels[c].direction == FORWARD else heap.LEARNING_ARRIVAL
    _schedule(mem, time, priority, what, np.int64(c), np.int64(slot))
    mem.slots[slot].events += 1


@inner()
def _schedule(mem, time, priority, what, c, slot):
    clock = mem.clock
    if time > CLOCK_END:
        clock.fault_frame = CLOCK_ENDED
    clock.heap_size = heap.push(mem.heap, clock.heap_size, time, heap.order_of(priority, clock.sequence), what, c, slot)
    clock.sequence += 1


@inner()
def begin(net, mem, c, slot):
    """The layer that channel c leads to takes up a frame: at once if it is idle and takes no time. Else it is DONE at
    some other time, which is scheduled. Returns whether it is done. It waits for the last of its learning channels.

    The top layer learns as soon as it has computed, so it takes the time of both.
    """
    channel, clock = net.channels[c], mem.clock
    layer, state = net.layers[channel.target], mem.layer_states[channel.target]
    if channel.direction != FORWARD and not _is_last(net, mem, channel.target, slot):
        return False
    cost = layer.compute_forward if channel.direction == FORWARD else layer.compute_learning
    if channel.direction == FORWARD and channel.target == net.config.top:
        cost += layer.compute_learning
    cost *= mem.slots[slot].samples
    if cost == 0 and state.free_at <= clock.now:
        return True
    state.free_at = max(clock.now, state.free_at) + cost
    schedule(net, mem, state.free_at, DONE, c, slot)
    return False


@inner(inlined=True)
def _is_last(net, mem, h, slot):
    """Whether the messages of all learning channels that lead to layer h are complete, with one more of them."""
    channels = net.arriving_start[h + 1] - net.arriving_start[h]
    if channels == 1:
        return True
    mem.arrived[slot, h] += 1
    if mem.arrived[slot, h] < channels:
        return False
    mem.arrived[slot, h] = 0
    return True


@inner()
def longest_ring(net, mem):
    """Messages that the fullest link has not finished."""
    fullest = 0
    for k in range(len(net.links)):
        fullest = max(fullest, mem.link_states[k].count)
    return fullest


@inner()
def free_slot(mem):
    """A slot that no frame uses; -1: there is none."""
    for k in range(len(mem.slots)):
        if not mem.slots[k].used:
            return k
    return -1


@inner()
def take_slot(net, mem):
    """The slot of a new frame, the next one. There is a free one."""
    config, clock, k = net.config, mem.clock, free_slot(mem)
    slot, frame = mem.slots[k], clock.next_frame
    first = (frame % config.frames_per_epoch) * config.batch
    clock.next_frame += 1
    clock.in_flight += 1
    clock.in_flight_max = max(clock.in_flight_max, clock.in_flight)
    slot.used, slot.finished, slot.frame, slot.events, slot.holders = True, False, frame, 0, 0
    slot.samples = min(config.batch, config.train_size - first)
    for b in range(slot.samples):
        mem.sample[k, b] = net.order[first + b]
    return k


@inner()
def hold_as_newest(net, mem, h, slot):
    """The frame is the one that layer h has computed last.

    Where the newest activity stands in for one that is no longer stashed, its slot is kept.
    """
    state = mem.layer_states[h]
    if net.config.on_miss_current:
        if state.computed > 0:
            mem.slots[state.slot].holders -= 1
            _release(mem, state.slot)
        mem.slots[slot].holders += 1
    state.computed += 1
    state.slot = slot
    mem.computed[slot, h] = state.computed


@inner()
def age(mem, h, slot):
    """How many frames layer h has computed since this one."""
    return mem.layer_states[h].computed - mem.computed[slot, h]


@inner()
def end_event(mem, slot):
    """One of the frame's events is over."""
    mem.slots[slot].events -= 1
    _release(mem, slot)


@inner()
def _release(mem, slot):
    """A frame that has no events left is finished; its slot is free when no layer holds it either."""
    s = mem.slots[slot]
    if s.events == 0 and s.holders == 0 and s.used:
        s.used = False
    if s.events == 0 and not s.finished:
        s.finished = True
        mem.clock.in_flight -= 1
