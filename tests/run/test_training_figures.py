"""Training loss and accuracy: those of the samples that have reached the top, as they pass."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import channelsim as cs
from channelsim.progress import Silent
from tests.networks import scenario
from tests.run.runs import Stopping


def test_training_accuracy_is_the_mean_of_samples_as_they_pass(tmp_path: Path) -> None:
    """Each with the weights before its own frame's update: here the first of two frames decides how the second goes."""
    x = np.eye(16, dtype=np.float32)[np.repeat([0, 1], 10)]
    y = np.repeat([0, 1], 10)
    np.savez(tmp_path / "own.npz", train_x=x, train_y=y, test_x=x, test_y=y)
    tables = {
        "training": {"batch": 10, "epochs": 1, "shuffle": False, "learning_rate": 5.0},
        "learning": {"rule": "bp"},
    }
    wanted = scenario([16, 2], data={"name": str(tmp_path / "own.npz")}, **tables)
    result = cs.run(wanted, tmp_path / "t.h5")
    with cs.Trace(tmp_path / "t.h5") as trace:
        assert trace.metrics("train")["accuracy"].tolist() == [result.train_accuracy]
    w = cs.plan.build(wanted, (16,), 2, 20).weights.reshape(16, 2).astype(np.float64)

    def output(row: int, b: np.ndarray) -> np.ndarray:
        e = np.exp(w[row] + b)
        return e / e.sum()

    first = output(0, np.zeros(2))
    second = output(1, 5.0 * (np.array([1, 0]) - first))
    assert result.train_loss == pytest.approx(-(np.log(first[0]) + np.log(second[1])) / 2, rel=1e-5)
    assert result.train_accuracy == (int(first[0] > first[1]) + int(second[1] > second[0])) / 2


class Lines(Silent):
    """Keeps the losses that are shown during epochs, and after them."""

    def __init__(self) -> None:
        self.during: list[float] = []
        self.after: list[float] = []

    def chunk(self, *shown: Any) -> None:
        self.during.append(shown[-1])

    def epoch(self, row: Mapping[str, Any]) -> None:
        self.after.append(row["train_loss"])


def test_an_epoch_in_which_no_sample_reaches_the_top_has_no_loss(tmp_path: Path) -> None:
    """9 frames an epoch every 10 us, twice 100 us on their way to the top: frame k learns at 10 k + 200 us."""
    tables = {
        "data": {"name": "synthetic", "train": 9, "test": 20},
        "training": {"batch": 1, "epochs": 4},
        "learning": {"rule": "srbp"},
        "channels": {"forward": {"latency": "100 us"}},
        "schedule": {"mode": "pipelined", "interval": "10 us"},
    }
    lines = Lines()
    result = cs.run(scenario([16, 5, 4], **tables), tmp_path / "t.h5", progress=lines)
    with cs.Trace(tmp_path / "t.h5") as trace:
        rows = trace.metrics("train")
    assert rows["updates"].tolist() == [0, 0, 8, 36]
    assert rows["frames"].tolist() == [9, 18, 27, 36] and result.updates == result.frames == 36
    for found in (rows["loss"], rows["accuracy"], lines.after):
        assert np.isnan(found).tolist() == [True, True, False, False]
    assert math.isnan(lines.during[0]) and not math.isnan(lines.during[-1])


def test_a_run_without_a_sample_at_the_top_tells_null_and_draws(tmp_path: Path) -> None:
    """Interrupted after two such epochs."""
    tables = {
        "data": {"name": "synthetic", "train": 9, "test": 20},
        "training": {"batch": 1, "epochs": 4},
        "channels": {"forward": {"latency": "100 us"}},
        "schedule": {"mode": "pipelined", "interval": "10 us"},
    }
    with pytest.raises(KeyboardInterrupt):
        cs.run(scenario([16, 5, 4], **tables), tmp_path / "t.h5", progress=Stopping(18))
    with cs.Trace(tmp_path / "t.h5") as trace:
        told = trace.result
        assert trace.info()["updates"] == 0
        assert "train      loss - (means" in str(trace)
    assert told is not None
    assert told["updates"] == 0
    assert told["train_loss"] is told["train_accuracy"] is told["bits_per_update"] is None
    cs.plot(tmp_path / "t.h5", out=tmp_path / "t.png")
    assert cs.run(resume=tmp_path / "t.h5").updates == 36
