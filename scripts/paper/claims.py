"""What is claimed about learning MNIST, by which test each claim is judged, and the verdicts of the runs.

The questions and verdicts serve other data sets as well; their claims and margins stand in modules of their own. All
margins and tests stand here, before any run; the page repeats them. Accuracies are in %, differences in points.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from channelsim.scenario import Quantize
from scripts.paper import statistics
from scripts.paper.outcomes import Outcome, Outcomes, Rate
from scripts.paper.statistics import Interval

CLOSE = 1.0
"""Points of accuracy: "almost as well as" means that less than this is lost."""

MATTERS = 0.5
"""Points of accuracy: what is important costs more than this where it is missing."""

WORST = 2.0
"""Points of accuracy: a rule works robustly if even its worst seed stays within this of bp's mean."""

FEW = 4
"""Bits: "few" means at most this many."""

ABSTRACT = "abstract"
EXPECTED = "derivation"

Answer = Literal["yes", "no", "open"]
Verdict = Literal["holds", "holds partly", "open", "does not hold here"]


@dataclass(frozen=True)
class Comparison:
    """One question to the numbers, and its answer: open where the 95 % interval allows both."""

    label: str
    lost: Interval
    answer: Answer


@dataclass(frozen=True)
class Judgement:
    """A verdict and the numbers that it rests on."""

    verdict: Verdict
    comparisons: tuple[Comparison, ...]
    note: str = ""


@dataclass(frozen=True)
class Claim:
    """Something that can turn out to be so or not.

    Attributes:
        statement: what is claimed.
        source: the paper's abstract, or the derivation: what the rules by their construction lead one to expect.
        test: how it is judged.
        judge: judges it, at the common learning rate or at each variant's own best.
    """

    statement: str
    source: str
    test: str
    judge: Callable[[Outcomes, Rate], Judgement]


# --- questions ------------------------------------------------------------------------------------------------


def lost(reference: Outcome, candidate: Outcome, rate: Rate) -> Interval:
    """Points of accuracy that the candidate loses against the reference."""
    return statistics.difference(reference.accuracies[rate], candidate.accuracies[rate])


def less_than(points: float, interval: Interval) -> Answer:
    """Whether an amount lies surely below, surely not below, or may lie on either side."""
    if interval.high < points:
        return "yes"
    return "no" if interval.low >= points else "open"


def more_than(points: float, interval: Interval) -> Answer:
    """Whether an amount lies surely above, surely not above, or may lie on either side."""
    if interval.low > points:
        return "yes"
    return "no" if interval.high <= points else "open"


def close(
    reference: Outcome, candidates: Sequence[Outcome], rate: Rate, within: float = CLOSE
) -> tuple[Comparison, ...]:
    """Does each candidate lose less than `within` points against the reference?"""
    found = []
    for candidate in candidates:
        interval = lost(reference, candidate, rate)
        found.append(Comparison(candidate.label, interval, less_than(within, interval)))
    return tuple(found)


def steady(reference: Outcome, candidates: Sequence[Outcome], rate: Rate, within: float) -> tuple[Comparison, ...]:
    """Does no run of each candidate diverge, and is its worst seed within so many points of the reference's mean?"""
    mean = reference.accuracies[rate].mean()
    found = []
    for outcome in candidates:
        behind = float(mean - outcome.accuracies[rate].min())
        good = behind < within and not outcome.diverged[rate]
        found.append(Comparison(outcome.label, Interval(behind, behind, behind), "yes" if good else "no"))
    return tuple(found)


def behind(pairs: Sequence[tuple[Outcome, Outcome]], rate: Rate, least: float = 0.0) -> tuple[Comparison, ...]:
    """Does the second of each pair lose more than `least` points against the first?"""
    found = []
    for ahead, candidate in pairs:
        interval = lost(ahead, candidate, rate)
        found.append(Comparison(f"{candidate.label} behind {ahead.label}", interval, more_than(least, interval)))
    return tuple(found)


# --- verdicts -------------------------------------------------------------------------------------------------


def all_of(comparisons: Sequence[Comparison]) -> Verdict:
    """Holds if every answer is yes, partly if some are; does not if every one is no, and is open otherwise."""
    answers = [comparison.answer for comparison in comparisons]
    return "holds" if set(answers) == {"yes"} else _at_most_partly(answers)


def most_of(comparisons: Sequence[Comparison]) -> Verdict:
    """Holds if more than half of the answers are yes, partly if fewer are; else as `all_of`."""
    answers = [comparison.answer for comparison in comparisons]
    return "holds" if 2 * answers.count("yes") > len(answers) else _at_most_partly(answers)


def _at_most_partly(answers: Sequence[Answer]) -> Verdict:
    if "yes" in answers:
        return "holds partly"
    return "open" if "open" in answers else "does not hold here"


def enough_bits(exponents: Sequence[int], comparisons: Sequence[Comparison]) -> Judgement:
    """How few exponents do, and so how few bits on the wire: the smallest from which on every tested number is close.

    Holds if these are few bits, partly if they are more, and is open if it is open whether the most are enough.
    """
    from_most = sorted(zip(exponents, comparisons, strict=True), key=lambda pair: pair[0], reverse=True)
    enough = [number for number, _ in itertools.takewhile(lambda pair: pair[1].answer == "yes", from_most)]
    if not enough:
        verdict = _at_most_partly([from_most[0][1].answer])
        return Judgement(verdict, tuple(comparisons), f"not even {_length(max(exponents))} are surely enough")
    fewest = enough[-1]
    verdict = "holds" if _width(fewest) <= FEW else "holds partly"
    return Judgement(verdict, tuple(comparisons), f"{_length(fewest)} and more are enough")


def _width(exponents: int) -> int:
    """Bits of a word on the wire."""
    return Quantize(kind="log2", exponents=exponents).width


def _length(exponents: int) -> str:
    """E.g. "3 exponents, 3 bits on the wire,"."""
    words = (
        f"{number} {word}{'s' * (number > 1)}" for number, word in ((exponents, "exponent"), (_width(exponents), "bit"))
    )
    return ", ".join(words) + " on the wire,"


# --- claims about most variants -------------------------------------------------------------------------------

Variants = Callable[[Outcomes], Sequence[Outcome]]


def almost_as_well(whom: str, named: str, variants: Variants, within: float) -> Claim:
    """Most of these variants lose less than so many points against bp; `whom` and `named` name them."""

    def judge(outcomes: Outcomes, rate: Rate) -> Judgement:
        found = close(outcomes("rules", "bp"), variants(outcomes), rate, within)
        return Judgement(most_of(found), found)

    points = f"{within:g} point" + ("" if within == 1 else "s")
    return Claim(
        f"Most of the {whom} learn almost as well as backpropagation.",
        ABSTRACT,
        f"Of {named}, more than half surely lose less than {points} against bp.",
        judge,
    )


def robustly(whom: str, variants: Variants, within: float) -> Claim:
    """No run of most of these variants diverges or ends so many points behind bp."""

    def judge(outcomes: Outcomes, rate: Rate) -> Judgement:
        found = steady(outcomes("rules", "bp"), variants(outcomes), rate, within)
        return Judgement(most_of(found), found)

    return Claim(
        f"Most of the {whom} work robustly.",
        ABSTRACT,
        f"For more than half of them no run diverges, and the worst seed is within {within:g} points of bp's mean.",
        judge,
    )


# --- the claims about MNIST -----------------------------------------------------------------------------------


def _named(outcomes: Outcomes) -> list[Outcome]:
    """The variants that the abstract names: random, skipped, adaptive, sparse, and their combinations."""
    return [
        *(outcomes("rules", rule) for rule in ("rbp", "srbp", "arbp", "asrbp")),
        *(outcomes("sparse", f"{rule}, 8 wires") for rule in ("rbp", "srbp")),
        *(outcomes("combinations", f"{rule}, 8 wires") for rule in ("arbp", "asrbp")),
    ]


def _derivative(outcomes: Outcomes, rate: Rate) -> Judgement:
    rules = ("bp", "rbp", "srbp", "asrbp")
    pairs = [(outcomes("rules", rule), outcomes("derivative", f"{rule}, without f′")) for rule in rules]
    found = behind(pairs, rate, MATTERS)
    return Judgement(all_of(found), found)


def _bits(experiment: str) -> Callable[[Outcomes, Rate], Judgement]:
    def judge(outcomes: Outcomes, rate: Rate) -> Judgement:
        tested = outcomes.of(experiment)
        exponents = [int(outcome.label.split()[1]) for outcome in tested]
        return enough_bits(exponents, close(outcomes("rules", "srbp"), tested, rate))

    return judge


def _hidden_layers_learn(outcomes: Outcomes, rate: Rate) -> Judgement:
    rules = ("bp", "rbp", "srbp", "arbp", "asrbp", "sign", "drtp")
    top = outcomes("rules", "top")
    found = behind([(outcomes("rules", rule), top) for rule in rules], rate)
    return Judgement(all_of(found), found)


def _skipping(outcomes: Outcomes, rate: Rate) -> Judgement:
    found = close(outcomes("rules", "rbp"), [outcomes("rules", "srbp"), *outcomes.of("routes")], rate)
    return Judgement(all_of(found), found)


def _adaptive(outcomes: Outcomes, rate: Rate) -> Judgement:
    pairs = [(outcomes("rules", f"a{rule}"), outcomes("rules", rule)) for rule in ("rbp", "srbp")]
    pairs += [
        (outcomes("combinations", f"a{rule}, {wires}"), outcomes("sparse", f"{rule}, {wires}"))
        for rule in ("rbp", "srbp")
        for wires in ("8 wires", "1 wire")
    ]
    found = behind(pairs, rate)
    return Judgement(all_of(found), found)


def _like_plain(experiment: str, part: str = "") -> Callable[[Outcomes, Rate], Judgement]:
    """Close to the same rule with nothing changed, for all variants whose label contains `part`."""

    def judge(outcomes: Outcomes, rate: Rate) -> Judgement:
        found: list[Comparison] = []
        for outcome in outcomes.of(experiment):
            if part in outcome.label:
                found += close(outcomes("rules", outcome.label.split(",")[0]), [outcome], rate)
        return Judgement(all_of(found), tuple(found))

    return judge


def _online(outcomes: Outcomes, rate: Rate) -> Judgement:
    candidates = [outcomes("online", rule) for rule in ("rbp", "srbp")]
    found = close(outcomes("online", "bp"), candidates, rate)
    found += behind([(candidate, outcomes("online", "top")) for candidate in candidates], rate)
    return Judgement(all_of(found), found)


def _target(outcomes: Outcomes, rate: Rate) -> Judgement:
    found = behind([(outcomes("rules", "srbp"), outcomes("rules", "drtp"))], rate)
    return Judgement(all_of(found), found)


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
        "A few bits per error suffice on the learning channel.",
        "a question of the abstract",
        f"srbp surely loses less than {CLOSE:g} point against itself with errors in 32 bits, with {FEW} bits on "
        f"the wire and with every larger number tested; partly, if that takes more than {FEW}.",
        _bits("error-bits"),
    ),
    Claim(
        "A few bits per weight update suffice.",
        EXPECTED,
        f"The same for the bits of the update, with {FEW} bits or fewer.",
        _bits("update-bits"),
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
        f"rbp and srbp surely lose less than {CLOSE:g} point with p = 0.5.",
        _like_plain("dropout", "50% lost"),
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
