"""The channel and link tables: the settings of each edge of the network, and the link that it is on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from channelsim.plan.edges import Edge
from channelsim.plan.feedback import Place
from channelsim.plan.layout import CHANNEL, LINK, Direction, Distribution, Quantizer, units_counted
from channelsim.plan.settings import channel_fields
from channelsim.rules import WITHOUT_FEEDBACK
from channelsim.scenario import Change, Channel, Feedback, Link, Scenario

PS_PER_SECOND = 10**12


def settings_of(scenario: Scenario, edges: Sequence[Edge], changes: Sequence[Change] = ()) -> tuple[Channel, ...]:
    """The settings of each channel, with `changes` laid over them."""
    return tuple(scenario.settings(edge.name, changes) for edge in edges)


def channel_table(
    edges: Sequence[Edge],
    layers: NDArray[Any],
    settings: Sequence[Channel],
    link_of: Sequence[int],
    places: Sequence[Place],
    feedback: Feedback | None = None,
) -> NDArray[Any]:
    """CHANNEL records: for each edge its settings, the index of its link, where its C lies and how that is drawn."""
    table = np.zeros(len(edges), CHANNEL)
    residual_offset = learning_offset = 0
    for row, edge, channel, link, place in zip(table, edges, settings, link_of, places, strict=True):
        target = layers[edge.target]
        row["at_receiver"] = channel.quantize is not None and channel.quantize.at == "receiver"
        n = int(target["n"]) if row["at_receiver"] else edge.rank or int(layers[edge.source]["n"])
        row["direction"], row["source"], row["target"] = edge.direction, edge.source, edge.target
        row["message"], row["wiring"], row["adaptive"] = edge.message, edge.wiring, edge.adaptive
        row["learning_rate"], row["share"] = edge.learning_rate, edge.share
        row["rank"], row["p_offset"] = edge.rank, place.p_offset
        row["n"], row["link"], row["residual_offset"] = n, link, residual_offset
        residual_offset += n
        if edge.direction == Direction.FORWARD:
            row["message_offset"] = target["input_offset"]
        else:
            row["message_offset"] = learning_offset
            learning_offset += max(n, int(target["n"]))
        row["c_offset"], row["c_size"], row["start_offset"] = place.offset, place.size, place.start_offset
        row["c_unit"] = place.unit
        if feedback is not None and feedback.redraw is not None and edge.wiring not in WITHOUT_FEEDBACK:
            row["redrawn"], row["distribution"] = True, Distribution[feedback.distribution.upper()]
            row["deviation"], row["mean"] = place.deviation, feedback.mean
        channel_fields(row, channel)
    return table


def occupation(bandwidth: float | None) -> tuple[int, int]:
    """Picoseconds per bit as a fraction (numerator, denominator), exact for whole bit/s up to 10^6 terms."""
    if bandwidth is None:
        return 0, 1
    ratio = (Fraction(PS_PER_SECOND) / Fraction(bandwidth)).limit_denominator(10**6)
    return ratio.numerator, ratio.denominator


def link_table(
    shared: Mapping[str, Link], edges: Sequence[Edge], settings: Sequence[Channel]
) -> tuple[NDArray[Any], tuple[str, ...], tuple[int, ...]]:
    """LINK records, their names, and the link of each channel: shared links first, then those of one channel each."""
    names = list(shared)
    rows = [(*_link_fields(link), link.broadcast) for link in shared.values()]
    link_of = []
    for edge, channel in zip(edges, settings, strict=True):
        if channel.link is not None:
            link_of.append(names.index(channel.link))
        else:
            link_of.append(len(names))
            names.append(edge.name)
            rows.append((*_link_fields(channel), False))
    table = np.zeros(len(rows), LINK)  # with zeros between the fields, too: records are compared as bytes
    table[:] = rows
    return table, tuple(names), tuple(link_of)


def _link_fields(link: Link | Channel) -> tuple[int, int, int]:
    """Occupation and queue, the latter -1 for any number of messages."""
    return (*occupation(link.bandwidth), -1 if link.queue is None else link.queue)


def place_counts(tables: Sequence[NDArray[Any]]) -> None:
    """Gives each channel a place for the counts of its units, the same in the tables of all scheduled changes."""
    offset = 0
    for rows in zip(*tables, strict=True):
        for row in rows:
            row["count_offset"] = offset
        offset += max(units_counted(int(row["levels"])) for row in rows)


def is_ideal(rows: NDArray[Any], links: NDArray[Any]) -> NDArray[np.bool_]:
    """Per channel of these tables: messages arrive as they are, all of them."""
    return (
        (rows["has_threshold"] == 0)
        & (rows["quantizer"] == Quantizer.NONE)
        & (rows["noise"] == 0)
        & (rows["bit_error"] == 0)
        & (rows["drop"] == 0)
        & (rows["own_before"] == 0)
        & (rows["own_after"] == 0)
        & (rows["deadline"] < 0)
        & (links["queue"][rows["link"]] < 0)
    )
