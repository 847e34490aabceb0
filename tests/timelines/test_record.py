"""Acts follow from messages, exactly: held against what the run itself recorded and counted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import channelsim as cs
from channelsim.errors import InputError
from channelsim.plan import Direction
from channelsim.timelines import ENTRY, read
from channelsim.timelines._record import first_come_first_served
from channelsim.trace import Trace
from tests.timelines.conftest import run


def test_messages_leave_when_their_sender_is_done(trace: Trace) -> None:
    """Acts are derived here from arrivals alone; when a layer sent something is what the run has recorded."""
    timeline = read(trace)
    acts, sends = timeline.acts, timeline.sends
    derived = np.zeros(len(acts), np.int64)
    for h in range(len(timeline.layers)):
        mine = np.flatnonzero(acts["layer"] == h)
        began = mine[np.lexsort((acts["done"][mine], acts["ready"][mine]))]
        derived[began] = first_come_first_served(acts["ready"][began], (acts["done"] - acts["start"])[began])
    np.testing.assert_array_equal(derived, acts["done"])
    assert (sends["sender"] >= 0).all() and (sends["act"] >= 0).all()
    np.testing.assert_array_equal(acts["done"][sends["sender"]], sends["offered"])
    np.testing.assert_array_equal(acts["layer"][sends["sender"]], timeline.source[sends["channel"]])
    np.testing.assert_array_equal(acts["layer"][sends["act"]], timeline.target[sends["channel"]])
    np.testing.assert_array_equal(acts["frame"][sends["act"]], sends["frame"])
    assert (acts["ready"][sends["act"]] >= sends["complete"]).all()
    assert timeline.notes == ()


def test_layers_do_one_thing_at_a_time(trace: Trace) -> None:
    timeline = read(trace)
    acts = timeline.acts[timeline.acts["channel"] != ENTRY]
    assert (acts["ready"] <= acts["start"]).all() and (acts["start"] <= acts["done"]).all()
    for h in range(1, len(timeline.layers)):
        mine = np.sort(acts[acts["layer"] == h][["start", "done"]], order=["start", "done"])
        assert (mine["start"][1:] >= mine["done"][:-1]).all()


def test_ages_are_those_that_the_run_has_counted(trace: Trace) -> None:
    timeline = read(trace)
    for h in range(1, len(timeline.layers) - 1):
        counted = trace.staleness(str(h))
        mine = timeline.acts[(timeline.acts["layer"] == h) & (timeline.acts["learning"] != 0)]
        if len(counted):
            np.testing.assert_array_equal(np.bincount(mine["age"], minlength=len(counted)), counted)


def test_links_are_busy_as_long_as_the_run_has_counted(trace: Trace) -> None:
    timeline = read(trace)
    sends = timeline.sends
    for c, name in enumerate(timeline.channels):
        mine, counted = sends[sends["channel"] == c], trace.channels(name)
        paid = mine[mine["again"] == 0]
        assert int((paid["finish"] - paid["start"]).sum()) == int(counted["busy"].sum())
        assert int((paid["start"] - paid["offered"]).sum()) == int(counted["wait"].sum())
        assert int(mine["lost"].sum()) == int(counted["lost_messages"].sum())


def test_an_incomplete_record_is_named(tmp_path: Path) -> None:
    """Frame 5 has entered while frame 4 was on its way; the messages that are there are as in the whole record."""
    whole = run(tmp_path, "pipelined")
    (tmp_path / "part").mkdir()
    part = run(tmp_path / "part", "pipelined", trace={"events": "first 5 frames", "weights": "none"})
    with Trace(whole) as one, Trace(part) as other:
        longer, shorter = read(one), read(other)
    assert [note.partition(":")[0] for note in shorter.notes] == ["frames after 4 are not recorded"]
    sent = np.unique(shorter.sends["sender"])
    same = {(int(a["layer"]), int(a["frame"]), int(a["learning"])): a for a in longer.acts}
    for act in shorter.acts[sent[sent >= 0]]:
        twin = same[int(act["layer"]), int(act["frame"]), int(act["learning"])]
        assert (act["start"], act["done"]) == (twin["start"], twin["done"])


def test_windows(traces: dict[str, Path]) -> None:
    with Trace(traces["sequential"]) as trace:
        whole = read(trace)
    some = whole.frames(3, 4)
    assert set(some.sends["frame"]) == {3, 4, 5}  # frame 5 enters at the instant at which frame 4 is done
    assert some.begin == whole.sends["offered"][whole.sends["frame"] == 3].min()
    known = some.sends[some.sends["act"] >= 0]
    np.testing.assert_array_equal(some.acts["frame"][known["act"]], known["frame"])
    half = whole.between(some.begin, some.begin + 1)
    assert (half.begin, half.end) == (some.begin, some.begin + 1) and set(half.sends["frame"]) <= {2, 3}
    with pytest.raises(InputError, match=r"no message of frames 900:902 is recorded; accepted: frames within 0:80"):
        whole.frames(900, 901)
    with pytest.raises(InputError, match=r"nothing is recorded from 1000 s to 1001 s; accepted: within 0 s to"):
        whole.between(1000 * 10**12, 1001 * 10**12)


def test_a_window_within_an_act(traces: dict[str, Path], tmp_path: Path) -> None:
    """In which a layer computes and no message is on its way."""
    with Trace(traces["sequential"]) as trace:
        whole = read(trace)
    longest = whole.acts[np.argmax(whole.acts["done"] - whole.acts["start"])]
    begin = int(longest["start"] + longest["done"]) // 2
    within = whole.between(begin, begin + 1)
    assert longest["frame"] in within.acts["frame"] and (within.begin, within.end) == (begin, begin + 1)
    for name in ("act.png", "act.vcd", "act.pftrace.gz"):
        cs.timeline(traces["sequential"], tmp_path / name, time=(begin, begin + 1))
        assert (tmp_path / name).stat().st_size > 0


def test_without_messages(tmp_path: Path) -> None:
    silent = run(tmp_path, "instant", trace={"events": "none", "weights": "none"})
    with pytest.raises(InputError, match=r"instant\.h5: no messages are recorded; accepted: .*trace\.events"):
        cs.timeline(silent)


def test_channels_are_as_the_trace_has_them(trace: Trace) -> None:
    timeline = read(trace)
    for c, name in enumerate(timeline.channels):
        assert timeline.is_learning[c] == name.startswith("learning.")
        assert trace.channel_settings(name)["direction"] == (
            Direction.LEARNING if timeline.is_learning[c] else Direction.FORWARD
        )


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 9)), min_size=1, max_size=30))
def test_first_come_first_served(jobs: list[tuple[int, int]]) -> None:
    ready, cost = (np.array(column) for column in zip(*sorted(jobs, key=lambda job: job[0]), strict=True))
    free, expected = 0, []
    for arrival, time in zip(ready, cost, strict=True):
        free = max(int(arrival), free) + int(time)
        expected.append(free)
    np.testing.assert_array_equal(first_come_first_served(ready, cost), expected)
