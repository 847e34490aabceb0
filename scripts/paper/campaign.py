"""Makes the runs: sweeps that choose learning rates, then sweeps of the runs that count, and one table of them all."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

import channelsim as cs
from channelsim.sweep import Silent
from scripts.paper.experiments import RATE, SEED, Experiment, Variant
from scripts.paper.outcomes import BEST, COMMON, TUNING, best_rate, tuned

EPOCHS = "training.epochs"
TRAIN = "data.train"

# What estimates of the time rest on, measured on a core that does nothing else: the seconds of an epoch of 55,000
# images, and those around a run for preparing images and writing the trace.
_EPOCH_S, _ONLINE_EPOCH_S, _AROUND_S = 0.45, 1.2, 0.8
_IMAGES = 60_000


@dataclass(frozen=True)
class Cut:
    """How much is run.

    Attributes:
        epochs, tuning_epochs: of the runs that count, and of those that choose learning rates.
        seeds: so many of each experiment's seeds.
        train: so many training images, those to validate on included; None: all.
    """

    epochs: int
    tuning_epochs: int
    seeds: int
    train: int | None = None


@dataclass(frozen=True)
class Run:
    """One run: a row of the table. `phase` is tuning, common (the common learning rate) or best (the variant's own)."""

    phase: str
    variant: Variant
    rate: float
    seed: int
    epochs: int

    @property
    def values(self) -> dict[str, Any]:
        """Swept key -> value."""
        return {**self.variant.values, RATE: self.rate, SEED: self.seed, EPOCHS: self.epochs}


def tuning_runs(experiment: Experiment, cut: Cut) -> list[Run]:
    """Each variant at each learning rate of the grid, with the seed of tuning."""
    seed = experiment.scenario.seed
    return [
        Run(TUNING, variant, rate, seed, cut.tuning_epochs)
        for variant in experiment.variants
        for rate in experiment.rates
    ]


def counting_runs(experiment: Experiment, cut: Cut, tuning: pd.DataFrame) -> list[Run]:
    """Each variant with each seed, at the common learning rate and at the best one by the rows of its tuning runs."""
    groups = dict(tuple(tuning.groupby("variant")))
    found = []
    for variant in experiment.variants:
        rates = {COMMON: experiment.common_rate, BEST: best_rate(tuned(groups[variant.label]))}
        found += [
            Run(phase, variant, rate, seed, cut.epochs)
            for phase, rate in rates.items()
            for seed in experiment.seeds[: cut.seeds]
        ]
    return found


def estimate(experiments: Sequence[Experiment], cut: Cut, workers: int) -> tuple[int, float]:
    """At most how many runs there will be, and about how many seconds they take on so many workers."""
    runs, seconds = 0, 0.0
    share = (cut.train or _IMAGES) / _IMAGES
    for experiment in experiments:
        epoch = share * (_ONLINE_EPOCH_S if experiment.scenario.training.batch == 1 else _EPOCH_S)
        tuning = len(experiment.variants) * len(experiment.rates)
        counting = len(experiment.variants) * 2 * min(cut.seeds, len(experiment.seeds))
        runs += tuning + counting
        # The best rate is the common one about four times in ten, and the runs are then the same.
        seconds += tuning * (cut.tuning_epochs * epoch + _AROUND_S)
        seconds += 0.8 * counting * (cut.epochs * epoch + _AROUND_S)
    return runs, seconds / workers


def carry_out(
    experiments: Sequence[Experiment], cut: Cut, folder: Path, workers: int, progress: Progress
) -> pd.DataFrame:
    """Makes the runs that are not there yet, in a sweep's directory an experiment; returns the table of all of them.

    The table has a row a run, with the columns that `outcomes.gather` wants. Raises what `channelsim.sweep` raises, and
    RuntimeError if a run failed for another reason than that its weights diverged.
    """
    tables = []
    with _cluster(workers) as scheduler:
        for experiment in experiments:
            tables.append(_runs(experiment, cut, tuning_runs(experiment, cut), folder, scheduler, progress))
        for experiment, tuning in zip(experiments, list(tables), strict=True):
            runs = counting_runs(experiment, cut, tuning)
            tables.append(_runs(experiment, cut, runs, folder, scheduler, progress))
    return pd.concat(tables, ignore_index=True)


def _runs(
    experiment: Experiment, cut: Cut, runs: list[Run], folder: Path, scheduler: str, progress: Progress
) -> pd.DataFrame:
    """A sweep over these runs, which go together key by key; its rows, in the order of the runs."""
    keys = list(runs[0].values)
    grid = {key: [run.values[key] for run in runs] for key in keys}
    base = experiment.scenario.with_({TRAIN: cut.train or "none", "sweep": {}})
    progress.about = f"{experiment.name}, tuning" if runs[0].phase == TUNING else experiment.name
    made = cs.sweep(
        base.with_({"sweep": {**grid, "zip": [keys]}}),
        out=folder / experiment.name,
        scheduler=scheduler,
        progress=progress,
    ).set_index("point")
    rows = []
    for run in runs:
        point = made.loc[base.with_(run.values).digest()]
        if point["status"] != "done" and "finite" not in point["reason"]:
            raise RuntimeError(f"{experiment.name}, {run.variant.label}, seed {run.seed}: {point['reason']}")
        rows.append(
            {
                "experiment": experiment.name,
                "variant": run.variant.label,
                "phase": run.phase,
                "rate": run.rate,
                "seed": run.seed,
                "epochs": run.epochs,
                "status": "done" if point["status"] == "done" else "diverged",
                "test_accuracy": point["test_accuracy"],
                "validation_accuracy": point["validation_accuracy"],
                "learning_bits": point["learning_bits"],
                "updates": point["updates"],
                "wall_time_s": point["wall_time_s"],
                "point": point.name,
            }
        )
    return pd.DataFrame(rows)


@contextmanager
def _cluster(workers: int) -> Iterator[str]:
    """The address of a Dask scheduler with so many processes of one thread: for all sweeps, to start them once."""
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=workers, threads_per_worker=1, dashboard_address=":0", worker_dashboard_address=":0", memory_limit=0,
        silence_logs=logging.CRITICAL,  # the sweeps tell what a user should know
    ) as cluster:  # fmt: skip
        yield cluster.scheduler_address


class Progress(Silent):
    """A line every quarter of a minute, and one at the end of each sweep.

    Attributes:
        about: the sweep at hand.
        new: runs made so far in this sitting.
    """

    def __init__(self) -> None:
        self.about, self.new = "", 0
        self._points = 0
        self._began = self._told = time.monotonic()

    def start(self, name: str, points: int, done: int, workers: int) -> None:
        self._points = points

    def point(self, row: Mapping[str, Any], done: int, seconds_left: float) -> None:
        self.new += 1
        if time.monotonic() - self._told > 15:
            self._tell(f"{done} of {self._points}")

    def finish(self, done: int, failed: int) -> None:
        self._tell(f"{self._points} runs" + (f", {failed} failed" if failed else ""))

    def _tell(self, what: str) -> None:
        self._told = time.monotonic()
        print(f"{(self._told - self._began) / 60:6.1f} min  {self.about}: {what}", flush=True)
