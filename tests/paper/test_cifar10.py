"""The claims on CIFAR-10 on made-up numbers."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from scripts.paper.cifar10 import CLAIMS, CLOSE, LITTLE, MATTERS, OF_THE_RULES, WORST
from scripts.paper.experiments import Experiment
from scripts.paper.studies import CIFAR10_NIGHT
from tests.paper.made_up import SCENARIOS, cifar10_outcomes


@pytest.mark.parametrize(
    ("number", "accuracy", "expected"),
    [
        (0, {}, "holds"),
        (0, {"rbp": 90.0}, "holds"),
        (0, {"rbp": 90.0, "srbp": 90.0}, "holds partly"),
        (0, {"bp": 99.0, "rbp": 90.0, "srbp": 90.0, "asrbp": 90.0}, "does not hold here"),
        (1, {"rbp": 90.0, "srbp": 90.0}, "holds"),
        (1, {"rbp": 85.0, "srbp": 85.0}, "holds partly"),
        (2, {}, "does not hold here"),
        (2, {"srbp, without f′": 95.0}, "holds"),
        (3, {}, "holds"),
        (3, {"srbp, 3 bits": 94.0}, "does not hold here"),
        (4, {}, "open"),
        (4, {"top": 90.0}, "holds"),
        (4, {"bp": 99.0}, "holds partly"),
        (4, {"top": 99.0}, "does not hold here"),
        (5, {"srbp": 93.0}, "holds"),
        (5, {"srbp": 90.0}, "does not hold here"),
        (6, {"asrbp": 98.0}, "holds"),
        (6, {"asrbp": 96.0}, "does not hold here"),
        (7, {}, "holds"),
        (7, {"srbp, 2 wires": 94.0}, "does not hold here"),
    ],
)
def test_verdicts_on_cifar10(
    convolutional: list[Experiment], number: int, accuracy: Mapping[str, float], expected: str
) -> None:
    judgement = CLAIMS[number].judge(cifar10_outcomes(convolutional, accuracy))
    assert judgement.verdict == expected, judgement


@pytest.mark.parametrize(
    ("number", "labels", "margin", "less", "more"),
    [
        (0, ("rbp", "srbp", "asrbp"), CLOSE, "holds", "does not hold here"),
        (1, ("rbp", "srbp", "asrbp"), WORST, "holds", "does not hold here"),
        (2, ("srbp, without f′",), MATTERS, "does not hold here", "holds"),
        (3, ("srbp, 3 bits",), LITTLE, "holds", "does not hold here"),
        (5, ("srbp",), CLOSE, "holds", "does not hold here"),
        (7, ("srbp, 2 wires",), LITTLE, "holds", "does not hold here"),
    ],
)
def test_each_claim_goes_by_its_margin(
    convolutional: list[Experiment], number: int, labels: tuple[str, ...], margin: float, less: str, more: str
) -> None:
    """A little less and a little more than the margin behind the others: more than intervals and noise, together."""
    for lost, expected in ((margin - 0.3, less), (margin + 0.3, more)):
        accuracy = dict.fromkeys(labels, 97.0 - lost)
        assert CLAIMS[number].judge(cifar10_outcomes(convolutional, accuracy)).verdict == expected


@pytest.mark.parametrize(
    ("number", "accuracy", "expected"),
    [
        (0, {"arbp": 90.0, "rbp": 90.0}, "holds partly"),
        (0, {"arbp": 90.0}, "holds"),
        (1, {"arbp": 80.0, "rbp": 80.0}, "holds partly"),
        (2, {"top": 90.0}, "holds"),
        (2, {"top": 90.0, "arbp": 89.0}, "holds partly"),
        (3, {"srbp": 90.0}, "does not hold here"),
        (4, {"asrbp": 98.0, "arbp": 98.0}, "holds"),
        (4, {"asrbp": 98.0}, "holds partly"),
        (4, {"arbp": 98.0}, "holds partly"),
    ],
)
def test_verdicts_on_the_papers_network(number: int, accuracy: Mapping[str, float], expected: str) -> None:
    experiments = CIFAR10_NIGHT.experiments(SCENARIOS)
    judgement = OF_THE_RULES[number].judge(cifar10_outcomes(experiments, accuracy))
    assert judgement.verdict == expected, judgement
