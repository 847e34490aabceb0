"""Verdicts, and the claims on MNIST on made-up numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest

from scripts.paper import claims
from scripts.paper.claims import Comparison
from scripts.paper.experiments import Experiment
from scripts.paper.mnist import CLAIMS, enough_bits
from scripts.paper.outcomes import Outcome, Outcomes, gather
from scripts.paper.statistics import Interval
from scripts.paper.studies import STUDIES, Study
from tests.paper.made_up import SCENARIOS, outcomes_of, table_of_runs


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
        ("nnyyyy", "holds", "3 exponents, words of 3 bits, and more"),
        ("yyyyyy", "holds", "1 exponent, words of 1 bit, and more"),
        ("nnnnny", "holds", "6 exponents, words of 4 bits, and more"),
        ("yyynyy", "holds", "5 exponents, words of 4 bits, and more"),
        ("nnnnnnnny", "holds partly", "9 exponents, words of 5 bits, and more"),
        ("nnnnnn", "does not hold here", "not even 6 exponents, words of 4 bits"),
        ("nnnnno", "open", "not even 6 exponents, words of 4 bits"),
    ],
)
def test_how_few_bits_are_enough(answers: str, verdict: str, note: str) -> None:
    judgement = enough_bits(range(1, len(answers) + 1), comparisons(answers))
    assert judgement.verdict == verdict
    assert note in judgement.note


def verdict(number: int, outcomes: Outcomes) -> str:
    return CLAIMS[number].judge(outcomes).verdict


@pytest.mark.parametrize(
    ("accuracies", "reached", "below"),
    [((91.0, 92.0, 93.0), "open", "open"), ((92.0, 92.1, 92.2), "yes", "no"), ((89.0, 91.0), "open", "open"),
     ((80.0, 80.5), "no", "yes"), ((95.0,), "open", "open"), ((90.0, 90.0), "no", "no")],
)  # fmt: skip
def test_an_accuracy_is_reached_or_stays_below(accuracies: tuple[float, ...], reached: str, below: str) -> None:
    values = np.array(accuracies)
    outcome = Outcome("rules", "srbp", {}, 0.1, values, values, diverged=0, bits=32.0, entropy=math.nan)
    (above,) = claims.reaches(90.0, [outcome])
    (under,) = claims.stays_below(90.0, [outcome])
    assert (above.answer, under.answer) == (reached, below)
    assert above.of == under.of == "accuracy"
    assert above.amount == under.amount
    assert above.amount.mean == pytest.approx(values.mean())


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
    judgement = CLAIMS[3].judge(outcomes_of(experiments, few))
    assert (judgement.verdict, judgement.note) == ("holds", "3 exponents, words of 3 bits, and more are enough")


@pytest.mark.parametrize("study", STUDIES, ids=lambda study: study.page)
def test_every_claim_of_a_study_can_be_judged_once_all_is_run(study: Study) -> None:
    experiments = study.experiments(SCENARIOS)
    outcomes = gather(experiments, table_of_runs(experiments, {}))
    for claim in study.claims:
        assert claim.compare(outcomes).comparisons


@pytest.mark.parametrize(
    ("low", "high", "answer"),
    [(-0.5, 0.5, "yes"), (0.9, 1.1, "open"), (-1.1, 0.0, "open"), (1.0, 2.0, "no"), (-3.0, -1.0, "no")],
)
def test_alike_is_on_both_sides(low: float, high: float, answer: str) -> None:
    assert claims.within(1.0, Interval((low + high) / 2, low, high)) == answer


@pytest.mark.parametrize(
    ("answers", "expected"),
    [("ynn", "holds"), ("ynnn", "holds partly"), ("non", "open"), ("nnn", "does not hold here")],
)
def test_often_is_a_third_of_the_time(answers: str, expected: str) -> None:
    assert claims.often(comparisons(answers)) == expected


def _srbp(experiment: str, *labels: str) -> list[tuple[str, str]]:
    return [(experiment, f"srbp, {label}") for label in labels]


@pytest.mark.parametrize(
    ("statement", "accuracy", "expected"),
    [
        ("Skipped is slightly", {("rules", "rbp"): 96.0}, "holds"),
        ("Skipped is slightly", {("rules", "rbp"): 94.0}, "holds partly"),
        ("Skipped is slightly", {("rules", "rbp"): 98.0}, "holds partly"),
        ("“Very deep", {}, "holds"),
        ("“Very deep", dict.fromkeys(_srbp("depth", "30 hidden layers"), 90.0), "holds partly"),
        ("A layer h", {}, "open"),
        ("A layer h", dict.fromkeys(_srbp("frozen", "layer 2 frozen", "layer 4 frozen"), 90.0), "holds"),
        ("bp, rbp and srbp are robust", {}, "holds"),
        ("bp, rbp and srbp are robust", {("dropout", "bp, 50% lost"): 94.0}, "holds partly"),
        ("With fewer bits per error", {}, "holds"),
        ("With fewer bits per error", {("error-bits-paper", "bp, 1 exponent"): 91.0}, "holds partly"),
        ("With 10 bits", {}, "holds"),
        ("With 10 bits", {("error-bits-paper", "rbp, 10 exponents"): 96.0}, "holds partly"),
        ("With 10 bits", {("error-bits-paper", "rbp, 10 exponents"): 98.0}, "holds partly"),
        ("“Even very low", {}, "holds"),
        ("“Even very low", {("update-bits-paper", "srbp, 1 exponent"): 89.0}, "holds partly"),
        ("With low-precision updates", {("update-bits-paper", "rbp, 3 exponents"): 94.0}, "holds partly"),
        ("With C drawn anew", {}, "holds"),
        ("With C drawn anew", {("rules", "top"): 80.0}, "does not hold here"),
        ("With the signs of W", {}, "holds"),
        ("With C of non-zero mean", {("mean", "rbp, C of mean 0.1"): 99.0}, "holds partly"),
        ("With only the sign", {("rules", "top"): 85.0, ("update-signs", "srbp, signs of updates"): 95.0}, "holds"),
        (
            "With only the sign",
            {("rules", "top"): 85.0, ("update-signs", "srbp, signs of updates"): 98.0},
            "holds partly",
        ),
        ("Only the absolute", {}, "does not hold here"),
        ("Only the absolute", {("update-signs", "srbp, sizes of updates"): 12.0}, "holds"),
        ("A different random weight", {("per-synapse", "srbp, C per synapse"): 12.0}, "holds"),
        ("Backpropagation may skip", {}, "holds"),
        ("Several C", {("copies", "srbp, 5 C averaged"): 99.0}, "holds partly"),
        ("With weight decay", {("weight-decay", "arbp, weight decay 0.001"): 96.0}, "holds partly"),
        ("Congruent", {}, "open"),
        ("Congruent", {("congruent", f"{rule}, congruent"): 98.0 for rule in ("rbp", "srbp")}, "holds"),
        ("Random feedback learns with other", {("transfers", "srbp, relu"): 90.0}, "holds partly"),
    ],
)
def test_verdicts_on_mnist(
    experiments: list[Experiment], statement: str, accuracy: dict[tuple[str, str], float], expected: str
) -> None:
    (claim,) = (claim for claim in CLAIMS if claim.statement.startswith(statement))
    assert claim.judge(outcomes_of(experiments, accuracy)).verdict == expected
