"""Makes the runs: sweeps that choose learning rates, then sweeps of the runs that count, and one table of them all."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

import channelsim as cs
from channelsim.sweeps import Silent
from scripts.paper import speed
from scripts.paper.experiments import EXPONENTS, RATE, SEED, Experiment, Variant
from scripts.paper.outcomes import BEST, CODED, TUNING, best_rate, tuned
from scripts.paper.speed import Speed

EPOCHS = "training.epochs"
TRAIN = "data.train"
ENCODING = "channels.learning.encoding"
PROBE = "probe"


@dataclass(frozen=True)
class Cut:
    """How much is run.

    Attributes:
        epochs, tuning_epochs: of the runs that count, and of those that choose learning rates.
        seeds: so many of each experiment's seeds.
        train: so many training images, those to validate on included; None: all.
        tuning_train: the same for the runs that choose learning rates, if it is another number.
        by_seed: whether all variants are run with one seed before any is with the next, so that what there is compares
            them all at any time.
        coded: whether errors of few exponents are sent once more in the arithmetic code, to count its bits.
    """

    epochs: int
    tuning_epochs: int
    seeds: int
    train: int | None = None
    tuning_train: int | None = None
    by_seed: bool = False
    coded: bool = False

    def images(self, phase: str) -> int | None:
        """So many training images, those to validate on included, in a phase's runs; None: all."""
        return self.tuning_train or self.train if phase == TUNING else self.train

    def shown(self, experiment: Experiment, phase: str) -> int:
        """So many images are shown in an epoch of a phase's runs."""
        return (self.images(phase) or experiment.images) - experiment.scenario.data.validation


@dataclass(frozen=True)
class Run:
    """One run: a row of the table. `phase` is tuning, best (the variant's own learning rate, the runs that count),
    coded (one of these with errors in the arithmetic code) or probe; `train` is the number of training images, None
    for all."""

    phase: str
    variant: Variant
    rate: float
    seed: int
    epochs: int
    train: int | None

    @property
    def values(self) -> dict[str, Any]:
        """Swept key -> value. The learning rate comes first: a variant may have others for single layers."""
        rest = {SEED: self.seed, EPOCHS: self.epochs, TRAIN: self.train or "none"}
        code = {ENCODING: "entropy"} if self.phase == CODED else {}
        return {RATE: self.rate, **self.variant.values, **rest, **code}


def tuning_runs(experiment: Experiment, cut: Cut) -> list[Run]:
    """Each variant at each learning rate of the grid, with the seed of tuning; none where there is one rate only."""
    if not experiment.is_tuned:
        return []
    seed = experiment.scenario.seed
    return [
        Run(TUNING, variant, rate, seed, cut.tuning_epochs, cut.images(TUNING))
        for variant in experiment.variants
        for rate in experiment.rates
    ]


def counting_runs(experiment: Experiment, cut: Cut, tuning: pd.DataFrame) -> list[Run]:
    """Each variant with each seed, at the best learning rate by the rows of its tuning runs, or at the only one."""
    groups = dict(tuple(tuning.groupby("variant"))) if len(tuning) else {}
    found = []
    for variant in experiment.variants:
        rate = best_rate(tuned(groups[variant.label])) if experiment.is_tuned else experiment.rates[0]
        found += [
            Run(BEST, variant, rate, seed, cut.epochs, cut.images(BEST)) for seed in experiment.seeds[: cut.seeds]
        ]
    return found


def coded_runs(experiment: Experiment, cut: Cut, counting: Sequence[Run]) -> list[Run]:
    """The first of each variant's runs that count, with errors in the arithmetic code: what is learned is the same."""
    if not _is_coded(experiment, cut):
        return []
    return [replace(run, phase=CODED) for run in counting if run.seed == counting[0].seed]


def _is_coded(experiment: Experiment, cut: Cut) -> bool:
    return cut.coded and experiment.axis == EXPONENTS


def estimate(experiments: Sequence[Experiment], cut: Cut, workers: int) -> tuple[int, float]:
    """How many runs there will be, and about how many seconds they take on so many workers."""
    runs, seconds = 0, 0.0
    for experiment in experiments:
        number = len(experiment.variants)
        pace = _pace(experiment.scenario)
        tuning = number * len(experiment.rates) if experiment.is_tuned else 0
        counting = number * min(cut.seeds, len(experiment.seeds))
        for times, epochs, phase in ((tuning, cut.tuning_epochs, TUNING), (counting, cut.epochs, BEST)):
            runs += times
            seconds += times * pace.seconds(epochs, cut.shown(experiment, phase))
        if _is_coded(experiment, cut):
            runs += number
            seconds += number * speed.CODED.seconds(cut.epochs, cut.shown(experiment, CODED))
    return runs, seconds / workers


def _pace(scenario: cs.Scenario) -> Speed:
    update = scenario.synapses.update
    if scenario.data.name == "cifar10":
        return speed.CIFAR10
    if update is not None and update.per == "sample":
        return speed.SAMPLED
    return speed.ONLINE if scenario.training.batch == 1 else speed.MNIST


Foretold = Mapping[tuple[str, str], float]
"""Experiment and variant by name -> about how many seconds one of its runs that count takes."""


def probed(experiments: Sequence[Experiment], cut: Cut, folder: Path, workers: int, progress: Progress) -> Foretold:
    """What runs of a campaign without tuning take: from short runs, one for each variant, made by so many workers at
    once on this machine. Variants whose weights diverge in it are not foretold: they soon do so, and take little."""
    paces: dict[tuple[str, str], tuple[Experiment, Speed]] = {}
    with _cluster(workers) as scheduler:
        for experiment in experiments:
            held_out, images = experiment.scenario.data.validation, _probe_images(experiment, cut)
            first, rate, seed = experiment.variants[0], experiment.rates[0], experiment.scenario.seed
            short = Run(PROBE, first, rate, seed, speed.EPOCHS, speed.FEW + held_out)
            long = [Run(PROBE, variant, rate, seed, speed.EPOCHS, images + held_out) for variant in experiment.variants]
            begin, *others = _made(experiment, [short, *long], folder, scheduler, progress)
            few = _ends(folder / experiment.name, begin)
            for variant, point in zip(experiment.variants, others, strict=True):
                if point["status"] == "done":
                    many = _ends(folder / experiment.name, point)
                    pace = speed.measured(few, many, point["wall_time_s"], images)
                    paces[experiment.name, variant.label] = experiment, pace
    # The first run of a worker also reads the data, which the others then have.
    run = min(pace.run for _, pace in paces.values())
    return {
        name: replace(pace, run=run).seconds(cut.epochs, cut.shown(experiment, BEST))
        for name, (experiment, pace) in paces.items()
    }


def in_all(foretold: Foretold, experiments: Sequence[Experiment], cut: Cut, workers: int) -> float:
    """About how many seconds all of these runs take on so many workers."""
    seeds = {experiment.name: min(cut.seeds, len(experiment.seeds)) for experiment in experiments}
    return sum(seeds[experiment] * seconds for (experiment, _), seconds in foretold.items()) / workers


def of_what_they_took(foretold: Foretold, table: pd.DataFrame) -> float | None:
    """What was foretold of the runs of a table, over what they took; None if nothing was."""
    pairs = [
        (foretold[experiment, variant], seconds)
        for experiment, variant, seconds in zip(
            table["experiment"], table["variant"], table["wall_time_s"], strict=True
        )
        if (experiment, variant) in foretold
    ]
    return sum(one for one, _ in pairs) / sum(took for _, took in pairs) if pairs else None


def _probe_images(experiment: Experiment, cut: Cut) -> int:
    """Images of each epoch that is measured: half a second of MNIST, a few seconds of CIFAR-10."""
    return min(cut.shown(experiment, BEST), 2_000 if experiment.scenario.data.name == "cifar10" else 60_000)


def carry_out(
    experiments: Sequence[Experiment],
    cut: Cut,
    folder: Path,
    workers: int,
    progress: Progress,
    kept: Callable[[pd.DataFrame], None],
) -> pd.DataFrame:
    """Makes the runs that are not there yet, in a sweep's directory an experiment; returns the table of all of them.

    The table has a row a run, with the columns that `outcomes.gather` wants. `kept` gets the table of what there is
    whenever an experiment's runs that count are done, or where the cut is by seed those of a seed. Raises what
    `channelsim.sweep` raises, and RuntimeError if a run failed for another reason than that its weights diverged.
    """
    tables = []
    with _cluster(workers) as scheduler:
        for experiment in experiments:
            tables.append(_runs(experiment, tuning_runs(experiment, cut), folder, scheduler, progress))
        for experiment, tuning in zip(experiments, list(tables), strict=True):
            counting = counting_runs(experiment, cut, tuning)
            for runs in filter(None, [*_in_turn(counting, cut.by_seed), coded_runs(experiment, cut, counting)]):
                tables.append(_runs(experiment, runs, folder, scheduler, progress))
                kept(_together(tables))
    return _together(tables)


def _in_turn(runs: list[Run], by_seed: bool) -> list[list[Run]]:
    """The runs of each sweep, one sweep after the other."""
    seeds = dict.fromkeys(run.seed for run in runs)
    return [[run for run in runs if run.seed == seed] for seed in seeds] if by_seed else [runs]


def _together(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    return pd.concat([table for table in tables if len(table)], ignore_index=True)


def _runs(experiment: Experiment, runs: list[Run], folder: Path, scheduler: str, progress: Progress) -> pd.DataFrame:
    """The rows of these runs, which are made where they are not there yet."""
    return pd.DataFrame(
        {
            "experiment": experiment.name,
            "variant": run.variant.label,
            "phase": run.phase,
            "rate": run.rate,
            "seed": run.seed,
            "epochs": run.epochs,
            "status": "done" if point["status"] == "done" else "diverged",
            "test_accuracy": point["test_accuracy"],
            "validation_accuracy": point.get("validation_accuracy", math.nan),
            "train_accuracy": point["train_accuracy"],
            "learning_bits": point["learning_bits"],
            "learning_entropy": _entropy(folder / experiment.name, point),
            "updates": point["updates"],
            "wall_time_s": point["wall_time_s"],
            "point": point.name,
        }
        for run, point in zip(runs, _made(experiment, runs, folder, scheduler, progress), strict=True)
    )


def _made(
    experiment: Experiment, runs: list[Run], folder: Path, scheduler: str, progress: Progress
) -> list[pd.Series[Any]]:
    """The points of a sweep over these runs, which go together key by key, in the order of the runs."""
    if not runs:
        return []
    keys = list(runs[0].values)
    grid = {key: [run.values[key] for run in runs] for key in keys}
    base = experiment.scenario.with_({"sweep": {}})
    phase = runs[0].phase
    progress.about = experiment.name if phase == BEST else f"{experiment.name}, {phase}"
    made = cs.sweep(
        base.with_({"sweep": {**grid, "zip": [keys]}}),
        out=folder / experiment.name,
        scheduler=scheduler,
        progress=progress,
    ).set_index("point")
    points = [made.loc[base.with_(run.values).digest()] for run in runs]
    for run, point in zip(runs, points, strict=True):
        if point["status"] != "done" and "finite" not in point["reason"]:
            raise RuntimeError(f"{experiment.name}, {run.variant.label}, seed {run.seed}: {point['reason']}")
    return points


def _ends(directory: Path, point: pd.Series[Any]) -> list[float]:
    """The wall times at the ends of a run's epochs, s."""
    with cs.Trace(directory / point["trace"]) as trace:
        return list(trace.metrics("train")["wall_time"])


def _entropy(directory: Path, point: pd.Series[Any]) -> float:
    """The entropy of all that the learning channels of a run have sent, in bits; NaN where values are floats."""
    if point["status"] != "done":
        return math.nan
    with cs.Trace(directory / point["trace"]) as trace:
        return float(trace.learning_entropy()[-1])


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
