"""The clock of a link against exact fractions."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from channelsim.engine.channel import link_clock as inner_link_clock
from channelsim.engine.tables.layouts import LINK_STATE
from channelsim.plan import LINK
from tests import naive
from tests.engine.compiled import compiled_module
from tests.engine.records import record

link_clock = compiled_module(inner_link_clock)


@settings(max_examples=200)
@given(st.integers(0, 10**9), st.integers(1, 10**9), st.integers(1, 10**6))
def test_occupation_is_exact(bits: int, numerator: int, denominator: int) -> None:
    link = record(LINK, ps_numerator=numerator, ps_denominator=denominator)
    assert link_clock.occupation(link, np.int64(bits)) == naive.occupation(bits, Fraction(numerator, denominator))


OFFERS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 40)), max_size=30)


@settings(max_examples=200)
@given(OFFERS, st.fractions(Fraction(1, 10), 7, max_denominator=10), st.none() | st.integers(0, 3))
def test_first_come_first_served(gaps: list[tuple[int, int]], ps_a_bit: Fraction, queue: int | None) -> None:
    times = np.cumsum([gap for gap, _ in gaps]).tolist()
    offers = [(time, bits) for time, (_, bits) in zip(times, gaps, strict=True)]
    link = record(
        LINK,
        ps_numerator=ps_a_bit.numerator,
        ps_denominator=ps_a_bit.denominator,
        queue=-1 if queue is None else queue,
    )
    state, ring = record(LINK_STATE), np.zeros(len(offers) + 1, np.int64)
    expected = naive.first_come_first_served(offers, ps_a_bit, queue)
    for (now, bits), wanted in zip(offers, expected, strict=True):
        start, finish, found = link_clock.offer(link, state, ring, np.int64(now), np.int64(bits))
        if wanted is None:
            assert start == link_clock.LOST
        else:
            assert (start, finish, found) == wanted


def test_a_link_without_a_bandwidth_takes_no_time() -> None:
    link, state, ring = record(LINK, ps_denominator=1, queue=0), record(LINK_STATE), np.zeros(1, np.int64)
    for now in (5, 5, 6):
        assert link_clock.offer(link, state, ring, np.int64(now), np.int64(10**6)) == (now, now, 0)
