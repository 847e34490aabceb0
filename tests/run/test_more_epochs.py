"""A run that is done goes on with more epochs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import channelsim as cs
from tests.run.runs import ONLINE, PIPELINED, SEQUENTIAL, Refusing, assert_same, small

FULL: dict[str, Any] = {**SEQUENTIAL, "training": {**SEQUENTIAL["training"], "batch": "all"}}


@pytest.mark.parametrize("tables", [SEQUENTIAL, ONLINE, FULL], ids=["sequential", "online", "full"])
def test_a_run_that_is_done_goes_on_with_more_epochs(tmp_path: Path, tables: dict[str, Any]) -> None:
    whole, parts = tmp_path / "whole.h5", tmp_path / "parts.h5"
    training = {**tables["training"], "learning_rate_decay": 1e-4}
    expected = cs.run(small(tables, training={**training, "epochs": 5}), whole)
    cs.run(small(tables, training={**training, "epochs": 2}), parts)
    with pytest.raises(cs.InputError, match=r"parts.h5: this run is done; accepted: more epochs \(--epochs N\)"):
        cs.run(resume=parts)
    with pytest.raises(cs.InputError, match=r"--epochs 2: its run has 2; accepted: 3 or more"):
        cs.run(resume=parts, epochs=2)
    result = cs.run(resume=parts, epochs=5)
    assert result.history == expected.history and result.energy_j == expected.energy_j
    with cs.Trace(parts) as trace, cs.Trace(whole) as other:
        assert trace.status == "done" and trace.inputs == other.inputs and trace.resolved == other.resolved
        assert list(trace.metrics("train")["epoch"]) == [1, 2, 3, 4, 5]
    assert_same(whole, parts)


def test_a_pipeline_that_has_run_dry_does_not_go_on(tmp_path: Path) -> None:
    whole, parts, half = (tmp_path / f"{name}.h5" for name in ("whole", "parts", "half"))
    short = {**PIPELINED["training"], "epochs": 3}
    cs.run(small(PIPELINED), whole)
    cs.run(small(PIPELINED, training=short), parts)
    with pytest.raises(cs.InputError, match=r"--epochs 4: the last frames have left its pipeline"):
        cs.run(resume=parts, epochs=4)
    with pytest.raises(LookupError):
        cs.run(small(PIPELINED, training=short), half, progress=Refusing())
    with pytest.raises(cs.InputError, match=r"--epochs 2: its run has 3; accepted: 3 or more"):
        cs.run(resume=half, epochs=2)
    cs.run(resume=half, epochs=4)
    assert_same(whole, half)


def test_epochs_go_with_resume(tmp_path: Path) -> None:
    with pytest.raises(cs.InputError, match=r"epochs goes with resume=TRACE; accepted: training.epochs"):
        cs.run(small(SEQUENTIAL), tmp_path / "run.h5", epochs=3)
