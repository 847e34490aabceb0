"""What the numbers of a run would hide, in words: events lost, links given more than they can send, accuracy at chance
level, a training loss that rises."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from channelsim.engine import State

LOST_SHARE = 0.1
"""Of the messages or of the events of a channel: more than that is warned about."""
NAMED_SHARE = 0.01
"""Causes of a smaller share are not named."""
CHANCE_DEVIATIONS = 2.0
"""Accuracy is above chance if it exceeds that of the most frequent class by more standard deviations than this."""
RISEN_SHARE = 0.5
"""The training loss rises if it is above its lowest by more than this share of what it had fallen by until then."""
SMALLEST_RISE = 0.05
"""And by more than this share of the lowest."""
MOST_NAMES = 6

_CAUSES = (  # counter, words, remedy
    ("lost_messages", "messages lost because they found a queue full",
     "a longer queue, a faster link or a smaller training.batch loses fewer"),
    ("corrupted", "events lost because bit errors made words that mean nothing",
     "a smaller bit_errors.probability loses fewer"),
    ("dropped", "events lost by drop", "drop.probability asks for it"),
    ("late", "events lost because they were late", "a longer deadline or a faster link loses fewer"),
)  # fmt: skip


def losses(state: State, counters: NDArray[Any]) -> list[str]:
    """Channels that have lost more than LOST_SHARE of their messages or events, a sentence for each cause.

    Events dropped count only where the drop probability itself is above that: a share that was asked for is not to be
    warned about because of the draws.
    """
    plan = state.plan
    tables = (plan.channels, *(change.channels for change in plan.changes))
    asked = np.max([table["drop"] for table in tables], axis=0)
    shares: list[dict[str, float]] = []
    for row, drop in zip(counters, asked, strict=True):
        events, messages = max(int(row["sent"] + row["overflow"]), 1), max(int(row["messages"]), 1)
        dropped = int(row["dropped"]) if drop > LOST_SHARE else 0
        of = {
            "lost_messages": int(row["lost_messages"]) / messages,
            "corrupted": int(row["corrupted"]) / events,
            "dropped": dropped / events,
            "late": int(row["late"]) / events,
        }
        lost = int(row["overflow"] + row["corrupted"] + row["late"]) + dropped
        warned = of["lost_messages"] > LOST_SHARE or lost / events > LOST_SHARE
        shares.append({cause: share for cause, share in of.items() if warned and share >= NAMED_SHARE})
    found = []
    for cause, words, remedy in _CAUSES:
        of_channels = [
            f"{100 * share[cause]:.1f} % of {name}"
            for name, share in zip(plan.channel_names, shares, strict=True)
            if cause in share
        ]
        if of_channels:
            found.append(f"{words}: {_listed(of_channels)}; {remedy}")
    return found


def overloads(state: State, counters: NDArray[Any]) -> list[str]:
    """That links were given more than they can send in the time of a run that is done.

    It happens where layers go on at their deadlines. What is handed to a link occupies it all the same.
    """
    found, now = [], state.now
    for link, name in enumerate(state.plan.link_names):
        busy = int(counters["busy"][state.channels["link"] == link].sum())
        if busy > now > 0:
            found.append(f"{name} {busy / now:,.2f} times as much")
    if not found:
        return []
    return [
        f"links given more than they can send in the simulated time: {_listed(found)}; layers went on at their "
        "deadlines, and what was not sent by then was late"
    ]


def _listed(parts: Sequence[str]) -> str:
    more = f" and {len(parts) - MOST_NAMES} more" if len(parts) > MOST_NAMES else ""
    return ", ".join(parts[:MOST_NAMES]) + more


def at_chance(name: str, accuracy: float, labels: NDArray[Any]) -> list[str]:
    """That an accuracy is no better than if the most frequent class of these labels had been answered always.

    Of real targets, which have no accuracy (NaN), there is nothing to tell. No better means: by at most
    CHANCE_DEVIATIONS standard deviations of the share of correct answers at that level.
    """
    if len(labels) == 0 or math.isnan(accuracy):
        return []
    chance = float(np.bincount(labels).max()) / len(labels)
    if chance == 1 or accuracy > chance + CHANCE_DEVIATIONS * math.sqrt(chance * (1 - chance) / len(labels)):
        return []
    return [
        f"{name} is at chance level: {100 * accuracy:.2f} % of {len(labels):,} samples, where the most frequent class "
        f"alone is {100 * chance:.2f} %"
    ]


def rising(losses_of_epochs: Sequence[float]) -> list[str]:
    """That the training loss of the last epoch is well above that of an earlier one."""
    if len(losses_of_epochs) < 2:
        return []
    lowest = min(losses_of_epochs)
    epoch, first, last = losses_of_epochs.index(lowest), losses_of_epochs[0], losses_of_epochs[-1]
    if not last > lowest + max(RISEN_SHARE * (first - lowest), SMALLEST_RISE * lowest):
        return []
    return [
        f"the training loss has risen, from {lowest:.4g} in epoch {epoch + 1} to {last:.4g} in epoch "
        f"{len(losses_of_epochs)}; a smaller training.learning_rate or fewer epochs may keep it down"
    ]
