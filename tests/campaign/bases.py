"""The runs that the campaign kills and whose traces it damages: one of each kind of machinery."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import channelsim as cs
from channelsim.progress import Silent
from channelsim.simulation import _simulation
from channelsim.trace import _bulk
from tests.networks import chain, dense_layers

ONLINE: dict[str, Any] = {"training": {"batch": 1, "epochs": 2}, "learning": {"rule": "srbp"}}
BATCH: dict[str, Any] = {"training": {"batch": 10, "epochs": 8, "momentum": 0.5}, "learning": {"rule": "rbp"}}
PIPELINED: dict[str, Any] = {
    "training": {"batch": 7, "epochs": 2, "momentum": 0.5, "learning_rate": 0.02},
    "learning": {"rule": "arbp"},
    "channels": {
        "forward": {"latency": "30 us"},
        "learning": {
            "threshold": {"value": 0.05},
            "residual": "threshold",
            "latency": "100 us",
            "bandwidth": "30 Mbit/s",
        },
    },
    "schedule": {"mode": "pipelined", "interval": "20 us", "stash": 4},
}
SHARED: dict[str, Any] = {
    "data": {"name": "synthetic", "train": 103, "test": 20},
    "trace": {"events": "first 20 frames", "weights": "epoch", "checkpoint": "1 ms"},
}
PLENTY = 64 << 20  # bytes: no segments


def dense(tables: Mapping[str, Any]) -> cs.Scenario:
    return chain([16], dense_layers([16, 12, 8, 4]), **SHARED, **tables)


def maps(tables: Mapping[str, Any]) -> cs.Scenario:
    layers = [
        {"kind": "conv2d", "channels": 3, "kernel": 3, "transfer": "tanh"},
        {"kind": "maxpool", "size": 2},
        {"kind": "flatten"},
        *dense_layers([12, 4]),
    ]
    return chain([1, 4, 4], layers, **SHARED, **tables)


@dataclass(frozen=True)
class Base:
    """A run. stop: the frame after which one is interrupted whose trace is damaged; inline: bytes until it has
    segments."""

    scenario: cs.Scenario
    stop: int
    inline: int = PLENTY


BASES = {
    "online": Base(dense(ONLINE), 150),
    "batch": Base(dense(BATCH), 60),
    "pipelined": Base(dense(PIPELINED), 20),
    "convolutional": Base(maps({"training": {"batch": 5, "epochs": 2}, "learning": {"rule": "rbp"}}), 30),
    "segmented": Base(dense(ONLINE), 150, 1000),
}


class Stopping(Silent):
    """Presses Ctrl-C once, when so many frames are done."""

    def __init__(self, at: int) -> None:
        self.at = at

    def chunk(self, frames_done: int, *_: Any) -> None:
        if 0 <= self.at <= frames_done:
            self.at = -1
            signal.raise_signal(signal.SIGINT)


def interrupted(base: Base, folder: Path) -> Path:
    """The trace of a run that was stopped by Ctrl-C, in a new folder. The engine that it needs is compiled then."""
    folder.mkdir(parents=True)
    path = folder / "run.h5"
    with mock.patch.object(_simulation, "CHUNK_SECONDS", 0.0), mock.patch.object(_bulk, "INLINE_BYTES", base.inline):
        try:
            cs.run(base.scenario, path, progress=Stopping(base.stop))
        except KeyboardInterrupt:
            return path
    raise AssertionError("the run was not stopped")
