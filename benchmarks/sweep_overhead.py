"""What a sweep costs beside its runs: many tiny points, against plain processes that run the same ones.

    python benchmarks/sweep_overhead.py [--points 200] [--workers 2] [--json]

Both clocks start when the processes are up (their engine compiled, or loaded from the cache on disk); the sweep's stops
when the table is written. The plain processes run point after point, as many at once as there are workers, and leave
their traces. Exit status 1 if the ratio is above 1.3.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from pathlib import Path

import channelsim as cs
from channelsim._run import run
from channelsim.data import Dataset, load_dataset
from channelsim.sweeps import Silent
from channelsim.sweeps._cluster import THREADS
from channelsim.sweeps._grid import Point, points
from channelsim.sweeps._worker import warm

LIMIT = 1.3
LAYERS = [{"kind": "dense", "units": 12, "transfer": "tanh"}, {"kind": "dense", "units": 10, "transfer": "softmax"}]


class Clock(Silent):
    """Remembers when the workers were up."""

    began = 0.0

    def start(self, name: str, points: int, done: int, workers: int) -> None:
        self.began = time.perf_counter()


def scenario(points: int) -> cs.Scenario:
    """Points of a tenth of a second: three epochs of 100 frames on the digits."""
    return cs.Scenario.model_validate(
        {
            "name": "overhead",
            "model": {"name": "tiny", "input": [64], "layers": LAYERS},
            "data": {"name": "digits", "train": 1000, "test": 100},
            "training": {"epochs": 3, "batch": 10},
            "learning": {"rule": "srbp"},
            "sweep": {"seed": {"range": [1, points]}},
        }
    )


@cache
def dataset() -> Dataset:
    """The data of all points, loaded once in each process."""
    return load_dataset(scenario(1).data)


def run_plain(point: Point, folder: str) -> None:
    """A point without a sweep."""
    assert point.scenario is not None
    run(point.scenario, out=Path(folder) / f"{point.name}.h5", force=True, dataset=dataset())


def plain_seconds(wanted: list[Point], workers: int) -> float:
    """What so many processes take that do nothing but run these points."""
    os.environ.update(dict.fromkeys(THREADS, "1"))
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, context, initializer=warm, initargs=(None,))
    with tempfile.TemporaryDirectory() as folder, pool:
        list(pool.map(run_plain, wanted[:workers], [folder] * workers))  # after this all processes are up
        began = time.perf_counter()
        list(pool.map(run_plain, wanted, [folder] * len(wanted)))
        return time.perf_counter() - began


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=200)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    clock, wanted = Clock(), scenario(options.points)
    plain = plain_seconds(points(wanted), options.workers)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "sweep"
        started = time.perf_counter()
        table = cs.sweep(wanted, out=out, workers=options.workers, progress=clock)
        ended = time.perf_counter()
    found = {
        "points": len(table),
        "workers": options.workers,
        "seconds": ended - clock.began,
        "plain_seconds": plain,
        "ratio": (ended - clock.began) / plain,
        "startup_seconds": clock.began - started,
    }
    if options.json:
        print(json.dumps(found, indent=2))
    else:
        print(
            "{points} points, {workers} workers: {seconds:.2f} s, plainly {plain_seconds:.2f} s, ".format(**found),
            end="",
        )
        print("{ratio:.2f} x as long (workers up after {startup_seconds:.1f} s)".format(**found))
    return int(found["ratio"] > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
