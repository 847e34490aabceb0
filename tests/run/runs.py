"""Small runs, here or in a process of their own, listeners that stop them, and when two traces are the same."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import channelsim as cs
from channelsim.progress import Silent
from tests.cli.process import ROOT, environment
from tests.networks import scenario

UNITS = [16, 12, 8, 4]

SEQUENTIAL: dict[str, Any] = {
    "training": {"batch": 10, "epochs": 4},
    "learning": {"rule": "asrbp"},
    "channels": {"learning": {"quantize": {"kind": "log2", "exponents": 4}, "drop": {"probability": 0.1}}},
}
PIPELINED: dict[str, Any] = {
    "training": {"batch": 7, "epochs": 4, "momentum": 0.5, "learning_rate": 0.02},
    "learning": {"rule": "rbp"},
    "channels": {
        "forward": {"latency": "30 us"},
        "learning": {
            "threshold": {"value": 0.05},
            "residual": "threshold",
            "latency": "100 us",
            "jitter": "40 us",
            "bandwidth": "30 Mbit/s",
            "bit_errors": {"probability": 0.001},
        },
    },
    "schedule": {"mode": "pipelined", "interval": "20 us", "stash": 4, "arrivals": "poisson"},
}
ONLINE: dict[str, Any] = {"training": {"batch": 1, "epochs": 2, "learning_rate": 0.01}, "learning": {"rule": "bp"}}
KINDS = pytest.mark.parametrize("tables", [SEQUENTIAL, PIPELINED, ONLINE], ids=["sequential", "pipelined", "online"])


def small(tables: Mapping[str, Any], **more: Any) -> cs.Scenario:
    trace = {"events": "first 30 frames", "alignment": "epoch", "probe": 20}
    return scenario(
        UNITS, **{"data": {"name": "synthetic", "train": 203, "test": 50}, "trace": trace, **tables, **more}
    )


TOLD_ONCE = ("checkpoint", "provenance", "result")  # differ from sitting to sitting, or are compared in part
STATE = ("weights", "biases", "feedback", "counters", "clock", "ages", "misses", "residuals", "epoch_rows")


def contents(path: Path) -> dict[str, Any]:
    """All datasets of a trace but wall times and provenance, and of the checkpoint what is no scratch."""
    found: dict[str, Any] = {}

    def keep(name: str, item: h5py.Group | h5py.Dataset) -> None:
        if isinstance(item, h5py.Dataset) and not name.startswith(TOLD_ONCE) and not name.endswith("wall_time"):
            found[name] = item[()]

    with h5py.File(path, "r") as file:
        file.visititems(keep)
        found |= {name: file["checkpoint"][name][()] for name in STATE}
    return found


def assert_same(one: Path, other: Path) -> None:
    expected, found = contents(one), contents(other)
    assert expected.keys() == found.keys(), expected.keys() ^ found.keys()
    for name, values in expected.items():
        np.testing.assert_array_equal(values, found[name], err_msg=name)


def script(code: str, *arguments: str, status: int = 0) -> str:
    """What a process prints that runs the code, and ends with the status."""
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stderr
    return done.stdout


class Stopping(Silent):
    """Presses Ctrl-C once, when so many frames are done."""

    def __init__(self, at: int) -> None:
        self.at = at

    def chunk(self, frames_done: int, *_: Any) -> None:
        if 0 <= self.at <= frames_done:
            self.at = -1
            signal.raise_signal(signal.SIGINT)


class Refusing(Silent):
    """Raises after the first chunk."""

    def chunk(self, *_: Any) -> None:
        raise LookupError("not today")
