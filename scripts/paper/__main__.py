"""python -m scripts.paper [--quick | --cifar] [--epochs N] [--workers N] | --page"""

from __future__ import annotations

import argparse
import math
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd

import channelsim as cs
from scripts.paper import campaign, page, record
from scripts.paper.campaign import Cut
from scripts.paper.experiments import Experiment
from scripts.paper.outcomes import gather
from scripts.paper.record import Record
from scripts.paper.studies import CIFAR10, MNIST, STUDIES, Study

ROOT = Path(__file__).resolve().parent.parent.parent
SCENARIOS = ROOT / "scenarios" / "paper"
EPOCHS = 6  # of `make paper`; an evening allows 100
SEEDS = 5
QUICK = Cut(epochs=3, tuning_epochs=2, seeds=3, train=20_000)
CIFAR = Cut(epochs=3, tuning_epochs=1, seeds=3, tuning_train=20_000, common=False)


def main() -> int:
    arguments = _arguments()
    if not arguments.page:
        study = CIFAR10 if arguments.cifar else MNIST
        about, runs = _carry_out(study, study.experiments(SCENARIOS), arguments)
        results = arguments.docs / study.page
        results.mkdir(parents=True, exist_ok=True)
        runs.to_csv(results / "runs.csv", index=False, float_format="%.6g")
        about.save(results / "record.json")
    for study in STUDIES:  # pages link to each other
        if (arguments.docs / study.page / "record.json").exists():
            _write(study, arguments.docs)
    return 0


def _write(study: Study, docs: Path) -> None:
    """The study's page, from the numbers that were kept."""
    experiments, results = study.experiments(SCENARIOS), docs / study.page
    about, runs = Record.load(results / "record.json"), pd.read_csv(results / "runs.csv")
    page.write(study, experiments, gather(experiments, runs), about, docs)
    print(f"wrote {docs / study.page}.md")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m scripts.paper", description=sys.modules["scripts.paper"].__doc__)
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--quick", action="store_true", help="a cut that ends in 10 minutes")
    kind.add_argument("--cifar", action="store_true", help="the claims on CIFAR-10, in place of MNIST")
    defaults = f"{EPOCHS}; quick {QUICK.epochs}; CIFAR-10 {CIFAR.epochs}"
    parser.add_argument("--epochs", type=int, help=f"of the runs that count (default {defaults})")
    parser.add_argument("--workers", type=int, default=2, help="processes (default 2)")
    parser.add_argument("--runs", type=Path, help="where the sweeps go (default runs/paper, -quick, -cifar)")
    parser.add_argument("--docs", type=Path, default=ROOT / "docs", help="where the page goes (default docs/)")
    parser.add_argument("--page", action="store_true", help="write the pages again from docs/results*/, without runs")
    return parser.parse_args()


def _cut(arguments: argparse.Namespace) -> Cut:
    if arguments.quick or arguments.cifar:
        cut = QUICK if arguments.quick else CIFAR
        return replace(cut, epochs=arguments.epochs or cut.epochs)
    epochs = arguments.epochs or EPOCHS
    return Cut(epochs, math.ceil(epochs / 2), SEEDS)


def _carry_out(
    study: Study, experiments: list[Experiment], arguments: argparse.Namespace
) -> tuple[Record, pd.DataFrame]:
    cut = _cut(arguments)
    target = "paper" + ("-quick" if arguments.quick else "-cifar" if arguments.cifar else "")
    folder = arguments.runs or ROOT / "runs" / target
    cs.data.load_dataset(experiments[0].scenario.data)  # tells now, not in a worker, if the data are not here
    runs, seconds = campaign.estimate(experiments, cut, arguments.workers)
    print(f"at most {runs:,} runs, about {seconds / 60:.0f} minutes on {arguments.workers} cores if none is done yet")
    log = folder / f"sittings-{cut.epochs}.txt"
    progress = campaign.Progress()
    with record.sitting(log, progress):
        table = campaign.carry_out(experiments, cut, folder, arguments.workers, progress)
    sittings = record.sittings(log)
    once = table.drop_duplicates("point")
    command = f"make {target}" + (f" EPOCHS={arguments.epochs}" if arguments.epochs else "")
    about = Record(
        command=command,
        whole=study.whole,
        epochs=cut.epochs,
        tuning_epochs=cut.tuning_epochs,
        seeds=cut.seeds,
        train=cut.train,
        tuning_train=cut.tuning_train,
        workers=arguments.workers,
        wall_s=sum(sittings),
        sittings=len(sittings),
        runs=len(once),
        run_s=float(once["wall_time_s"].sum()),
        machine=record.machine(),
        software=record.software(ROOT),
        date=record.today(),
    )
    return about, table


if __name__ == "__main__":
    try:
        sys.exit(main())
    except cs.InputError as mistake:
        print(f"error: {mistake}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("stopped; what is done is kept, and the same command goes on", file=sys.stderr)
        sys.exit(130)
