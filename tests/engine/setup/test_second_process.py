"""The second process: each job is done once, by either; neither hangs when the other one ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from channelsim.engine.setup import second_process

ROOT = Path(__file__).parents[3]
pytestmark = pytest.mark.skipif(os.name != "posix", reason="there is a second process on POSIX only")
# Does its jobs by writing files, one of which it may not survive.
WORKER = """
import os, sys, time
from pathlib import Path
sys.path.insert(0, {{root!r}})
from channelsim.engine.setup import second_process
for job in second_process.jobs({{pipes!r}}, {{parent}}):
    {before}
    Path({{place!r}}, str(job)).write_text(str(os.getpid()))
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(second_process, "cores", lambda: 2)
    monkeypatch.setattr(second_process.cache, "writable", lambda: tmp_path)
    monkeypatch.setattr(second_process.cache, "has", lambda name: True)  # no job at the start
    monkeypatch.delenv("NUMBA_DISABLE_JIT", raising=False)
    monkeypatch.setattr(second_process, "CODE", WORKER.format(before=""))
    second_process.stop()
    yield tmp_path
    second_process.stop()


def begin(before: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(second_process, "CODE", WORKER.format(before=before))
    second_process.start()
    assert second_process._running


def test_every_job_is_done_by_one_of_the_two(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begin("time.sleep(0.001)", monkeypatch)
    wanted, here = set(range(200)), set()
    second_process.give(sorted(wanted))
    while len(list(place.iterdir())) < 20:  # the other one has begun
        time.sleep(0.001)
    while (job := second_process.taken()) is not None:
        here.add(job)
    second_process.wait_for(wanted - here)
    there = {int(file.name) for file in place.iterdir()}
    assert here | there == wanted and not here & there
    assert here and there


def test_later_jobs_are_left_to_the_second_process_and_come_last(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begin("assert job < 10 or len(os.listdir(" + repr(str(place)) + ")) >= 3", monkeypatch)
    second_process.give([11, 12], later=True)
    second_process.give([1, 2, 3])
    second_process.wait_for({1, 2, 3, 11, 12})
    assert second_process.taken() is None
    assert {file.name for file in place.iterdir()} <= {"1", "2", "3", "11", "12"}


def test_a_job_is_given_once(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begin("time.sleep(5)", monkeypatch)
    for _ in range(3):
        second_process.give([4, 5])
    assert [second_process.taken() for _ in range(3)].count(None) >= 1


@pytest.mark.parametrize("end", ["raise SystemExit(3)", "os.kill(os.getpid(), 9)", "os.abort()"])
def test_what_a_second_process_leaves_undone_is_not_waited_for(
    end: str, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(f"if job == 7: {end}", monkeypatch)
    second_process.give([7, 8])
    began = time.monotonic()
    second_process.wait_for({7})
    assert time.monotonic() - began < 10
    assert second_process.taken() in (8, None)
    assert not (place / "7").exists()
    second_process.give([9])  # to one that is no more
    second_process.wait_for({9})


def test_a_system_that_starts_no_process(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(11, "Resource temporarily unavailable")

    before = set(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").is_dir() else set()
    monkeypatch.setattr(subprocess, "Popen", refuse)
    second_process.start()
    second_process.give([1])
    assert second_process.taken() is None
    second_process.wait_for({1})
    if before:
        assert len(os.listdir("/proc/self/fd")) == len(before), "pipes are closed"


@pytest.mark.parametrize("cores", [1, 2])
def test_one_core_has_one_process(cores: int, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(second_process, "cores", lambda: cores)
    second_process.start()
    assert bool(second_process._running) == (cores == 2)


PARENT = """
import sys, time
from pathlib import Path
from channelsim.engine.setup import second_process
second_process.cores = lambda: 2
second_process.cache.writable = lambda: Path({place!r})
second_process.CODE = {worker!r}
second_process.start()
second_process.give([1])
second_process.wait_for({{1}})
print(second_process._running[0].process.pid, flush=True)
{then}
"""


@pytest.mark.parametrize("then", ["time.sleep(60)", "raise SystemExit", "sys.stdout.close(); import os; os._exit(0)"])
def test_it_ends_with_the_first_process(then: str, tmp_path: Path) -> None:
    """However that ends."""
    program = PARENT.format(place=str(tmp_path), worker=WORKER.format(before=""), then=then)
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "0"}
    with subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    ) as first:
        assert first.stdout is not None
        second = int(first.stdout.readline())
        if "sleep" in then:
            first.send_signal(signal.SIGKILL)
        first.wait(10)
        assert (tmp_path / "1").read_text() == str(second)
        deadline = time.monotonic() + 10
        while is_running(second):
            assert time.monotonic() < deadline, "it goes on"
            time.sleep(0.05)


def is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{process}/stat")
    return not (state.exists() and state.read_text().rsplit(")", 1)[1].split()[0] == "Z")
