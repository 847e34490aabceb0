"""A file is as it was sealed, or is refused; whoever reads it, or opens it and changes nothing, leaves it whole."""

from __future__ import annotations

import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from channelsim import trace
from channelsim.errors import InputError
from channelsim.trace import Trace, _bulk, _seal
from tests import traces

WRONG = r"run\.h5: damaged \(its bytes are not those that were written.*\); accepted: a whole trace"


@pytest.fixture
def copy(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copyfile(made, tmp_path / "run.h5"))


@given(at=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_flipped_bit_is_seen(made: Path, tmp_path: Path, at: float, bit: int) -> None:
    content = bytearray(made.read_bytes())
    content[int(at * len(content))] ^= 1 << bit
    path = tmp_path / "run.h5"
    path.write_bytes(content)
    assert _seal.digits(path) == ""
    with pytest.raises(InputError):
        Trace(path)
    with pytest.raises(InputError):
        trace.reopen(path, traces.small_plan())


def test_whoever_changes_nothing_leaves_it_whole(copy: Path) -> None:
    for mode in ("r", "r+", "a"):
        with h5py.File(copy, mode) as file:
            file["metrics/test/loss"][()]
        assert _seal.digits(copy)
    with Trace(copy) as opened:
        opened.info()


@pytest.mark.parametrize("change", ["a value", "an attribute", "a part removed"])
def test_a_trace_that_another_program_has_changed_is_refused(copy: Path, change: str) -> None:
    with h5py.File(copy, "r+") as file:
        if change == "a value":
            file["checkpoint/weights"][0] += np.float32(1)
        elif change == "an attribute":
            file.attrs["status"] = "done "
        else:
            del file["checkpoint/biases"]
    with pytest.raises(InputError, match=WRONG):
        Trace(copy)
    with pytest.raises(InputError, match=WRONG):
        trace.reopen(copy, traces.small_plan())


def test_resealed_is_whole(copy: Path) -> None:
    with h5py.File(copy, "r+") as file:
        file["metrics/test/loss"][0] = 7.0
    _seal.reseal(copy)
    with Trace(copy) as opened:
        assert opened.metrics("test")["loss"][0] == 7.0
    foreign = copy.with_name("foreign.h5")
    with h5py.File(foreign, "w"):
        pass
    with pytest.raises(ValueError, match="no room was made for a seal"):
        _seal.reseal(foreign)
    assert not _seal.has_one(foreign) and _seal.has_one(copy)


@pytest.fixture
def segmented(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(_bulk, "INLINE_BYTES", 1000)
    return traces.make(tmp_path / "run.h5", status=None)


def test_a_segment_that_has_changed_is_refused(segmented: Path) -> None:
    with Trace(segmented) as opened:
        assert opened.epochs == [1, 2, 3]
    first = min(_bulk.directory(segmented).iterdir())
    content = bytearray(first.read_bytes())
    content[len(content) // 2] ^= 1
    first.write_bytes(content)
    with pytest.raises(InputError, match=r"000001\.h5: damaged, or not of this trace"):
        Trace(segmented)


def test_a_segment_of_another_run_is_refused(segmented: Path) -> None:
    """Also where it is whole."""
    first, second, *_ = sorted(_bulk.directory(segmented).iterdir())
    first.write_bytes(second.read_bytes())
    with pytest.raises(InputError, match=r"000001\.h5: damaged, or not of this trace"):
        Trace(segmented)


def test_joined_traces_are_sealed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_bulk, "INLINE_BYTES", 1000)
    path = traces.make(tmp_path / "run.h5")
    assert not _bulk.directory(path).exists()
    with Trace(path) as opened:
        assert opened.epochs == [1, 2, 3]
