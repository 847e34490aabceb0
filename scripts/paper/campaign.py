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
from channelsim.sweeps import Silent
from scripts.paper.experiments import RATE, SEED, Experiment, Variant
from scripts.paper.outcomes import BEST, COMMON, TUNING, best_rate, tuned

EPOCHS = "training.epochs"
TRAIN = "data.train"

# What estimates of the time rest on: seconds to show 1,000 images, the mean of the variants; and those around a run,
# for preparing images, measuring accuracies and writing the trace.
_SHOW_S = {"mnist": 0.008, "cifar10": 0.66}
_ONLINE_S = 0.022
_AROUND_S = {"mnist": 0.8, "cifar10": 9.0}


@dataclass(frozen=True)
class Cut:
    """How much is run.

    Attributes:
        epochs, tuning_epochs: of the runs that count, and of those that choose learning rates.
        seeds: so many of each experiment's seeds.
        train: so many training images, those to validate on included; None: all.
        tuning_train: the same for the runs that choose learning rates, if it is another number.
        common: whether each variant is run at the common learning rate too.
    """

    epochs: int
    tuning_epochs: int
    seeds: int
    train: int | None = None
    tuning_train: int | None = None
    common: bool = True

    def images(self, phase: str) -> int | None:
        """So many training images, those to validate on included, in a phase's runs; None: all."""
        return self.tuning_train or self.train if phase == TUNING else self.train


@dataclass(frozen=True)
class Run:
    """One run: a row of the table. `phase` is tuning, common (the common learning rate) or best (the variant's own);
    `train` is the number of training images, None for all."""

    phase: str
    variant: Variant
    rate: float
    seed: int
    epochs: int
    train: int | None

    @property
    def values(self) -> dict[str, Any]:
        """Swept key -> value."""
        rest = {RATE: self.rate, SEED: self.seed, EPOCHS: self.epochs, TRAIN: self.train or "none"}
        return {**self.variant.values, **rest}


def tuning_runs(experiment: Experiment, cut: Cut) -> list[Run]:
    """Each variant at each learning rate of the grid, with the seed of tuning."""
    seed = experiment.scenario.seed
    return [
        Run(TUNING, variant, rate, seed, cut.tuning_epochs, cut.images(TUNING))
        for variant in experiment.variants
        for rate in experiment.rates
    ]


def counting_runs(experiment: Experiment, cut: Cut, tuning: pd.DataFrame) -> list[Run]:
    """Each variant with each seed, at the best learning rate by the rows of its tuning runs and, unless the cut leaves
    that out, at the common one."""
    groups = dict(tuple(tuning.groupby("variant")))
    found = []
    for variant in experiment.variants:
        rates = {COMMON: experiment.common_rate} if cut.common else {}
        rates[BEST] = best_rate(tuned(groups[variant.label]))
        found += [
            Run(phase, variant, rate, seed, cut.epochs, cut.images(phase))
            for phase, rate in rates.items()
            for seed in experiment.seeds[: cut.seeds]
        ]
    return found


def estimate(experiments: Sequence[Experiment], cut: Cut, workers: int) -> tuple[int, float]:
    """At most how many runs there will be, and about how many seconds they take on so many workers."""
    runs, seconds = 0, 0.0
    for experiment in experiments:
        name = experiment.scenario.data.name
        show = (_ONLINE_S if experiment.scenario.training.batch == 1 else _SHOW_S[name]) / 1000
        tuning = len(experiment.variants) * len(experiment.rates)
        counting = len(experiment.variants) * min(cut.seeds, len(experiment.seeds))
        runs += tuning + (2 if cut.common else 1) * counting
        for number, epochs, phase in ((tuning, cut.tuning_epochs, TUNING), (counting, cut.epochs, BEST)):
            # The best rate is the common one about four times in ten, and the runs are then the same.
            times = 1.6 if cut.common and phase == BEST else 1.0
            shown = epochs * ((cut.images(phase) or experiment.images) - experiment.scenario.data.validation)
            seconds += times * number * (shown * show + _AROUND_S[name])
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
            tables.append(_runs(experiment, tuning_runs(experiment, cut), folder, scheduler, progress))
        for experiment, tuning in zip(experiments, list(tables), strict=True):
            runs = counting_runs(experiment, cut, tuning)
            tables.append(_runs(experiment, runs, folder, scheduler, progress))
    return pd.concat(tables, ignore_index=True)


def _runs(experiment: Experiment, runs: list[Run], folder: Path, scheduler: str, progress: Progress) -> pd.DataFrame:
    """A sweep over these runs, which go together key by key; its rows, in the order of the runs."""
    keys = list(runs[0].values)
    grid = {key: [run.values[key] for run in runs] for key in keys}
    base = experiment.scenario.with_({"sweep": {}})
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
        silence_logs=logging.CRITICAL,  # the sweeps report what matters to a user
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
