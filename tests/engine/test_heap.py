"""The event queue against heapq: (time, priority, sequence number), whatever is pushed and popped in between."""

from __future__ import annotations

import heapq

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from channelsim.engine.loop import heap

EVENTS = st.lists(st.one_of(st.none(), st.tuples(st.integers(0, 5), st.integers(0, 2))), max_size=80)


@settings(max_examples=200, deadline=None)
@given(EVENTS)
def test_order_is_that_of_heapq(events: list[tuple[int, int] | None]) -> None:
    """None pops; a pair (time, priority) is pushed."""
    times, keys, payloads = (np.zeros(len(events) + 1, np.int64) for _ in range(3))
    size = 0
    expected: list[tuple[int, int, int]] = []
    for sequence, event in enumerate(events):
        if event is not None:
            time, priority = event
            order = (np.int64(time), np.int64(priority), np.int64(sequence))
            size = heap.push(times, keys, payloads, np.int64(size), *order, np.int64(1000 + sequence))
            heapq.heappush(expected, (time, priority, sequence))
        elif expected:
            time, _, sequence = heapq.heappop(expected)
            assert (times[0], payloads[0]) == (time, 1000 + sequence)
            size = heap.pop(times, keys, payloads, np.int64(size))
        assert size == len(expected)
    while expected:
        time, _, sequence = heapq.heappop(expected)
        assert (times[0], payloads[0]) == (time, 1000 + sequence)
        size = heap.pop(times, keys, payloads, np.int64(size))
    assert size == 0
