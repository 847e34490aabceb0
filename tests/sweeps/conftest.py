from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import channelsim as cs
from channelsim.scenario import Scenario
from tests.cli.process import ROOT, SMALL, environment

# A point whose seed is 666 takes its worker with it; everything else is as it is.
PRELOAD = """
import os, signal
from channelsim.sweeps import _worker
def deadly(scenario, trace, dataset, simulate=_worker._simulate):
    if scenario.seed == 666:
        os.kill(os.getpid(), signal.SIGKILL)
    return simulate(scenario, trace, dataset)
if _worker._simulate.__name__ != "deadly":  # a preload may be executed twice
    _worker._simulate = deadly
"""


@pytest.fixture
def grid(tmp_path: Path) -> Callable[..., Scenario]:
    """A scenario of a tenth of a second, with a [sweep] and other keys."""
    path = tmp_path / "small.toml"
    path.write_text(SMALL)

    def make(sweep: dict[str, Any], **changes: Any) -> Scenario:
        return cs.load(path).with_({**changes, "sweep": sweep})

    return make


def _spawn(arguments: list[str], folder: Path, **more: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "dask", *arguments],
        cwd=folder,
        env=environment(PYTHONPATH=str(ROOT), **more),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


WORKERS = 2


def wait_for_workers(scheduler: str) -> None:
    """Until a scheduler has all its workers: one that was killed is replaced in a second or in many."""
    from distributed import Client

    with Client(scheduler, set_as_default=False) as client:
        client.wait_for_workers(WORKERS, timeout=120)


@pytest.fixture
def scheduler(started_scheduler: str) -> str:
    """The address of a real scheduler with two workers, each a process of its own, and both there."""
    wait_for_workers(started_scheduler)
    return started_scheduler


@pytest.fixture(scope="session")
def started_scheduler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("dask")
    (folder / "preload.py").write_text(PRELOAD)
    settings = {
        "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1",
        "DASK_DISTRIBUTED__SCHEDULER__WORKER_SATURATION": "1.0",
    }
    file = folder / "scheduler.json"
    options = ["--port", "0", "--dashboard-address", "127.0.0.1:0", "--scheduler-file", str(file)]
    started = [_spawn(["scheduler", *options], folder, **settings)]
    try:
        until = time.monotonic() + 60
        while not (file.exists() and file.stat().st_size) and time.monotonic() < until:
            time.sleep(0.05)
        options = ["--nthreads", "1", "--nworkers", str(WORKERS), "--no-dashboard", "--memory-limit", "0"]
        options += ["--scheduler-file", str(file), "--preload", str(folder / "preload.py")]
        started.append(_spawn(["worker", *options], folder))
        yield json.loads(file.read_text())["address"]
    finally:
        for process in reversed(started):
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
