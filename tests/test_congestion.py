"""Which link or layer limits, in words; sums of counters are exact whatever their size."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from channelsim import congestion
from channelsim.plan import COUNTER
from tests.networks import plan_of

LARGE = 2**53 + 1


def state(now: int, **free_at: int) -> Any:
    """A pipeline's state at some time, of one link that two channels share, and that is free at some later time."""
    channels = {"forward": {"link": "bus"}}
    schedule = {"mode": "pipelined", "interval": "1 us"}
    links = {"bus": {"bandwidth": "1 Gbit/s"}}
    plan = plan_of([3, 3, 2], 5, learning={"rule": "top"}, channels=channels, links=links, schedule=schedule)
    counters = np.zeros(len(plan.channels), COUNTER)
    kinds = (("link_states", plan.links), ("layer_states", plan.layers))
    states = {name: np.full(len(table), now, [("free_at", "i8")]) for name, table in kinds}
    for name, time in free_at.items():
        states[name]["free_at"][0] = time
    memory = SimpleNamespace(**states, clock=[{"in_flight": 7}])
    return SimpleNamespace(
        plan=plan, now=now, counters=counters, memory=memory, net=SimpleNamespace(channels=plan.channels)
    )


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
    found.counters["busy"] = 24 * LARGE, 25 * LARGE
    found.counters["lost_messages"] = LARGE, 2
    found.counters["messages"] = LARGE, 4
    assert congestion.losses(found, found.counters) == []  # busy for exactly 98 % of the time
    found.counters["busy"][0] += 1
    (told,) = congestion.losses(found, found.counters)
    assert f"{LARGE + 2:,} of {LARGE + 4:,} messages found its queue full" in told
