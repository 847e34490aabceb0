"""Has the engine become slower? Ratios to fixed yardsticks in the same process, against the last ones recorded.

    python -m benchmarks.regression            compares; exit status 1 where a ratio has grown by 15 % or more
    python -m benchmarks.regression --record   measures and records

A yardstick is code that never changes and loads the machine as the engine does: the Numba loop of the memory bound
for online learning, NumPy's matrix products of the same shapes for mini-batches. A slower machine slows both; what
is left in their ratio is the engine.
"""

from __future__ import annotations

import json
import sys

from benchmarks import environment

if __name__ == "__main__":
    environment.pin()

import numpy as np

from benchmarks import machine, work
from benchmarks.peers.engine import Engine
from benchmarks.peers.memory_bound import MemoryBound
from benchmarks.timing import Work, interleave

TOLERANCE = 0.15
ROUNDS = 9
TRAIN = 10_000
RECORD = work.ROOT / "benchmarks" / "results" / "yardsticks.json"


def ratios(rounds: int = ROUNDS) -> dict[str, float]:
    """The engine's time per frame in units of its yardstick's, by kind of work."""
    dataset = work.mnist(TRAIN)
    runs: dict[str, Work] = {}
    for rule in ("srbp", "bp"):
        for batch in (1, 100):
            plan = work.plan_of(work.scenario(rule, batch), dataset)
            engine = Engine(plan, dataset)
            runs[f"{rule}, batch {batch}"] = lambda engine=engine, batch=batch: engine.advance(TRAIN // batch)
    task = work.task_of(work.plan_of(work.scenario("srbp", 1), dataset), dataset, "srbp")
    bound = MemoryBound(task)
    runs["yardstick 1"] = lambda: bound.train(task.order)
    runs["yardstick 100"] = _products(task)
    times = interleave(runs, rounds)
    return {
        name: times[name].median / times[f"yardstick {name.split()[-1]}"].median
        for name in runs
        if not name.startswith("yardstick")
    }


def _products(task: work.Task) -> Work:
    """The matrix products of mini-batches of 100: one for the forward pass and one for the update of each layer."""
    batch = 100
    pairs = [(np.ones((batch, w.shape[0]), np.float32), w.copy()) for w in task.weights]
    out = [np.empty((batch, w.shape[1]), np.float32) for w in task.weights]
    step = [np.empty_like(w) for w in task.weights]

    def run() -> int:
        frames = TRAIN // batch
        for _ in range(frames):
            for h, (x, w) in enumerate(pairs):
                np.matmul(x, w, out=out[h])
                np.matmul(x.T, out[h], out=step[h])
        return frames

    return run


def compare(found: dict[str, float], recorded: dict[str, float]) -> list[str]:
    """One line for each kind of work that has become slower by the tolerance or more."""
    return [
        f"{name}: {ratio:.3f} x its yardstick, recorded {recorded[name]:.3f}: {ratio / recorded[name] - 1:+.0%}"
        for name, ratio in found.items()
        if name in recorded and ratio >= recorded[name] * (1.0 + TOLERANCE)
    ]


def record(found: dict[str, float]) -> None:
    """Keeps ratios as this processor's last ones."""
    known = json.loads(RECORD.read_text()) if RECORD.exists() else {}
    known[machine.cpu()] = found
    RECORD.parent.mkdir(exist_ok=True)
    RECORD.write_text(json.dumps(known, indent=1) + "\n")


def main(argv: list[str]) -> int:
    found = ratios()
    for name, ratio in found.items():
        print(f"{name:16} {ratio:.3f} x its yardstick")
    if "--record" in argv:
        record(found)
        print(f"recorded in {RECORD.relative_to(work.ROOT)}")
        return 0
    recorded = (json.loads(RECORD.read_text()) if RECORD.exists() else {}).get(machine.cpu())
    if recorded is None:
        print(f"nothing recorded for {machine.cpu()}: run with --record, or make bench")
        return 0
    slower = compare(found, recorded)
    for line in slower:
        print(f"slower: {line}")
    if not slower:
        print(f"none is {TOLERANCE:.0%} slower than recorded")
    return 1 if slower else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
