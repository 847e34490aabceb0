"""The event heap: a binary heap over a table of EVENT records, ordered by (time, priority, sequence number)."""

from __future__ import annotations

import numpy as np

from channelsim.engine.compile.jit import inner

# at one time, errors act before activities, and both before input
LEARNING_ARRIVAL, FORWARD_ARRIVAL, FRAME_ENTRY = np.int64(0), np.int64(1), np.int64(2)
PRIORITY_SHIFT = 56


@inner(inlined=True)
def order_of(priority, sequence):
    """What decides between events at one time."""
    return (priority << PRIORITY_SHIFT) | sequence


@inner(inlined=True)
def _is_before(time, order, event):
    return time < event.time or (time == event.time and order < event.order)


@inner(inlined=True)
def _write(event, time, order, act, channel, slot):
    event.time, event.order, event.act, event.channel, event.slot = time, order, act, channel, slot


@inner()
def push(heap, size, time, order, act, channel, slot):
    """Adds an event; returns the new size."""
    i = size
    while i > 0:
        above = heap[(i - 1) >> 1]
        if not _is_before(time, order, above):
            break
        _write(heap[i], above.time, above.order, above.act, above.channel, above.slot)
        i = (i - 1) >> 1
    _write(heap[i], time, order, act, channel, slot)
    return size + 1


@inner()
def pop(heap, size):
    """Removes the first event and returns (time, act, channel, slot, new size)."""
    first = heap[0]
    time, act, channel, slot = first.time, first.act, first.channel, first.slot
    size -= 1
    last = heap[size]
    i = 0
    while True:
        child = 2 * i + 1
        if child >= size:
            break
        if child + 1 < size and _is_before(heap[child + 1].time, heap[child + 1].order, heap[child]):
            child += 1
        below = heap[child]
        if _is_before(last.time, last.order, below):
            break
        _write(heap[i], below.time, below.order, below.act, below.channel, below.slot)
        i = child
    _write(heap[i], last.time, last.order, last.act, last.channel, last.slot)
    return time, act, channel, slot, size
