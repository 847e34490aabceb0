"""Degrade a link until learning fails: how noisy may the learning channel be before it is worse than none?

    .venv/bin/python scenarios/until_it_fails.py

A network in which only the top layer learns (rule `top`) is the measure: a learning channel that does worse is not
worth its wires. The noise is doubled until that happens, and then the boundary is found by bisection.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import channelsim as cs

DIGITS = Path(__file__).with_name("digits-srbp.toml")
OUT = Path("runs/fails")


def accuracy(scenario: cs.Scenario) -> float:
    OUT.mkdir(parents=True, exist_ok=True)
    result = cs.run(scenario, out=OUT / f"{scenario.name}.h5", force=True)
    print(f"{scenario.name:16} {result.test_accuracy:7.2%}", flush=True)
    return result.test_accuracy


def noisy(scenario: cs.Scenario, sigma: float) -> cs.Scenario:
    """With Gaussian noise of `sigma` times the largest error of each message."""
    noise = {"sigma": sigma, "scale": "max"}
    return scenario.with_({"name": f"noise-{sigma:g}", "channels.learning.noise": noise})


def boundary(works: Callable[[float], bool], start: float, steps: int) -> tuple[float, float]:
    """(a value that works, one that fails): doubled from `start` until it fails, then bisected so many times."""
    good, bad = 0.0, start
    while works(bad):
        good, bad = bad, 2 * bad
    for _ in range(steps):
        middle = (good + bad) / 2
        good, bad = (middle, bad) if works(middle) else (good, middle)
    return good, bad


def main(scenario: cs.Scenario, start: float = 0.25, steps: int = 3) -> tuple[float, float]:
    alone = accuracy(scenario.with_({"name": "top-only", "learning.rule": "top"}))
    good, bad = boundary(lambda sigma: accuracy(noisy(scenario, sigma)) > alone, start, steps)
    print(f"worth its wires up to a noise of {good:g} times the largest error, no longer at {bad:g}")
    return good, bad


if __name__ == "__main__":
    main(cs.load(DIGITS))
