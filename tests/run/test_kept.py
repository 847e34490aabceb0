"""What a run keeps in its trace, and when it takes the place of another."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import channelsim as cs
from channelsim.simulation import _recorder
from tests.run.runs import ONLINE, SEQUENTIAL, small


def test_a_trace_that_exists_is_overwritten_only_by_force(tmp_path: Path) -> None:
    out = tmp_path / "run.h5"
    cs.run(small(ONLINE), out)
    before = out.read_bytes()
    with pytest.raises(cs.InputError, match=r"run\.h5: this trace exists; .*--force"):
        cs.run(small(SEQUENTIAL), out)
    with pytest.raises(cs.InputError, match="this run is done"):
        cs.run(resume=out)
    assert out.read_bytes() == before
    assert cs.run(small(SEQUENTIAL), out, force=True).status == "done"
    with cs.Trace(out) as trace:
        assert trace.resolved["learning"]["rule"] == "asrbp"


KEPT = [("none", []), ("last", [4]), ("epoch", [1, 2, 3, 4]), ("every 3 epochs", [3])]


@pytest.mark.parametrize(("weights", "epochs"), KEPT, ids=[weights for weights, _ in KEPT])
def test_weights_are_kept_as_often_as_asked(tmp_path: Path, weights: str, epochs: list[int]) -> None:
    cs.run(small(SEQUENTIAL, trace={"weights": weights}), tmp_path / "run.h5")
    with cs.Trace(tmp_path / "run.h5") as trace:
        assert trace.epochs == epochs
        if epochs and epochs[-1] == 4:
            kept = np.concatenate([trace.weights(4)[f"W_{h}"].ravel() for h in (1, 2, 3)])
            np.testing.assert_array_equal(kept, trace.checkpoint()["weights"])


def test_checkpoints_come_as_often_as_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[float] = []
    monkeypatch.setattr(_recorder.trace.Writer, "due", lambda self, interval: asked.append(interval))
    cs.run(small(SEQUENTIAL, trace={"checkpoint": "250 ms"}), tmp_path / "run.h5")
    assert set(asked) == {0.25}
