"""Signals and Ctrl-C end a run with its trace whole."""

from __future__ import annotations

import contextlib
import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

import channelsim as cs
from channelsim.simulation import _course
from tests.run.runs import SEQUENTIAL, assert_same, script, small


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_a_script_with_its_trace_whole_and_released(tmp_path: Path, number: int) -> None:
    code = f"""
import json, os, sys, channelsim as cs
from channelsim.progress import Silent
class Ending(Silent):
    def epoch(self, row):
        if row["epoch"] == 2:
            os.kill(os.getpid(), {int(number)})
cs.run(cs.Scenario(**json.loads(sys.argv[1])), {str(tmp_path / "run.h5")!r}, progress=Ending())
"""
    wanted = small(SEQUENTIAL, trace={"checkpoint": "1 h"})
    script(code, json.dumps(wanted.resolved), status=-number)
    with cs.Trace(tmp_path / "run.h5") as trace:
        assert trace.status == "interrupted" and len(trace.metrics("train")) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["run.h5"]


def test_a_ctrl_c_that_compilation_swallows_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """LLVM calls back for the object that it has made: an interrupt there came out as "no compiled object yet"."""

    def compiling(*_: Any) -> None:
        with contextlib.suppress(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
        raise ValueError("no compiled object yet for <Library>")

    whole, parts = tmp_path / "whole.h5", tmp_path / "parts.h5"
    with monkeypatch.context() as patch:
        patch.setattr(_course.engine, "advance", compiling)
        with pytest.raises(KeyboardInterrupt):
            cs.run(small(SEQUENTIAL), parts)
    cs.run(small(SEQUENTIAL), whole)
    cs.run(resume=parts)
    assert_same(whole, parts)
