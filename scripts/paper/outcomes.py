"""The table of runs, read as the accuracies of each variant at its own learning rate."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scripts.paper.experiments import Experiment, Variant

TUNING, BEST, CODED = "tuning", "best", "coded"

GUESSING = 10.0
"""Accuracy in % that a run counts with whose weights diverged: that of a guess among ten classes."""

CHANCE = GUESSING + 2.0
"""Accuracy in % up to which a run has learned nothing: a network that names one class always is right this often."""


@dataclass(frozen=True)
class Outcome:
    """Results of a variant. Accuracies are in %.

    Attributes:
        experiment, label: which variant.
        tuning: learning rate -> accuracy on the validation set, one run each; empty where there was one rate only.
        rate: its own best learning rate of the grid, or the only one.
        accuracies: test accuracy of each seed, at this rate.
        trained: accuracy of each seed on the training images during the last epoch; NaN where it was not recorded.
        diverged: how many of these runs diverged.
        bits: learning bits per update; NaN where all runs diverged.
        entropy: the entropy of what they say, in bits per update; NaN too where values are floats.
        coded: learning bits per update in the arithmetic code, of one seed; NaN where there is no such run.
    """

    experiment: str
    label: str
    tuning: Mapping[float, float]
    rate: float
    accuracies: NDArray[np.float64]
    trained: NDArray[np.float64]
    diverged: int
    bits: float
    entropy: float
    coded: float = math.nan

    @property
    def mean(self) -> float:
        """Mean test accuracy of the seeds."""
        return float(self.accuracies.mean())

    @property
    def at_edge(self) -> bool:
        """Whether the best rate is the first or last of a grid, so that a better one may lie outside."""
        return bool(self.tuning) and not self.at_chance and self.rate in (min(self.tuning), max(self.tuning))

    @property
    def at_chance(self) -> bool:
        """Whether nothing was learned at any rate of a grid, so that none of them is the best."""
        return bool(self.tuning) and not any(accuracy > CHANCE for accuracy in self.tuning.values())


class NotRun(LookupError):
    """A variant has no results yet."""


class Outcomes:
    """All variants that have results, by experiment and label; `missing` names the experiments that lack some."""

    def __init__(self, outcomes: Iterable[Outcome], missing: Collection[str] = ()) -> None:
        self._by_name = {(outcome.experiment, outcome.label): outcome for outcome in outcomes}
        self._missing = frozenset(missing)

    def __call__(self, experiment: str, label: str) -> Outcome:
        """Raises NotRun if there is none."""
        try:
            return self._by_name[experiment, label]
        except KeyError:
            raise NotRun(f"{experiment}: {label}") from None

    def has(self, experiment: str, label: str) -> bool:
        """Whether the variant has results."""
        return (experiment, label) in self._by_name

    def found(self, experiment: Experiment) -> list[tuple[Variant, Outcome]]:
        """The variants of an experiment that have results, in its order, with these."""
        return [
            (variant, self(experiment.name, variant.label))
            for variant in experiment.variants
            if self.has(experiment.name, variant.label)
        ]

    def of(self, experiment: str) -> list[Outcome]:
        """The variants of an experiment, in its order; raises NotRun if one of them has no results."""
        if experiment in self._missing:
            raise NotRun(experiment)
        return self.so_far(experiment)

    def so_far(self, experiment: str) -> list[Outcome]:
        """The variants of an experiment that have results, in its order."""
        return [outcome for outcome in self._by_name.values() if outcome.experiment == experiment]


def best_rate(tuning: Mapping[float, float]) -> float:
    """The learning rate with the highest validation accuracy; the smallest of equals. NaN is one that diverged."""
    return max(sorted(tuning), key=lambda rate: -1.0 if np.isnan(tuning[rate]) else tuning[rate])


def tuned(points: pd.DataFrame) -> dict[float, float]:
    """Learning rate -> validation accuracy in %, from a variant's tuning runs; NaN for one that diverged."""
    accuracy = points["validation_accuracy"].where(points["status"] == "done") * 100
    return dict(zip(points["rate"], accuracy, strict=True))


def gather(experiments: Iterable[Experiment], points: pd.DataFrame) -> Outcomes:
    """Outcomes of the variants from the table of runs; those without a run that counts are left out.

    `points` has one row per run, with the columns experiment, variant, phase (tuning, best or coded), rate, seed,
    status, test_accuracy, validation_accuracy, train_accuracy (shares), learning_bits and updates. A run with another
    status than done counts as guessing. Raises RuntimeError where a run in the arithmetic code learned something else
    than the one in words with its seed.
    """
    found, missing = [], []
    groups = dict(tuple(points.groupby(["experiment", "variant"], sort=False)))
    for experiment in experiments:
        for variant in experiment.variants:
            rows = groups.get((experiment.name, variant.label), points[:0])
            counting = rows[rows["phase"] == BEST].sort_values("seed")
            if not len(counting):
                missing.append(experiment.name)
                continue
            found.append(
                Outcome(
                    experiment.name,
                    variant.label,
                    tuned(rows[rows["phase"] == TUNING]),
                    float(counting["rate"].iloc[0]),
                    _accuracies(counting, "test_accuracy"),
                    _accuracies(counting, "train_accuracy"),
                    int((counting["status"] != "done").sum()),
                    _per_update(counting, "learning_bits"),
                    _per_update(counting, "learning_entropy"),
                    _coded(rows, counting),
                )
            )
    return Outcomes(found, missing)


def _accuracies(rows: pd.DataFrame, column: str) -> NDArray[np.float64]:
    return (
        (100 * rows.get(column, rows["test_accuracy"] * math.nan))
        .where(rows["status"] == "done", GUESSING)
        .to_numpy(np.float64)
    )


def _coded(rows: pd.DataFrame, counting: pd.DataFrame) -> float:
    coded = rows[rows["phase"] == CODED]
    learned = ["test_accuracy", "train_accuracy", "updates"]
    for _, run in coded.iterrows():
        same = counting[counting["seed"] == run["seed"]].iloc[0]
        if not run[learned].equals(same[learned]):
            raise RuntimeError(f"{run['experiment']}, {run['variant']}: another code changed what is learned")
    return _per_update(coded, "learning_bits")


def _per_update(rows: pd.DataFrame, column: str) -> float:
    done = rows[rows["status"] == "done"]
    return float((done[column] / done["updates"]).mean()) if column in rows and len(done) else math.nan
