"""Made-up runs of the experiments of scenarios/paper: every accuracy is what a test says, with some noise."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from scripts.paper.experiments import EXPONENTS, Experiment
from scripts.paper.outcomes import Outcomes, gather
from scripts.paper.record import Record

ROOT = Path(__file__).parents[2]
SCENARIOS = ROOT / "scenarios" / "paper"
NOISE = np.array([-0.05, 0.0, 0.02, 0.08, -0.05])

RECORD = Record(
    command="make paper", whole="make paper", epochs=6, tuning_epochs=3, seeds=5, train=None, workers=2, wall_s=1400.0,
    sittings=1, runs=900, run_s=2600.0, machine="a machine", software="some versions", date="2024-02-29",
)  # fmt: skip

CIFAR10_RECORD = replace(RECORD, command="make paper-cifar", epochs=3, seeds=3, tuning_epochs=1, tuning_train=20_000)


def table_of_runs(
    experiments: list[Experiment],
    accuracy: Mapping[tuple[str, str], float],
) -> pd.DataFrame:
    """Runs in which every variant has the accuracy (%) of its (experiment, label), 97 if not named, with some noise."""
    rows: list[dict[str, Any]] = []
    for experiment in experiments:
        for variant in experiment.variants:
            value = accuracy.get((experiment.name, variant.label), 97.0)
            common = {"experiment": experiment.name, "variant": variant.label, "status": "done", "updates": 100}
            common |= {"learning_bits": 32_000, "wall_time_s": 1.0, "train_accuracy": 0.98, "learning_entropy": 2e4}
            own = experiment.scenario.training.learning_rate
            for rate in experiment.rates if experiment.is_tuned else ():
                found = {"validation_accuracy": 0.97 - abs(rate - own) / 100}
                rows.append(common | found | {"phase": "tuning", "rate": rate, "seed": 0, "test_accuracy": math.nan})
            if experiment.axis == EXPONENTS:
                found = {"rate": own, "seed": experiment.seeds[0], "test_accuracy": (value + NOISE[0]) / 100}
                more = {"phase": "coded", "validation_accuracy": math.nan, "learning_bits": 24_000}
                rows.append(common | found | more)
            for seed, noise in zip(experiment.seeds, NOISE, strict=True):
                found = {"rate": own, "seed": seed, "test_accuracy": (value + noise) / 100}
                rows.append(common | found | {"phase": "best", "validation_accuracy": math.nan})
    return pd.DataFrame(rows)


def outcomes_of(experiments: list[Experiment], accuracy: Mapping[tuple[str, str], float]) -> Outcomes:
    """As `gather` of such a table, which is made once for some experiments, as it takes long."""
    key = tuple(experiment.name for experiment in experiments)
    if key not in _gathered:
        _gathered[key] = gather(experiments, table_of_runs(experiments, {}))
    found = [outcome for experiment in experiments for outcome in _gathered[key].of(experiment.name)]
    return Outcomes(replace(one, accuracies=accuracy.get((one.experiment, one.label), 97.0) + NOISE) for one in found)


_gathered: dict[tuple[str, ...], Outcomes] = {}


def cifar10_outcomes(experiments: list[Experiment], accuracy: Mapping[str, float]) -> Outcomes:
    named = {("rules", label): value for label, value in accuracy.items()}
    return gather(experiments, table_of_runs(experiments, named))
