"""A run whose weights leave all bounds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import channelsim as cs
from tests.run.runs import SEQUENTIAL, small

FEW_BITS: dict[str, Any] = {
    "forward": {"quantize": {"kind": "uniform", "bits": 8}},
    "learning": {"quantize": {"kind": "log2", "exponents": 4}},
}


@pytest.mark.parametrize("batch", [1, 10])
@pytest.mark.parametrize("channels", [{}, FEW_BITS], ids=["ideal", "few bits"])
def test_weights_without_bound_stop_the_run_and_leave_the_trace_whole(
    tmp_path: Path, batch: int, channels: dict[str, Any]
) -> None:
    wild = small(SEQUENTIAL, training={"batch": batch, "epochs": 9, "learning_rate": 1e25}, learning={"rule": "bp"})
    wild = wild.with_({"model.layers.0.transfer": "linear", "model.layers.1.transfer": "linear", "channels": channels})
    out = tmp_path / "wild.h5"
    with pytest.raises(
        cs.RunError, match=r"small: .* no longer finite at update \d+ .*a smaller training\.learning_rate"
    ):
        cs.run(wild, out)
    with cs.Trace(out) as trace:
        assert trace.status == "diverged"
        assert trace.result is not None and trace.result["status"] == "diverged"
    with pytest.raises(cs.InputError, match="this run is diverged"):
        cs.run(resume=out)
