"""What is claimed about learning MNIST, and by which test each claim is judged.

All margins and tests stand here, before any run; the page repeats them. Words in quotation marks are the paper's.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence

from scripts.paper import statistics
from scripts.paper.claims import (
    ABSTRACT,
    EXPECTED,
    PAPER,
    Claim,
    Comparison,
    Judgement,
    all_of,
    almost_as_well,
    at_most_partly,
    behind,
    close,
    less_than,
    often,
    robustly,
    steady,
)
from scripts.paper.outcomes import Outcome, Outcomes
from scripts.paper.statistics import Interval

CLOSE = 1.0
"""Points of accuracy: "almost as well as" means that less than this is lost."""

SAME = 0.5
"""Points of accuracy: "indistinguishable" means that less than this is lost."""

MATTERS = 0.5
"""Points of accuracy: what is important costs more than this where it is missing."""

WORST = 2.0
"""Points of accuracy: a rule works robustly if even its worst seed stays within this of bp's mean."""

SLIGHTLY = 2.0
"""Points of accuracy: "slightly better" means better, but by less than this."""

STEP = 5.0
"""Points of accuracy: accuracy degrades gracefully if no next smaller number of bits costs more than this."""

FEW = 4
"""Bits: "few" means at most this many."""

RANDOM = ("rbp", "srbp")
TRANSFERS = ("linear", "logistic", "relu")

Compare = Callable[[Outcomes], Judgement]


def _all(found: Iterable[Comparison]) -> Judgement:
    found = tuple(found)
    return Judgement(all_of(found), found)


def enough_bits(bits: Sequence[int], comparisons: Sequence[Comparison]) -> Judgement:
    """How few bits do: the smallest number from which on every tested one is close.

    Holds if that is few, partly if it is more, and is open if it is open whether the most bits are enough.
    """
    from_most = sorted(zip(bits, comparisons, strict=True), key=lambda pair: pair[0], reverse=True)
    enough = [number for number, _ in itertools.takewhile(lambda pair: pair[1].answer == "yes", from_most)]
    if not enough:
        verdict = at_most_partly([from_most[0][1].answer])
        return Judgement(verdict, tuple(comparisons), f"not even {max(bits)} bits are surely enough")
    fewest = enough[-1]
    note = f"{fewest} bit{'s' if fewest > 1 else ''} and more are enough"
    return Judgement("holds" if fewest <= FEW else "holds partly", tuple(comparisons), note)


# --- the paper's statements -----------------------------------------------------------------------------------


def _named(outcomes: Outcomes) -> list[Outcome]:
    """The variants that the abstract names: random, skipped, adaptive, sparse, and their combinations."""
    return [
        *(outcomes("rules", rule) for rule in ("rbp", "srbp", "arbp", "asrbp")),
        *(outcomes("sparse", f"{rule}, 8 wires") for rule in RANDOM),
        *(outcomes("combinations", f"{rule}, 8 wires") for rule in ("arbp", "asrbp")),
    ]


def _derivative(outcomes: Outcomes) -> Judgement:
    rules = ("bp", "rbp", "srbp", "asrbp")
    pairs = [(outcomes("rules", rule), outcomes("derivative", f"{rule}, without f′")) for rule in rules]
    return _all(behind(pairs, MATTERS))


def _few_bits(experiment: str, rule: str = "srbp") -> Compare:
    def compare(outcomes: Outcomes) -> Judgement:
        tested = [outcome for outcome in outcomes.of(experiment) if outcome.label.startswith(f"{rule},")]
        return enough_bits([_number(one) for one in tested], close(outcomes("rules", rule), tested, CLOSE))

    return compare


def _number(outcome: Outcome) -> int:
    """The number in a label such as "srbp, 3 bits"."""
    return int(outcome.label.split()[1])


def _skipped_is_better(outcomes: Outcomes) -> Judgement:
    srbp, rbp = outcomes("rules", "srbp"), outcomes("rules", "rbp")
    slightly = statistics.difference(srbp.accuracies, rbp.accuracies)
    return _all(
        [
            *behind([(srbp, rbp)]),
            Comparison(f"by less than {SLIGHTLY:g} points", slightly, less_than(SLIGHTLY, slightly)),
        ]
    )


def _deep(outcomes: Outcomes) -> Judgement:
    shallow = outcomes("rules", "srbp")
    deep = [outcomes("depth", f"srbp, {layers} hidden layers") for layers in (10, 20, 30)]
    return _all([*close(shallow, deep, WORST), *steady(shallow, deep, 2 * WORST)])


def _frozen(outcomes: Outcomes) -> Judgement:
    pairs = [
        (outcomes("frozen", f"{rule}, layers 1-{h} frozen"), outcomes("frozen", f"{rule}, layer {h} frozen"))
        for rule in RANDOM
        for h in (2, 3, 4)
    ]
    found = behind(pairs)
    return Judgement(often(found), found)


def _dropout(outcomes: Outcomes) -> Judgement:
    found: list[Comparison] = []
    for rule in ("bp", *RANDOM):
        tested = [outcomes("dropout", f"{rule}, {share} lost") for share in ("10%", "50%")]
        found += close(outcomes("rules", rule), tested, WORST)
    return _all(found)


def _congruent(outcomes: Outcomes) -> Judgement:
    found: list[Comparison] = []
    for rule in RANDOM:
        plain, congruent = outcomes("rules", rule), outcomes("congruent", f"{rule}, congruent")
        found += behind([(congruent, plain)])
        worse = float(plain.accuracies.min() - congruent.accuracies.min())
        steadier = worse < 0 and not congruent.diverged
        found.append(Comparison(f"{rule}: its worst seed", Interval(worse, worse, worse), "yes" if steadier else "no"))
    return _all(found)


# --- ours -----------------------------------------------------------------------------------------------------


def _hidden_layers_learn(outcomes: Outcomes) -> Judgement:
    rules = ("bp", "rbp", "srbp", "arbp", "asrbp", "sign", "drtp")
    top = outcomes("rules", "top")
    return _all(behind([(outcomes("rules", rule), top) for rule in rules]))


def _skipping(outcomes: Outcomes) -> Judgement:
    return _all(close(outcomes("rules", "rbp"), [outcomes("rules", "srbp"), *outcomes.of("routes")], CLOSE))


def _adaptive(outcomes: Outcomes) -> Judgement:
    pairs = [(outcomes("rules", f"a{rule}"), outcomes("rules", rule)) for rule in RANDOM]
    pairs += [
        (outcomes("combinations", f"a{rule}, {wires}"), outcomes("sparse", f"{rule}, {wires}"))
        for rule in RANDOM
        for wires in ("8 wires", "1 wire")
    ]
    return _all(behind(pairs))


def _like_plain(experiment: str, part: str = "") -> Compare:
    """Close to the same rule with nothing changed, for all variants whose label contains `part`."""

    def compare(outcomes: Outcomes) -> Judgement:
        found: list[Comparison] = []
        for outcome in outcomes.of(experiment):
            if part in outcome.label:
                found += close(outcomes("rules", outcome.label.split(",")[0]), [outcome], CLOSE)
        return _all(found)

    return compare


def _transfers(outcomes: Outcomes) -> Judgement:
    found: list[Comparison] = []
    for transfer in TRANSFERS:
        tested = [outcomes("transfers", f"{rule}, {transfer}") for rule in RANDOM]
        found += close(outcomes("transfers", f"bp, {transfer}"), tested, CLOSE)
    return _all(found)


def _online(outcomes: Outcomes) -> Judgement:
    candidates = [outcomes("online", rule) for rule in RANDOM]
    found = close(outcomes("online", "bp"), candidates, CLOSE)
    return _all([*found, *behind([(candidate, outcomes("online", "top")) for candidate in candidates])])


def _target(outcomes: Outcomes) -> Judgement:
    return _all(behind([(outcomes("rules", "srbp"), outcomes("rules", "drtp"))]))


CLAIMS = (
    almost_as_well("variants", "the variants that the abstract names", _named, CLOSE),
    robustly("variants", _named, WORST),
    Claim(
        "Multiplication by the derivatives of the activation functions is important.",
        ABSTRACT,
        f"Without f′ every rule surely loses more than {MATTERS:g} points against itself with f′.",
        _derivative,
    ),
    Claim(
        "A few bits per error suffice on the learning channel (the abstract asks how few).",
        ABSTRACT,
        f"srbp surely loses less than {CLOSE:g} point against itself with errors in 32 bits, with {FEW} bits and "
        f"with every larger number tested; partly, if that takes more than {FEW}.",
        _few_bits("error-bits"),
        "Errors of srbp",
    ),
    Claim(
        "Skipped is slightly better than layered.",
        PAPER,
        f"rbp is surely behind srbp, and surely by less than {SLIGHTLY:g} points.",
        _skipped_is_better,
    ),
    Claim(
        "“Very deep networks can be trained with srbp without any problem.”",
        PAPER,
        f"With 10, 20 and 30 hidden layers srbp surely loses less than {WORST:g} points against itself with 4, no run "
        f"diverges, and the worst seed is within {2 * WORST:g}.",
        _deep,
    ),
    Claim(
        "A layer h that is frozen while the others learn is “often worse than if we fix layers l ≤ h”.",
        PAPER,
        "At a third of the layers 2 to 4 or more, under rbp and srbp, freezing layer h alone is surely behind freezing "
        "layers 1 to h.",
        _frozen,
    ),
    Claim(
        "bp, rbp and srbp are robust to dropout in the learning channel.",
        PAPER,
        f"With 10 % and with 50 % of the errors lost, each surely loses less than {WORST:g} points.",
        _dropout,
    ),
    Claim(
        "Congruent weights help speed and stability.",
        PAPER,
        "C with the signs of W at the start: after the same number of epochs rbp and srbp without it are surely "
        "behind, and their worst seeds are lower.",
        _congruent,
    ),
    Claim(
        "A few bits per weight update suffice.",
        EXPECTED,
        f"As for errors: srbp with updates of {FEW} bits or fewer.",
        _few_bits("update-bits"),
        "Updates of srbp",
    ),
    Claim(
        "Hidden layers learn under every rule: training the top alone is worse.",
        EXPECTED,
        "top is surely behind every other rule.",
        _hidden_layers_learn,
    ),
    Claim(
        "Errors may skip layers.",
        EXPECTED,
        f"srbp and both routes by hand surely lose less than {CLOSE:g} point against rbp.",
        _skipping,
    ),
    Claim(
        "A feedback matrix that adapts is better than a fixed one.",
        EXPECTED,
        "Fixed C is surely behind adaptive C, layered and skipped, with all wires, 8 and 1.",
        _adaptive,
    ),
    Claim(
        "Sparse feedback of 8 wires per neuron costs little.",
        EXPECTED,
        f"rbp and srbp with 8 wires surely lose less than {CLOSE:g} point against all wires.",
        _like_plain("sparse", "8 wires"),
    ),
    Claim(
        "One wire per neuron costs little.",
        EXPECTED,
        "The same with 1 wire on average.",
        _like_plain("sparse", "1 wire"),
    ),
    Claim(
        "How C is drawn matters little.",
        EXPECTED,
        f"Each distribution surely loses less than {CLOSE:g} point against the normal one, in rbp and in srbp.",
        _like_plain("distributions"),
    ),
    Claim(
        "C needs few bits.",
        EXPECTED,
        f"srbp with C in 1, 2 and 4 bits surely loses less than {CLOSE:g} point against C in 32 bits.",
        _like_plain("feedback-bits"),
    ),
    Claim(
        "Half of the errors may be lost.",
        EXPECTED,
        f"bp, rbp and srbp surely lose less than {CLOSE:g} point with p = 0.5.",
        _like_plain("dropout", "50% lost"),
    ),
    Claim(
        "Random feedback learns with other transfer functions.",
        EXPECTED,
        f"With linear, logistic and ReLU units, rbp and srbp surely lose less than {CLOSE:g} point against bp with the "
        "same units.",
        _transfers,
    ),
    Claim(
        "Online learning shows the same.",
        EXPECTED,
        f"With one update per sample, rbp and srbp surely lose less than {CLOSE:g} point against bp, and top is surely "
        "behind them.",
        _online,
    ),
    Claim(
        "The error teaches better than the target.",
        EXPECTED,
        "drtp is surely behind srbp.",
        _target,
    ),
)
