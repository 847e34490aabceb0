"""What a stage of one's own costs beside the same stage built in: the ratio of two medians, taken in turns in one run.

    python benchmarks/own_stage.py [--frames 400] [--rounds 9] [--json]

Both runs are of four hidden layers of 100 units on the digits, and on every channel noise of a fixed deviation is added
to each value: by the stage that is built in, or by a function of a user's file. Compilation and the first round do not
count. Exit status 1 if the ratio is above 1.3.
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
SIGMA = 0.05
FILE = f"""
import channelsim.extend as cx


@cx.stage(place="after quantize", draws=1, normal=True)
def noise(v, u):
    return v + {SIGMA} * u
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


def measure(frames: int, rounds: int) -> dict[str, float]:
    """Median seconds of both, and their ratio."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "mine.py").write_text(FILE)
        own = Run({"stage": {"use": f"{folder}/mine.py:noise"}})
        built_in = Run({"noise": {"sigma": SIGMA}})
        pairs = [(own.seconds(frames), built_in.seconds(frames)) for _ in range(rounds + 1)][1:]
    medians = [statistics.median(times) for times in zip(*pairs, strict=True)]
    return {"own": medians[0], "built_in": medians[1], "ratio": medians[0] / medians[1]}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=400, help="of a round")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    found = measure(chosen.frames, chosen.rounds)
    if chosen.json:
        print(json.dumps(found))
    else:
        print(f"own {found['own']:.4f} s, built in {found['built_in']:.4f} s: {found['ratio']:.2f} (at most {LIMIT})")
    return int(found["ratio"] > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
