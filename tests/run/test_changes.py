"""Changes of the channels during a run."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

import channelsim as cs
from tests.run.runs import SEQUENTIAL, small


def test_messages_before_a_change_are_written_as_they_were_sent(tmp_path: Path) -> None:
    more = {"learning": {"quantize": {"kind": "uniform", "bits": 8}, "header": 24}}
    cs.run(small(SEQUENTIAL, schedule={"change": [{"frame": 5, "channels": more}]}), tmp_path / "run.h5")
    with h5py.File(tmp_path / "run.h5", "r") as file:
        frame, bits, size = (file["events"][name][()] for name in ("frame", "bits", "payload_size"))
    assert (frame < 5).any() and (frame >= 5).any()
    np.testing.assert_array_equal(size, -(-bits // 8))


def test_check_refuses_a_change_at_a_frame_that_never_comes(tmp_path: Path) -> None:
    change = {"change": [{"frame": 84, "channels": {"learning": {"latency": "1 us"}}}]}
    for refuse in (cs.check, lambda late: cs.run(late, tmp_path / "late.h5")):
        with pytest.raises(cs.InputError, match=r"schedule.change\[0\].frame = 84 never comes; accepted: 0 to 83"):
            refuse(small(SEQUENTIAL, schedule=change))
