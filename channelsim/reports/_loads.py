"""Who was busy for which part of the simulated time: the links and the layers of a whole run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from channelsim.plan import Direction
from channelsim.scenario import Scenario
from channelsim.trace import Trace
from channelsim.units import percent, quantity, seconds


@dataclass(frozen=True)
class Load:
    """A link or a layer: its name, the time that its work takes (ps), and that as a share of the simulated time."""

    name: str
    busy: int
    share: float


def loads(trace: Trace, scenario: Scenario) -> list[Load]:
    """Links and layers whose work takes time, the busiest first; empty where nothing takes time.

    A link is occupied by all of its channels. A layer computes once for each message that it is sent, and its top one
    learns as soon as it has computed (docs/design.md, section 5).
    """
    train = trace.metrics("train")
    elapsed = int(train["simulated_time"][-1]) if len(train) else 0
    if elapsed == 0:
        return []
    top = scenario.depth
    times = np.array([(0, 0), *(scenario.compute_times(h) for h in range(1, top + 1))], np.int64)
    times[top, 0] += times[top, 1]
    busy: dict[str, int] = {}
    for name in trace.channel_names:
        rows, record = trace.channels(name), trace.channel_settings(name)
        link = f"link {scenario.settings(name).link or name}"
        busy[link] = busy.get(link, 0) + int(rows["busy"].sum())
        target, is_learning = int(record["target"]), record["direction"] == Direction.LEARNING
        layer = "the top layer" if target == top else f"layer {target}"
        took = int(rows["messages"].sum()) * int(times[target, int(is_learning)])
        busy[layer] = busy.get(layer, 0) + took
    found = [Load(name, took, took / elapsed) for name, took in busy.items() if took]
    return sorted(found, key=lambda load: -load.busy)


def bottleneck(found: Sequence[Load]) -> str:
    """Which link or layer is busiest, in a sentence or two."""
    if not found:
        return "Nothing in this scenario takes time but latency, if that: no link or layer can be a bottleneck."
    first, *others = found
    text = (
        f"The busiest is {first.name}: its work takes {percent(first.share)} of the simulated time "
        f"({quantity(seconds(first.busy), 's')})"
    )
    text += f", followed by {others[0].name} with {percent(others[0].share)}." if others else "."
    if first.share > 1:
        return f"{text} Above 100 %: it was given more than it could do in that time."
    if first.share < _IDLE:
        text += (
            " All are idle for most of the time, so waiting for one another and latency decide how long a frame takes."
        )
    return text


_IDLE = 0.5
"""If the busiest has less to do than for this share of the time, it is no bottleneck."""
