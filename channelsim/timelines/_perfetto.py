"""A timeline as a trace of Perfetto (https://perfetto.dev): a protocol buffer of track events.

Sources, for the numbers of the fields: trace_packet.proto, track_event.proto, track_descriptor.proto and
clock_snapshot.proto of Perfetto. Perfetto counts nanoseconds: what it shows as 1 ns is 1 ps here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from channelsim.errors import printable
from channelsim.timelines import _counts
from channelsim.timelines._bytes import put, put_digits, put_fixed64, put_varint
from channelsim.timelines._record import ENTRY, Timeline

_BLOCK = 1 << 16  # packets written at a time
_SEQUENCE = 1
_BEGIN, _END, _INSTANT, _COUNTER = 1, 2, 3, 4  # TrackEvent.Type
_ROOT = 1  # uuid of the process's track
_EXPLICIT = 3  # TrackDescriptor.ChildTracksOrdering: as sibling_order_rank says
_LONGEST = 200  # bytes of a packet without flows, at most
_NOTES = ("samples", "waited_ps", "age", "sample", "bits", "events", "delivered")
"""Names of the annotations of slices, by their interned number from 1 on."""


def packets(timeline: Timeline) -> Iterator[bytes]:
    """The file, in pieces."""
    tracks = _Tracks(timeline)
    yield _head(timeline, tracks)
    events, outgoing = _events(timeline, tracks), _outgoing(timeline)
    buffer, before = np.zeros(_BLOCK * (_LONGEST + 10 * outgoing.shape[1]), np.uint8), 0
    for first in range(0, len(events), _BLOCK):
        part = events[first : first + _BLOCK]
        size = _encode(buffer, part, timeline.acts, timeline.sends, outgoing, before)
        before = int(part["time"][-1])
        yield buffer[:size].tobytes()


# --- what there is ----------------------------------------------------------------------------------------------


class _Tracks:
    """uuids of the tracks: layers, links, and the counters of each."""

    def __init__(self, timeline: Timeline) -> None:
        self.rows: list[tuple[str, str | None]] = []  # name, unit of a counter
        used = np.unique(timeline.sends["link"])
        self.layer = [self._add(name) for name in timeline.layers]
        self.link = {int(k): self._add(f"link {timeline.links[k]}") for k in used}
        self.queue = {int(k): self._add(f"queue {timeline.links[k]}", "messages") for k in used if timeline.is_timed[k]}
        channels = range(len(timeline.channels))
        self.bits = [self._add(f"bits {timeline.channels[c]}", "bit") for c in channels]
        self.losses = [self._add(f"events lost {timeline.channels[c]}", "events") for c in channels]
        hidden = range(1, len(timeline.layers) - 1)
        self.age = {h: self._add(f"age {timeline.layers[h]}", "frames") for h in hidden}

    def _add(self, name: str, unit: str | None = None) -> int:
        self.rows.append((name, unit))
        return _ROOT + len(self.rows)


_OF_ACT, _OF_SEND, _OF_COUNTER = 0, 1, 2
_EVENT = np.dtype(
    [
        ("time", "i8"),  # ps
        ("rank", "i8"),  # among events at one time: the order of cause and effect
        ("kind", "u1"),
        ("of", "u1"),
        ("track", "i4"),
        ("value", "i8"),  # a row of the acts or sends, or the value of a counter
    ]
)


def _events(timeline: Timeline, tracks: _Tracks) -> NDArray[Any]:
    """_EVENT records in the order of the file."""
    sends, acts = timeline.sends, timeline.acts
    rows, mine = np.arange(len(sends)), np.arange(len(acts))
    slices = [
        _slices(_OF_ACT, mine, np.asarray(tracks.layer)[acts["layer"]], acts["start"], acts["done"], _ranks(timeline)),
        _slices(_OF_SEND, rows, _lookup(tracks.link)[sends["link"]], sends["start"], sends["finish"], 4 * rows),
    ]
    lost = (slices[1]["kind"] == _BEGIN) & (np.repeat(sends["lost"], 2) != 0)
    slices[1]["kind"][lost] = _INSTANT
    slices[1] = slices[1][~np.roll(lost, 1)]  # without the ends of those
    counters = [
        *(_counter(track, *_counts.queue(timeline, k)) for k, track in tracks.queue.items()),
        *(_counter(track, *_counts.bits(timeline, c)) for c, track in enumerate(tracks.bits)),
        *(_counter(track, *_counts.losses(timeline, c)) for c, track in enumerate(tracks.losses)),
        *(_counter(track, *_counts.ages(timeline, h)) for h, track in tracks.age.items()),
    ]
    events = np.concatenate([*slices, *counters])
    order = np.argsort(np.concatenate([some["rank"] for some in slices]), kind="stable")
    order = np.concatenate([order, np.arange(len(order), len(events))])
    return events[order[np.argsort(events["time"][order], kind="stable")]]


def _slices(
    of: int,
    value: NDArray[np.int64],
    track: NDArray[np.int64],
    start: NDArray[np.int64],
    end: NDArray[np.int64],
    rank: NDArray[np.int64],
) -> NDArray[Any]:
    """A beginning and an end for each."""
    events = np.zeros((len(value), 2), _EVENT)
    events["time"][:, 0], events["time"][:, 1] = start, end
    events["kind"] = _BEGIN, _END
    events["of"] = of
    for name, values in (("rank", rank), ("track", track), ("value", value)):
        events[name] = values[:, None]
    return events.ravel()


def _counter(track: int, times: NDArray[np.int64], values: NDArray[np.int64]) -> NDArray[Any]:
    events = np.zeros(len(times), _EVENT)
    events["time"], events["value"] = times, values
    events["kind"], events["of"], events["track"] = _COUNTER, _OF_COUNTER, track
    return events


def _lookup(numbers: Mapping[int, int]) -> NDArray[np.int64]:
    table = np.zeros(max(numbers, default=0) + 1, np.int64)
    table[list(numbers)] = list(numbers.values())
    return table


def _ranks(timeline: Timeline) -> NDArray[np.int64]:
    """The place of each act among messages, of which number k has the rank 4 k: after those that it waited for, before
    those that it sent, and after the acts of its layer before it."""
    sends, acts = timeline.sends, timeline.acts
    rows = np.arange(len(sends))
    rank = np.full(len(acts), -1, np.int64)
    known = sends["act"] >= 0
    np.maximum.at(rank, sends["act"][known], 4 * rows[known] + 1)
    sent = sends["sender"] >= 0
    rank[sends["sender"][sent][::-1]] = 4 * rows[sent][::-1] - 1  # the first one stays
    for h in range(len(timeline.layers)):
        mine = acts["layer"] == h
        rank[mine] = np.maximum.accumulate(rank[mine])
    return rank


def _outgoing(timeline: Timeline) -> NDArray[np.int64]:
    """(acts, most) the flows that leave each act, 0 where there are fewer: a flow is 1 + the act that it leads to."""
    sends, acts = timeline.sends, len(timeline.acts)
    there = (sends["sender"] >= 0) & (sends["act"] >= 0)
    pairs = np.sort(sends["sender"][there].astype(np.int64) * acts + sends["act"][there])  # one number for each
    sender, act = np.divmod(pairs[np.diff(pairs, prepend=-1) > 0], max(acts, 1))
    slot = np.arange(len(sender)) - np.searchsorted(sender, sender)
    flows = np.zeros((acts, int(slot.max(initial=-1)) + 1), np.int64)
    flows[sender, slot] = act + 1
    return flows


# --- how it is written ------------------------------------------------------------------------------------------
# A field is its tag, (number << 3) | kind, and its value: kind 0 a varint, 1 eight bytes, 2 a length and bytes.

_VARINT, _FIXED64, _BYTES = 0, 1, 2
_BOOT_TIME, _DELTAS = 6, 64  # clocks: Perfetto's own, and one that counts from each packet to the next


def _varint(value: int) -> bytes:
    data = []
    while value > 127:
        data.append(value & 127 | 128)
        value >>= 7
    return bytes([*data, value])


def _number(number: int, value: int) -> bytes:
    return _varint(number << 3 | _VARINT) + _varint(value)


def _bytes(number: int, value: bytes) -> bytes:
    return _varint(number << 3 | _BYTES) + _varint(len(value)) + value


def _packet(*fields: bytes) -> bytes:
    return _bytes(1, b"".join(fields) + _number(10, _SEQUENCE))


def _head(timeline: Timeline, tracks: _Tracks) -> bytes:
    """Clocks, names that packets refer to by number, and the tracks."""
    names = b"".join(_bytes(3, _number(1, i + 1) + _bytes(2, name.encode())) for i, name in enumerate(_NOTES))
    categories = ("input", "forward", "learning", "lost", *map(printable, timeline.channels))
    names += b"".join(_bytes(1, _number(1, i + 1) + _bytes(2, name.encode())) for i, name in enumerate(categories))
    clocks = _bytes(1, _number(1, _BOOT_TIME) + _number(2, 0))
    clocks += _bytes(1, _number(1, _DELTAS) + _number(2, 0) + _number(3, 1) + _number(4, 1)) + _number(2, _BOOT_TIME)
    defaults = _bytes(59, _number(58, _DELTAS))
    title = f"{printable(timeline.name)} (1 ns here is 1 ps of simulated time)"
    process = _number(1, _ROOT) + _bytes(3, _number(1, 1) + _bytes(6, title.encode())) + _number(11, _EXPLICIT)
    parts = [_packet(_bytes(6, clocks), _bytes(12, names), defaults, _number(13, 1)), _packet(_bytes(60, process))]
    for i, (name, unit) in enumerate(tracks.rows):
        counter = b"" if unit is None else _bytes(8, _bytes(6, unit.encode()))
        track = _number(1, _ROOT + 1 + i) + _number(5, _ROOT) + _bytes(2, printable(name).encode()) + counter
        parts.append(_packet(_bytes(60, track + _number(12, i))))
    return b"".join(parts)


def _constant(data: bytes) -> NDArray[np.uint8]:
    return np.frombuffer(data, np.uint8)


_PACKET, _EVENT_FIELD = _constant(_varint(1 << 3 | _BYTES)), _constant(_varint(11 << 3 | _BYTES))
_OF_SEQUENCE = _constant(_number(10, _SEQUENCE) + _number(13, 2))  # 2: it needs the names of the head
_TIME, _KIND, _TRACK = (_constant(_varint(number << 3 | _VARINT)) for number in (8, 9, 11))
_CATEGORY, _VALUE, _NAME = (_constant(_varint(tag)) for tag in (3 << 3 | _VARINT, 30 << 3 | _VARINT, 23 << 3 | _BYTES))
_FLOW, _LAST_OF_FLOW = (_constant(_varint(number << 3 | _FIXED64)) for number in (47, 48))
_NOTE, _NOTE_NAME, _NOTE_VALUE = (_constant(_varint(t)) for t in (4 << 3 | _BYTES, 1 << 3 | _VARINT, 4 << 3 | _VARINT))
_FRAME = _constant(b"frame ")


@njit
def _encode(buffer, events, acts, sends, outgoing, before):  # type: ignore[no-untyped-def]
    """Packets of track events, each after the time of the one before it; returns how many bytes they take."""
    at = 0
    for event in events:
        packet = put(buffer, at, _PACKET) + 2  # lengths take two bytes, and are known at the end
        at = put_varint(buffer, put(buffer, packet, _TIME), event.time - before)
        before = event.time
        at = put(buffer, at, _OF_SEQUENCE)
        inner = put(buffer, at, _EVENT_FIELD) + 2
        at = put_varint(buffer, put(buffer, inner, _KIND), event.kind)
        at = put_varint(buffer, put(buffer, at, _TRACK), event.track)
        if event.kind == _COUNTER:
            at = put_varint(buffer, put(buffer, at, _VALUE), event.value)
        elif event.kind != _END and event.of == _OF_ACT:
            at = _put_act(buffer, at, acts[event.value], event.value, outgoing)
        elif event.kind != _END:
            at = _put_send(buffer, at, sends[event.value])
        _put_length(buffer, inner - 2, at - inner)
        _put_length(buffer, packet - 2, at - packet)
    return at


@njit
def _put_act(buffer, at, act, row, outgoing):  # type: ignore[no-untyped-def]
    """An act's name, flows and notes."""
    entered = act.channel == ENTRY
    at = _put_title(buffer, at, act.frame, 1 if entered else 2 + act.learning)
    for k in range(outgoing.shape[1]):
        if outgoing[row, k] > 0:
            at = put_fixed64(buffer, put(buffer, at, _FLOW), outgoing[row, k])
    if not entered:
        at = put_fixed64(buffer, put(buffer, at, _LAST_OF_FLOW), row + 1)
    if act.samples > 1:
        at = _put_note(buffer, at, 1, act.samples)
    if act.start > act.ready:
        at = _put_note(buffer, at, 2, act.start - act.ready)
    return _put_note(buffer, at, 3, act.age) if act.age >= 0 else at


@njit
def _put_send(buffer, at, send):  # type: ignore[no-untyped-def]
    """A message's name, flow and notes."""
    at = _put_title(buffer, at, send.frame, 4 if send.lost else 5 + send.channel)
    if send.act >= 0:
        at = put_fixed64(buffer, put(buffer, at, _FLOW), send.act + 1)
    if send.sample > 0:
        at = _put_note(buffer, at, 4, send.sample)
    at = _put_note(buffer, _put_note(buffer, at, 5, send.bits), 6, send.events)
    return _put_note(buffer, at, 7, send.delivered) if send.delivered < send.events else at


@njit
def _put_title(buffer, at, frame, category):  # type: ignore[no-untyped-def]
    at = put_varint(buffer, put(buffer, at, _CATEGORY), category)
    name = put(buffer, at, _NAME) + 1
    at = put_digits(buffer, put(buffer, name, _FRAME), frame, 10)
    buffer[name - 1] = at - name
    return at


@njit
def _put_note(buffer, at, name, value):  # type: ignore[no-untyped-def]
    note = put(buffer, at, _NOTE) + 1
    at = put_varint(buffer, put(buffer, note, _NOTE_NAME), name)
    at = put_varint(buffer, put(buffer, at, _NOTE_VALUE), value)
    buffer[note - 1] = at - note
    return at


@njit
def _put_length(buffer, at, length):  # type: ignore[no-untyped-def]
    """A length in two bytes, whether it needs them or not, as Perfetto's own writer does with four."""
    buffer[at] = length & 127 | 128
    buffer[at + 1] = length >> 7
