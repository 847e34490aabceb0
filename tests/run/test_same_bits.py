"""The same bits from run to run, however it is chunked and however large a batch may be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import channelsim as cs
from channelsim.simulation import _simulation
from tests.run.runs import KINDS, SEQUENTIAL, assert_same, contents, small


@KINDS
def test_the_same_bits_from_run_to_run(tmp_path: Path, tables: dict[str, Any]) -> None:
    for name in ("one.h5", "two.h5"):
        cs.run(small(tables), tmp_path / name)
    assert_same(tmp_path / "one.h5", tmp_path / "two.h5")


@KINDS
def test_chunks_do_not_show(tmp_path: Path, tables: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    cs.run(small(tables), tmp_path / "long.h5")
    monkeypatch.setattr(_simulation, "CHUNK_SECONDS", 0.0)  # a chunk is one frame
    cs.run(small(tables), tmp_path / "short.h5")
    assert_same(tmp_path / "long.h5", tmp_path / "short.h5")


def test_a_batch_larger_than_the_data_set(tmp_path: Path) -> None:
    """It has the samples of an epoch, and takes the memory of so many; the same bits as a batch of just these."""
    found = []
    for name, batch in (("all.h5", 203), ("more.h5", 1 << 24)):
        cs.run(small({**SEQUENTIAL, "training": {"batch": batch, "epochs": 2}}), tmp_path / name)
        found.append(
            {key: value for key, value in contents(tmp_path / name).items() if not key.startswith("scenario/")}
        )
        with cs.Trace(tmp_path / name) as trace:
            assert max(array.nbytes for array in trace.checkpoint().values()) < 1 << 20
    for key, values in found[0].items():
        np.testing.assert_array_equal(values, found[1][key], err_msg=key)
