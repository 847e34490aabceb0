"""What counters cost: joules by the scenario's table, and how long links were occupied."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from channelsim import elementary
from channelsim.plan import COUNTER, Plan

LN2 = 0.6931471805599453

ADDITIVE = tuple(name for name in COUNTER.names or () if name != "queue_max")


CAUSES = ("bits", "multiply-accumulates", "synapses read", "synapses written")
"""What takes energy (docs/design.md, section 7)."""

Costs = tuple[float, float, float, float]
"""Joules of a bit, a multiply-accumulate, a synapse read, and one written."""


def by_cause(costs: Costs, counted: Any) -> tuple[Any, ...]:
    """Joules by CAUSES, of what is `counted`: COUNTER records, or numbers by the names of their fields.

    A synapse is read for each forward or error operation, and not for an update's.
    """
    bit, mac, read, write = costs
    return (
        bit * counted["bits"],
        mac * (counted["macs"] + counted["update_macs"]),
        read * counted["macs"],
        write * counted["writes"],
    )


def energy(plan: Plan, counters: NDArray[Any]) -> NDArray[np.float64]:
    """Joules by channel."""
    bits, macs, read, written = by_cause(_costs(plan), counters)
    total: NDArray[np.float64] = (bits + macs + read + written).astype(np.float64)
    return total


def energy_split(plan: Plan, counters: NDArray[Any]) -> dict[str, float]:
    """Joules of all channels together, by cause."""
    sums = {name: int(counters[name].sum()) for name in ("bits", "macs", "update_macs", "writes")}
    return dict(zip(CAUSES, map(float, by_cause(_costs(plan), sums)), strict=True))


def _costs(plan: Plan) -> Costs:
    return plan.energy_bit, plan.energy_mac, plan.energy_read, plan.energy_write


def utilisation(counters: NDArray[Any], elapsed: int) -> NDArray[np.float64]:
    """Time that the messages given to a link take on it, by channel, as a share of `elapsed` picoseconds; 0 where no
    time has passed.

    A message counts when it is handed to the link. So the share is above 1 where the link has been given more than it
    could send: in a part of a run, and in a whole one, at the end of which no layer waits, only if layers went on at
    their deadlines while the link still had messages of theirs to send.
    """
    busy: NDArray[np.float64] = counters["busy"] / max(elapsed, 1)
    return busy


def lost_shares(counters: NDArray[Any]) -> NDArray[np.float64]:
    """Share of the events of each channel that did not arrive, for whatever reason; 0 where there were none."""
    events = counters["sent"] + counters["overflow"]
    shares: NDArray[np.float64] = np.where(events > 0, 1 - counters["delivered"] / np.maximum(events, 1), 0.0)
    return shares


def entropies(unit_counts: Sequence[NDArray[np.int64]]) -> NDArray[np.float64]:
    """Empirical entropy of what the units of each channel sent, silence included: bits a unit and message.

    Argument: per channel, how often its units sent each word or nothing (`engine.State.unit_counts`). NaN where nothing
    was counted: values are floats, or no message went onto the link.
    """
    return np.array([_entropy(counts) for counts in unit_counts])


def _entropy(counts: NDArray[np.int64]) -> float:
    """log2 N - sum (c / N) log2 c."""
    seen = counts[counts > 0].astype(np.float64)
    if not len(seen):
        return math.nan
    everything = np.array([counts.sum()], np.float64)
    known = elementary.total(seen * elementary.log(seen)) / everything[0]
    return float((elementary.log(everything)[0] - known) / LN2) if len(seen) > 1 else 0.0


def learning_entropy(plan: Plan, counters: NDArray[Any], entropy: NDArray[np.float64]) -> float:
    """Bits of what the learning channels sent, had each message been as long as its channel's entropy allows: no code
    that treats units alike takes less, headers and scales left out. NaN where values are floats, which are not counted.

    Arguments: COUNTER records of a stretch of time, and the entropy of each channel in it (`entropies`).
    """
    total = 0.0
    for name, channel, row, bits in zip(plan.channel_names, plan.channels, counters, entropy, strict=True):
        units = int(channel["n"]) * int(row["messages"] - row["lost_messages"])
        if name.startswith("learning.") and units:
            total += float(bits) * units
    return total


def since(now: NDArray[Any], before: NDArray[Any]) -> NDArray[Any]:
    """The counters of a stretch of time; the highest queue is that of the later record."""
    difference = now.copy()
    for name in ADDITIVE:
        difference[name] -= before[name]
    return difference


def totals(
    plan: Plan, counters: NDArray[Any], elapsed: int, entropy: NDArray[np.float64]
) -> dict[str, dict[str, float]]:
    """Channel name -> totals of a run of `elapsed` picoseconds, for `Result`; `entropy` is that of each channel."""
    lost = lost_shares(counters)
    return {
        name: {
            "messages": int(row["messages"]),
            "events": int(row["sent"]),
            "bits": int(row["bits"]),
            "dropped": int(row["dropped"]),
            "corrupted": int(row["corrupted"]),
            "late": int(row["late"]),
            "overflow": int(row["overflow"]),
            "lost_messages": int(row["lost_messages"]),
            "lost": float(share),
            "queue_max": int(row["queue_max"]),
            "utilisation": float(busy),
            "entropy": float(bits),
        }
        for name, row, share, busy, bits in zip(
            plan.channel_names, counters, lost, utilisation(counters, elapsed), entropy, strict=True
        )
    }
