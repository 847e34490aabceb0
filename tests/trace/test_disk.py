"""Places that cannot be written, and disks that fill."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import h5py
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


# --- what is in the way -----------------------------------------------------------------------------------


def begin(path: Path, force: bool = True) -> None:
    trace.create(path, "new", {}, traces.small_plan(), {}, force=force).close()


@pytest.mark.parametrize("force", [False, True])
def test_what_is_no_file_is_not_replaced(tmp_path: Path, force: bool) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    for path, kind in ((fifo, "a FIFO"), (Path("/dev/null"), "a device"), (Path("/dev/zero"), "a device")):
        with pytest.raises(InputError, match=rf"{path}: is {kind}.*accepted: a regular file"):
            begin(path, force)
    assert fifo.is_fifo() and Path("/dev/null").is_char_device()


def test_a_foreign_hdf5_file_is_not_overwritten(tmp_path: Path) -> None:
    mine = tmp_path / "mine.h5"
    with h5py.File(mine, "w") as file:
        file["x"] = 1
        file.attrs["format"] = "another"
    content = mine.read_bytes()
    with pytest.raises(InputError, match=r"mine\.h5: is no trace, which --force would overwrite"):
        begin(mine)
    assert mine.read_bytes() == content


def test_a_link_is_followed(tmp_path: Path) -> None:
    """To a trace, to nothing yet, and to what is not to be overwritten."""
    (tmp_path / "there").mkdir()
    target, link = tmp_path / "there" / "real.h5", tmp_path / "link.h5"
    link.symlink_to(target)
    for _ in range(2):
        begin(link)
        assert link.is_symlink() and target.is_file()
        assert sorted(os.listdir(tmp_path)) == ["link.h5", "there"] and os.listdir(tmp_path / "there") == ["real.h5"]
    with Trace(link) as opened:
        assert opened.scenario_text == "new"
    target.write_text("mine")
    with pytest.raises(InputError, match="is no trace"):
        begin(link)
    assert target.read_text() == "mine"


def test_a_segmented_trace_is_resumed_through_a_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_bulk, "INLINE_BYTES", 1000)
    (tmp_path / "there").mkdir()
    target = traces.make(tmp_path / "there" / "real.h5", status=None)
    link = tmp_path / "link.h5"
    link.symlink_to(target)
    with Trace(link) as opened:
        assert opened.weights(2)["b_1"].tolist() == [2.0] * 5
    with trace.reopen(link, traces.small_plan()) as writer:
        writer.finish("done", {})
    assert os.listdir(tmp_path / "there") == ["real.h5"]
    with Trace(link) as opened:
        assert opened.epochs == [1, 2, 3]


def test_links_in_a_circle(tmp_path: Path) -> None:
    one, other = tmp_path / "one.h5", tmp_path / "other.h5"
    one.symlink_to(other)
    other.symlink_to(one)
    with pytest.raises(InputError, match="leads back to itself"):
        begin(one)


@pytest.mark.parametrize("name", [".run.h5.part", ".run.h5.lock"])
def test_nothing_is_written_through_a_planted_link(tmp_path: Path, name: str) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (tmp_path / name).symlink_to(victim)
    if name.endswith("lock"):
        with pytest.raises(InputError, match="cannot write the trace"):
            begin(tmp_path / "run.h5")
        (tmp_path / name).unlink()
        (tmp_path / name).symlink_to(tmp_path / "nothing")
        with pytest.raises(InputError, match="cannot write the trace"):
            begin(tmp_path / "run.h5")
        assert not (tmp_path / "nothing").exists()
    else:
        begin(tmp_path / "run.h5")
        assert sorted(os.listdir(tmp_path)) == ["run.h5", "victim"]
    assert victim.read_text() == "mine"


def test_a_file_in_the_place_of_the_lock_is_kept(tmp_path: Path) -> None:
    (tmp_path / ".run.h5.lock").write_text("mine")
    with pytest.raises(InputError, match=r"\.run\.h5\.lock: is no lock file of channelsim"):
        begin(tmp_path / "run.h5")
    assert (tmp_path / ".run.h5.lock").read_text() == "mine"


def plant(folder: Path) -> dict[str, bytes]:
    """What is not channelsim's, in a folder that has the name of its own."""
    folder.mkdir()
    (folder / "notes.txt").write_text("mine")
    (folder / "1.h5").write_text("mine")
    (folder / "inner").mkdir()
    (folder / "inner" / "000001.h5").write_text("mine")
    with h5py.File(folder / "000001.h5", "w") as file:
        file["x"] = 1
    os.symlink(folder / "notes.txt", folder / "000002.h5")
    return contents(folder)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_only_its_own_segments_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_bulk, "INLINE_BYTES", 1000)
    path = tmp_path / "run.h5"
    beside = _bulk.directory(path)
    planted = plant(beside)
    traces.make(path, status=None)
    assert contents(beside).keys() - planted.keys() == {"000003.h5", "000004.h5", "000005.h5"}
    with trace.reopen(path, traces.small_plan()) as writer:
        writer.finish("done", {})
    assert contents(beside) == planted
    begin(path)
    assert contents(beside) == planted


@pytest.mark.parametrize("kind", ["link", "file"])
def test_segments_are_neither_written_nor_removed_through_a_link(tmp_path: Path, kind: str) -> None:
    other, beside = tmp_path / "other", _bulk.directory(tmp_path / "run.h5")
    planted = plant(other)
    if kind == "link":
        beside.symlink_to(other)
    else:
        beside.write_text("mine")
    with pytest.raises(InputError, match=r"run\.h5\.segments: is (a symbolic link|no directory)"):
        begin(tmp_path / "run.h5")
    assert contents(other) == planted and beside.exists()


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_disk_without_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("fcntl.flock", refuse)
    path, plan = tmp_path / "run.h5", traces.small_plan()
    with trace.create(path, "", {}, plan, {}) as writer:
        [note] = writer.notes
        assert str(path) in note and "has no file locks" in note
        writer.checkpoint({})
    with trace.reopen(path, plan) as writer:
        assert writer.notes == [note]
    assert os.listdir(tmp_path) == ["run.h5"]


def test_another_fault_of_a_lock_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr("fcntl.flock", refuse)
    with pytest.raises(InputError, match="cannot write the trace: Input/output error"):
        begin(tmp_path / "run.h5")
