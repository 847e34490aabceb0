"""What a stage of one's own costs beside the same stage built in: ratios of two medians, taken in turns in one run.

    python benchmarks/own_stage.py [--frames 400] [--rounds 9] [--json]

Both runs are of four hidden layers of 100 units on the digits. On every channel noise of a fixed deviation is added to
each value, or values are dropped at random: by the stage that is built in, or by a function of a user's file. Times are
those of whole runs. Compilation and the first round do not count. Exit status 1 if a ratio is above 1.3.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import channelsim as cs
from channelsim import engine, plan
from channelsim.data import load_dataset

LIMIT = 1.3
SIGMA, DROPPED = 0.05, 0.1
BUILT_IN: dict[str, dict[str, Any]] = {
    "noise": {"noise": {"sigma": SIGMA}},
    "drop": {"drop": {"probability": DROPPED}},
}
FILE = f"""
import channelsim.extend as cx


@cx.stage(place="after quantize", draws=1, normal=True)
def noise(v, u):
    return v + {SIGMA} * u


@cx.stage(place="before delivery", draws=1)
def drop(v, u):
    return 0.0 if u < {DROPPED} else v
"""


def scenario(keys: dict[str, Any]) -> cs.Scenario:
    """The network with these keys of its channels in both directions."""
    layers = [{"kind": "dense", "units": 100, "transfer": "tanh"} for _ in range(4)]
    layers.append({"kind": "dense", "units": 10, "transfer": "softmax"})
    return cs.Scenario.model_validate(
        {
            "name": "own stage",
            "model": {"name": "wide", "input": [64], "layers": layers},
            "data": {"name": "digits", "train": 1000, "test": 100},
            "training": {"epochs": 1000, "batch": 10},
            "learning": {"rule": "srbp"},
            "channels": {"forward": keys, "learning": keys},
        }
    )


class Run:
    """A run that goes on for some frames at a time."""

    def __init__(self, keys: dict[str, Any]) -> None:
        described = scenario(keys)
        data = load_dataset(described.data)
        self.plan = plan.build(described, data.shape, data.outputs, len(data.train_y))
        self.state, self.done = engine.start(self.plan, data), 0

    def seconds(self, frames: int) -> float:
        """Of so many frames more."""
        self.done += frames
        began = time.perf_counter()
        engine.advance(self.plan, self.state, self.done)
        return time.perf_counter() - began


def measure(stage: str, frames: int, rounds: int) -> dict[str, float]:
    """Median seconds of both ways to have a stage, and their ratio."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "mine.py").write_text(FILE)
        own = Run({"stage": {"use": f"{folder}/mine.py:{stage}"}})
        built_in = Run(BUILT_IN[stage])
        pairs = [(own.seconds(frames), built_in.seconds(frames)) for _ in range(rounds + 1)][1:]
    medians = [statistics.median(times) for times in zip(*pairs, strict=True)]
    return {"own": medians[0], "built_in": medians[1], "ratio": medians[0] / medians[1]}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=400, help="of a round")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    found = {stage: measure(stage, chosen.frames, chosen.rounds) for stage in BUILT_IN}
    if chosen.json:
        print(json.dumps(found, indent=2))
    else:
        for stage, times in found.items():
            seconds = f"own {times['own']:.4f} s, built in {times['built_in']:.4f} s"
            print(f"{stage}: {seconds}, ratio {times['ratio']:.2f} (at most {LIMIT})")
    return int(any(times["ratio"] > LIMIT for times in found.values()))


if __name__ == "__main__":
    sys.exit(main())
