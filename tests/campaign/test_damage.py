"""Damaged traces are refused in one line: by a resumption, by `trace info` and by `plot`.

A copy whose checksum has been set anew may hold another run, which nothing can tell; it must not bring a process down.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import channelsim as cs
from channelsim import plots
from channelsim.progress import Silent
from channelsim.simulation import _simulation
from channelsim.trace import _bulk
from tests.campaign.damage import damaged
from tests.campaign.outcomes import DONE, REFUSED, SOUND, outcome
from tests.networks import chain, dense_layers

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="each case is a fork of the test")

ONLINE: dict[str, Any] = {"training": {"batch": 1, "epochs": 2}, "learning": {"rule": "srbp"}}
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
    "trace": {"events": "first 20 frames", "weights": "epoch"},
}


class Stopping(Silent):
    """Presses Ctrl-C once, when so many frames are done."""

    def __init__(self, at: int) -> None:
        self.at = at

    def chunk(self, frames_done: int, *_: Any) -> None:
        if 0 <= self.at <= frames_done:
            self.at = -1
            signal.raise_signal(signal.SIGINT)


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


BASES: dict[str, tuple[cs.Scenario, int, int]] = {  # with the frame after which it is stopped, and the inline bytes
    "online": (dense(ONLINE), 150, 64 << 20),
    "pipelined": (dense(PIPELINED), 20, 64 << 20),
    "maps": (maps({"training": {"batch": 5, "epochs": 2}, "learning": {"rule": "rbp"}}), 30, 64 << 20),
    "segmented": (dense(ONLINE), 150, 1000),
}


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A stopped run of each kind. The engine that they need is compiled then."""
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_simulation, "CHUNK_SECONDS", 0.0)  # a chunk is one frame
        for name, (scenario, at, inline) in BASES.items():
            patch.setattr(_bulk, "INLINE_BYTES", inline)
            found[name] = tmp_path_factory.mktemp(name) / "run.h5"
            with pytest.raises(KeyboardInterrupt):
                cs.run(scenario, found[name], progress=Stopping(at))
    assert _bulk.directory(found["segmented"]).is_dir()
    return found


def read(path: Path) -> None:
    """All that a trace has."""
    with cs.Trace(path) as opened:
        opened.info()
        str(opened)
        opened.weights()
        opened.checkpoint()
        for message in range(min(len(opened.events()), 3)):
            opened.payload(message)


def outcomes(path: Path, drawn: bool = True) -> dict[str, tuple[str, str]]:
    """What comes of reading, resuming and drawing a trace, each in a process of its own."""
    actions = {
        "read": lambda: read(path),
        "resume": lambda: cs.run(resume=path) and None,
        "plot": lambda: plots.plot(path, path.with_suffix(".svg")) and None,
    }
    return {name: outcome(action) for name, action in actions.items() if drawn or name != "plot"}


def judge(trace: Path, seed: int, place: Path) -> list[str]:
    """What is wrong with the outcomes for one damaged copy."""
    place.mkdir()
    copy = place / trace.name
    damage = damaged(trace, seed, copy)
    accepted = SOUND if damage.resealed else {REFUSED}
    drawn = not damage.where.startswith(("checkpoint", "weights", "events"))  # of these nothing is drawn
    wrong = [
        f"seed {seed} of {trace.parent.name}: {damage}: {name}: {kind}: {text}"
        for name, (kind, text) in outcomes(copy, drawn).items()
        if kind not in accepted
    ]
    shutil.rmtree(place)
    return wrong


@pytest.mark.parametrize("base", BASES)
def test_whole_traces_are_read_drawn_and_resumed(base: str, bases: dict[str, Path], tmp_path: Path) -> None:
    shutil.copytree(bases[base].parent, tmp_path / "whole")
    assert [kind for kind, _ in outcomes(tmp_path / "whole" / "run.h5").values()] == [DONE, DONE, DONE]


@pytest.mark.parametrize("base", BASES)
def test_damaged_traces_are_refused(base: str, bases: dict[str, Path], tmp_path: Path) -> None:
    assert [wrong for seed in range(8) for wrong in judge(bases[base], seed, tmp_path / str(seed))] == []


@pytest.mark.slow
@pytest.mark.timeout(0)
@pytest.mark.parametrize("base", BASES)
def test_many_damaged_traces_are_refused(base: str, bases: dict[str, Path], tmp_path: Path) -> None:
    """With fresh seeds, `DAMAGED` of them (250)."""
    first = secrets.randbelow(1 << 40)
    many = int(os.environ.get("DAMAGED", "250"))
    print(f"seeds {first}..{first + many - 1}")
    found = [wrong for seed in range(first, first + many) for wrong in judge(bases[base], seed, tmp_path / str(seed))]
    assert found == [], "\n".join(found)
