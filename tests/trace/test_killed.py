"""A trace is whole after SIGKILL at any instant, and a run goes on from it."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

from channelsim import trace
from channelsim.errors import InputError
from channelsim.trace import Trace
from tests import traces

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "OPENBLAS_NUM_THREADS": "1"}

# Writes epochs, each with a checkpoint, as fast as it can, from where the trace stops; says what is on disk.
WRITER = """
import os, sys
from channelsim import trace
from channelsim.trace import _bulk
from tests import traces

path, inline = sys.argv[1], int(sys.argv[2])
_bulk.INLINE_BYTES = inline
plan = traces.small_plan()
if os.path.exists(path):
    writer = trace.reopen(path, plan)
    epoch = int(trace.Trace(path).checkpoint()["epoch"])
else:
    writer, epoch = trace.create(path, traces.TEXT, traces.RESOLVED, plan, traces.PROVENANCE), 0
    writer.checkpoint(traces.snapshot(plan, 0))
print("ready", flush=True)
while True:
    epoch += 1
    traces.add_epoch(writer, plan, epoch)
    writer.checkpoint(traces.snapshot(plan, epoch))
    os.write(1, b"%d\\n" % epoch)
"""


def kill_after(path: Path, epochs: int, delay: float, inline: int) -> int:
    """Let a writer write so many epochs and seconds, kill it, and return the last epoch it said was on disk."""
    command = [sys.executable, "-c", WRITER, str(path), str(inline)]
    writer = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT)
    assert writer.stdout is not None
    assert writer.stdout.readline() == "ready\n"
    said = [writer.stdout.readline() for _ in range(epochs)]
    time.sleep(delay)
    os.kill(writer.pid, signal.SIGKILL)
    said += writer.stdout.read().split()
    writer.stdout.close()
    assert writer.wait() == -signal.SIGKILL
    return int(said[-1]) if said else 0


def check_whole(path: Path) -> int:
    """Read everything in plain h5py, check that all parts are as of one checkpoint, and return its epoch."""
    plan = traces.small_plan()
    with h5py.File(path, "r") as file:
        for name in ("toml", "json"):
            assert file["scenario"][name][()]
        epoch = int(file["checkpoint/epoch"][()])
        for name, values in traces.snapshot(plan, epoch).items():
            np.testing.assert_array_equal(file["checkpoint"][name][()], values)
        expected = np.arange(1, epoch + 1)
        if epoch:
            np.testing.assert_array_equal(file["metrics/train/epoch"][()], expected)
            np.testing.assert_array_equal(file["metrics/test/frames"][()], 2 * expected)
            for i, name in enumerate(plan.channel_names):
                np.testing.assert_array_equal(file[f"channels/{name}/messages"][()], 1000 * expected + 100 * i)
            frames = np.repeat(np.arange(2 * epoch), len(plan.channels))
            np.testing.assert_array_equal(file["events/frame"][()], frames)
            starts, sizes = file["events/payload_start"][()], file["events/payload_size"][()]
            assert file["events/payload"].shape == (sizes.sum(),)
            np.testing.assert_array_equal(file["events/payload"][()], np.repeat(frames % 256, sizes))
            np.testing.assert_array_equal(starts, np.cumsum(sizes) - sizes)
            np.testing.assert_array_equal(file["weights/epoch"][()], expected)
            np.testing.assert_array_equal(file["weights/b_1"][()], np.repeat(expected, 5).reshape(-1, 5))
    return epoch


@pytest.mark.parametrize("inline", [64 << 20, 250_000], ids=["one file", "with segments"])
def test_killed_at_random_instants(tmp_path: Path, inline: int) -> None:
    path = tmp_path / "run.h5"
    instants = random.Random(inline)
    last = 0
    for _ in range(8):
        said = kill_after(path, instants.randrange(3), instants.uniform(0.0, 0.1), inline)
        epoch = check_whole(path)
        assert epoch >= max(said, last)
        last = epoch
    assert last > 3
    assert (path.with_name("run.h5.segments").exists()) == (inline < 1 << 20)

    plan = traces.small_plan()
    with trace.reopen(path, plan) as writer:
        traces.add_epoch(writer, plan, last + 1)
        writer.checkpoint(traces.snapshot(plan, last + 1))
        writer.finish("done", {})
    assert check_whole(path) == last + 1
    assert [file.name for file in tmp_path.iterdir()] == ["run.h5"]


# Forks writers; the n-th dies by SIGKILL just before its n-th call that touches the disk, the last one lives.
DYING_WRITERS = """
import builtins, os, pathlib, shutil, signal, sys
from channelsim import trace
from channelsim.trace import _bulk
from tests import traces

_bulk.INLINE_BYTES = int(sys.argv[2])
plan = traces.small_plan()

def dying(call):
    def step(*arguments, **named):
        global countdown
        if not countdown:
            os.kill(os.getpid(), signal.SIGKILL)
        countdown -= 1
        return call(*arguments, **named)
    return step

def write(path):
    writer = trace.create(path, traces.TEXT, traces.RESOLVED, plan, traces.PROVENANCE)
    writer.checkpoint(traces.snapshot(plan, 0))
    for module, name in [
        (builtins, "open"), (os, "fsync"), (os, "replace"), (os, "open"), (os, "close"), (os, "unlink"),
        (os, "mkdir"), (os, "rmdir"), (shutil, "copyfile"), (shutil, "rmtree"), (pathlib.Path, "unlink"),
    ]:
        setattr(module, name, dying(getattr(module, name)))
    for epoch in (1, 2):
        traces.add_epoch(writer, plan, epoch)
        writer.checkpoint(traces.snapshot(plan, epoch))
    writer.finish("done", {})

step, died = 0, True
while died:
    child = os.fork()
    if not child:
        countdown = step
        write(f"{sys.argv[1]}/{step}/run.h5")
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    died = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    assert died or status == 0
    step += 1
print(step)
"""


@pytest.mark.parametrize("inline", [64 << 20, 250_000], ids=["one file", "with segments"])
def test_killed_at_every_step_of_writing(tmp_path: Path, inline: int) -> None:
    forker = [sys.executable, "-c", DYING_WRITERS, str(tmp_path), str(inline)]
    steps = int(subprocess.run(forker, env=ENVIRONMENT, check=True, capture_output=True, text=True).stdout)
    assert steps > 15
    plan = traces.small_plan()
    reached = []
    for step in range(steps):
        path = tmp_path / str(step) / "run.h5"
        reached.append(check_whole(path))
        with Trace(path) as killed:
            status = killed.status
        if status == "running":
            with trace.reopen(path, plan) as writer:
                writer.finish("done", {})
        else:  # killed as its segments were joined, or removed
            with pytest.raises(InputError, match="this run is done"):
                trace.reopen(path, plan)
        assert check_whole(path) == reached[-1]
        assert [file.name for file in path.parent.iterdir()] == ["run.h5"]
    assert status == "done"
    assert reached == sorted(reached)
    assert set(reached) == {0, 1, 2}
