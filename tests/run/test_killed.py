"""A run that is killed at any instant and resumed is as if never stopped."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import channelsim as cs
from tests.cli.process import ROOT, environment
from tests.run.runs import PIPELINED, assert_same, small

SITTING = """
import json, sys, time
from pathlib import Path
import channelsim as cs
from channelsim.progress import Silent
from channelsim.simulation import _simulation
from channelsim.trace import _writer

class Ready(Silent):
    def start(self, *_):
        print("ready", flush=True)

    def chunk(self, *_):
        time.sleep(float(sys.argv[3]))

_simulation.CHUNK_SECONDS = 0.0
_writer._SHARE = 0.5  # checkpoints may take half of the time
path, document = Path(sys.argv[1]), json.loads(sys.argv[2])
if path.exists():
    cs.run(resume=path, progress=Ready())
else:
    cs.run(cs.Scenario(**document), path, progress=Ready())
"""


def killed(path: Path, wanted: cs.Scenario, delay: float | None) -> int:
    """Runs or resumes in a process that is killed so many seconds after it began to learn; its exit status."""
    pause = "0" if delay is None else "0.002"  # a frame, so that the run is still going on when the signal comes
    command = [sys.executable, "-c", SITTING, str(path), json.dumps(wanted.resolved), pause]
    with subprocess.Popen(command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        if delay is not None:
            time.sleep(delay)
            process.kill()
    return process.returncode


def test_killed_at_random_instants_and_resumed_is_as_if_never_stopped(tmp_path: Path) -> None:
    often = {"events": "first 30 frames", "checkpoint": "1 ms"}
    wanted = small(PIPELINED, training={**PIPELINED["training"], "epochs": 40}, trace=often)
    whole, parts = tmp_path / "whole.h5", tmp_path / "parts.h5"
    cs.run(wanted, whole)
    instants = random.Random(2)
    reached = []
    for longest in (0.5, 0.5, 0.5, 1, 2, 4, 8):  # on a busy machine it takes long to the first checkpoint
        if len(reached) >= 3 and reached[-1] > 0:
            break
        assert killed(parts, wanted, instants.uniform(0, longest)) == -signal.SIGKILL
        with cs.Trace(parts) as trace:
            assert trace.status == "running"
            reached.append(int(trace.checkpoint()["clock"]["next_frame"][0]))
    assert reached == sorted(reached) and reached[-1] > 0
    assert killed(parts, wanted, None) == 0
    assert_same(whole, parts)
