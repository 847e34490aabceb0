"""python -m scripts.paper [--quick | --full | --cifar | --cifar-night] [--epochs N] [--workers N] | --page"""

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
from scripts.paper.outcomes import BEST, gather
from scripts.paper.record import Record
from scripts.paper.studies import CIFAR10, CIFAR10_NIGHT, FULL, MNIST, QUICK, STUDIES, Study

ROOT = Path(__file__).resolve().parent.parent.parent
SCENARIOS = ROOT / "scenarios" / "paper"


def main() -> int:
    arguments = _arguments()
    if not arguments.page:
        _carry_out(_study(arguments), arguments)
    for study in STUDIES:  # pages link to each other
        if (arguments.docs / study.page / "record.json").exists():
            _write(study, arguments.docs)
    return 0


def _study(arguments: argparse.Namespace) -> Study:
    chosen = {
        QUICK: arguments.quick,
        FULL: arguments.full,
        CIFAR10: arguments.cifar,
        CIFAR10_NIGHT: arguments.cifar_night,
    }
    return next((study for study, is_chosen in chosen.items() if is_chosen), MNIST)


def _write(study: Study, docs: Path) -> None:
    """The study's page, from the numbers that were kept."""
    experiments, results = study.experiments(SCENARIOS), docs / study.page
    about, runs = Record.load(results / "record.json"), pd.read_csv(results / "runs.csv")
    page.write(study, experiments, gather(experiments, runs), about, docs)
    print(f"wrote {docs / study.page}.md")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m scripts.paper", description=sys.modules["scripts.paper"].__doc__)
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--quick", action="store_true", help="a cut that ends in 15 minutes")
    kind.add_argument("--full", action="store_true", help="MNIST at the paper's length, over a day or more")
    kind.add_argument("--cifar", action="store_true", help="the claims on CIFAR-10, in place of MNIST")
    kind.add_argument("--cifar-night", action="store_true", help="the rules on CIFAR-10 with the paper's network")
    defaults = ", ".join(f"{study.target} {study.cut.epochs}" for study in STUDIES)
    parser.add_argument("--epochs", type=int, help=f"of the runs that count (default: {defaults})")
    parser.add_argument("--workers", type=int, default=2, help="processes (default 2)")
    parser.add_argument("--runs", type=Path, help="where the sweeps go (default runs/paper, runs/paper-full, ...)")
    parser.add_argument("--docs", type=Path, default=ROOT / "docs", help="where the page goes (default docs/)")
    parser.add_argument("--page", action="store_true", help="write the pages again from docs/results*/, without runs")
    return parser.parse_args()


def _cut(study: Study, epochs: int | None) -> Cut:
    """The study's cut, with another number of epochs if there is one; learning rates are then tuned in half of it."""
    if epochs is None:
        return study.cut
    return replace(study.cut, epochs=epochs, tuning_epochs=math.ceil(epochs / 2) if study.cut.tuning_epochs else 0)


def _carry_out(study: Study, arguments: argparse.Namespace) -> None:
    """Makes the runs and keeps their table and the record of them in docs/PAGE/."""
    experiments, cut = study.experiments(SCENARIOS), _cut(study, arguments.epochs)
    folder = arguments.runs or ROOT / "runs" / study.target
    cs.data.load_dataset(experiments[0].scenario.data)  # tells now, not in a worker, if the data are not here
    log = folder / f"sittings-{cut.epochs}.txt"
    progress = campaign.Progress()
    runs, seconds = campaign.estimate(experiments, cut, arguments.workers)
    foretold: campaign.Foretold = {}
    if study.is_long:
        print("a run of a few epochs of each variant, to measure what all will take", flush=True)
        foretold = campaign.probed(experiments, cut, folder / "probe", arguments.workers, progress)
        seconds = campaign.in_all(foretold, experiments, cut, arguments.workers)
        progress.new = 0
    duration = f"{seconds / 3600:.1f} hours" if seconds >= 7200 else f"{seconds / 60:.0f} minutes"
    print(f"{runs:,} runs, about {duration} on {arguments.workers} cores if none is done yet", flush=True)

    with record.sitting(log, progress) as sittings:

        def keep(table: pd.DataFrame) -> None:
            once = table.drop_duplicates("point")
            about = Record(
                command=f"make {study.target}" + (f" EPOCHS={arguments.epochs}" if arguments.epochs else ""),
                whole=study.whole,
                epochs=cut.epochs,
                tuning_epochs=cut.tuning_epochs,
                seeds=_most_seeds(table),
                train=cut.train,
                tuning_train=cut.tuning_train,
                workers=arguments.workers,
                wall_s=sum(sittings()),
                sittings=len(sittings()),
                runs=len(once),
                run_s=float(once["wall_time_s"].sum()),
                machine=record.machine(),
                software=record.software(ROOT),
                date=record.today(),
                foretold=campaign.of_what_they_took(foretold, once),
            )
            results = arguments.docs / study.page
            results.mkdir(parents=True, exist_ok=True)
            table.to_csv(results / "runs.csv", index=False, float_format="%.6g")
            about.save(results / "record.json")

        def keep_and_show(table: pd.DataFrame) -> None:
            keep(table)
            _write(study, arguments.docs)

        each = keep_and_show if study.is_long else _nothing
        keep(campaign.carry_out(experiments, cut, folder, arguments.workers, progress, each))


def _most_seeds(table: pd.DataFrame) -> int:
    """How many seeds the variants that are furthest have been run with."""
    counting = table[table["phase"] == BEST]
    return int(counting.groupby(["experiment", "variant"])["seed"].nunique().max())


def _nothing(table: pd.DataFrame) -> None:
    return


if __name__ == "__main__":
    try:
        sys.exit(main())
    except cs.InputError as mistake:
        print(f"error: {mistake}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("stopped; what is done is kept, and the same command goes on", file=sys.stderr)
        sys.exit(130)
