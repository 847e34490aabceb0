"""Whether a pipeline keeps up: what waits for its links and layers, and which of them limits."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from channelsim import units
from channelsim.engine import State

# A server that keeps up falls behind for some frames now and then, with Poisson arrivals or jitter; one that does not
# keep up falls behind for ever.
FRAMES_BEHIND = 10
SHARE_BEHIND = Fraction(1, 50)


def behind(state: State) -> str | None:
    """The link or layer that limits a pipeline which cannot keep up, in words; None if all keep up.

    A link or a layer serves one after another, so it is behind by the time at which it will have done what it has
    been given already. It cannot keep up if that is more than 10 intervals and 2 % of the simulated time. Of
    several, the one that is farthest behind is named.
    """
    plan, now = state.plan, state.now
    if not plan.pipelined or now == 0:
        return None
    links, layers = state.link_backlog, state.layer_backlog
    waits = np.concatenate([links, layers])
    worst = int(waits.argmax())
    wait = int(waits[worst])
    if wait <= FRAMES_BEHIND * plan.interval or wait <= SHARE_BEHIND * now:
        return None
    load = f"is given at least {1 + wait / now:.2f} times what it can do, and is {_short(wait)} behind"
    if worst < len(links):
        queue = int(state.counters["queue_max"][state.channels["link"] == worst].max(initial=0))
        place = f"link {plan.link_names[worst]} {load}, with a queue of up to {queue:,} messages"
    else:
        place = f"layer {worst - len(links)} {load}"
    return (
        f"the network cannot keep up with a frame every {units.format_duration(plan.interval)}: {place} "
        f"({state.in_flight:,} frames in flight after {_short(now)})"
    )


def losses(state: State, counters: NDArray[Any]) -> list[str]:
    """Links of a pipeline that are busy all the time and lose what finds their queue full, a sentence each."""
    plan = state.plan
    if not plan.pipelined:
        return []
    of_link, now = state.channels["link"], state.now
    found = []
    for link, name in enumerate(plan.link_names):
        busy, lost, messages = (
            int(counters[field][of_link == link].sum()) for field in ("busy", "lost_messages", "messages")
        )
        if busy > (1 - SHARE_BEHIND) * now and lost:
            found.append(
                f"link {name} cannot keep up with a frame every {units.format_duration(plan.interval)}: it is busy "
                f"{100 * busy / now:.1f} % of the time, and {lost:,} of {messages:,} messages found its queue full"
            )
    return found


def _short(picoseconds: int) -> str:
    """A duration to three digits."""
    digits = len(str(picoseconds))
    return units.format_duration(round(picoseconds, min(0, 3 - digits)))
