"""What is written is what is read; files that are no traces are told from those that are."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from channelsim import trace
from channelsim.errors import InputError
from channelsim.plan.layout import CHANNEL
from channelsim.trace import Trace
from tests import traces


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
        record = opened.channel_settings("forward.2")
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


def test_words(made: Path) -> None:
    with Trace(made) as opened:
        info = opened.info()
        assert info["test"].pop("learning_rate") != 0.1  # NaN
        assert np.isnan([info[split].pop("r2") for split in ("train", "test")]).all()  # of classes
        assert np.isnan([total.pop("entropy") for total in info["channels"].values()]).all()  # all messages are lost
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
        with pytest.raises(InputError, match="no weights are kept"):
            opened.weights()
    with pytest.raises(InputError, match="no checkpoint was reached"):
        trace.reopen(path, traces.small_plan())


def test_a_call_with_wrong_arguments_is_no_damage(made: Path, tmp_path: Path) -> None:
    with Trace(made) as opened:
        calls: list[Callable[..., Any]] = [opened.staleness, opened.frame, opened.payload, opened.record]
        for call in calls:
            with pytest.raises(TypeError, match="missing a required argument"):
                call()
        with pytest.raises(InputError, match=r"no weights of epoch '1'; there are 1, 2, 3"):
            opened.weights("1")  # type: ignore[arg-type]
        with pytest.raises(InputError, match=r"no message '0'; there are \d+, counted from 0"):
            opened.payload("0")  # type: ignore[arg-type]
        with pytest.raises(TypeError):
            opened.export_table("metrics/test", 5)  # type: ignore[arg-type]


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
        later.attrs["schema_version"] = 99
    with pytest.raises(InputError, match="schema_version 99; this channelsim reads version 5"):
        Trace(tmp_path / "next.h5")
    (tmp_path / "cut.h5").write_bytes(made.read_bytes()[:5])
    with pytest.raises(InputError, match="not an HDF5 file"):
        Trace(tmp_path / "cut.h5")


DAMAGED = r"run\.h5: damaged \(.+\); accepted: a whole trace: run its scenario again, with --force$"


def test_a_trace_that_is_cut_short(made: Path, tmp_path: Path) -> None:
    image = made.read_bytes()
    for size in (5000, len(image) // 2, len(image) - 1):
        (tmp_path / "run.h5").write_bytes(image[:size])
        with pytest.raises(InputError, match=DAMAGED):
            Trace(tmp_path / "run.h5")


@pytest.mark.parametrize("part", ["scenario", "provenance", "weights", "channels"])
def test_a_trace_that_lacks_a_part(made: Path, tmp_path: Path, part: str) -> None:
    (tmp_path / "run.h5").write_bytes(made.read_bytes())
    with h5py.File(tmp_path / "run.h5", "r+") as file:
        del file[part]
    with pytest.raises(InputError, match=DAMAGED), Trace(tmp_path / "run.h5") as opened:
        opened.info()


def test_a_trace_with_wrong_bytes_is_read_or_told_to_be_damaged(made: Path, tmp_path: Path) -> None:
    image, draw = made.read_bytes(), random.Random(1)
    damaged = 0
    for _ in range(20):
        wrong = bytearray(image)
        for _ in range(50):
            wrong[draw.randrange(len(wrong))] ^= 255
        (tmp_path / "run.h5").write_bytes(wrong)
        try:
            with Trace(tmp_path / "run.h5") as opened:
                opened.info()
        except InputError as error:
            damaged += "damaged" in str(error)
    assert damaged > 10


def test_a_trace_that_another_library_has_open_is_read(made: Path) -> None:
    """Such as xarray, whose file has HDF5's own lock."""
    with h5py.File(made, "r"), Trace(made) as opened:
        assert opened.name == "synthetic"
