"""Sweeps on a real scheduler with workers that are processes of their own; some of them are killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import channelsim as cs
from channelsim.scenario import Scenario
from channelsim.sweeps import MEASURES, Silent, _cluster, read_table
from channelsim.trace import Trace
from tests.cli.process import COMMAND, SMALL, environment
from tests.sweeps.conftest import wait_for_workers

Grid = Callable[..., Scenario]
EXACT = ["test_accuracy", "test_loss", "train_accuracy", "bits", "learning_bits", "simulated_time_s", "updates"]
SHORT = {"learning.rule": ["bp", "srbp"], "seed": {"range": [1, 2]}}


class Told(Silent):
    """Remembers what it was told, and may do something after the first point."""

    def __init__(self, after_first: Callable[[], None] | None = None) -> None:
        self.after_first = after_first
        self.begun: list[tuple[str, int, int, int]] = []
        self.rows: list[Mapping[str, Any]] = []
        self.ended: list[tuple[int, int]] = []

    def start(self, name: str, points: int, done: int, workers: int) -> None:
        self.begun.append((name, points, done, workers))

    def point(self, row: Mapping[str, Any], done: int, seconds_left: float) -> None:
        self.rows.append(row)
        assert seconds_left >= 0
        if len(self.rows) == 1 and self.after_first:
            self.after_first()

    def finish(self, done: int, failed: int) -> None:
        self.ended.append((done, failed))


def kill_a_worker(scheduler: str) -> None:
    """SIGKILL for a worker process in the middle of a point; its nanny starts another."""
    from distributed import Client

    with Client(scheduler, set_as_default=False) as client:
        at_work = next(address for address, points in client.processing().items() if points)
        (pid,) = client.run(os.getpid, workers=[at_work]).values()
        os.kill(pid, signal.SIGKILL)


def _stop() -> None:
    raise KeyboardInterrupt


def ages(directory: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in (directory / "points").glob("*.h5")}


def test_the_table_is_what_single_runs_give(grid: Grid, scheduler: str, tmp_path: Path) -> None:
    told = Told()
    scenario = grid({**SHORT, "training.learning_rate": [0.1, 0.2], "zip": ["learning.rule", "training.learning_rate"]},
                    **{"data.validation": 50})  # fmt: skip
    table = cs.sweep(scenario, out=tmp_path / "out", scheduler=scheduler, progress=told)
    assert list(table.columns) == [
        "point", "status", "reason", "learning.rule", "training.learning_rate", "seed",
        *(name for name in MEASURES if "r2" not in name and name != "test_accuracy_deployed"), "busiest", "warnings",
        "trace",
    ]  # fmt: skip
    assert told.begun == [("small", 4, 0, 2)]
    assert told.ended == [(4, 0)]
    assert (table["status"] == "done").all()
    assert list(table["learning.rule"]) == ["bp", "bp", "srbp", "srbp"]
    assert list(table["seed"]) == [1, 2, 1, 2]
    assert list(table["training.learning_rate"]) == [0.1, 0.1, 0.2, 0.2]
    last = table.iloc[-1]
    alone = scenario.with_({"learning.rule": "srbp", "training.learning_rate": 0.2, "seed": 2, "sweep": {}})
    assert last["point"] == alone.digest()
    result = cs.run(alone, out=tmp_path / "alone.h5")
    for name in (*EXACT, "validation_accuracy"):
        assert last[name] == getattr(result, name)
    with Trace(tmp_path / "out" / last["trace"]) as trace:
        assert trace.status == "done"
        assert len(trace.metrics("validation")) == 2
    pd.testing.assert_frame_equal(table, read_table(tmp_path / "out"))
    csv = pd.read_csv(tmp_path / "out" / "results.csv", keep_default_na=False)
    assert list(csv["point"]) == list(table["point"])


def test_what_is_done_is_not_done_again(grid: Grid, scheduler: str, tmp_path: Path) -> None:
    cs.sweep(grid(SHORT), out=tmp_path / "out", scheduler=scheduler)
    before = ages(tmp_path / "out")
    (tmp_path / "out" / "results.parquet").unlink()
    told = Told()
    table = cs.sweep(grid(SHORT), out=tmp_path / "out", workers=1, progress=told)
    assert told.begun == [("small", 4, 4, 0)] and not told.rows
    more = Told()
    table = cs.sweep(grid({**SHORT, "seed": [1, 2, 3]}), out=tmp_path / "out", scheduler=scheduler, progress=more)
    assert more.begun == [("small", 6, 4, 2)] and len(more.rows) == 2
    assert len(table) == 6
    assert before.items() <= ages(tmp_path / "out").items()


def test_a_sweep_after_its_data_have_changed_is_refused(grid: Grid, scheduler: str, tmp_path: Path) -> None:
    x, y = np.eye(40, 64, dtype=np.float32), np.arange(40) % 10
    own = tmp_path / "own.npz"
    np.savez(own, train_x=x, train_y=y, test_x=x, test_y=y)
    scenario = grid({"seed": [1, 2]}, data={"name": str(own), "train": "none", "test": "none"})
    before = cs.sweep(scenario, out=tmp_path / "out", scheduler=scheduler)
    assert (before["status"] == "done").all()
    np.savez(own, train_x=x, train_y=np.random.default_rng(1).permutation(y), test_x=x, test_y=y)
    told = Told()
    with pytest.raises(cs.InputError, match=r"points were computed on other data .*: train_y has other values"):
        cs.sweep(scenario, out=tmp_path / "out", scheduler=scheduler, progress=told)
    assert not told.begun
    after = cs.sweep(scenario, out=tmp_path / "other", scheduler=scheduler)  # by the same workers
    assert (after["status"] == "done").all()
    assert (after["test_loss"] != before["test_loss"]).all()


def test_a_killed_worker_changes_nothing(grid: Grid, scheduler: str, tmp_path: Path) -> None:
    sweep = {"seed": {"range": [1, 4]}}
    slow = {"training.epochs": 12, "trace.checkpoint": "50 ms"}
    told = Told(after_first=lambda: kill_a_worker(scheduler))
    table = cs.sweep(grid(sweep, **slow), out=tmp_path / "killed", scheduler=scheduler, progress=told)
    assert (table["status"] == "done").all() and len(table) == 4
    calm = cs.sweep(grid(sweep, **slow), out=tmp_path / "calm", scheduler=scheduler)
    pd.testing.assert_frame_equal(table[["point", *EXACT]], calm[["point", *EXACT]])


def test_a_point_that_kills_is_recorded_and_the_rest_goes_on(grid: Grid, scheduler: str, tmp_path: Path) -> None:
    told = Told()
    table = cs.sweep(grid({"seed": [1, 666, 2]}), out=tmp_path / "out", scheduler=scheduler, progress=told)
    assert told.ended == [(2, 1)]
    assert list(table["status"]) == ["done", "done", "killed"]
    assert "its worker died 4 times" in table["reason"].iloc[-1]
    wait_for_workers(scheduler)
    again = Told(after_first=_stop)
    with pytest.raises(KeyboardInterrupt):
        cs.sweep(grid({"seed": [1, 666, 2, 3]}), out=tmp_path / "out", scheduler=scheduler, progress=again)
    assert again.begun == [("small", 4, 2, 2)]
    assert list(read_table(tmp_path / "out")["seed"]) == [1, 2, 3, 666]


@pytest.mark.timeout(90)
def test_a_worker_that_is_gone_before_the_first_point_is_not_waited_for(
    grid: Grid, scheduler: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = _cluster.workers
    gone = [{"tcp://127.0.0.1:9": "another machine"}]
    monkeypatch.setattr(_cluster, "workers", lambda client: {**there(client), **(gone.pop() if gone else {})})
    table = cs.sweep(grid(SHORT), out=tmp_path / "out", scheduler=scheduler)
    assert (table["status"] == "done").all() and len(table) == 4


def test_points_that_fail_are_recorded(grid: Grid, scheduler: str, tmp_path: Path) -> None:
    sweep = {
        "training.learning_rate": [0.1, 9e37],
        "learning.rule": ["bp"],
        "channels.learning.quantize.kind": ["log2", "uniform"],
        "channels.learning.quantize.bits": [1, 4],
        "channels.learning.quantize.exponents": ["none"],
    }
    told = Told()
    table = cs.sweep(grid(sweep), out=tmp_path / "out", scheduler=scheduler, progress=told)
    reasons = table.set_index(["channels.learning.quantize.kind", "channels.learning.quantize.bits"])["reason"]
    assert reasons.sort_index().loc["uniform", 1].str.contains("channels.learning.quantize.bits = 1").all()
    assert not reasons.str.contains("Error").any()
    by_rate = table[reasons.ne("").values & table["channels.learning.quantize.bits"].eq(4)]
    assert set(by_rate["training.learning_rate"]) == {9e37}
    assert by_rate["reason"].str.contains("no longer finite").all()
    failed = table["status"] == "failed"
    assert told.ended == [(int((~failed).sum()), int(failed.sum()))]
    assert table[failed]["test_accuracy"].isna().all()
    again = Told()
    cs.sweep(grid(sweep), out=tmp_path / "out", scheduler=scheduler, progress=again)
    assert [row["status"] for row in again.rows] == ["failed", "failed"]
    assert all("quantize.bits" in row["reason"] for row in again.rows)


def test_two_sweeps_share_a_directory(grid: Grid, scheduler: str, tmp_path: Path) -> None:
    """At the same time, with points in common: each is computed once, and both see all."""
    text = (SMALL + "[sweep]\nseed = [2, 3, 4]\n").replace("epochs = 2", "epochs = 6")
    (tmp_path / "other.toml").write_text(text)
    command = [*COMMAND, "sweep", "other.toml", "--out", "out", "--scheduler", scheduler, "--json"]
    told = Told()
    mine = grid({"seed": [1, 2, 3]}, **{"training.epochs": 6})
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as other:
        assert other.stderr is not None
        other.stderr.readline()  # it has begun
        cs.sweep(mine, out=tmp_path / "out", scheduler=scheduler, progress=told)
        said, _ = other.communicate(timeout=60)
    assert other.returncode == 0
    assert json.loads(said)["done"] == 3
    assert told.ended == [(3, 0)]
    table = read_table(tmp_path / "out")
    assert list(table["seed"]) == [1, 2, 3, 4]
    assert (table["status"] == "done").all()
    assert not list((tmp_path / "out").glob("**/*.part"))
