"""What is written is what is read, in our reader, in plain h5py and as xarray datasets."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr

from channelsim import trace
from channelsim.errors import InputError
from channelsim.plan.layout import CHANNEL, COUNTER, MESSAGE_ROW
from channelsim.trace import Trace, _bulk, _layout
from tests import traces
from tests.networks import dense_layers, plan_of_chain


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return traces.make(tmp_path_factory.mktemp("traces") / "run.h5")


def groups_and_datasets(path: Path) -> tuple[list[str], dict[str, h5py.Dataset]]:
    groups, datasets = [], {}
    with h5py.File(path) as file:
        file.visititems(lambda name, item: groups.append(name) if isinstance(item, h5py.Group) else None)
        file.visititems(
            lambda name, item: (
                datasets.update({name: (dict(item.attrs), item.shape, item.is_scale)})
                if isinstance(item, h5py.Dataset)
                else None
            )
        )
    return groups, datasets


def test_columns_are_those_of_the_engine() -> None:
    assert set(_layout.COUNTERS) == set(COUNTER.names or ())
    assert {column.name for column in _layout.events(())} - {"payload_start", "payload_size"} == (
        set(MESSAGE_ROW.names or ()) - {"payload", "neurons"}
    )


def test_reader_gives_back_what_was_written(made: Path) -> None:
    plan = traces.small_plan()
    with Trace(made) as opened:
        assert opened.scenario_text == traces.TEXT
        assert opened.resolved == traces.RESOLVED
        assert opened.name == "synthetic"
        assert opened.status == "done"
        assert opened.result == {"test_accuracy": 0.9 * traces.accuracy(3)}
        assert traces.PROVENANCE.items() <= opened.provenance.items()
        assert opened.provenance["start"] <= opened.provenance["end"]
        train, test = opened.metrics("train"), opened.metrics("test")
        assert train["epoch"].tolist() == [1, 2, 3]
        assert train["accuracy"].tolist() == [0.5, 0.75, 0.875]
        assert np.isnan(test["learning_rate"]).all()
        assert opened.channel_names == list(plan.channel_names)
        rows = opened.channels("learning.1")
        assert rows["events"].tolist() == [traces.counters(plan, epoch)["sent"][-1] for epoch in (1, 2, 3)]
        np.testing.assert_allclose(rows["energy"], [1e-9, 2e-9, 3e-9])
        record = opened.channel("forward.2")
        fixed = [field for field in CHANNEL.names or () if not field.endswith("_offset")]
        assert record[fixed] == plan.channels[1][fixed]
        np.testing.assert_allclose(opened.alignment("1")["cosine"], [0.1, 0.2, 0.3])
        assert opened.alignment("2").shape == (0,)
        assert opened.staleness("1").tolist() == [3, 6, 3]
        assert opened.staleness("2").tolist() == []
        assert opened.epochs == [1, 2, 3]
        np.testing.assert_array_equal(opened.weights()["W_1"], opened.weights(3)["W_1"])
        sources = traces.snapshot(plan, 3)
        restored = opened.checkpoint()
        assert restored.keys() == sources.keys()
        for name, values in sources.items():
            np.testing.assert_array_equal(restored[name], values)
            assert restored[name].dtype == values.dtype


def test_messages_and_their_bytes(made: Path) -> None:
    rows, payloads = traces.messages(0, 6, 5)
    with Trace(made) as opened:
        events = opened.events()
        for name in ("frame", "channel", "offered", "bits"):
            np.testing.assert_array_equal(events[name], rows[name])
        assert [opened.payload(i) for i in range(len(rows))] == payloads


def test_payloads_as_one_array(tmp_path: Path) -> None:
    plan = traces.small_plan()
    rows, payloads = traces.messages(0, 2, 3)
    data = np.frombuffer(b"xx" + b"".join(payloads), np.uint8)
    offsets = 2 + np.cumsum([0, *map(len, payloads)])
    with trace.create(tmp_path / "a.h5", "", {}, plan, {}) as writer:
        writer.events(rows, (data, offsets))
        writer.events(rows[:0], [])
        writer.events(rows, payloads)
        writer.checkpoint({})
        with pytest.raises(ValueError, match="6 rows, but 1 payloads"):
            writer.events(rows, [b""])
        with pytest.raises(ValueError, match="7 offsets"):
            writer.events(rows, (data, offsets[1:]))
    with Trace(tmp_path / "a.h5") as opened:
        assert [opened.payload(i) for i in range(12)] == 2 * payloads


@pytest.mark.parametrize(
    ("rule", "learning", "shape"),
    [
        ("bp", {}, None),
        ("rbp", {}, (4, 5)),
        ("srbp", {}, (3, 5)),
        ("sign", {}, (5, 4)),  # laid out as W_2
        ("top", {}, None),
    ],
)
def test_weights_by_rule(tmp_path: Path, rule: str, learning: dict, shape: tuple[int, int] | None) -> None:
    plan = traces.small_plan(rule=rule, **learning)
    with Trace(traces.make(tmp_path / "a.h5", epochs=1, plan=plan)) as opened:
        kept = opened.weights(1)
        W, b, C = traces.buffers(plan, 1)
        np.testing.assert_array_equal(np.concatenate([kept[f"W_{h}"].ravel() for h in (1, 2, 3)]), W)
        np.testing.assert_array_equal(np.concatenate([kept[f"b_{h}"] for h in (1, 2, 3)]), b)
        assert kept["W_1"].shape == (6, 5)
        if shape is None:
            assert "C_1" not in kept
        else:
            assert kept["C_1"].shape == shape
            np.testing.assert_array_equal(np.concatenate([kept["C_2"].ravel(), kept["C_1"].ravel()]), C)


CONV = {"kind": "conv2d", "kernel": 2, "transfer": "tanh"}
MAPS = [{**CONV, "channels": 4}, {"kind": "maxpool", "size": 2}, {**CONV, "channels": 5}, *dense_layers([0, 3])]


@pytest.mark.parametrize(
    ("rule", "shapes"),
    [
        ("bp", {}),
        ("rbp", {"C_2": (4, 2, 2, 5), "C_3": (3, 20)}),
        ("sign", {"C_2": (4, 2, 2, 5), "C_3": (20, 3)}),
        ("asrbp", {"C_1": (3, 144), "C_3": (3, 20)}),
    ],
)
def test_weights_of_a_convolution(tmp_path: Path, rule: str, shapes: dict[str, tuple[int, ...]]) -> None:
    """W and a bank of kernels have the axes of a map; a matrix has those of units, as many as the map has."""
    plan = plan_of_chain((2, 7, 7), MAPS, 3, 20, learning={"rule": rule})
    with Trace(traces.make(tmp_path / "a.h5", epochs=1, plan=plan)) as opened:
        kept = opened.weights()
        assert {name: at.shape for name, at in kept.items() if name[0] == "C"} == shapes
    assert kept["W_1"].shape == (2, 2, 2, 4) and kept["b_1"].shape == (4,)
    assert kept["W_3"].shape == (4, 2, 2, 5) and kept["W_4"].shape == (20, 3)
    with h5py.File(tmp_path / "a.h5") as file:
        kernels = file["weights/1/W_3"]
        names = [kernels.dims[axis][0].name.split("/")[-1] for axis in range(4)]
    assert names == ["channel_3", "row_3", "column_3", "map_3"]
    W, _, _ = traces.buffers(plan, 1)
    np.testing.assert_array_equal(np.concatenate([kept[f"W_{h}"].ravel() for h in (1, 3, 4)]), W)


def test_sparse_wires(tmp_path: Path) -> None:
    plan = traces.small_plan(feedback={"connections": 1})
    with Trace(traces.make(tmp_path / "a.h5", epochs=1, plan=plan)) as opened:
        kept = opened.weights(1)
    for name, target in (("C_2", 2), ("C_1", 1)):
        channel = plan.channels[plan.channel_names.index(f"learning.{target}")]
        assert kept[name].shape == (channel["c_size"],)
        for wire in range(channel["c_size"]):
            sender = kept[f"{name}_sender"][wire]
            start, end = plan.c_start[channel["start_offset"] + sender :][:2]
            assert start <= wire < end
            assert kept[f"{name}_receiver"][wire] == plan.c_index[channel["c_offset"] + wire]


def test_a_weight_of_one_epoch_written_twice_is_the_last(tmp_path: Path) -> None:
    plan = traces.small_plan()
    with trace.create(tmp_path / "a.h5", "", {}, plan, {}) as writer:
        for shift in (1, 2):
            writer.weights(0, *traces.buffers(plan, shift))
            writer.checkpoint({})
    with Trace(tmp_path / "a.h5") as opened:
        np.testing.assert_array_equal(opened.weights(0)["b_1"], np.full(5, 2, np.float32))


# --- other tools ------------------------------------------------------------------------------------------


def test_every_dataset_has_units_a_meaning_and_dimensions(made: Path) -> None:
    _, datasets = groups_and_datasets(made)
    assert len(datasets) > 100
    for name, (attributes, shape, is_scale) in datasets.items():
        assert isinstance(attributes["units"], str), name
        assert attributes["long_name"], name
        if not is_scale:
            assert ("DIMENSION_LIST" in attributes) == (shape != ()), name
    with h5py.File(made) as file:
        assert file.attrs["schema_version"] == 1
        assert file["metrics/test/accuracy"].dims[0][0].name == "/metrics/test/epoch"
        assert file["weights/2/W_2"].dims[1][0].name == "/weights/2/unit_2"
        for name in ("metrics/train/loss", "weights/1/W_1", "channels/forward.1/bits", "events/payload"):
            assert file[name].chunks
            assert file[name].compression == "gzip"
        assert file["scenario/toml"].asstr()[()] == traces.TEXT
        meanings = file["events/channel"].attrs["flag_meanings"].split()
        assert meanings == list(file["channels"])


@pytest.mark.parametrize("inline", [64 << 20, 200_000], ids=["one file", "with segments"])
def test_xarray(tmp_path: Path, inline: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_bulk, "INLINE_BYTES", inline)
    path = traces.make(tmp_path / "run.h5", status=None)
    groups, _ = groups_and_datasets(path)
    for group in groups:
        with xr.open_dataset(path, group=group, engine="h5netcdf") as dataset:
            dataset.load()
    with xr.open_dataset(path, group="/metrics/train", engine="h5netcdf") as train:
        assert train["accuracy"].sel(epoch=2).item() == 0.75
        assert train["simulated_time"].attrs["units"] == "s"
    with xr.open_dataset(path, group="/weights/3", engine="h5netcdf") as weights:
        assert weights["W_2"].dims == ("input_2", "unit_2")
        assert weights["W_2"].shape == (5, 4)
    with xr.open_dataset(path, group="/events", engine="h5netcdf") as events:
        assert dict(events.sizes) == {"message": 30, "byte": 90}
        assert events["frame"].values.tolist() == np.repeat(np.arange(6), 5).tolist()


def test_words(made: Path) -> None:
    with Trace(made) as opened:
        info = opened.info()
        assert info["test"].pop("learning_rate") != 0.1  # NaN
        assert json.loads(json.dumps(info)) == info
        assert info["test"]["epoch"] == 3
        assert info["channels"]["forward.1"]["messages"] == 6000
        assert info["bytes"].keys() >= {"weights", "channels", "checkpoint"}
        for word in ("synthetic", "done", "epoch 3 of 5", "78.75 %", "learning.2"):
            assert word in str(opened)
        assert repr(opened) == str(opened)
        assert "<table>" in opened._repr_html_()
    assert "closed" in repr(opened)


def test_totals(made: Path) -> None:
    plan = traces.small_plan()
    learning = sum(traces.counters(plan, epoch)["bits"][3:].sum() for epoch in (1, 2, 3))
    with Trace(made) as opened:
        assert opened.learning_bits()[-1] == learning
        assert opened.bits_per_update() == learning / 6
        assert opened.joules_to(0.5) == pytest.approx(5 * (1e-9 + 2e-9))
        assert opened.joules_to(0.99) is None


def test_before_the_first_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "runs" / "run.h5"
    with trace.create(path, traces.TEXT, traces.RESOLVED, traces.small_plan(), {}), Trace(path) as opened:
        assert opened.metrics("train").shape == (0,)
        assert opened.epochs == []
        assert opened.result is None
        assert len(opened.events()) == 0
        assert np.isnan(opened.bits_per_update())
        assert "running" in str(opened)
        with pytest.raises(InputError, match="no checkpoint was reached"):
            opened.checkpoint()
        with pytest.raises(InputError, match="no weights of epoch"):
            opened.weights()
    with pytest.raises(InputError, match="no checkpoint was reached"):
        trace.reopen(path, traces.small_plan())


# --- going on ---------------------------------------------------------------------------------------------


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
    ours, theirs = groups_and_datasets(path)[1], groups_and_datasets(straight)[1]
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


# --- what can go wrong ------------------------------------------------------------------------------------


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


def test_overwriting_removes_the_segments_of_the_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_bulk, "INLINE_BYTES", 1000)
    path = traces.make(tmp_path / "run.h5", status=None)
    assert _bulk.directory(path).exists()
    trace.create(path, "", {}, traces.small_plan(), {}, force=True).close()
    assert not _bulk.directory(path).exists()


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("missing/deeper/run.h5", "missing does not exist"),
        (".", "is a directory"),
        ("file/run.h5", "cannot write the trace: Not a directory|cannot write the trace: File exists"),
    ],
)
def test_places_that_cannot_be_written(tmp_path: Path, where: str, message: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=message):
        trace.create(tmp_path / where, "", {}, traces.small_plan(), {})


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_directory_without_permission(tmp_path: Path) -> None:
    path = traces.make(tmp_path / "run.h5", status=None)
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(InputError, match="cannot write the trace"):
            trace.create(tmp_path / "new.h5", "", {}, traces.small_plan(), {})
        with pytest.raises(InputError, match="cannot write the trace"):
            trace.reopen(path, traces.small_plan())
    finally:
        tmp_path.chmod(0o700)


def test_files_that_are_no_traces(made: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such trace"):
        Trace(tmp_path / "none.h5")
    with pytest.raises(InputError, match="is a directory"):
        Trace(tmp_path)
    (tmp_path / "text.h5").write_text("hello")
    with pytest.raises(InputError, match="not an HDF5 file"):
        Trace(tmp_path / "text.h5")
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["x"] = 1
    with pytest.raises(InputError, match="not a trace"):
        Trace(tmp_path / "other.h5")
    (tmp_path / "next.h5").write_bytes(made.read_bytes())
    with h5py.File(tmp_path / "next.h5", "r+") as later:
        later.attrs["schema_version"] = 2
    with pytest.raises(InputError, match="schema_version 2; this channelsim reads version 1"):
        Trace(tmp_path / "next.h5")
    (tmp_path / "cut.h5").write_bytes(made.read_bytes()[:5000])
    with pytest.raises(InputError, match="not an HDF5 file"):
        Trace(tmp_path / "cut.h5")


# A file may not grow beyond a limit: what a disk that fills looks like to a program, but for the error's number.
FULL_DISK = """
import resource, signal, sys
from channelsim import trace
from channelsim.errors import InputError
from channelsim.trace import _bulk
from tests import traces

_bulk.INLINE_BYTES = int(sys.argv[2])
plan = traces.small_plan()
writer = trace.create(sys.argv[1], traces.TEXT, traces.RESOLVED, plan, {})
traces.add_epoch(writer, plan, 1)
writer.checkpoint(traces.snapshot(plan, 1))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))
traces.add_epoch(writer, plan, 2)
for attempt in range(2):
    try:
        writer.checkpoint(traces.snapshot(plan, 2))
    except InputError as error:
        print(error)
with trace.Trace(sys.argv[1]) as opened:
    print(opened.metrics("train")["epoch"].tolist(), opened.epochs, opened.checkpoint()["epoch"])
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
if sys.argv[3] == "go on":
    writer.checkpoint(traces.snapshot(plan, 2))
    writer.finish("done", {})
"""


@pytest.mark.parametrize("inline", [64 << 20, 1000], ids=["one file", "with segments"])
@pytest.mark.parametrize("then", ["give up", "go on"])
def test_a_disk_that_fills(tmp_path: Path, inline: int, then: str) -> None:
    path = tmp_path / "run.h5"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", FULL_DISK, str(path), str(inline), then]
    said = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    first, second, state = said.stdout.splitlines()
    assert first == second
    assert first.startswith(f"{path}: cannot write the trace: File too large; it stays whole as of its last checkpoint")
    assert state == "[1] [1] 1"
    assert said.stderr == ""
    with Trace(path) as opened:
        assert opened.metrics("train")["epoch"].tolist() == ([1] if then == "give up" else [1, 2])
        assert opened.weights(1)["b_1"].tolist() == [1.0] * 5
        assert not list(tmp_path.glob(".*.part"))


def test_joining_needs_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_bulk, "INLINE_BYTES", 1000)
    free = os.statvfs_result((1, 1, 0, 0, 0, 0, 0, 0, 0, 255))
    monkeypatch.setattr("os.statvfs", lambda path: free)
    path = traces.make(tmp_path / "run.h5")
    assert _bulk.directory(path).exists()
    with Trace(path) as opened:
        assert opened.status == "done"
        assert opened.epochs == [1, 2, 3]
        assert opened.weights(2)["b_1"].tolist() == [2.0] * 5
        assert len(opened.events()) == 30
    path = path.rename(tmp_path / "moved.h5")
    with pytest.raises(InputError, match=r"000001.h5 is missing; an unfinished trace has to be moved with its"):
        Trace(path)
