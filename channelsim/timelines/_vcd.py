"""A timeline as a value change dump (IEEE 1364-2005, section 18), exact to the picosecond."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from channelsim.errors import printable
from channelsim.timelines import _counts
from channelsim.timelines._bytes import put, put_digits, table
from channelsim.timelines._record import Timeline

_BLOCK = 1 << 16  # changes written at a time
_LONGEST = 100  # bytes of a change, at most
_HASH, _B, _SPACE, _NEW_LINE = b"#b \n"
_FIRST, _SYMBOLS = ord("!"), 94  # identifiers are of the printable characters
_IDLE, _FORWARD, _LEARNING = 0, 1, 2


@dataclass(frozen=True)
class _Signal:
    """A variable of the dump, and when it has which value; of an event, when it happens (value 1)."""

    scope: str
    name: str
    kind: str
    width: int
    times: NDArray[np.int64]
    values: NDArray[np.int64]


def lines(timeline: Timeline) -> Iterator[bytes]:
    """The file, in pieces."""
    signals = [*_of_layers(timeline), *_of_links(timeline), *_of_channels(timeline)]
    yield _head(timeline, signals)
    times = np.concatenate([signal.times for signal in signals])
    values = np.concatenate([signal.values for signal in signals])
    which = np.repeat(np.arange(len(signals)), [len(signal.times) for signal in signals])
    order = np.argsort(times, kind="stable")  # at one time in the order of the signals
    times, values, which = times[order], values[order], which[order]
    last = np.append((times[1:] != times[:-1]) | (which[1:] != which[:-1]), True)  # at one time a signal's last value
    times, values, which = times[last], values[last], which[last]
    is_scalar = np.array([signal.width == 1 for signal in signals])
    names, starts = table([_identifier(i) for i in range(len(signals))])
    buffer, before = np.zeros(_BLOCK * _LONGEST, np.uint8), timeline.begin
    for first in range(0, len(times), _BLOCK):
        part = slice(first, first + _BLOCK)
        size = _encode(buffer, times[part], values[part], which[part], before, is_scalar, names, starts)
        before = int(times[part][-1])
        yield buffer[:size].tobytes()


def _of_layers(timeline: Timeline) -> Iterator[_Signal]:
    """What a layer does, of which frame, and when it acts."""
    for h, name in enumerate(timeline.layers):
        acts = timeline.acts[timeline.acts["layer"] == h]
        spans = np.stack([acts["start"], acts["done"]], axis=1).ravel()
        doing = np.stack([np.where(acts["learning"], _LEARNING, _FORWARD), np.full(len(acts), _IDLE)], axis=1).ravel()
        busy = np.flatnonzero(np.repeat(acts["done"] > acts["start"], 2))
        yield _Signal(name, "doing", "reg", 2, spans[busy], doing[busy])
        yield _signal(name, "frame", acts["start"], acts["frame"])
        yield _Signal(name, "acts", "event", 1, acts["done"], np.ones(len(acts), np.int64))


def _of_links(timeline: Timeline) -> Iterator[_Signal]:
    """What is sent on a link, and how many messages wait or are sent."""
    sends = timeline.sends
    for k in np.unique(sends["link"]):
        mine = sends[(sends["link"] == k) & (sends["lost"] == 0) & (sends["again"] == 0)]
        name = f"link {timeline.links[k]}"
        if not timeline.is_timed[k]:
            continue
        spans = np.stack([mine["start"], mine["finish"]], axis=1).ravel()
        yield _Signal(name, "sending", "wire", 1, spans, np.tile([1, 0], len(mine)))
        yield _signal(name, "frame", mine["start"], mine["frame"])
        yield _signal(name, "queue", *_counts.queue(timeline, int(k)))


def _of_channels(timeline: Timeline) -> Iterator[_Signal]:
    """Bits and losses so far."""
    for c, name in enumerate(timeline.channels):
        yield _signal(f"channel {name}", "bits", *_counts.bits(timeline, c))
        yield _signal(f"channel {name}", "lost", *_counts.losses(timeline, c))


def _signal(scope: str, name: str, times: NDArray[np.int64], values: NDArray[np.int64]) -> _Signal:
    return _Signal(scope, name, "reg", max(2, int(values.max(initial=0)).bit_length()), times, values)


# --- how it is written ------------------------------------------------------------------------------------------


def _head(timeline: Timeline, signals: list[_Signal]) -> bytes:
    """The variables by scope, and their values at the beginning: 0."""
    text = [
        "$version channelsim $end",
        f"$comment {printable(timeline.name)}; doing: 0 idle, 1 forward, 2 learning $end".replace("\n", " "),
        "$timescale 1 ps $end",
    ]
    scope = None
    for i, signal in enumerate(signals):
        if signal.scope != scope:
            text += ["$upscope $end"] * (scope is not None) + [f"$scope module {_word(signal.scope)} $end"]
            scope = signal.scope
        text.append(f"$var {signal.kind} {signal.width} {_identifier(i).decode()} {signal.name} $end")
    text += ["$upscope $end", "$enddefinitions $end", f"#{timeline.begin}", "$dumpvars"]
    text += [
        f"0{_identifier(i).decode()}" if signal.width == 1 else f"b0 {_identifier(i).decode()}"
        for i, signal in enumerate(signals)
        if signal.kind != "event"
    ]
    return "\n".join([*text, "$end", ""]).encode()


def _word(name: str) -> str:
    return re.sub(r"\W", "_", printable(name), flags=re.ASCII)


def _identifier(number: int) -> bytes:
    """A short name of printable characters, another one for each number."""
    characters = [_FIRST + number % _SYMBOLS]
    while number >= _SYMBOLS:
        number = number // _SYMBOLS - 1
        characters.append(_FIRST + number % _SYMBOLS)
    return bytes(characters)


@njit
def _encode(buffer, times, values, which, before, is_scalar, names, starts):  # type: ignore[no-untyped-def]
    """A line for each change, after one for its time where that is new; returns how many bytes they take."""
    at = 0
    for i in range(len(times)):
        if times[i] != before:
            before = times[i]
            buffer[at] = _HASH
            at = put_digits(buffer, at + 1, before, 10)
            buffer[at] = _NEW_LINE
            at += 1
        if is_scalar[which[i]]:
            at = put_digits(buffer, at, values[i], 2)
        else:
            buffer[at] = _B
            at = put_digits(buffer, at + 1, values[i], 2)
            buffer[at] = _SPACE
            at += 1
        at = put(buffer, at, names[starts[which[i]] : starts[which[i] + 1]])
        buffer[at] = _NEW_LINE
        at += 1
    return at
