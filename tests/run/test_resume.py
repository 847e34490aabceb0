"""A run that is stopped and resumed is as if never stopped."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import channelsim as cs
from channelsim.simulation import _simulation
from tests.run.runs import KINDS, Stopping, assert_same, small


@KINDS
def test_stopped_and_resumed_often_is_as_if_never_stopped(
    tmp_path: Path, tables: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, parts = tmp_path / "whole.h5", tmp_path / "parts.h5"
    frames = cs.run(small(tables), whole).frames
    monkeypatch.setattr(_simulation, "FIRST_CHUNK", 1)
    monkeypatch.setattr(_simulation, "CHUNK_SECONDS", 0.0)
    instants = sorted(random.Random(1).sample(range(1, frames), 5))
    with pytest.raises(KeyboardInterrupt):
        cs.run(small(tables), parts, progress=Stopping(instants[0]))
    for at in instants[1:]:
        with cs.Trace(parts) as trace:
            assert trace.status == "interrupted"
        with pytest.raises(KeyboardInterrupt):
            cs.run(resume=parts, progress=Stopping(at))
    assert cs.run(resume=parts).status == "done"
    assert_same(whole, parts)


def test_a_long_simulated_time_is_resumed_exactly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond 2^53 ps a float has gaps, in which the beginning of an epoch would lie."""
    slow = {
        "training": {"batch": 29, "epochs": 3},
        "channels": {"forward": {"latency": "4321.987654321013 s", "bandwidth": "0.7 Mbit/s"}},
    }
    whole, parts = tmp_path / "whole.h5", tmp_path / "parts.h5"
    frames = cs.run(small(slow), whole).frames
    monkeypatch.setattr(_simulation, "FIRST_CHUNK", 1)
    monkeypatch.setattr(_simulation, "CHUNK_SECONDS", 0.0)
    with pytest.raises(KeyboardInterrupt):
        cs.run(small(slow), parts, progress=Stopping(frames // 3 + 2))
    with cs.Trace(parts) as trace:
        ended = trace.metrics("train")["simulated_time"]
        assert trace.checkpoint()["epoch_start"] == ended[-1] > 2**54
        assert int(float(ended[-1])) != ended[-1]
    result = cs.run(resume=parts)
    assert_same(whole, parts)
    with cs.Trace(parts) as trace:
        assert result.simulated_time_ps == trace.metrics("train")["simulated_time"][-1]


def test_a_run_on_an_npz_is_resumed_from_another_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.random((90, 5), np.float32), (np.arange(90) % 3).astype(np.int32)
    np.savez(tmp_path / "own.npz", train_x=x, train_y=y, test_x=x[:9], test_y=y[:9])
    (tmp_path / "own.toml").write_text(
        """
name = "own"
[model]
name = "own"
input = [5]
layers = [{ kind = "dense", units = 4, transfer = "tanh" }, { kind = "dense", units = 3, transfer = "softmax" }]
[data]
name = "own.npz"
[training]
batch = 5
"""
    )
    monkeypatch.setattr(_simulation, "CHUNK_SECONDS", 0.0)
    monkeypatch.chdir(tmp_path)
    cs.run(cs.load("own.toml"), "whole.h5")
    with pytest.raises(KeyboardInterrupt):
        cs.run(cs.load("own.toml"), "parts.h5", progress=Stopping(20))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    cs.run(resume=tmp_path / "parts.h5")
    assert_same(tmp_path / "whole.h5", tmp_path / "parts.h5")
