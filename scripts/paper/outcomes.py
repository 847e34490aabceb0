"""The table of runs, read as the accuracies of each variant: at the common learning rate and at its own best."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scripts.paper.experiments import Experiment

TUNING, COMMON, BEST = "tuning", "common", "best"
Rate = Literal["common", "best"]
_RATES: tuple[Rate, ...] = ("common", "best")

GUESSING = 10.0
"""Accuracy in % that a run counts with whose weights diverged: that of a guess among ten classes."""


@dataclass(frozen=True)
class Outcome:
    """Results of a variant. Accuracies are in %.

    Attributes:
        experiment, label: which variant.
        tuning: learning rate -> accuracy on the validation set, one run each.
        rate: its own best learning rate of the grid.
        accuracies: test accuracy of each seed, at the best rate and, if that was run, at the common one.
        diverged: how many of these runs diverged, at each rate.
        bits: learning bits per update, at the best rate; NaN where all runs diverged.
    """

    experiment: str
    label: str
    tuning: Mapping[float, float]
    rate: float
    accuracies: Mapping[Rate, NDArray[np.float64]]
    diverged: Mapping[Rate, int]
    bits: float

    @property
    def at_edge(self) -> bool:
        """Whether the best rate is the first or last of the grid, so that a better one may lie outside."""
        return self.rate in (min(self.tuning), max(self.tuning))


class Outcomes:
    """All variants, by experiment and label."""

    def __init__(self, outcomes: Iterable[Outcome]) -> None:
        self._by_name = {(outcome.experiment, outcome.label): outcome for outcome in outcomes}

    def __call__(self, experiment: str, label: str) -> Outcome:
        return self._by_name[experiment, label]

    def of(self, experiment: str) -> list[Outcome]:
        """The variants of an experiment, in its order."""
        return [outcome for outcome in self._by_name.values() if outcome.experiment == experiment]

    @property
    def rates(self) -> tuple[Rate, ...]:
        """At which learning rates the variants were run: each at its own best and, if that was run, at the common."""
        outcome = next(iter(self._by_name.values()))
        return ("best", "common") if "common" in outcome.accuracies else ("best",)


def best_rate(tuning: Mapping[float, float]) -> float:
    """The learning rate with the highest validation accuracy; the smallest of equals. NaN is one that diverged."""
    return max(sorted(tuning), key=lambda rate: -1.0 if np.isnan(tuning[rate]) else tuning[rate])


def tuned(points: pd.DataFrame) -> dict[float, float]:
    """Learning rate -> validation accuracy in %, from a variant's tuning runs; NaN for one that diverged."""
    accuracy = points["validation_accuracy"].where(points["status"] == "done") * 100
    return dict(zip(points["rate"], accuracy, strict=True))


def gather(experiments: Iterable[Experiment], points: pd.DataFrame) -> Outcomes:
    """Outcomes of all variants from the table of runs.

    `points` has one row per run, with the columns experiment, variant, phase (tuning, common or best), rate, seed,
    status, test_accuracy, validation_accuracy (shares), learning_bits and updates. A run with another status
    than done counts as guessing.
    """
    found = []
    groups = dict(tuple(points.groupby(["experiment", "variant"], sort=False)))
    for experiment in experiments:
        for variant in experiment.variants:
            rows = groups[experiment.name, variant.label]
            phases = {phase: rows[rows["phase"] == phase].sort_values("seed") for phase in (TUNING, COMMON, BEST)}
            tuning = tuned(phases[TUNING])
            run: list[Rate] = [rate for rate in _RATES if len(phases[rate])]
            found.append(
                Outcome(
                    experiment.name,
                    variant.label,
                    tuning,
                    best_rate(tuning),
                    {rate: _accuracies(phases[rate]) for rate in run},
                    {rate: _diverged(phases[rate]) for rate in run},
                    _bits(phases[BEST]),
                )
            )
    return Outcomes(found)


def _accuracies(rows: pd.DataFrame) -> NDArray[np.float64]:
    return (100 * rows["test_accuracy"]).where(rows["status"] == "done", GUESSING).to_numpy(np.float64)


def _diverged(rows: pd.DataFrame) -> int:
    return int((rows["status"] != "done").sum())


def _bits(rows: pd.DataFrame) -> float:
    done = rows[rows["status"] == "done"]
    return float((done["learning_bits"] / done["updates"]).mean()) if len(done) else float("nan")
