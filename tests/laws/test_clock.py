"""Law 2: latency, jitter and bandwidth without deadlines change the clock, and not one bit of the weights."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.laws.cases import Case, cases, compute, delays, run

SAME = ["messages", "offered", "sent", "delivered", "dropped", "flipped_bits", "corrupted", "macs", "writes"]
"""Counters that have nothing to do with the clock or the code."""


@settings(max_examples=30)
@given(cases(), delays, delays, compute)
def test_delays_are_not_seen_in_the_weights(
    case: Case, forward: dict[str, Any], learning: dict[str, Any], work: dict[str, Any]
) -> None:
    if any("bit_errors" in channel for channel in case.tables.get("channels", {}).values()):
        # What an error makes of an event depends on the code (design.md, section 3): a word of silence is one in a
        # dense message only.
        forward, learning = ({k: v for k, v in keys.items() if k != "encoding"} for keys in (forward, learning))
    data = case.data()
    ideal = run(case.plan(), data)
    slow = {"latency": "3 ns", **forward}
    delayed = run(case.with_tables(compute=work).with_channels(forward=slow, learning=learning), data)
    assert delayed.same_weights(ideal)
    assert delayed.now > ideal.now
    for name in SAME:
        assert delayed.counters[name].tolist() == ideal.counters[name].tolist()


@settings(max_examples=30)
@given(cases(), st.booleans())
def test_a_shared_bus_is_not_seen_in_the_weights(case: Case, broadcast: bool) -> None:
    data = case.data()
    if case.tables["channels"].get("learning", {}).get("quantize", {}).get("at") == "receiver":
        broadcast = False  # each layer is sent values of its own
    ideal = run(case.plan(), data)
    wired = case.with_tables(links={"bus": {"bandwidth": "100 Mbit/s", "broadcast": broadcast}})
    delayed = run(wired.with_channels(forward={"link": "bus"}, learning={"link": "bus"}), data)
    assert delayed.same_weights(ideal)
    assert delayed.now > ideal.now
