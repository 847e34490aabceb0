"""`channelsim.verify`: which updates it compares, how long it takes, what it tells."""

from __future__ import annotations

import json
from typing import Any

import pytest

import channelsim as cs
from channelsim import _verify
from channelsim.reference import State
from tests.verify.comparisons import LOG2, scenario


def test_verify() -> None:
    result = cs.verify(scenario(), updates=5, train=True)
    assert result.passed
    assert (result.updates, result.compared, result.epochs) == (5, [(1, 5)], 3)
    assert result.test_accuracy is not None and set(result.test_accuracy) == {"engine", "reference"}
    assert result.test_accuracy["engine"] > 0.5
    known = json.loads(json.dumps(result.to_json()))
    assert {"updates", "max_weight_difference", "tolerance_used", "test_accuracy", "passed"} <= set(known)
    assert "agree" in repr(result) and "accuracy" in repr(result)


def test_verify_does_not_train_unless_asked() -> None:
    result = cs.verify(scenario(channels={"learning": {"quantize": LOG2}}), updates=2)
    assert result.passed and result.test_accuracy is None
    assert "rounding" in repr(result)


def test_by_default_some_updates_of_the_whole_run() -> None:
    """Beyond a scheduled change, and in later epochs."""
    changed = {"change": [{"frame": 30, "channels": {"learning": {"drop": {"probability": 0.5}}}}]}
    result = cs.verify(
        scenario(schedule=changed, channels={"forward": {"threshold": {"value": 0.05}, "residual": "threshold"}})
    )
    assert result.passed, result
    assert result.compared == [(1, 20), (146, 150), (296, 300)]
    assert result.updates == 30


@pytest.mark.parametrize(
    "tables",
    [
        {"schedule": {"mode": "pipelined", "interval": "1 us"}},
        {"training": {"momentum": 0.9}},
        {"channels": {"learning": {"bandwidth": "1 Gbit/s", "deadline": "100 ns"}}},
    ],
    ids=str,
)
def test_from_the_start_alone_where_more_than_weights_passes_between_frames(tables: dict[str, Any]) -> None:
    result = cs.verify(scenario(**tables))
    assert result.passed, result
    assert result.compared == [(1, 20)]


def test_a_fault_that_begins_late_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    right = State.learning_rate
    monkeypatch.setattr(
        State, "learning_rate", lambda self, frame, rate: right(self, frame, rate) * (1.01 if frame > 200 else 1)
    )
    assert not cs.verify(scenario()).passed
    assert cs.verify(scenario(), updates=20).passed


def test_time_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_verify, "SECONDS", 0.0)
    assert cs.verify(scenario()).compared == [(1, 1)]


def test_training_is_watched() -> None:
    seen: list[tuple[str, int, int]] = []

    class Watcher(_verify.Unwatched):
        def trained(self, program: str, frames: int, of: int) -> None:
            seen.append((program, frames, of))

    cs.verify(scenario(), updates=1, train=True, watcher=Watcher())
    assert {program for program, *_ in seen} == {"engine", "reference"}
    assert seen[-1] == ("reference", 300, 300)
    assert seen == sorted(seen)


def test_verify_compares_no_more_updates_than_there_are() -> None:
    few = scenario(data={"name": "synthetic", "train": 20})
    assert cs.verify(few, updates=100).updates == 6
    assert cs.verify(few).compared == [(1, 6)]
