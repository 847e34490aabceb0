"""Who may write a trace, when a checkpoint is due, and going on after one."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from channelsim import trace
from channelsim.errors import InputError
from channelsim.trace import Trace, _bulk
from tests import traces


@pytest.mark.parametrize("inline", [64 << 20, 200_000], ids=["one file", "with segments"])
def test_resumed_equals_never_stopped(tmp_path: Path, inline: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_bulk, "INLINE_BYTES", inline)
    plan = traces.small_plan()
    straight = traces.make(tmp_path / "straight.h5", epochs=4)
    path = traces.make(tmp_path / "resumed.h5", epochs=2, status=None)
    with trace.reopen(path, plan) as writer:
        traces.add_epoch(writer, plan, 3)  # after the checkpoint: dropped
        writer.finish("interrupted", {})
    with Trace(path) as stopped:
        assert stopped.status == "interrupted"
        assert stopped.metrics("train")["epoch"].tolist() == [1, 2]
    with trace.reopen(path, plan) as writer:
        for epoch in (3, 4):
            traces.add_epoch(writer, plan, epoch)
            writer.checkpoint(traces.snapshot(plan, epoch))
        writer.finish("done", {"test_accuracy": 0.9 * traces.accuracy(4)})
    assert not _bulk.directory(path).exists()
    ours, theirs = traces.groups_and_datasets(path)[1], traces.groups_and_datasets(straight)[1]
    assert ours.keys() == theirs.keys()
    with h5py.File(path) as one, h5py.File(straight) as other:
        for name in ours:
            if name.startswith("checkpoint/axis"):
                continue
            np.testing.assert_array_equal(one[name][()], other[name][()])


@pytest.mark.parametrize("status", ["done", "diverged"])
def test_a_finished_trace_is_not_resumed(tmp_path: Path, status: str) -> None:
    path = traces.make(tmp_path / "run.h5", status=status)
    with pytest.raises(InputError, match=f"this run is {status}"):
        trace.reopen(path, traces.small_plan())
    with Trace(path) as opened:
        assert opened.status == status


def test_one_writer_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    plan = traces.small_plan()
    with trace.create(path, "", {}, plan, {}) as writer:
        writer.checkpoint({})
        with pytest.raises(InputError, match="another run is writing"):
            trace.reopen(path, plan)
        with pytest.raises(InputError, match="another run is writing"):
            trace.create(path, "", {}, plan, {}, force=True)
    trace.reopen(path, plan).close()


def test_leftovers_of_a_killed_writer_go(tmp_path: Path) -> None:
    path = traces.make(tmp_path / "run.h5", status=None)
    (tmp_path / ".run.h5.part").write_bytes(b"half")
    (tmp_path / ".run.h5.lock").touch()
    stray = _bulk.directory(path)
    stray.mkdir()
    (stray / "000009.h5").write_bytes(b"half")
    with trace.reopen(path, traces.small_plan()) as writer:
        writer.finish("done", {})
    assert [file.name for file in tmp_path.iterdir()] == ["run.h5"]


def test_due(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = 0.0
    monkeypatch.setattr("time.monotonic", lambda: clock)
    plan = traces.small_plan()
    with trace.create(tmp_path / "a.h5", "", {}, plan, {}) as writer:
        assert not writer.due(10.0)
        clock = 10.0
        assert writer.due(10.0)
        writer.checkpoint({})
        assert not writer.due(10.0)
        writer._cost = 1.0  # a checkpoint that takes a second is made every hundred seconds
        clock = 109.0
        assert not writer.due(10.0)
        clock = 110.0
        assert writer.due(10.0)
        writer.checkpoint({})
        monkeypatch.setattr("channelsim.trace._writer._MOST_PENDING", 100)
        writer.weights(1, *traces.buffers(plan, 1))
        assert writer.due(10.0)


def test_rows_are_checked(tmp_path: Path) -> None:
    with trace.create(tmp_path / "a.h5", "", {}, traces.small_plan(), {}) as writer:
        with pytest.raises(ValueError, match="metrics/train has no column 'acuracy'"):
            writer.train_row({"epoch": 1, "acuracy": 1.0})
        with pytest.raises(ValueError, match="needs frames, updates"):
            writer.train_row({"epoch": 1})
        with pytest.raises(ValueError, match="unknown status"):
            writer.finish("over", {})


def test_an_existing_trace_is_not_overwritten(made: Path, tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    path.write_bytes(made.read_bytes())
    plan = traces.small_plan()
    with pytest.raises(InputError, match="this trace exists; give another --out, or --force"):
        trace.create(path, "", {}, plan, {})
    assert path.read_bytes() == made.read_bytes()
    with trace.create(path, "new", {}, plan, {}, force=True):
        pass
    with Trace(path) as opened:
        assert opened.scenario_text == "new"


def test_force_overwrites_traces_only(tmp_path: Path) -> None:
    scenario, empty, damaged = tmp_path / "mine.toml", tmp_path / "empty.h5", tmp_path / "damaged.h5"
    scenario.write_text("name = 'mine'\n")
    empty.touch()
    trace.create(damaged, "", {}, traces.small_plan(), {}).close()
    damaged.write_bytes(damaged.read_bytes()[:1000])
    with pytest.raises(InputError, match=r"mine\.toml: is no trace, which --force would overwrite; give another --out"):
        trace.create(scenario, "", {}, traces.small_plan(), {}, force=True)
    assert scenario.read_text() == "name = 'mine'\n"
    for path in (empty, damaged):
        with trace.create(path, "new", {}, traces.small_plan(), {}, force=True) as writer:
            writer.finish("done", {})
        assert trace.Trace(path).scenario_text == "new"


def test_overwriting_removes_the_segments_of_the_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_bulk, "INLINE_BYTES", 1000)
    path = traces.make(tmp_path / "run.h5", status=None)
    assert _bulk.directory(path).exists()
    trace.create(path, "", {}, traces.small_plan(), {}, force=True).close()
    assert not _bulk.directory(path).exists()


def test_large_times_and_counters_are_exact(tmp_path: Path) -> None:
    """Beyond 2^53, where floats have gaps."""
    large = 2**60 + 1
    plan = traces.small_plan()
    with trace.create(tmp_path / "run.h5", traces.TEXT, traces.RESOLVED, plan, traces.PROVENANCE) as writer:
        writer.train_row({"epoch": 1, "frames": large, "updates": large, "simulated_time": large})
        counters = traces.counters(plan, 1)
        for field in counters.dtype.names or ():
            counters[field] = large
        ones = np.ones(len(counters))
        writer.channel_rows(1, plan.channel_names, counters, ones, ones, ones)
        rows, payloads = traces.messages(0, 1, len(plan.channels))
        for field in ("offered", "start", "first_arrival", "complete", "bits"):
            rows[field] = large
        writer.events(rows, payloads)
        writer.finish("done", {"simulated_time_ps": large}, {"epoch_start": np.array(large)})
    with Trace(tmp_path / "run.h5") as found:
        assert found.metrics("train")["simulated_time"].tolist() == [large]
        totals = found.channels("learning.1")
        assert {int(totals[name][0]) for name in totals.dtype.names or () if totals[name].dtype.kind == "i"} == {
            1,
            large,
        }
        assert found.learning_bits().tolist() == [2 * large]
        assert set(found.events()["complete"].tolist()) == {large}
        assert found.checkpoint()["epoch_start"] == large
        assert found.result == {"simulated_time_ps": large}
