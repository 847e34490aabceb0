"""What is claimed about learning CIFAR-10, and by which test each claim is judged.

All margins and tests stand here, before any run; the page repeats them. They are wider than those of MNIST: accuracies
are far from 100 %, and lie further apart from seed to seed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from scripts.paper.claims import ABSTRACT, EXPECTED, Claim, Judgement, all_of, almost_as_well, behind, close, robustly
from scripts.paper.outcomes import Outcome, Outcomes

CLOSE = 5.0
"""Points of accuracy: "almost as well as" means that less than this is lost by another rule."""

LITTLE = 2.0
"""Points of accuracy: what costs little loses less than this against the same rule with nothing changed."""

MATTERS = 1.0
"""Points of accuracy: what is important costs more than this where it is missing."""

WORST = 10.0
"""Points of accuracy: a rule works robustly if even its worst seed stays within this of bp's mean."""

RULES = ("rbp", "srbp", "asrbp")
PAPERS_RULES = ("rbp", "srbp", "arbp", "asrbp")
"""Rules with a random C, of `make paper-cifar` and on the paper's network."""

ADAPTIVE = {"srbp": "asrbp", "rbp": "arbp"}
"""Rule with a fixed C -> the same rule with one that adapts."""


def _loses(pairs: Sequence[tuple[str, str]], least: float = 0.0) -> Callable[[Outcomes], Judgement]:
    """The second of each pair is behind the first."""

    def compare(outcomes: Outcomes) -> Judgement:
        found = behind([(outcomes("rules", ahead), outcomes("rules", label)) for ahead, label in pairs], least)
        return Judgement(all_of(found), found)

    return compare


def _costs_little(reference: str, label: str, within: float) -> Callable[[Outcomes], Judgement]:
    """The second loses less than `within` points against the first."""

    def compare(outcomes: Outcomes) -> Judgement:
        found = close(outcomes("rules", reference), [outcomes("rules", label)], within)
        return Judgement(all_of(found), found)

    return compare


def _how_well(random: Sequence[str]) -> tuple[Claim, ...]:
    """What the abstract says of these rules, which send errors by a random C."""

    def variants(outcomes: Outcomes) -> list[Outcome]:
        return [outcomes("rules", rule) for rule in random]

    return (
        almost_as_well("random variants", ", ".join(random), variants, CLOSE),
        robustly("random variants", variants, WORST),
    )


def _rule_by_rule(random: Sequence[str]) -> tuple[Claim, ...]:
    """What is expected of these rules and of bp."""
    pairs = [(adaptive, fixed) for fixed, adaptive in ADAPTIVE.items() if {adaptive, fixed} <= set(random)]
    return (
        Claim(
            "Hidden layers learn under every rule: training the top alone is worse.",
            EXPECTED,
            "top is surely behind every other rule.",
            _loses([(rule, "top") for rule in ("bp", *random)]),
        ),
        Claim(
            "Errors may skip layers, convolutional ones too.",
            EXPECTED,
            f"srbp surely loses less than {CLOSE:g} points against rbp.",
            _costs_little("rbp", "srbp", CLOSE),
        ),
        Claim(
            "A feedback matrix that adapts is better than a fixed one.",
            EXPECTED,
            f"{', and '.join(f'{fixed} is surely behind {adaptive}' for adaptive, fixed in pairs)}.",
            _loses(pairs),
        ),
    )


CLAIMS = (
    *_how_well(RULES),
    Claim(
        "Multiplication by the derivatives of the activation functions is important.",
        ABSTRACT,
        f"Without f′ srbp surely loses more than {MATTERS:g} point against itself with f′.",
        _loses([("srbp", "srbp, without f′")], MATTERS),
    ),
    Claim(
        "A few bits per error suffice on the learning channel.",
        "a question of the abstract",
        f"With errors in 3 bits srbp surely loses less than {LITTLE:g} points against itself with errors in 32.",
        _costs_little("srbp", "srbp, 3 bits", LITTLE),
    ),
    *_rule_by_rule(RULES),
    Claim(
        "Sparse feedback of 2 wires per unit costs little.",
        EXPECTED,
        f"srbp with 2 wires surely loses less than {LITTLE:g} points against all wires.",
        _costs_little("srbp", "srbp, 2 wires", LITTLE),
    ),
)
"""Of `make paper-cifar`."""

OF_THE_RULES = (*_how_well(PAPERS_RULES), *_rule_by_rule(PAPERS_RULES))
"""On the paper's network, with which the plain rules are run only."""
