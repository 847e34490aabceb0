"""Whole runs as a user starts them, from the shell: loading, (warm) compiling, training, evaluating, writing."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import work
from benchmarks.sections.variants import name_of
from benchmarks.table import Row, Section
from benchmarks.timing import Times

SCENARIOS = {1: "mnist-online.toml", 100: "mnist-srbp.toml"}
TARGETS = {1: 5.0, 100: 1.3}
EPOCHS, QUICK_EPOCHS = 20, 2


def measure(settings: work.Settings) -> Section:
    section = Section()
    epochs = QUICK_EPOCHS if settings.quick else EPOCHS
    with tempfile.TemporaryDirectory() as folder:
        for batch, target in TARGETS.items():
            commands = _commands(batch, epochs, settings.train, Path(folder))
            # PyTorch's online script takes minutes: once has to do
            rounds = {"engine": settings.rounds, "torch": 1 if batch == 1 else settings.rounds}
            times = _interleave(commands, rounds)
            ours, theirs = times["engine"].median, times["torch"].median
            section.facts[name_of(batch)] = {name: each.rounds for name, each in times.items()}
            what = f"{epochs} epochs from the shell, srbp, {name_of(batch)}"
            detail = f"{ours:.1f} s : {theirs:.1f} s" + (" (once)" if rounds["torch"] == 1 else "")
            section.rows.append(Row(what, "x as fast as PyTorch's script", theirs / ours, target, None, True, detail))
    return section


def _commands(batch: int, epochs: int, train: int, folder: Path) -> dict[str, list[str]]:
    scenario = str(work.ROOT / "scenarios" / SCENARIOS[batch])
    settings = [f"training.epochs={epochs}", f"data.train={train}"]
    flags = [word for setting in settings for word in ("--set", setting)]
    out = str(folder / "run.h5")
    return {
        "engine": [sys.executable, "-m", "channelsim", "run", scenario, *flags, "--out", out, "--force", "--quiet"],
        "torch": [sys.executable, "-m", "benchmarks.torch_script", *map(str, (batch, epochs, folder / "w.pt", train))],
    }


def _interleave(commands: dict[str, list[str]], rounds: dict[str, int]) -> dict[str, Times]:
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for number in range(max(rounds.values())):
        for name, command in commands.items():
            if number < rounds[name]:
                seconds[name].append(_seconds(command))
    return {name: Times(tuple(values)) for name, values in seconds.items()}


def _seconds(command: list[str]) -> Any:
    began = time.perf_counter()
    subprocess.run(command, cwd=work.ROOT, check=True, capture_output=True)
    return time.perf_counter() - began
