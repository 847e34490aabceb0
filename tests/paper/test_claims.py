"""Verdicts, and the claims on MNIST on made-up numbers."""

from __future__ import annotations

import pytest

from scripts.paper import claims
from scripts.paper.claims import CLAIMS, Comparison
from scripts.paper.experiments import Experiment
from scripts.paper.outcomes import Outcomes
from scripts.paper.statistics import Interval
from tests.paper.made_up import outcomes_of


@pytest.mark.parametrize(
    ("low", "high", "below", "above"),
    [(0.1, 0.9, "yes", "no"), (1.1, 1.9, "no", "yes"), (0.9, 1.1, "open", "open"), (1.0, 1.0, "no", "no")],
)
def test_an_answer_needs_the_whole_interval(low: float, high: float, below: str, above: str) -> None:
    interval = Interval((low + high) / 2, low, high)
    assert claims.less_than(1.0, interval) == below
    assert claims.more_than(1.0, interval) == above


def comparisons(answers: str) -> list[Comparison]:
    words: dict[str, claims.Answer] = {"y": "yes", "n": "no", "o": "open"}
    return [Comparison("x", Interval(0, 0, 0), words[letter]) for letter in answers]


@pytest.mark.parametrize(
    ("answers", "all_verdict", "most_verdict"),
    [
        ("yyy", "holds", "holds"),
        ("yyn", "holds partly", "holds"),
        ("yno", "holds partly", "holds partly"),
        ("yn", "holds partly", "holds partly"),
        ("oy", "holds partly", "holds partly"),
        ("oo", "open", "open"),
        ("no", "open", "open"),
        ("nnn", "does not hold here", "does not hold here"),
    ],
)
def test_verdicts_from_answers(answers: str, all_verdict: str, most_verdict: str) -> None:
    assert claims.all_of(comparisons(answers)) == all_verdict
    assert claims.most_of(comparisons(answers)) == most_verdict


@pytest.mark.parametrize(
    ("answers", "verdict", "note"),
    [
        ("nnyyyy", "holds", "3 exponents, 3 bits on the wire, and more"),
        ("yyyyyy", "holds", "1 exponent, 1 bit on the wire, and more"),
        ("nnnnny", "holds", "6 exponents, 4 bits on the wire, and more"),
        ("yyynyy", "holds", "5 exponents, 4 bits on the wire, and more"),
        ("nnnnnnnny", "holds partly", "9 exponents, 5 bits on the wire, and more"),
        ("nnnnnn", "does not hold here", "not even 6 exponents, 4 bits"),
        ("nnnnno", "open", "not even 6 exponents, 4 bits"),
    ],
)
def test_how_few_bits_are_enough(answers: str, verdict: str, note: str) -> None:
    judgement = claims.enough_bits(range(1, len(answers) + 1), comparisons(answers))
    assert judgement.verdict == verdict
    assert note in judgement.note


def verdict(number: int, outcomes: Outcomes) -> str:
    best, common = CLAIMS[number].judge(outcomes, "best"), CLAIMS[number].judge(outcomes, "common")
    assert best == common  # the made-up numbers are the same
    return best.verdict


def test_almost_as_well_and_robustly(experiments: list[Experiment]) -> None:
    assert verdict(0, outcomes_of(experiments, {})) == "holds"
    weak = [("sparse", "rbp, 8 wires"), ("sparse", "srbp, 8 wires"), ("rules", "rbp"), ("rules", "srbp")]
    assert verdict(0, outcomes_of(experiments, dict.fromkeys(weak, 95.5))) == "holds partly"
    assert verdict(1, outcomes_of(experiments, dict.fromkeys(weak, 95.5))) == "holds"
    assert verdict(1, outcomes_of(experiments, dict.fromkeys(weak, 90.0))) == "holds partly"
    assert verdict(0, outcomes_of(experiments, {("rules", "bp"): 99.0})) == "does not hold here"


def test_the_derivative(experiments: list[Experiment]) -> None:
    without = [("derivative", f"{rule}, without f′") for rule in ("bp", "rbp", "srbp", "asrbp")]
    assert verdict(2, outcomes_of(experiments, dict.fromkeys(without, 95.0))) == "holds"
    assert verdict(2, outcomes_of(experiments, dict.fromkeys(without[:2], 95.0))) == "holds partly"
    assert verdict(2, outcomes_of(experiments, {})) == "does not hold here"


def test_few_bits_from_the_table(experiments: list[Experiment]) -> None:
    few = {("error-bits", "srbp, 1 exponent"): 50.0, ("error-bits", "srbp, 2 exponents"): 90.0}
    judgement = CLAIMS[3].judge(outcomes_of(experiments, few), "best")
    assert (judgement.verdict, judgement.note) == ("holds", "3 exponents, 3 bits on the wire, and more are enough")


def test_every_claim_can_be_judged_and_refers_to_variants_that_exist(experiments: list[Experiment]) -> None:
    outcomes = outcomes_of(experiments, {})
    for claim in CLAIMS:
        assert claim.judge(outcomes, "best").comparisons
