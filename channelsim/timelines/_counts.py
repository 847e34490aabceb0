"""What is counted along a timeline: messages on a link, bits on a channel, losses."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from channelsim.timelines._record import Timeline

Steps = tuple[NDArray[np.int64], NDArray[np.int64]]
"""Times in ps, each once and in order, and the value from then on."""


def queue(timeline: Timeline, link: int) -> Steps:
    """Messages that wait for a link or are being sent on it."""
    sends = timeline.sends
    mine = np.flatnonzero((sends["link"] == link) & (sends["lost"] == 0) & (sends["again"] == 0))
    times = np.concatenate([sends["offered"][mine], sends["finish"][mine]])
    return _summed(times, np.repeat([1, -1], len(mine)))


def bits(timeline: Timeline, channel: int) -> Steps:
    """Bits that have been given to a channel's link since the record began."""
    sends = timeline.sends
    mine = np.flatnonzero(sends["channel"] == channel)
    return _summed(sends["offered"][mine], sends["bits"][mine])


def losses(timeline: Timeline, channel: int) -> Steps:
    """Events of a channel that were lost since the record began, each counted when its message is complete."""
    sends = timeline.sends
    mine = np.flatnonzero((sends["channel"] == channel) & (sends["delivered"] < sends["events"]))
    return _summed(sends["complete"][mine], sends["events"][mine] - sends["delivered"][mine])


def ages(timeline: Timeline, layer: int) -> Steps:
    """The age of the last error that a layer has received, in frames."""
    acts = timeline.acts
    mine = acts[(acts["layer"] == layer) & (acts["age"] >= 0)]
    last = np.append(mine["done"][1:] != mine["done"][:-1], True)[: len(mine)]
    return mine["done"][last], mine["age"][last]


def _summed(times: NDArray[np.int64], changes: NDArray[np.int64]) -> Steps:
    order = np.argsort(times, kind="stable")
    times, values = times[order], np.cumsum(changes[order], dtype=np.int64)
    last = np.append(times[1:] != times[:-1], True)[: len(times)]
    return times[last], values[last]
