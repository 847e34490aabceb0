"""What a listener is told of a run, and a run whose listener raises."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import channelsim as cs
from channelsim.progress import Silent
from tests.run.runs import KINDS, ONLINE, PIPELINED, SEQUENTIAL, Refusing, assert_same, small


class Listening(Silent):
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, Any]] = []

    def note(self, text: str) -> None:
        self.told.append(("note", text))

    def start(self, *arguments: Any) -> None:
        self.told.append(("start", arguments))

    def chunk(self, *arguments: Any) -> None:
        self.told.append(("chunk", arguments))

    def epoch(self, row: Mapping[str, Any]) -> None:
        self.told.append(("epoch", dict(row)))

    def finish(self, result: cs.Result) -> None:
        self.told.append(("finish", result))


def test_a_listener_hears_the_run_in_order(tmp_path: Path) -> None:
    listener = Listening()
    result = cs.run(small(SEQUENTIAL), tmp_path / "run.h5", progress=listener)
    told = [(word, what) for word, what in listener.told if word != "note"]
    words = [word for word, _ in told]
    assert told[0] == ("start", ("small", 4, 21, 0))
    assert words.count("epoch") == 4 and words[-2:] == ["epoch", "finish"]
    assert told[-1][1] is result
    chunks = [what for word, what in told if word == "chunk"]
    assert [chunk[0] for chunk in chunks] == sorted({chunk[0] for chunk in chunks})
    assert chunks[-1][0] == result.frames == 84
    assert chunks[-1][4] == result.bits
    epochs = [what for word, what in told if word == "epoch"]
    assert [row["epoch"] for row in epochs] == [1, 2, 3, 4]
    assert epochs[-1]["test_accuracy"] == result.test_accuracy
    assert epochs[-1]["bits"] == result.bits


def test_what_was_found_in_the_data_is_told_as_it_begins_and_in_the_result(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    x, y = rng.integers(0, 17, (40, 16)).astype(np.uint8), np.arange(40) % 4
    np.savez(tmp_path / "grey.npz", train_x=x, train_y=y, test_x=x, test_y=y)
    wanted = small(ONLINE, data={"name": str(tmp_path / "grey.npz")})
    listener = Listening()
    result = cs.run(wanted, tmp_path / "grey.h5", progress=listener)
    warning, nothing_learned = result.warnings
    assert warning.startswith("inputs reach 16 (train_x: uint8 0..16, used as they are)")
    assert "chance level" in nothing_learned  # there is nothing to learn in random numbers
    notes = [what for word, what in listener.told if word == "note"]
    assert notes[:2] == ["data: uint8 0..16, used as they are", f"warning: {warning}"]
    assert result.to_json()["warnings"] == [warning, nothing_learned] and warning in repr(result)
    scaled = cs.run(wanted.with_({"data.scale": 16}), tmp_path / "scaled.h5")
    assert not any("inputs" in text for text in scaled.warnings)


def test_a_listener_that_raises_stops_the_run_and_leaves_the_trace_whole(tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole.h5", tmp_path / "parts.h5"
    cs.run(small(PIPELINED), whole)
    with pytest.raises(LookupError, match="not today"):
        cs.run(small(PIPELINED), parts, progress=Refusing())
    with cs.Trace(parts) as trace:
        assert trace.status == "interrupted"
    cs.run(resume=parts)
    assert_same(whole, parts)


class RefusingAt(Silent):
    """Raises in a method, the n-th time that it is called."""

    def __init__(self, method: str, n: int) -> None:
        self.left = n
        setattr(self, method, self.refuse)

    def refuse(self, *_: Any) -> None:
        self.left -= 1
        if self.left == 0:
            raise cs.InputError("not today")  # of whatever kind


@KINDS
@pytest.mark.parametrize(("method", "n", "rows"), [("epoch", 2, 2), ("start", 1, 0), ("note", 1, 0), ("chunk", 3, 0)])
def test_a_listener_that_raises_loses_nothing(
    tmp_path: Path, tables: dict[str, Any], method: str, n: int, rows: int
) -> None:
    whole, parts = tmp_path / "whole.h5", tmp_path / "parts.h5"
    seldom = {**tables, "trace": {"checkpoint": "1 h"}}
    cs.run(small({}, **seldom), whole)
    listener = RefusingAt(method, n)
    with pytest.raises(cs.InputError, match="not today"):
        cs.run(small({}, **seldom), parts, progress=listener)
    with cs.Trace(parts) as trace:
        assert trace.status == "interrupted"
        found = len(trace.metrics("train"))
        assert found == rows if method == "epoch" else found >= rows
        assert int(trace.checkpoint()["clock"]["next_frame"][0]) > 0 or method in ("start", "note")
    cs.run(resume=parts)
    assert_same(whole, parts)
