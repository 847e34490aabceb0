"""Sweeps: killed with all or some of their processes, and directories that were damaged between two sittings."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any
from unittest import mock

import psutil

import channelsim as cs
from channelsim.sweeps import _store, _sweep, _table, _worker, read_table
from tests.campaign import damage
from tests.campaign.outcomes import (
    DIFFERENT,
    DONE,
    HANG,
    IDENTICAL,
    ON_PURPOSE,
    TRACEBACK,
    Verdict,
    outcome,
    verdict,
    worst,
)
from tests.campaign.part import Part
from tests.cli.process import COMMAND, SMALL, environment

EXACT = (
    "point",
    "status",
    "seed",
    "test_accuracy",
    "test_loss",
    "train_accuracy",
    "loss",
    "bits",
    "updates",
    "warnings",
)
GRID = SMALL.replace("train = 300", "train = 100").replace("[channels", '[trace]\ncheckpoint = "10 ms"\n[channels', 1)
GRID += "[sweep]\nseed = { range = [1, 4] }\n"
SECONDS = 300  # until a sweep counts as one that hangs, on a busy machine


def exact(directory: Path) -> str:
    """What a table has that does not depend on the clock on the wall."""
    table = read_table(directory)
    return str(table[[name for name in EXACT if name in table]].to_json(orient="split"))


# --- killed ---------------------------------------------------------------------------------------------------


def prepare(folder: Path) -> tuple[Path, str]:
    """The scenario, and the table of a sweep that was not killed."""
    (folder / "grid.toml").write_text(GRID)
    _here(folder / "grid.toml", folder / "out")
    return folder / "grid.toml", exact(folder / "out")


def kill(whole: tuple[Path, str], seed: int, folder: Path) -> Verdict:
    """One kill of a sweep with two workers: of all its processes, of one worker, or of all workers, at any instant."""
    rng = Random(seed)
    scenario, expected = whole
    command = [*COMMAND, "sweep", str(scenario), "--out", str(folder / "out"), "--workers", "2", "-q"]
    started = time.monotonic()
    whom = rng.choice(["all", "a worker", "all workers"])
    delay = rng.uniform(1.0, 15.0)
    with _process(command, folder) as process:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(delay)
        if process.poll() is None and whom == "all":
            os.killpg(process.pid, signal.SIGKILL)
        elif process.poll() is None:
            _kill_workers(process.pid, rng if whom == "a worker" else None)
        try:
            _, told = process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return Verdict(HANG, f"{whom} killed after {delay:.1f} s")
    about = f"{whom} killed after {delay:.1f} of {time.monotonic() - started:.1f} s"
    if "Traceback" in told:
        return Verdict(TRACEBACK, f"{about}: {told}")
    with _process(command, folder) as process:
        try:
            _, told = process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return Verdict(HANG, f"{about}, and the same command again")
    if process.returncode or "Traceback" in told:
        return Verdict(TRACEBACK, f"{about}, and the same command again: {told}")
    found = exact(folder / "out")
    return Verdict(IDENTICAL if found == expected else DIFFERENT, about)


def _process(command: list[str], folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command,
        cwd=folder,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def _kill_workers(driver: int, rng: Random | None) -> None:
    """SIGKILL for the processes that multiprocessing has started: for one of them, or for all."""
    with contextlib.suppress(psutil.NoSuchProcess):
        workers = [one for one in psutil.Process(driver).children() if "spawn_main" in " ".join(one.cmdline())]
        for worker in [rng.choice(workers)] if rng and workers else workers:
            with contextlib.suppress(psutil.NoSuchProcess):
                worker.kill()


# --- damaged --------------------------------------------------------------------------------------------------


def _here(scenario: Path, out: Path) -> None:
    """A sweep without worker processes: its points are computed one after the other in this one."""

    def go(sitting: Any, *_: object) -> None:
        for point in list(sitting.left.values()):
            record = _worker.run_point(point, str(sitting.directory))
            del sitting.left[point.name]
            sitting.listener.point(_table.row(record, sitting.keys), 1, 0.0)

    with mock.patch.object(_sweep._Sweep, "go", go):
        cs.sweep(cs.load(scenario), out=out)


def damaged(whole: tuple[Path, str], seed: int, folder: Path) -> Verdict:
    """A directory whose files were damaged: its table is refused or right, and the same sweep mends or refuses it."""
    rng = Random(seed)
    scenario, expected = whole
    out = folder / "out"
    shutil.copytree(scenario.parent / "out", out)
    file = rng.choice([*sorted(path for path in out.rglob("*") if path.is_file() and not path.name.endswith(".lock"))])
    how = rng.choice(sorted(_WAYS))
    on_purpose = _WAYS[how](rng, file)
    about = f"{file.relative_to(out)}, {how}"
    done = ON_PURPOSE if on_purpose else DIFFERENT
    verdicts = []
    for action in (lambda: exact(out), lambda: _here(scenario, out) or exact(out)):
        found = outcome(action)
        same = found[0] == DONE and found[1] == expected
        verdicts.append(verdict(found, IDENTICAL if same else done, about))
    return worst(verdicts)


def _bytes(rng: Random, path: Path) -> bool:
    rng.choice(list(damage.BYTES.values()))(rng, path)
    return False


def _content(rng: Random, path: Path) -> bool:
    """Another value somewhere in the JSON; its checksum is made right again, mostly."""
    if path.suffix != ".json":
        return _bytes(rng, path)
    content = {key: value for key, value in json.loads(path.read_text()).items() if key != "crc32"}
    places: list[tuple[Any, Any]] = []

    def visit(value: Any) -> None:
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            places.append((value, key))
            if isinstance(inner, dict | list):
                visit(inner)

    visit(content)
    holder, key = rng.choice(places)
    if rng.random() < 0.3:
        del holder[key]
    else:
        holder[key] = rng.choice(
            [None, True, 0, -1, 10**30, 1.5, "", "x", "\x1b[2J", "\ud800", [], {}, [[[]]], {"x": 1}]
        )
    on_purpose = rng.random() < 0.7
    path.write_bytes(_store._sealed(content) if on_purpose else json.dumps(content).encode())
    return on_purpose


def _garbage(rng: Random, path: Path) -> bool:
    path.write_bytes(rng.choice([b"", b"[" * 100_000, b"\xff\xfe", b"NaN", b"{}", b"null", rng.randbytes(3000)]))
    return False


def _no_file(rng: Random, path: Path) -> bool:
    damage.become(path, rng.choice(["nothing", "FIFO", "directory", "circle", "device"]))
    return False


def _half(rng: Random, path: Path) -> bool:
    """As after a kill: a point without its record, and what is left of its trace."""
    points = sorted((path.parent if path.parent.name == "points" else path.parent / "points").glob("*.json"))
    record = rng.choice(points)
    record.unlink()
    if record.with_suffix(".h5").exists():
        _bytes(rng, record.with_suffix(".h5"))
    return False


_WAYS: dict[str, Callable[[Random, Path], bool]] = {
    "bytes": _bytes, "content": _content, "content again": _content, "garbage": _garbage, "no file": _no_file,
    "half done": _half,
}  # fmt: skip
"""Ways to damage a file; each says whether its checksum was made right again."""

PARTS = [
    Part("kills, sweeps", "kills", 50, 0, prepare, kill),
    Part("damaged sweeps", "directories", 200, 6, prepare, damaged),
]
