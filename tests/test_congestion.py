"""Which link or layer limits, in words; sums of counters are exact whatever their size."""

from __future__ import annotations

import numpy as np

from channelsim import congestion
from channelsim.engine import State
from channelsim.engine.tables.layouts import CLOCK, LAYER_STATE, LINK_STATE
from channelsim.plan import COUNTER
from tests.engine import memory
from tests.networks import plan_of

LARGE = 2**53 + 1


def state(now: int, **free_at: int) -> State:
    """A pipeline's state at some time, of one link that two channels share, and that is free at some later time."""
    channels = {"forward": {"link": "bus"}}
    schedule = {"mode": "pipelined", "interval": "1 us"}
    links = {"bus": {"bandwidth": "1 Gbit/s"}}
    plan = plan_of([3, 3, 2], 5, learning={"rule": "top"}, channels=channels, links=links, schedule=schedule)
    clock, counters = np.zeros(1, CLOCK), np.zeros(len(plan.channels), COUNTER)
    clock["now"], clock["in_flight"] = now, 7
    states = {"link_states": np.zeros(len(plan.links), LINK_STATE), "layer_states": np.zeros(3, LAYER_STATE)}
    for name, table in states.items():
        table["free_at"] = now
        table["free_at"][0] = free_at.get(name, now)
    net, held = memory.net(channels=plan.channels), memory.memory(clock=clock, counters=counters, **states)
    return State(plan, net, held, frozenset(), epoch=0, changes_done=0)


def test_a_server_is_behind_from_ten_intervals_and_two_per_cent_on() -> None:
    interval = 10**6
    now = 500 * interval  # 2 % of it are 10 intervals
    assert congestion.behind(state(now, link_states=now + 10 * interval)) is None
    assert "link bus" in str(congestion.behind(state(now, link_states=now + 10 * interval + 1)))
    assert "layer 0" in str(congestion.behind(state(now, layer_states=now + 10 * interval + 1)))


def test_a_picosecond_decides_also_beyond_2_to_the_53() -> None:
    now = 50 * LARGE
    assert congestion.behind(state(now, link_states=now + LARGE)) is None
    assert congestion.behind(state(now, link_states=now + LARGE + 1)) is not None


def test_lost_messages_of_a_busy_link_are_summed_exactly() -> None:
    found = state(50 * LARGE)
    counters = found.memory.counters
    counters["busy"] = 24 * LARGE, 25 * LARGE
    counters["lost_messages"] = LARGE, 2
    counters["messages"] = LARGE, 4
    assert congestion.losses(found, found.counters) == []  # busy for exactly 98 % of the time
    counters["busy"][0] += 1
    (told,) = congestion.losses(found, found.counters)
    assert f"{LARGE + 2:,} of {LARGE + 4:,} messages found its queue full" in told
