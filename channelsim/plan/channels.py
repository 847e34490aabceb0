"""The channel and link tables: who sends to whom, what, over which link, and how C is wired."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from channelsim.plan.layout import CHANNEL, LINK, Direction, Kind, Quantizer
from channelsim.plan.settings import channel_fields
from channelsim.rules import RULES, Message, Rule, Wiring
from channelsim.scenario import Change as Settings
from channelsim.scenario import Scenario

PS_PER_SECOND = 10**12
Word = Literal["forward", "learning"]


def _routes(scenario: Scenario) -> list[tuple[int, int]]:
    """(source, target) of the learning channels, from the topmost target down."""
    return [(source, target) for target, source in scenario.routes().items()][::-1]


def channel_table(
    scenario: Scenario, layers: NDArray[Any], link_of: dict[str, int], changes: Sequence[Settings] = ()
) -> tuple[NDArray[Any], tuple[str, ...]]:
    """CHANNEL records and their names: forward channels from the lowest target up, then learning ones from the topmost.

    `changes` lie over the scenario's settings. Where C lies is known when it is drawn.
    """
    top = len(layers) - 1
    ends = [(Direction.FORWARD, h - 1, h) for h in range(1, top + 1)]
    ends += [(Direction.LEARNING, source, target) for source, target in _routes(scenario)]
    table = np.zeros(len(ends), CHANNEL)
    names = []
    residual_offset = 0
    learning_offset = 0
    for row, (direction, source, target) in zip(table, ends, strict=True):
        word: Word = "forward" if direction == Direction.FORWARD else "learning"
        name = f"{word}.{target}"
        names.append(name)
        row["direction"], row["source"], row["target"] = direction, source, target
        row["n"] = layers[source]["n"]
        row["link"] = link_of[name]
        row["residual_offset"] = residual_offset
        residual_offset += int(row["n"])
        if direction == Direction.FORWARD:
            row["message_offset"] = layers[target]["input_offset"]
            row["message"], row["wiring"] = Message.ACTIVATION, Wiring.NONE
        else:
            rule = RULES[scenario.learning.rule]
            row["message"] = rule.message
            row["wiring"] = _wiring(rule, layers, source, target, scenario.learning.feedback.connections is not None)
            row["adaptive"] = rule.adaptive and row["wiring"] != Wiring.TRANSPOSE
            row["message_offset"] = learning_offset
            learning_offset += int(max(row["n"], layers[target]["n"]))
        channel_fields(row, scenario.channel(word, target, changes))
    return table, tuple(names)


def _wiring(rule: Rule, layers: NDArray[Any], source: int, target: int, sparse: bool) -> Wiring:
    """A rule's wiring between two layers, laid out as their kinds want it."""
    adjacent = source == target + 1
    if adjacent and layers[source]["w_size"] == 0:
        return Wiring.TRANSPOSE  # a layer without synapses passes errors back through its own transpose
    if adjacent and layers[source]["kind"] == Kind.CONV2D:
        return {Wiring.DENSE: Wiring.BANK}.get(rule.wiring, rule.wiring)
    if sparse:
        return {Wiring.DENSE: Wiring.SPARSE, Wiring.SIGN: Wiring.SPARSE_SIGN}.get(rule.wiring, rule.wiring)
    return rule.wiring


def occupation(bandwidth: float | None) -> tuple[int, int]:
    """Picoseconds a bit as a fraction (numerator, denominator), exact for whole numbers of bit/s up to 10^6 terms."""
    if bandwidth is None:
        return 0, 1
    ratio = (Fraction(PS_PER_SECOND) / Fraction(bandwidth)).limit_denominator(10**6)
    return ratio.numerator, ratio.denominator


def link_table(
    scenario: Scenario, changes: Sequence[Settings] = ()
) -> tuple[NDArray[Any], tuple[str, ...], dict[str, int]]:
    """LINK records, their names, and the link of each channel: named links first, then those of one channel each."""
    names = list(scenario.links)
    rows = [(*occupation(link.bandwidth), -1 if link.queue is None else link.queue, link.broadcast)
            for link in scenario.links.values()]  # fmt: skip
    link_of = {}
    ends: list[tuple[Word, int]] = [("forward", h) for h in range(1, scenario.depth + 1)]
    ends += [("learning", target) for _, target in _routes(scenario)]
    for word, target in ends:
        name = f"{word}.{target}"
        channel = scenario.channel(word, target, changes)
        if channel.link is not None:
            link_of[name] = names.index(channel.link)
        else:
            link_of[name] = len(names)
            names.append(name)
            rows.append((*occupation(channel.bandwidth), -1 if channel.queue is None else channel.queue, False))
    return np.array(rows, LINK), tuple(names), link_of


def is_ideal(rows: NDArray[Any], links: NDArray[Any]) -> NDArray[np.bool_]:
    """Per channel of these tables: messages arrive as they are, all of them."""
    return (
        (rows["has_threshold"] == 0)
        & (rows["quantizer"] == Quantizer.NONE)
        & (rows["noise"] == 0)
        & (rows["bit_error"] == 0)
        & (rows["drop"] == 0)
        & (rows["deadline"] < 0)
        & (links["queue"][rows["link"]] < 0)
    )
