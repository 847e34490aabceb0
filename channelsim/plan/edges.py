"""The network's graph: which layer sends to which, what, and how C is wired."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from channelsim.plan.layout import Direction, Kind
from channelsim.rules import WITHOUT_FEEDBACK, Message, Rule, Wiring
from channelsim.scenario import Ends, Scenario, names_of

WORDS: dict[int, Literal["forward", "learning"]] = {Direction.FORWARD: "forward", Direction.LEARNING: "learning"}
"""The directions as scenarios and traces write them."""


@dataclass(frozen=True)
class Edge:
    """A channel as the network's graph has it, before its settings: see CHANNEL for the fields.

    name: as in [channels] and in a trace; "" where only the graph matters.
    """

    direction: Direction
    source: int
    target: int
    message: Message
    wiring: Wiring
    adaptive: bool = False
    learning_rate: float = 0.0
    name: str = ""
    share: float = 1.0
    rank: int = 0


def edges_of(scenario: Scenario, layers: NDArray[Any]) -> tuple[Edge, ...]:
    """Forward channels from the lowest target up, then learning channels from the topmost target down."""
    rule, feedback = scenario.learning.row, scenario.learning.feedback
    learning = []
    for name, (direction, source, target) in scenario.ends().items():
        if direction == "forward":
            continue
        wiring = _wiring(rule, layers, source, target, feedback.connections is not None)
        if feedback.per == "synapse":
            wiring = Wiring.SYNAPSES
        has_feedback = wiring not in WITHOUT_FEEDBACK
        rate = scenario.feedback_rate(target) if rule.adaptive and has_feedback else 0.0
        share, rank = (1.0 / feedback.copies, feedback.rank or 0) if has_feedback else (1.0, 0)
        ends = Direction.LEARNING, source, target
        learning.append(Edge(*ends, rule.message, wiring, rate > 0, rate, name, share, rank))
    return (*forward_edges(len(layers) - 1), *learning)


def channel_names(channels: NDArray[Any]) -> tuple[str, ...]:
    """The names of the channels of a CHANNEL table."""
    return names_of([Ends(WORDS[int(c["direction"])], int(c["source"]), int(c["target"])) for c in channels])


def array_suffix(name: str) -> str:
    """What tells the arrays of a learning channel from those of others: "1" or, of several to layer 1, "1_from_3"."""
    return name.split(".", 1)[1].replace(".", "_")


def forward_edges(top: int) -> tuple[Edge, ...]:
    """The forward channels of a network of `top` layers above the input."""
    return tuple(
        Edge(Direction.FORWARD, h - 1, h, Message.ACTIVATION, Wiring.NONE, name=f"forward.{h}")
        for h in range(1, top + 1)
    )


def backpropagation_edges(layers: NDArray[Any]) -> tuple[Edge, ...]:
    """The channels of `bp`, layered, down to the lowest layer with synapses."""
    top, lowest = len(layers) - 1, int(np.flatnonzero(layers["w_size"])[0])
    downwards = range(top - 1, lowest - 1, -1)
    return (
        *forward_edges(top),
        *(Edge(Direction.LEARNING, h + 1, h, Message.ERROR, Wiring.TRANSPOSE, name=f"learning.{h}") for h in downwards),
    )


def _wiring(rule: Rule, layers: NDArray[Any], source: int, target: int, sparse: bool) -> Wiring:
    """A rule's wiring between two layers, laid out as their kinds want it."""
    adjacent = source == target + 1
    if adjacent and (layers[source]["w_size"] == 0 or rule.wiring == Wiring.PRODUCT):
        return Wiring.TRANSPOSE  # a layer without synapses passes errors back through its own transpose
    if adjacent and layers[source]["kind"] == Kind.CONV2D:
        return {Wiring.DENSE: Wiring.BANK}.get(rule.wiring, rule.wiring)
    if sparse:
        return {Wiring.DENSE: Wiring.SPARSE, Wiring.SIGN: Wiring.SPARSE_SIGN}.get(rule.wiring, rule.wiring)
    return rule.wiring
