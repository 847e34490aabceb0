"""The event queue: a binary heap over flat arrays, ordered by (time, priority, sequence number)."""

from __future__ import annotations

import numpy as np

from channelsim.engine.compile.jit import kernel

# at one time, errors act before activities, and both before input
LEARNING_ARRIVAL, FORWARD_ARRIVAL, FRAME_ENTRY = np.int64(0), np.int64(1), np.int64(2)
PRIORITY_SHIFT = 56


@kernel()
def push(times, keys, payloads, size, time, priority, sequence, payload):
    """Adds an event; returns the new size. `payload` is (what << 32 | slot)."""
    order = (priority << PRIORITY_SHIFT) | sequence
    i = size
    while i > 0:
        parent = (i - 1) >> 1
        if times[parent] < time or (times[parent] == time and keys[parent] < order):
            break
        times[i] = times[parent]
        keys[i] = keys[parent]
        payloads[i] = payloads[parent]
        i = parent
    times[i] = time
    keys[i] = order
    payloads[i] = payload
    return size + 1


@kernel()
def pop(times, keys, payloads, size):
    """Removes the first event (which the caller has read at index 0); returns the new size."""
    size -= 1
    if size == 0:
        return 0
    time, order, payload = times[size], keys[size], payloads[size]
    i = 0
    while True:
        child = 2 * i + 1
        if child >= size:
            break
        right = child + 1
        if right < size and (
            times[right] < times[child] or (times[right] == times[child] and keys[right] < keys[child])
        ):
            child = right
        if time < times[child] or (time == times[child] and order < keys[child]):
            break
        times[i] = times[child]
        keys[i] = keys[child]
        payloads[i] = payloads[child]
        i = child
    times[i] = time
    keys[i] = order
    payloads[i] = payload
    return size
