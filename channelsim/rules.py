"""The learning rules as one table: what section 2 of docs/design.md says, read by scenario, plan, engine and reference.

A rule is what its channels have in common. What a single channel has in addition follows from the network: which
layers a learning channel joins (`scenario`), and how C is laid out between two layers of their kinds (`plan`).

Sources: P. Baldi, P. Sadowski, Z. Lu, *Learning in the Machine: Random Backpropagation and the Deep Learning Channel*
(2018), for all but `sign` (Q. Liao, J. Z. Leibo, T. Poggio, *How Important Is Weight Symmetry in Backpropagation?*,
2016; arXiv 1510.05067) and `drtp` (C. Frenkel, M. Lefebvre, D. Bol, *Learning without Feedback: Fixed Random Learning
Signals Allow for Feedforward Training of Deep Neural Networks*, 2021).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum


class Route(StrEnum):
    """Where the errors of a hidden layer come from."""

    LAYERED = "layered"  # h + 1 -> h
    SKIPPED = "skipped"  # L -> h
    CASCADE = "cascade"  # from every layer above: h + 1 -> h, ..., L -> h


class Message(IntEnum):
    """What a channel carries."""

    ACTIVATION = 0  # O of the source layer
    ERROR = 1  # R of the source layer
    TARGET = 2  # T, the target itself (drtp)


class Wiring(IntEnum):
    """How a delivered learning message m becomes the error at the receiving layer.

    A rule names TRANSPOSE, PRODUCT, DENSE or SIGN. Where C is sparse, leads to single synapses, or lies between a
    convolution and the layer right below it, the plan puts SPARSE, SYNAPSES, BANK or SPARSE_SIGN in the place of DENSE
    and SIGN; where no layer is skipped, TRANSPOSE in that of PRODUCT.
    """

    NONE = 0  # a forward channel: the layer's own synapses
    TRANSPOSE = 1  # the sending layer's W, transposed, as it is when the message leaves
    DENSE = 2  # C, n_source x n_target
    SPARSE = 3  # C, only the wires that exist
    BANK = 4  # C, shaped as the W of the sending convolution
    SIGN = 5  # |C|, shaped as the sending layer's W, with the sign that W has when the message leaves
    SPARSE_SIGN = 6  # likewise, only the wires that exist (laid out as SPARSE)
    PRODUCT = 7  # the transposed W of the sending layer, then those of the layers below it, down to the target's own
    SYNAPSES = 8  # C, n_source x the synapses of the target (W row by row, then b): an error for each of them


FROM_WEIGHTS = (Wiring.TRANSPOSE, Wiring.SIGN, Wiring.SPARSE_SIGN, Wiring.PRODUCT)
"""Wirings made of W as it is when the message leaves: that of the layer right above or, of PRODUCT, of several."""

SHAPED_AS_WEIGHTS = (Wiring.BANK, Wiring.SIGN)
"""Wirings whose C has the shape of the sending layer's W."""

SPARSE_WIRINGS = (Wiring.SPARSE, Wiring.SPARSE_SIGN)
"""Wirings whose C is a list of wires."""

WITHOUT_FEEDBACK = (Wiring.NONE, Wiring.TRANSPOSE, Wiring.PRODUCT)
"""Wirings without a C."""


@dataclass(frozen=True)
class Rule:
    """One learning rule.

    Attributes:
        route: where errors come from unless a scenario's `learning.route` says otherwise; None: no hidden layer learns.
        wiring: how a message becomes an error, before the plan refines it.
        message: what the learning channels carry.
        adaptive: whether C learns.
    """

    route: Route | None
    wiring: Wiring
    message: Message
    adaptive: bool

    @property
    def has_feedback(self) -> bool:
        """Whether there is a C to draw."""
        return self.wiring not in WITHOUT_FEEDBACK

    @property
    def adjacent(self) -> bool:
        """Whether errors can only come from the layer right above, whose W they pass through."""
        return self.wiring in FROM_WEIGHTS and self.wiring != Wiring.PRODUCT


RULES: dict[str, Rule] = {
    "bp": Rule(Route.LAYERED, Wiring.TRANSPOSE, Message.ERROR, adaptive=False),
    "sbp": Rule(Route.SKIPPED, Wiring.PRODUCT, Message.ERROR, adaptive=False),
    "rbp": Rule(Route.LAYERED, Wiring.DENSE, Message.ERROR, adaptive=False),
    "srbp": Rule(Route.SKIPPED, Wiring.DENSE, Message.ERROR, adaptive=False),
    "arbp": Rule(Route.LAYERED, Wiring.DENSE, Message.ERROR, adaptive=True),
    "asrbp": Rule(Route.SKIPPED, Wiring.DENSE, Message.ERROR, adaptive=True),
    "sign": Rule(Route.LAYERED, Wiring.SIGN, Message.ERROR, adaptive=False),
    "top": Rule(None, Wiring.NONE, Message.ERROR, adaptive=False),
    "drtp": Rule(Route.SKIPPED, Wiring.DENSE, Message.TARGET, adaptive=False),
}
"""Rule by name, in the order in which errors and the JSON Schema list them."""


@dataclass(frozen=True)
class Synonym:
    """Another name of a rule, or of a rule with some keys of [learning.feedback].

    Attributes:
        rule: the rule's name in `RULES`.
        meaning: what the name stands for, in words.
        feedback: keys of [learning.feedback] that the name sets.
        decays: the rule is what it is called only if W and C decay, and at one rate.
    """

    rule: str
    meaning: str
    feedback: Mapping[str, str] = field(default_factory=dict)
    decays: bool = False


SYNONYMS: dict[str, Synonym] = {
    "fa": Synonym("rbp", "feedback alignment"),
    "dfa": Synonym("srbp", "direct feedback alignment"),
    "frsf": Synonym("sign", "fixed random magnitudes with the signs of W"),
    "brsf": Synonym("sign", "random magnitudes, new ones for each frame, with the signs of W", {"redraw": "frame"}),
    "kp": Synonym("arbp", "Kolen-Pollack: W and C learn alike and decay alike, so that they become equal", decays=True),
    "dkp": Synonym("asrbp", "Kolen-Pollack, with C from the top directly", decays=True),
    "usf": Synonym("sign", "one magnitude with the signs of W", {"distribution": "sign"}),
}
"""What the literature calls rules: `fa` (T. P. Lillicrap et al., 2016), `dfa` (A. Noekland, 2016), the three kinds of
sign-concordant feedback of Liao, Leibo and Poggio, and the rule of Kolen and Pollack (1994; M. Akrout et al., 2019)."""
