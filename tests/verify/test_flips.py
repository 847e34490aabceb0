"""Values on a boundary of a quantizer may flip, as often as chance has it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from channelsim import tolerances
from channelsim.reference import layers
from channelsim.side_by_side import Comparison, compare
from tests.verify.comparisons import LOG2, data, plan


def test_many_flips_fail() -> None:
    few = Comparison(flips=5, values=10**6, expected_flips=10.0)
    many = replace(few, flips=25)
    assert few.passed and not many.passed
    rare = Comparison(flips=1, values=1000, expected_flips=0.01)
    assert rare.passed, "one flip among few values is chance"
    assert not replace(rare, flips=2).passed


def test_flips_in_a_run_are_survived(monkeypatch: pytest.MonkeyPatch) -> None:
    """With sums that differ by parts in 10^6, thousands of values and few boundaries: some flip, all is explained."""
    kind = layers.KINDS[layers.Kind.DENSE]

    def imprecise(*arguments: Any) -> torch.Tensor:
        s = kind.forward(*arguments)
        return s + 1e-6 * torch.sin(1e6 * s)

    monkeypatch.setitem(layers.KINDS, layers.Kind.DENSE, replace(kind, forward=imprecise))
    channels = {"forward": {"quantize": {"kind": "uniform", "bits": 12}}, "learning": {"quantize": LOG2}}
    result = compare(plan(learning={"rule": "bp"}, channels=channels), data(), 20)
    assert result.flips > 0
    assert result.disagreements == []
    assert max(result.max_weight_difference) <= tolerances.WEIGHTS
