"""A trace for other libraries: the same numbers, with names, units and words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import channelsim as cs
from tests.cli.process import assert_one_error_line, channelsim
from tests.simulation.test_simulation import wanted

pd, xr = pytest.importorskip("pandas"), pytest.importorskip("xarray")


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("tables") / "t.h5"
    record = [{"what": "error", "layers": [1], "every": "3 frames"}]
    cs.run(wanted("batch", trace={"record": record, "alignment": "epoch", "probe": 9}), made)
    return made


def test_frames_are_the_tables(path: Path) -> None:
    with cs.Trace(path) as trace:
        for name in trace.tables:
            assert len(trace.frame(name)), name
        channels = trace.frame("channels")
        assert list(channels["channel"].unique()) == trace.channel_names
        one = channels[channels["channel"] == "learning.1"]
        assert one["bits"].tolist() == trace.channels("learning.1")["bits"].tolist()
        assert trace.frame("metrics")["split"].unique().tolist() == ["train", "test"]
        events = trace.frame("events")
        assert set(events["outcome"]) <= {"whole", "some_events_lost", "queue_full"}
        names = [trace.channel_names[k] for k in trace.events()["channel"]]
        assert events["channel"].tolist() == names and "payload" not in events
        record = trace.frame("records/error/1")
        np.testing.assert_array_equal(record["value_3"], trace.record("error/1")["values"][:, 3])
        with pytest.raises(cs.InputError, match=r"no table 'weights'; there are alignment, alignment/1"):
            trace.frame("weights")


def test_the_tree_has_dimensions_and_units(path: Path) -> None:
    with cs.Trace(path) as trace:
        tree, weights = trace.to_xarray(), trace.weights()
        test = trace.metrics("test")
    assert tree["metrics/test"]["accuracy"].dims == ("epoch",)
    np.testing.assert_array_equal(tree["metrics/test"]["accuracy"].sel(epoch=2), test["accuracy"][1])
    assert tree["metrics/test"]["simulated_time"].attrs["units"] == "ps"
    last = tree["weights"]["W_1"].isel(epoch=-1)
    assert last.dims == ("input_1", "unit_1")
    np.testing.assert_array_equal(last, weights["W_1"])
    assert tree["records/error/1"]["values"].dims == ("record", "unit_1")


def test_tables_are_exported(path: Path, tmp_path: Path) -> None:
    with cs.Trace(path) as trace:
        expected = trace.frame("channels")
        trace.export_table("channels", tmp_path / "a.csv")
        with pytest.raises(cs.InputError, match=r"a\.txt: tables are written as \.csv or \.parquet"):
            trace.export_table("channels", tmp_path / "a.txt")
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "a.csv"), expected)
    told = ("trace", "export", str(path), "--table", "channels")
    assert channelsim(*told, "--parquet", "b.parquet", cwd=tmp_path).status == 0
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "b.parquet"), expected, check_dtype=False)
    assert_one_error_line(channelsim(*told, cwd=tmp_path), "--table NAME with one of --csv and --parquet")
