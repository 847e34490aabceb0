"""The file as Perfetto's own protocol buffers read it, counted against the record."""

from __future__ import annotations

import gzip
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from perfetto.protos.perfetto.trace import perfetto_trace_pb2 as proto

import channelsim as cs
from channelsim.timelines import ENTRY, Timeline, read
from channelsim.trace import Trace

BEGIN, END, INSTANT, COUNTER = 1, 2, 3, 4


class File:
    """What a trace processor makes of the file: absolute times, names instead of numbers."""

    def __init__(self, data: bytes) -> None:
        parsed = proto.Trace()
        parsed.ParseFromString(data)
        head = parsed.packet[0]
        clock = next(one for one in head.clock_snapshot.clocks if one.is_incremental)
        assert head.trace_packet_defaults.timestamp_clock_id == clock.clock_id and clock.unit_multiplier_ns == 1
        self.categories = {one.iid: one.name for one in head.interned_data.event_categories}
        self.notes = {one.iid: one.name for one in head.interned_data.debug_annotation_names}
        self.tracks = {
            p.track_descriptor.uuid: p.track_descriptor for p in parsed.packet if p.HasField("track_descriptor")
        }
        self.events = []
        now = clock.timestamp
        for packet in parsed.packet:
            assert packet.trusted_packet_sequence_id == 1
            if packet.HasField("track_event"):
                now += packet.timestamp
                self.events.append((now, packet.track_event))

    def name(self, event: Any) -> str:
        return str(self.tracks[event.track_uuid].name)

    def counter(self, name: str) -> list[tuple[int, int]]:
        """Times and values."""
        return [(t, e.counter_value) for t, e in self.events if e.type == COUNTER and self.name(e) == name]


def opened(trace: Trace, tmp_path: Path) -> tuple[Timeline, File]:
    cs.timeline(trace, tmp_path / "t.pftrace")
    return read(trace), File((tmp_path / "t.pftrace").read_bytes())


def test_slices_are_acts_and_messages(trace: Trace, tmp_path: Path) -> None:
    timeline, file = opened(trace, tmp_path)
    stacks: dict[int, list[tuple[int, Any]]] = {}
    found: Counter[tuple[str, str, str, int, int]] = Counter()
    for time, event in file.events:
        if event.type == BEGIN:
            stacks.setdefault(event.track_uuid, []).append((time, event))
        elif event.type == END:
            began, first = stacks[event.track_uuid].pop()
            found[(file.name(event), first.name, file.categories[first.category_iids[0]], began, time)] += 1
        elif event.type == INSTANT:
            found[(file.name(event), event.name, file.categories[event.category_iids[0]], time, time)] += 1
    assert not any(stacks.values())
    expected: Counter[tuple[str, str, str, int, int]] = Counter()
    for act in timeline.acts:
        word = "input" if act["channel"] == ENTRY else "learning" if act["learning"] else "forward"
        place = (timeline.layers[act["layer"]], f"frame {act['frame']}", word)
        expected[(*place, int(act["start"]), int(act["done"]))] += 1
    for send in timeline.sends:
        word = "lost" if send["lost"] else timeline.channels[send["channel"]]
        place = (f"link {timeline.links[send['link']]}", f"frame {send['frame']}", word)
        expected[(*place, int(send["start"]), int(send["finish"]))] += 1
    if not timeline.sends["again"].any():  # broadcasts that lie on each other end in the order of a stack
        assert found == expected
    assert sum(found.values()) == sum(expected.values())


def test_flows_lead_from_act_over_messages_to_act(trace: Trace, tmp_path: Path) -> None:
    timeline, file = opened(trace, tmp_path)
    steps: dict[int, list[tuple[int, str, bool]]] = {}
    for time, event in file.events:
        for flow in event.flow_ids:
            steps.setdefault(flow, []).append((time, file.name(event), False))
        for flow in event.terminating_flow_ids:
            steps.setdefault(flow, []).append((time, file.name(event), True))
    arrived = timeline.acts["channel"] != ENTRY
    assert len(steps) == int(arrived.sum())
    for flow, there in steps.items():
        act = timeline.acts[flow - 1]
        sends = timeline.sends[timeline.sends["act"] == flow - 1]
        assert len(there) == len(sends) + 2
        assert there[0][1] == timeline.layers[timeline.source[act["channel"]]]
        assert there[-1] == (int(act["start"]), timeline.layers[act["layer"]], True)
        assert [time for time, _, _ in there] == sorted(time for time, _, _ in there)
        assert not any(last for _, _, last in there[:-1])


def test_counters_end_at_what_the_run_has_counted(trace: Trace, tmp_path: Path) -> None:
    timeline, file = opened(trace, tmp_path)
    for c, name in enumerate(timeline.channels):
        counted = trace.channels(name)
        assert file.counter(f"bits {name}")[-1][1] == int(counted["bits"].sum())
        lost = file.counter(f"events lost {name}")
        assert (lost[-1][1] if lost else 0) == sum(
            int(counted[cause].sum()) for cause in ("dropped", "late", "corrupted", "overflow")
        )
        link = timeline.links[timeline.sends["link"][timeline.sends["channel"] == c][0]]
        queue = file.counter(f"queue {link}")
        if queue and not (timeline.sends["link"][timeline.sends["channel"] != c] == timeline.sends["link"][0]).any():
            assert queue[-1][1] == 0 and min(value for _, value in queue) == 0
    for h in range(1, len(timeline.layers) - 1):
        ages = file.counter(f"age {timeline.layers[h]}")
        acts = timeline.acts[(timeline.acts["layer"] == h) & (timeline.acts["age"] >= 0)]
        assert dict(ages) == {int(act["done"]): int(act["age"]) for act in acts}


def test_notes_say_what_a_message_was(traces: dict[str, Path], tmp_path: Path) -> None:
    with Trace(traces["broadcast"]) as trace:
        timeline, file = opened(trace, tmp_path)
    noted = [
        {file.notes[one.name_iid]: one.int_value for one in event.debug_annotations}
        for _, event in file.events
        if event.type == BEGIN and file.name(event).startswith("link ")
    ]
    assert sum(one["bits"] for one in noted) == int(timeline.sends["bits"].sum())
    assert sum(one["events"] for one in noted) == int(timeline.sends["events"].sum())
    assert Counter(one.get("sample", 0) for one in noted) == Counter(map(int, timeline.sends["sample"]))


def test_units_are_named_and_a_compressed_file_is_the_same(traces: dict[str, Path], tmp_path: Path) -> None:
    cs.timeline(traces["losses"], tmp_path / "t.pftrace")
    cs.timeline(traces["losses"], tmp_path / "t.pftrace.gz")
    data = (tmp_path / "t.pftrace").read_bytes()
    assert gzip.decompress((tmp_path / "t.pftrace.gz").read_bytes()) == data
    packed = (tmp_path / "t.pftrace.gz").read_bytes()
    cs.timeline(traces["losses"], tmp_path / "t.pftrace.gz")
    assert (tmp_path / "t.pftrace.gz").read_bytes() == packed
    process = next(track for track in File(data).tracks.values() if track.HasField("process"))
    assert process.process.process_name == "losses (1 ns here is 1 ps of simulated time)"


def test_a_window_has_only_what_is_in_it(traces: dict[str, Path], tmp_path: Path) -> None:
    cs.timeline(traces["sequential"], tmp_path / "t.pftrace", frames=(3, 4))
    file = File((tmp_path / "t.pftrace").read_bytes())
    names = {event.name for _, event in file.events if event.type == BEGIN}
    assert names == {"frame 2", "frame 3", "frame 4"}  # frame 2 is done at the instant at which frame 3 enters
    assert np.diff([time for time, _ in file.events]).min() >= 0
