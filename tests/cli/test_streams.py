"""Streams that cannot take what is written to them: text that they cannot encode, a full disk, a closed stream."""

from __future__ import annotations

import json
import os
import pty
import subprocess
from pathlib import Path

import h5py
import pytest

from channelsim.trace import _seal
from tests import traces
from tests.cli.process import COMMAND, ROOT, SMALL, assert_one_error_line, channelsim, environment

ASCII = {"PYTHONIOENCODING": "ascii"}


def shell(line: str, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    command = line.replace("channelsim", " ".join(COMMAND), 1)
    return subprocess.run(
        ["bash", "-c", command], cwd=cwd, env=environment(**env), capture_output=True, text=True, timeout=240
    )


@pytest.fixture
def named(tmp_path: Path) -> Path:
    """A trace whose path has letters beyond ASCII."""
    return traces.make(tmp_path / "läufe-µ.h5")


def test_output_that_the_stream_cannot_encode(named: Path) -> None:
    outcome = channelsim("trace", "info", named, cwd=named.parent, env=ASCII)
    assert (outcome.status, outcome.err) == (0, "")
    assert r"l\xe4ufe-\xb5.h5" in outcome.out
    outcome = channelsim("trace", "info", named, "--json", cwd=named.parent, env=ASCII)
    assert (outcome.status, outcome.json["trace"]) == (0, str(named))
    outcome = channelsim("trace", "info", "keine-µ.h5", cwd=named.parent, env=ASCII)
    assert (outcome.status, outcome.err) == (
        2, "error: keine-\\xb5.h5: no such trace; a run leaves one, by default runs/NAME.h5\n",
    )  # fmt: skip


def test_paths_that_are_no_text(tmp_path: Path) -> None:
    """In a directory's name; the trace's own name is one of HDF5's, too."""
    folder = tmp_path / os.fsdecode(b"run-\xff")
    folder.mkdir()
    scenario, path = folder / "small.toml", folder / "run.h5"
    scenario.write_text(SMALL)
    outcome = channelsim("run", scenario, "--out", path, "--json", "--quiet", cwd=tmp_path)
    assert (outcome.status, outcome.err) == (0, "") and outcome.json["trace"] == str(path)
    outcome = channelsim("trace", "info", path, cwd=tmp_path)
    assert (outcome.status, outcome.err) == (0, "") and r"run-\udcff/run.h5" in outcome.out
    outcome = channelsim("trace", "info", path, "--json", cwd=tmp_path)
    assert json.loads(outcome.out)["trace"] == str(path)
    outcome = channelsim("run", scenario, "--out", folder / os.fsdecode(b"\xff.h5"), cwd=tmp_path)
    assert_one_error_line(outcome, r"\udcff.h5: its name is not UTF-8")


@pytest.mark.parametrize("command", ["run", "sweep"])
def test_a_working_directory_that_is_gone(tmp_path: Path, command: str) -> None:
    (tmp_path / "small.toml").write_text(SMALL)
    line = f"mkdir gone; cd gone; rmdir ../gone; channelsim {command} {tmp_path}/small.toml"
    done = shell(line, tmp_path, PYTHONPATH=str(ROOT))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: the working directory has been deleted; accepted: one that exists\n"


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("channelsim trace info run.h5 >&-", 0),
        ("channelsim trace info run.h5 >&- 2>&-", 0),
        ("channelsim trace info none.h5 2>&-", 2),
        ("channelsim trace info run.h5 | head -c 1 | cat > /dev/null; exit ${PIPESTATUS[0]}", None),
    ],
)
def test_closed_streams(tmp_path: Path, line: str, status: int | None) -> None:
    traces.make(tmp_path / "run.h5")
    done = shell(line, tmp_path)
    assert done.stderr == ""
    assert done.returncode in ((0, 1) if status is None else (status,))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
@pytest.mark.parametrize("more", ["", "--json"])
def test_a_full_disk_behind_stdout(tmp_path: Path, more: str) -> None:
    traces.make(tmp_path / "run.h5")
    done = shell(f"channelsim trace info run.h5 {more} > /dev/full", tmp_path)
    assert (done.returncode, done.stderr) == (2, "error: [Errno 28] No space left on device\n")


def test_nothing_in_a_trace_reaches_the_terminal_as_a_command(tmp_path: Path) -> None:
    path = traces.make(tmp_path / "run.h5", name="\x1b[2J\x1b]0;owned\x07 $\\frac{1$ [/bold]")
    outcome = channelsim("trace", "info", path, cwd=tmp_path)
    assert outcome.status == 0 and "\x1b" not in outcome.out and "\x07" not in outcome.out
    assert r"\x1b[2J\x1b]0;owned\x07 $\frac{1$ [/bold]" in outcome.out
    outcome = channelsim("plot", path, "--out", "a.svg", cwd=tmp_path)
    assert (outcome.status, outcome.err) == (0, "")
    assert r"$\frac{1$" in (tmp_path / "a.svg").read_text()
    with h5py.File(path, "r+") as file:
        file.move("weights", "w\x1b[2J")
    _seal.reseal(path)
    outcome = channelsim("trace", "info", path, cwd=tmp_path)
    assert outcome.status == 2 and "\x1b" not in outcome.err and len(outcome.err.splitlines()) == 1


def test_a_terminal_that_is_gone(tmp_path: Path) -> None:
    """Nothing more can be written, and no traceback is."""
    traces.make(tmp_path / "run.h5")
    leader, follower = pty.openpty()
    command = [*COMMAND, "trace", "info", "run.h5"]
    process = subprocess.Popen(
        command, cwd=tmp_path, env=environment(), stdout=follower, stderr=subprocess.PIPE, text=True
    )
    os.close(follower)
    os.close(leader)
    assert process.communicate(timeout=240)[1] == ""
    assert process.returncode == 1
