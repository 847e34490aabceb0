"""Traces of small runs in which layers and links are busy, wait and lose."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import channelsim as cs
from channelsim.trace import Trace

TINY: dict[str, Any] = {
    "seed": 2,
    "model": {
        "name": "tiny",
        "input": [64],
        "layers": [
            {"kind": "dense", "units": 20, "transfer": "tanh", "repeat": 2},
            {"kind": "dense", "units": 10, "transfer": "softmax"},
        ],
    },
    "data": {"name": "digits", "train": 40, "test": 20},
    "training": {"epochs": 2, "batch": 1, "learning_rate": 0.02},
    "trace": {"events": "first 1000 frames", "weights": "none"},
}
UNEVEN = {"forward": ["1 us", "2 us", "3 us"], "learning": ["2 us", "1 us", "5 us"]}
SLOW = {"latency": "10 us", "bandwidth": "100 Mbit/s"}
CASES: dict[str, dict[str, Any]] = {
    "sequential": {"learning": {"rule": "rbp"}, "channels": {"forward": SLOW}, "compute": UNEVEN},
    "pipelined": {
        "learning": {"rule": "rbp"},
        "channels": {"forward": SLOW, "learning": {"latency": "7 us", "jitter": "5 us"}},
        "compute": UNEVEN,
        "schedule": {"mode": "pipelined", "interval": "9 us"},
    },
    "ties": {  # errors take no time, and meet layers that are busy until that very instant
        "learning": {"rule": "srbp"},
        "channels": {"forward": {"latency": "3 us"}, "learning": {"latency": "6 us"}},
        "compute": {"forward": "3 us", "learning": "0 us"},
        "schedule": {"mode": "pipelined", "interval": "3 us"},
    },
    "losses": {
        "learning": {"rule": "srbp"},
        "channels": {"learning": {"bandwidth": "30 Mbit/s", "queue": 1, "deadline": "15 us"}},
        "schedule": {"mode": "pipelined", "interval": "8 us", "arrivals": "poisson"},
    },
    "broadcast": {
        "training": {**TINY["training"], "batch": 7},
        "learning": {"rule": "asrbp"},
        "links": {"bus": {"bandwidth": "30 Mbit/s", "broadcast": True}},
        "channels": {"learning": {"latency": "7 us", "link": "bus"}},
        "compute": {"forward": "3 us", "learning": "1 us"},
        "schedule": {"mode": "pipelined", "interval": "30 us"},
    },
    "change": {
        "learning": {"rule": "bp"},
        "channels": {"forward": {"bandwidth": "1 Gbit/s"}},
        "schedule": {"change": [{"epoch": 2, "channels": {"forward": {"bandwidth": "70 Mbit/s"}}}]},
    },
    "instant": {"learning": {"rule": "top"}},
}


def run(folder: Path, name: str, **changes: Any) -> Path:
    """The trace of a case."""
    scenario = cs.Scenario(**{**TINY, "name": name, **CASES[name], **changes})
    return Path(cs.run(scenario, out=folder / f"{name}.h5").trace)


@pytest.fixture(scope="session")
def traces(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("timelines")
    return {name: run(folder, name) for name in CASES}


@pytest.fixture(params=list(CASES))
def trace(request: pytest.FixtureRequest, traces: dict[str, Path]) -> Any:
    with Trace(traces[request.param]) as opened:
        yield opened
