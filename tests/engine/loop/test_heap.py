"""The event heap against heapq: (time, priority, sequence number), whatever is pushed and popped in between."""

from __future__ import annotations

import heapq

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from channelsim.engine.loop import heap as inner_heap
from channelsim.engine.tables.handles import records
from channelsim.engine.tables.layouts import EVENT
from tests.engine.compiled import compiled_module

heap = compiled_module(inner_heap)

EVENTS = st.lists(st.one_of(st.none(), st.tuples(st.integers(0, 5), st.integers(0, 2))), max_size=80)


@settings(max_examples=200)
@given(EVENTS)
def test_order_is_that_of_heapq(events: list[tuple[int, int] | None]) -> None:
    """None pops; a pair (time, priority) is pushed, with an act, channel and slot of its own."""
    table = records(np.zeros(len(events) + 1, EVENT))
    size = 0
    expected: list[tuple[int, int, int]] = []

    def pop() -> int:
        time, _, sequence = heapq.heappop(expected)
        assert table["time"][0] == time
        *event, left = heap.pop(table, np.int64(size))
        assert event == [time, 1000 + sequence, 2000 + sequence, 3000 + sequence]
        return left

    for sequence, event in enumerate(events):
        if event is not None:
            time, priority = event
            order = heap.order_of(np.int64(priority), np.int64(sequence))
            what = (np.int64(1000 + sequence), np.int64(2000 + sequence), np.int64(3000 + sequence))
            size = heap.push(table, np.int64(size), np.int64(time), order, *what)
            heapq.heappush(expected, (time, priority, sequence))
        elif expected:
            size = pop()
        assert size == len(expected)
    while expected:
        size = pop()
    assert size == 0
