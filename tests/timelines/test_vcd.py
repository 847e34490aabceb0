"""The dump as vcdvcd reads it, counted against the record."""

from __future__ import annotations

import signal
from itertools import pairwise
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from vcdvcd import VCDVCD

import channelsim as cs
from channelsim.timelines import Timeline, read
from channelsim.timelines._vcd import _identifier
from channelsim.trace import Trace

# When it is imported vcdvcd gives SIGPIPE its default action: a write to a closed socket would end the process, in any
# later test.
signal.signal(signal.SIGPIPE, signal.SIG_IGN)


def opened(trace: Trace, tmp_path: Path) -> tuple[Timeline, VCDVCD]:
    cs.timeline(trace, tmp_path / "t.vcd")
    return read(trace), VCDVCD(str(tmp_path / "t.vcd"))


def changes(dump: VCDVCD, name: str) -> list[tuple[int, int]]:
    """Times and values of the signal of this name, whatever its width; at the beginning the value after $dumpvars."""
    (full,) = [one for one in dump.signals if one.partition("[")[0] == name]
    return list({time: int(value, 2) for time, value in dump[full].tv}.items())


def word(name: str) -> str:
    return name.replace(" ", "_").replace(".", "_")


def test_layers_are_busy_when_they_act(trace: Trace, tmp_path: Path) -> None:
    timeline, dump = opened(trace, tmp_path)
    assert float(dump.timescale["timescale"]) == 1e-12
    for h, name in enumerate(timeline.layers):
        acts = timeline.acts[timeline.acts["layer"] == h]
        instants = [time for time, _ in changes(dump, f"{word(name)}.acts")]
        assert sorted(set(instants)) == sorted(set(map(int, acts["done"])))
        steps = dict(changes(dump, f"{word(name)}.doing"))
        for act in acts[acts["done"] > acts["start"]]:
            assert steps[int(act["start"])] == (2 if act["learning"] else 1)
            follows = (acts["start"] == act["done"]) & (acts["done"] > acts["start"])
            assert (steps[int(act["done"])] == 0) == (not follows.any())


def test_links_send_and_queue(trace: Trace, tmp_path: Path) -> None:
    timeline, dump = opened(trace, tmp_path)
    for k, name in enumerate(timeline.links):
        sends = timeline.sends[(timeline.sends["link"] == k) & (timeline.sends["lost"] == 0)]
        sends = sends[sends["again"] == 0]
        if not timeline.is_timed[k] or not len(sends):
            continue
        queue = changes(dump, f"link_{word(name)}.queue")
        for time, length in queue[:200]:
            assert length == int(((sends["offered"] <= time) & (sends["finish"] > time)).sum())
        assert queue[-1][1] == 0
        sending = changes(dump, f"link_{word(name)}.sending")
        busy = sum(after - time for (time, on), (after, _) in pairwise(sending) if on)
        assert busy == int((sends["finish"] - sends["start"]).sum())


def test_bits_and_losses(trace: Trace, tmp_path: Path) -> None:
    timeline, dump = opened(trace, tmp_path)
    for name in timeline.channels:
        counted = trace.channels(name)
        assert changes(dump, f"channel_{word(name)}.bits")[-1][1] == int(counted["bits"].sum())
        lost = sum(int(counted[cause].sum()) for cause in ("dropped", "late", "corrupted", "overflow"))
        assert changes(dump, f"channel_{word(name)}.lost")[-1][1] == lost


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_identifiers_are_printable_and_differ(one: int, other: int) -> None:
    assert all(33 <= character <= 126 for character in _identifier(one))
    assert (_identifier(one) == _identifier(other)) == (one == other)
