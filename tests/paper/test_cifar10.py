"""The claims on CIFAR-10 on made-up numbers."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from scripts.paper.cifar10 import CLAIMS, CLOSE, LITTLE, MATTERS, WORST
from scripts.paper.experiments import Experiment
from tests.paper.made_up import cifar10_outcomes


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
