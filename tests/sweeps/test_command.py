"""`channelsim sweep` as a process, with workers of its own."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import time
from pathlib import Path

import pandas as pd
import pytest

from channelsim.cli import main
from channelsim.sweeps import _cluster, read_table
from tests.cli.process import COMMAND, SMALL, Outcome, assert_one_error_line, channelsim, environment

GRID = SMALL + '\n[sweep]\n"learning.rule" = ["bp", "srbp"]\nseed = { range = [1, 3] }\n'


@pytest.fixture
def here(tmp_path: Path) -> Path:
    (tmp_path / "grid.toml").write_text(GRID)
    return tmp_path


def start(*arguments: str, cwd: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*COMMAND, "sweep", *arguments],
        cwd=cwd,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_ctrl_c_leaves_what_is_done_and_the_same_command_goes_on(
    here: Path, scheduler: str, number: int, status: int
) -> None:
    command = ["grid.toml", "--set", "training.epochs=200"]
    with start(*command, "--workers", "2", cwd=here) as process:
        assert process.stdout is not None and process.stderr is not None
        for line in process.stdout:
            if line.startswith("2/6"):
                break
        if number == signal.SIGINT:
            os.killpg(process.pid, number)  # as a terminal does: to the sweep and to its workers
        else:
            process.send_signal(number)
        _, told = process.communicate(timeout=60)  # the rest of the points is not waited for: see the table
    assert process.returncode == status
    assert told.splitlines()[-1].startswith("interrupted; what is done is in runs/small")
    assert "Traceback" not in told
    table = read_table(here / "runs" / "small")
    assert 2 <= len(table) < 6
    assert (table["status"] == "done").all()
    outcome = channelsim("sweep", *command, "--scheduler", scheduler, "--json", cwd=here)
    assert outcome.status == 0
    assert outcome.json == {
        "points": 6, "done": 6, "failed": 0, "rows": 6, "out": "runs/small", "table": "runs/small/results.parquet",
    }  # fmt: skip
    assert f"6 points, {len(table)} of them done before, 2 at a time" in outcome.err
    whole = pd.read_parquet(here / "runs" / "small" / "results.parquet")
    pd.testing.assert_frame_equal(whole[whole["point"].isin(table["point"])].reset_index(drop=True), table)


def test_a_failed_point_is_exit_status_1(here: Path, scheduler: str) -> None:
    diverges = ["--set", "sweep={ 'training.learning_rate' = [9e37] }", "--set", "learning.rule=bp"]
    outcome = channelsim("sweep", "grid.toml", "--scheduler", scheduler, "-q", *diverges, "-o", "out", cwd=here)
    assert (outcome.status, outcome.out, outcome.err) == (1, "", "")
    assert (here / "out" / "results.csv").read_text().count("no longer finite") == 1


def test_a_full_disk_stops_the_sweep_and_keeps_what_is_done(here: Path) -> None:
    # Enough for the small files of Dask and for a trace of nothing, too little for the traces of the points.
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    done = subprocess.run(
        [*COMMAND, "sweep", "grid.toml", "--workers", "1", "--set", "trace.events=first 1000 frames",
         "--set", "training.epochs=6"],
        cwd=here, env=environment(), capture_output=True, text=True, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (350_000, hard)),
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("error: ")
    assert "cannot write the results: File too large; every point that is done is kept" in done.stderr
    assert not list((here / "runs" / "small" / "points").glob("*.json"))


MISTAKES = {
    "seed=[]": "sweep.seed = []",
    "seed=3": "accepted: a list of values",
    "'learning.rool'=[1]": 'sweep."learning.rool" is unknown',
    "'lerning.rule'=['bp']": "did you mean learning?",
    "'training.learning_rate'={lnispace=[0,1,2]}": "did you mean linspace?",
}


@pytest.mark.parametrize(("table", "word"), MISTAKES.items())
def test_a_wrong_grid_is_one_line(here: Path, capsys: pytest.CaptureFixture[str], table: str, word: str) -> None:
    status = main(["sweep", str(here / "grid.toml"), "--out", str(here / "out"), "--set", f"sweep={{ {table} }}"])
    assert_one_error_line(Outcome(status, *capsys.readouterr()), "grid.toml: sweep", word)
    assert not (here / "out").exists()


def test_a_scheduler_that_does_not_answer(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def tried(*more: str) -> Outcome:
        return Outcome(main(["sweep", str(here / "grid.toml"), "-o", str(here / "out"), *more]), *capsys.readouterr())

    assert _cluster.TIMEOUT == 10
    monkeypatch.setattr(_cluster, "TIMEOUT", 1)
    silent = "tcp://127.0.0.1:9"
    began = time.monotonic()
    assert_one_error_line(tried("--scheduler", silent), f"--scheduler {silent}: no Dask scheduler answers within 1 s")
    assert time.monotonic() - began < 5
    assert_one_error_line(tried("--scheduler", "smoke://signal"), "no address", "smoke")
    for wrong in ("nonsense", "", "tcp://127.0.0.1:port", "tcp://127.0.0.1:65536", "tcp://[::1:3", "inproc://a:1"):
        assert_one_error_line(tried("--scheduler", wrong), f"--scheduler {wrong!r}: no address; accepted: one such as")
    assert_one_error_line(tried("--scheduler", "tls://127.0.0.1:1"), "no certificate is set")
    assert_one_error_line(tried("--scheduler", silent, "--workers", "2"), "--workers", "--scheduler")
