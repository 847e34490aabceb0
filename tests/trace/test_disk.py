"""Places that cannot be written, and disks that fill."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from channelsim import trace
from channelsim.errors import InputError
from channelsim.trace import Trace, _bulk
from tests import traces


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("missing/deeper/run.h5", "missing does not exist"),
        (".", "is a directory"),
        ("file/run.h5", "cannot write the trace: Not a directory|cannot write the trace: File exists"),
    ],
)
def test_places_that_cannot_be_written(tmp_path: Path, where: str, message: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=message):
        trace.create(tmp_path / where, "", {}, traces.small_plan(), {})


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_directory_without_permission(tmp_path: Path) -> None:
    path = traces.make(tmp_path / "run.h5", status=None)
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(InputError, match="cannot write the trace"):
            trace.create(tmp_path / "new.h5", "", {}, traces.small_plan(), {})
        with pytest.raises(InputError, match="cannot write the trace"):
            trace.reopen(path, traces.small_plan())
    finally:
        tmp_path.chmod(0o700)


# A file may not grow beyond a limit: what a disk that fills looks like to a program, but for the error's number.
FULL_DISK = """
import resource, signal, sys
from channelsim import trace
from channelsim.errors import InputError
from channelsim.trace import _bulk
from tests import traces

_bulk.INLINE_BYTES = int(sys.argv[2])
plan = traces.small_plan()
writer = trace.create(sys.argv[1], traces.TEXT, traces.RESOLVED, plan, {})
traces.add_epoch(writer, plan, 1)
writer.checkpoint(traces.snapshot(plan, 1))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))
traces.add_epoch(writer, plan, 2)
for attempt in range(2):
    try:
        writer.checkpoint(traces.snapshot(plan, 2))
    except InputError as error:
        print(error)
with trace.Trace(sys.argv[1]) as opened:
    print(opened.metrics("train")["epoch"].tolist(), opened.epochs, opened.checkpoint()["epoch"])
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
if sys.argv[3] == "go on":
    writer.checkpoint(traces.snapshot(plan, 2))
    writer.finish("done", {})
"""


@pytest.mark.parametrize("inline", [64 << 20, 1000], ids=["one file", "with segments"])
@pytest.mark.parametrize("then", ["give up", "go on"])
def test_a_disk_that_fills(tmp_path: Path, inline: int, then: str) -> None:
    path = tmp_path / "run.h5"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", FULL_DISK, str(path), str(inline), then]
    said = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    first, second, state = said.stdout.splitlines()
    assert first == second
    assert first.startswith(f"{path}: cannot write the trace: File too large; it stays whole as of its last checkpoint")
    assert state == "[1] [1] 1"
    assert said.stderr == ""
    with Trace(path) as opened:
        assert opened.metrics("train")["epoch"].tolist() == ([1] if then == "give up" else [1, 2])
        assert opened.weights(1)["b_1"].tolist() == [1.0] * 5
        assert not list(tmp_path.glob(".*.part"))


def test_joining_needs_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_bulk, "INLINE_BYTES", 1000)
    free = os.statvfs_result((1, 1, 0, 0, 0, 0, 0, 0, 0, 255))
    monkeypatch.setattr("os.statvfs", lambda path: free)
    path = traces.make(tmp_path / "run.h5")
    assert _bulk.directory(path).exists()
    with Trace(path) as opened:
        assert opened.status == "done"
        assert opened.epochs == [1, 2, 3]
        assert opened.weights(2)["b_1"].tolist() == [2.0] * 5
        assert len(opened.events()) == 30
    path = path.rename(tmp_path / "moved.h5")
    with pytest.raises(InputError, match=r"000001.h5 is missing; an unfinished trace has to be moved with its"):
        Trace(path)
