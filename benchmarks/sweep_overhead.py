"""What a sweep costs beside its runs: the time of many tiny points over their share of the run times.

    python benchmarks/sweep_overhead.py [--points 200] [--workers 2] [--json]

The clock starts when the workers are up (their engine compiled, or loaded from the cache on disk) and stops when the
table is written. A run time is the `wall_time_s` of a point: planning, simulating, evaluating and writing its trace.
Exit status 1 if the ratio is above 1.3.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

import channelsim as cs
from channelsim.sweep import Silent

LIMIT = 1.3
LAYERS = [{"kind": "dense", "units": 12, "transfer": "tanh"}, {"kind": "dense", "units": 10, "transfer": "softmax"}]


class Clock(Silent):
    """Remembers when the workers were up."""

    began = 0.0

    def start(self, name: str, points: int, done: int, workers: int) -> None:
        self.began = time.perf_counter()


def scenario(points: int) -> cs.Scenario:
    """Points of less than a tenth of a second: one epoch of 100 frames on the digits."""
    return cs.Scenario.model_validate(
        {
            "name": "overhead",
            "model": {"name": "tiny", "input": [64], "layers": LAYERS},
            "data": {"name": "digits", "train": 1000, "test": 100},
            "training": {"epochs": 1, "batch": 10},
            "learning": {"rule": "srbp"},
            "sweep": {"seed": {"range": [1, points]}},
        }
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=200)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "sweep"
        started = time.perf_counter()
        table = cs.sweep(scenario(options.points), out=out, workers=options.workers, progress=clock)
        ended = time.perf_counter()
    runs = float(table["wall_time_s"].sum())
    found = {
        "points": len(table),
        "workers": options.workers,
        "seconds": ended - clock.began,
        "run_seconds": runs,
        "ratio": (ended - clock.began) * options.workers / runs,
        "startup_seconds": clock.began - started,
    }
    if options.json:
        print(json.dumps(found, indent=2))
    else:
        print("{points} points, {workers} workers: {seconds:.2f} s, runs {run_seconds:.2f} s, ".format(**found), end="")
        print("{ratio:.2f} x their share (workers up after {startup_seconds:.1f} s)".format(**found))
    return int(found["ratio"] > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
