"""Everything that a result depends on, part by part, as digests. Runs of one version with equal inputs are equal."""

from __future__ import annotations

from collections.abc import Mapping

from channelsim.data import Dataset
from channelsim.scenario import Scenario

Inputs = Mapping[str, str]
"""Part -> what it is, a colon and its digest; or the digest alone."""


def inputs(scenario: Scenario, dataset: Dataset) -> dict[str, str]:
    """The parts of a run: the scenario with its model, and the arrays of its data.

    Whatever else a result comes to depend on (weights that are given, parts of a user's own) is a part here, and so
    in the trace and in what `--resume` compares.
    """
    return {"scenario": scenario.digest(), **dataset.digests}


def changes(then: Inputs, now: Inputs) -> str:
    """What is no longer as it was, in words; empty if nothing has changed."""
    return "; ".join(_change(part, then.get(part, ""), now.get(part, "")) for part in _differing(then, now))


def _differing(then: Inputs, now: Inputs) -> list[str]:
    """Parts with other digests. What they are said to be may differ: float64 of the same values, say."""
    return [part for part in {**then, **now} if _digest(then.get(part, "")) != _digest(now.get(part, ""))]


def _digest(text: str) -> str:
    return text.rpartition(": ")[2]


def _change(part: str, then: str, now: str) -> str:
    was, is_now = then.rpartition(": ")[0], now.rpartition(": ")[0]
    if not then or not now:
        return f"{part} was {'not ' if not then else ''}there"
    return f"{part} was {was}, now it is {is_now}" if was != is_now else f"{part} has other values"
