"""`channelsim run`: streams, exit statuses, traces, interruption and resumption."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import signal
import subprocess
import termios
import time
from pathlib import Path

import numpy as np
import pytest

from channelsim import Trace
from tests.cli.process import COMMAND, assert_one_error_line, channelsim, environment, on_terminal

KEYS = {
    "test_accuracy",
    "train_accuracy",
    "train_loss",
    "updates",
    "frames",
    "simulated_time_s",
    "training_time_s",
    "wall_time_s",
    "energy_j",
    "channels",
    "trace",
}
COUNTS = {"messages", "events", "bits", "dropped", "late"}


def test_a_run_leaves_a_trace_and_says_where(here: Path) -> None:
    outcome = channelsim("run", "small.toml", cwd=here)
    assert outcome.status == 0, outcome.err
    assert outcome.out.rstrip().endswith("trace: runs/small.h5")
    assert (here / "runs" / "small.h5").is_file()
    lines = outcome.out.splitlines()
    assert len([line for line in lines if re.match(r"epoch \d/2  test [\d.]+ %", line)]) == 2
    assert "\x1b" not in outcome.out


def test_json_is_one_object_and_nothing_else(here: Path) -> None:
    outcome = channelsim("run", "small.toml", "--json", "--out", "elsewhere/x.h5", cwd=here)
    assert outcome.status == 0, outcome.err
    result = outcome.json
    assert set(result) >= KEYS
    assert 0.1 < result["test_accuracy"] <= 1
    assert (result["updates"], result["frames"]) == (60, 60)
    assert set(result["channels"]) == {"forward.1", "forward.2", "learning.1"}
    assert all(set(total) >= COUNTS for total in result["channels"].values())
    # 600 samples, each a dense message of 10 values of 3 bits and a scale of 32
    assert result["channels"]["learning.1"]["messages"] == 600
    assert (here / result["trace"]).is_file()


def test_quiet_says_nothing(here: Path) -> None:
    outcome = channelsim("run", "small.toml", "--quiet", cwd=here)
    assert (outcome.status, outcome.out, outcome.err) == (0, "", "")
    outcome = channelsim("run", "small.toml", "--quiet", cwd=here)
    assert_one_error_line(outcome, "runs/small.h5", "--force")


def test_a_terminal_sees_a_bar_and_a_table(here: Path) -> None:
    outcome = on_terminal("run", "small.toml", cwd=here)
    assert outcome.status == 0, outcome.out
    for part in ("epoch 2/2", "test", "loss", "frames/s", "simulated", "bit", "test accuracy", "learning.1"):
        assert part in outcome.out
    assert "runs/small.h5" in outcome.out


def test_live_on_a_terminal_and_elsewhere(here: Path) -> None:
    """On a terminal something is shown from the beginning; elsewhere the output is that without --live."""
    outcome = on_terminal("run", "small.toml", "--live", cwd=here)
    assert outcome.status == 0, outcome.out
    assert outcome.out.index("starting ...") < outcome.out.index("epoch 2 of 2")
    for part in ("frames in flight", "longest queue", "test accuracy", "trace: runs/small.h5"):
        assert part in outcome.out
    outcome = channelsim("run", "small.toml", "--live", "--force", cwd=here)
    assert re.search(r"^epoch 2/2  test", outcome.out, re.MULTILINE) and "\x1b" not in outcome.out
    assert_one_error_line(channelsim("run", "small.toml", "--live", "--quiet", cwd=here), "--live", "accepted")


def test_a_trace_is_not_overwritten_unless_forced(here: Path) -> None:
    assert channelsim("run", "small.toml", "--quiet", cwd=here).status == 0
    before = (here / "runs/small.h5").read_bytes()
    assert_one_error_line(channelsim("run", "small.toml", "--json", cwd=here), "runs/small.h5", "--force")
    assert (here / "runs/small.h5").read_bytes() == before
    outcome = channelsim("run", "small.toml", "--quiet", "--force", "--set", "seed=4", cwd=here)
    assert outcome.status == 0, outcome.err
    with Trace(here / "runs/small.h5") as trace:
        assert trace.resolved["seed"] == 4


def test_set_is_repeated(here: Path) -> None:
    outcome = channelsim(
        "run", "small.toml", "--json", "--set", "learning.rule=bp", "--set", "training.epochs=1", cwd=here
    )
    assert outcome.status == 0, outcome.err
    assert outcome.json["updates"] == 30


@pytest.mark.parametrize("out", ["small.toml/x.h5", "/proc/x.h5"])
def test_an_unwritable_output_is_refused(here: Path, out: str) -> None:
    assert_one_error_line(channelsim("run", "small.toml", "--out", out, cwd=here), out)


def test_a_run_that_diverges_stops_and_says_why(here: Path) -> None:
    outcome = channelsim(
        "run", "small.toml", "--json", "--set", "training.learning_rate=9e37", "--set", "learning.rule=bp", cwd=here
    )
    assert outcome.status == 1
    assert outcome.err.splitlines()[-1].startswith("error: ")
    assert "update" in outcome.err
    with Trace(here / "runs/small.h5") as trace:
        assert trace.status == "diverged"


def test_advice_goes_to_stderr(here: Path) -> None:
    late = ["--set", "channels.learning.deadline=1 us"]
    outcome = channelsim("run", "small.toml", "--json", *late, cwd=here)
    assert outcome.status == 0
    assert outcome.json["channels"]["learning.1"]["late"] > 0
    assert any(line.startswith("warning: ") and "deadline" in line for line in outcome.err.splitlines())


LONG = ["--set", "training.epochs=20000", "--set", "trace.weights=none", "--set", "trace.checkpoint=100 ms"]


def interrupted(here: Path, number: int) -> tuple[int, str, float]:
    """Starts a long run, sends a signal once it learns, and gives status, stderr and the seconds it took to end."""
    with subprocess.Popen(
        [*COMMAND, "run", "small.toml", *LONG],
        cwd=here,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("epoch"):
                break
        process.send_signal(number)
        start = time.monotonic()
        _, err = process.communicate(timeout=60)
        return process.returncode, err, time.monotonic() - start


@pytest.mark.parametrize(("number", "expected"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_ctrl_c_leaves_a_whole_trace_and_says_how_to_go_on(here: Path, number: int, expected: int) -> None:
    status, err, seconds = interrupted(here, number)
    assert status == expected
    assert not list((here / "runs").glob(".*"))
    assert "channelsim run --resume runs/small.h5" in err
    assert "Traceback" not in err
    assert seconds < 2
    with Trace(here / "runs/small.h5") as trace:
        assert trace.status == "interrupted"
        assert trace.checkpoint()


def test_a_terminal_that_goes_away_is_a_hang_up(here: Path) -> None:
    leader, follower = pty.openpty()

    def take_terminal() -> None:
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    with subprocess.Popen(
        [*COMMAND, "run", "small.toml", *LONG],
        cwd=here,
        env=environment(),
        stdin=follower,
        stdout=follower,
        stderr=follower,
        start_new_session=True,
        preexec_fn=take_terminal,
    ) as process:
        os.close(follower)
        seen = b""
        while b"epoch" not in seen:
            seen += os.read(leader, 65536)
        os.close(leader)
        assert process.wait(60) == 129
    with Trace(here / "runs/small.h5") as trace:
        assert trace.status == "interrupted"
        assert trace.checkpoint()
    assert not list((here / "runs").glob(".*"))


def test_a_run_that_is_done_goes_on_with_more_epochs(here: Path) -> None:
    assert channelsim("run", "small.toml", "-q", "--out", "run.h5", cwd=here).status == 0
    outcome = channelsim("run", "--resume", "run.h5", "--epochs", "3", "--json", cwd=here)
    assert outcome.status == 0, outcome.err
    assert outcome.json["updates"] == 3 * 30
    assert_one_error_line(
        channelsim("run", "small.toml", "--epochs", "3", cwd=here), "--epochs goes with --resume TRACE"
    )


def test_a_resumed_run_equals_one_that_never_stopped(here: Path) -> None:
    some = ["--set", "training.epochs=40", "--set", "trace.checkpoint=50 ms"]
    assert channelsim("run", "small.toml", "-q", *some, "--out", "whole.h5", cwd=here).status == 0
    with subprocess.Popen(
        [*COMMAND, "run", "small.toml", *some, "--out", "parts.h5"],
        cwd=here,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("epoch  5/40"):
                break
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode == 130
    outcome = channelsim("run", "--resume", "parts.h5", "--json", cwd=here)
    assert outcome.status == 0, outcome.err
    assert outcome.json["updates"] == 40 * 30
    with Trace(here / "whole.h5") as whole, Trace(here / "parts.h5") as parts:
        for name, array in whole.weights().items():
            assert np.array_equal(array, parts.weights()[name]), name
        assert whole.metrics("test")["accuracy"].tolist() == parts.metrics("test")["accuracy"].tolist()
