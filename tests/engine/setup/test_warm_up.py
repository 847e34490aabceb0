"""A machine compiles what a run needs once: in two processes where it has two cores, whatever becomes of one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numba
import pytest

ROOT = Path(__file__).parents[3]
pytestmark = [
    pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="nothing is compiled here"),
    pytest.mark.slow,
    pytest.mark.timeout(600),  # each process with an empty cache compiles the engine
]
RUN = """
import json, os, sys
from channelsim.engine.setup import second_process
second_process.cores = lambda: {cores}
{before}
second_process.start_early()
{meanwhile}
from channelsim import engine
from channelsim.engine.compile import objects
from tests.networks import plan_of
from tests.laws.cases import dense_case, outcome
compiled, compile_module = [], objects.compile_module
objects.compile_module = lambda *given, **keys: compiled.append(1) or compile_module(*given, **keys)
case = dense_case([6, 5, 3], ["tanh", "softmax"], 20, {{"learning": {{"rule": "srbp"}}, "training": {{"batch": 5}}}})
plan, data = case.plan(), case.data()
seconds = engine.seconds_to_compile(plan)
state = engine.start(plan, data)
engine.advance(plan, state, plan.frames)
engine.evaluate(state, data.test_x, data.test_y)
print(json.dumps([len(compiled), seconds, state.weights.tobytes().hex()]))
"""
KILL = "import signal, time; time.sleep({}); os.kill(second_process._running[0].process.pid, signal.SIGKILL)"
REFUSE = "import subprocess\ndef refuse(*_, **__): raise OSError(11, 'no')\nsubprocess.Popen = refuse"
PARTS = 7  # vector code and units, those of an evaluation included


def run(cache: Path, cores: int = 2, before: str = "", meanwhile: str = "") -> Any:
    program = RUN.format(cores=cores, before=before, meanwhile=meanwhile)
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(cache)}
    command = [sys.executable, "-W", "error", "-c", program]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """(cache, weights) of a machine with one core."""
    cache = tmp_path_factory.mktemp("cache")
    compiled, seconds, weights = run(cache, cores=1)
    assert compiled == PARTS and seconds > 0
    return cache, weights


def test_what_is_compiled_is_loaded_from_then_on(alone: tuple[Path, str]) -> None:
    cache, weights = alone
    assert run(cache, cores=2) == [0, 0, weights]


def test_two_processes_share_the_work(tmp_path: Path, alone: tuple[Path, str]) -> None:
    compiled, _, weights = run(tmp_path, cores=2)
    assert 0 < compiled < PARTS
    assert weights == alone[1]
    [directory] = tmp_path.iterdir()
    assert len(list(directory.iterdir())) == PARTS
    assert all(file.suffix == ".o" for file in directory.iterdir())


@pytest.mark.parametrize("when", [0.0, 0.3, 2.0])
def test_a_second_process_that_is_killed(when: float, tmp_path: Path, alone: tuple[Path, str]) -> None:
    compiled, _, weights = run(tmp_path, meanwhile=KILL.format(when))
    assert 0 < compiled <= PARTS
    assert weights == alone[1]


def test_a_system_that_starts_no_process(tmp_path: Path, alone: tuple[Path, str]) -> None:
    compiled, _, weights = run(tmp_path, before=REFUSE)
    assert compiled == PARTS
    assert weights == alone[1]


def test_a_cache_that_cannot_be_written_serves_both_processes(tmp_path: Path, alone: tuple[Path, str]) -> None:
    blocked = tmp_path / "cache"
    blocked.write_text("a file")
    command = [sys.executable, "-c", RUN.format(cores=2, before="", meanwhile="")]
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(blocked), "TMPDIR": str(tmp_path)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    compiled, _, weights = json.loads(done.stdout)
    assert 0 < compiled < PARTS
    assert weights == alone[1]
    assert done.stderr.count("compiled code cannot be kept") == 1
    assert [file.name for file in tmp_path.iterdir()] == ["cache"], "nothing is left behind"
