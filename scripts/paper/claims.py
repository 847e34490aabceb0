"""What can be claimed about learning, the questions by which claims are judged, and the verdicts of the runs.

The claims themselves, their tests and their margins are in modules of their own, one for each data set. Accuracies are
in %, differences in points.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from scripts.paper import statistics
from scripts.paper.outcomes import NotRun, Outcome, Outcomes
from scripts.paper.statistics import Interval

ABSTRACT = "abstract"
PAPER = "text"
EXPECTED = "ours"

THE_PAPERS = (ABSTRACT, PAPER)
"""Sources of statements that are the paper's own; the words in quotation marks are its words."""

Answer = Literal["yes", "no", "open"]
Verdict = Literal["holds", "holds partly", "open", "does not hold here", "not run yet"]


@dataclass(frozen=True)
class Comparison:
    """One question to the numbers, and its answer: open where the 95 % interval allows both.

    `amount` is what is lost, in points, or an accuracy, in %.
    """

    label: str
    amount: Interval
    answer: Answer
    of: Literal["lost", "accuracy"] = "lost"


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
        source: the paper's abstract, its text, or ours: what the rules by their construction lead one to expect.
        test: how it is judged.
        compare: judges it; raises NotRun where a variant that it needs has no results.
        subject: what a judgement's note is about, where the page's first paragraph repeats it; else "".
    """

    statement: str
    source: str
    test: str
    compare: Callable[[Outcomes], Judgement]
    subject: str = ""

    def judge(self, outcomes: Outcomes) -> Judgement:
        """The verdict; "not run yet" where a variant that it needs has no results."""
        try:
            return self.compare(outcomes)
        except NotRun:
            return Judgement("not run yet", ())


# --- questions ------------------------------------------------------------------------------------------------


def lost(reference: Outcome, candidate: Outcome) -> Interval:
    """Points of accuracy that the candidate loses against the reference."""
    return statistics.difference(reference.accuracies, candidate.accuracies)


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


def within(points: float, interval: Interval) -> Answer:
    """Whether an amount is surely less than so many points away from 0, surely not, or may be either."""
    if -points < interval.low and interval.high < points:
        return "yes"
    return "no" if interval.low >= points or interval.high <= -points else "open"


def close(reference: Outcome, candidates: Sequence[Outcome], points: float) -> tuple[Comparison, ...]:
    """Does each candidate lose less than so many points against the reference?"""
    found = []
    for candidate in candidates:
        interval = lost(reference, candidate)
        found.append(Comparison(candidate.label, interval, less_than(points, interval)))
    return tuple(found)


def alike(reference: Outcome, candidates: Sequence[Outcome], points: float) -> tuple[Comparison, ...]:
    """Is each candidate less than so many points away from the reference, above or below it?"""
    found = []
    for candidate in candidates:
        interval = lost(reference, candidate)
        found.append(Comparison(f"{candidate.label} against {reference.label}", interval, within(points, interval)))
    return tuple(found)


def steady(reference: Outcome, candidates: Sequence[Outcome], points: float) -> tuple[Comparison, ...]:
    """Does no run of each candidate diverge, and is its worst seed within so many points of the reference's mean?"""
    found = []
    for outcome in candidates:
        behind = reference.mean - float(outcome.accuracies.min())
        good = behind < points and not outcome.diverged
        found.append(
            Comparison(f"worst seed of {outcome.label}", Interval(behind, behind, behind), "yes" if good else "no")
        )
    return tuple(found)


def behind(pairs: Sequence[tuple[Outcome, Outcome]], least: float = 0.0) -> tuple[Comparison, ...]:
    """Does the second of each pair lose more than `least` points against the first?"""
    found = []
    for ahead, candidate in pairs:
        interval = lost(ahead, candidate)
        found.append(Comparison(f"{candidate.label} behind {ahead.label}", interval, more_than(least, interval)))
    return tuple(found)


def reaches(points: float, candidates: Sequence[Outcome]) -> tuple[Comparison, ...]:
    """Does the mean accuracy of each candidate lie above so many %?"""
    means = [statistics.mean(candidate.accuracies) for candidate in candidates]
    return tuple(
        Comparison(candidate.label, mean, more_than(points, mean), "accuracy")
        for candidate, mean in zip(candidates, means, strict=True)
    )


def stays_below(points: float, candidates: Sequence[Outcome]) -> tuple[Comparison, ...]:
    """Does the mean accuracy of each candidate lie below so many %?"""
    means = [statistics.mean(candidate.accuracies) for candidate in candidates]
    return tuple(
        Comparison(candidate.label, mean, less_than(points, mean), "accuracy")
        for candidate, mean in zip(candidates, means, strict=True)
    )


# --- verdicts -------------------------------------------------------------------------------------------------


def all_of(comparisons: Sequence[Comparison]) -> Verdict:
    """Holds if every answer is yes, partly if some are; does not if every one is no, and is open otherwise."""
    answers = [comparison.answer for comparison in comparisons]
    return "holds" if set(answers) == {"yes"} else at_most_partly(answers)


def most_of(comparisons: Sequence[Comparison]) -> Verdict:
    """Holds if more than half of the answers are yes, partly if fewer are; else as `all_of`."""
    answers = [comparison.answer for comparison in comparisons]
    return "holds" if 2 * answers.count("yes") > len(answers) else at_most_partly(answers)


def often(comparisons: Sequence[Comparison]) -> Verdict:
    """Holds if at least a third of the answers are yes, partly if fewer are; else as `all_of`."""
    answers = [comparison.answer for comparison in comparisons]
    return "holds" if 3 * answers.count("yes") >= len(answers) else at_most_partly(answers)


def at_most_partly(answers: Sequence[Answer]) -> Verdict:
    """Holds partly if an answer is yes, does not hold here if every one is no, and is open otherwise."""
    if "yes" in answers:
        return "holds partly"
    return "open" if "open" in answers else "does not hold here"


# --- claims about most variants -------------------------------------------------------------------------------

Variants = Callable[[Outcomes], Sequence[Outcome]]


def almost_as_well(whom: str, named: str, variants: Variants, points: float) -> Claim:
    """Most of these variants lose less than so many points against bp; `whom` and `named` name them."""

    def compare(outcomes: Outcomes) -> Judgement:
        found = close(outcomes("rules", "bp"), variants(outcomes), points)
        return Judgement(most_of(found), found)

    return Claim(
        f"Most of the {whom} learn almost as well as backpropagation.",
        ABSTRACT,
        f"Of {named}, more than half surely lose less than {points:g} point{'' if points == 1 else 's'} against bp.",
        compare,
    )


def robustly(whom: str, variants: Variants, points: float) -> Claim:
    """No run of most of these variants diverges or ends so many points behind bp."""

    def compare(outcomes: Outcomes) -> Judgement:
        found = steady(outcomes("rules", "bp"), variants(outcomes), points)
        return Judgement(most_of(found), found)

    return Claim(
        f"Most of the {whom} work robustly.",
        ABSTRACT,
        f"For more than half of them no run diverges, and the worst seed is within {points:g} points of bp's mean.",
        compare,
    )
