"""What is in the file: columns, units, meanings and dimensions, in plain h5py and as xarray datasets."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr

from channelsim.plan.layout import COUNTER, MESSAGE_ROW
from channelsim.trace import _bulk, _layout
from tests import traces


def test_columns_are_those_of_the_engine() -> None:
    assert set(_layout.COUNTERS) == set(COUNTER.names or ())
    assert {column.name for column in _layout.events(())} - {"payload_start", "payload_size"} == (
        set(MESSAGE_ROW.names or ()) - {"payload", "neurons"}
    )


def test_every_dataset_has_units_a_meaning_and_dimensions(made: Path) -> None:
    _, datasets = traces.groups_and_datasets(made)
    assert len(datasets) > 100
    for name, (attributes, shape, is_scale) in datasets.items():
        assert isinstance(attributes["units"], str), name
        assert attributes["long_name"], name
        if not is_scale:
            assert ("DIMENSION_LIST" in attributes) == (shape != ()), name
    with h5py.File(made) as file:
        assert file.attrs["schema_version"] == _layout.SCHEMA_VERSION
        assert file["metrics/test/accuracy"].dims[0][0].name == "/metrics/test/epoch"
        assert file["weights/W_2"].dims[2][0].name == "/weights/unit_2"
        for name in ("metrics/train/loss", "channels/forward.1/bits", "events/payload"):
            assert file[name].chunks
            assert file[name].compression == "gzip"
        for column in ("loss", "accuracy", "r2"):
            assert "each as its frame met the weights" in file[f"metrics/train/{column}"].attrs["long_name"]
            assert "weights" not in file[f"metrics/test/{column}"].attrs["long_name"]
        assert file["scenario/toml"].asstr()[()] == traces.TEXT
        attributes = file["channels/learning.1"].attrs
        assert (attributes["direction"], attributes["encoding"]) == ("learning", "dense")
        assert all(isinstance(attributes[field], str) for field in _layout.WORDS)
        meanings = file["events/channel"].attrs["flag_meanings"].split()
        assert meanings == list(file["channels"])


@pytest.mark.parametrize("inline", [64 << 20, 200_000], ids=["one file", "with segments"])
def test_xarray(tmp_path: Path, inline: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_bulk, "INLINE_BYTES", inline)
    path = traces.make(tmp_path / "run.h5", status=None)
    groups, _ = traces.groups_and_datasets(path)
    for group in groups:
        with xr.open_dataset(path, group=group, engine="h5netcdf") as dataset:
            dataset.load()
    with xr.open_dataset(path, group="/metrics/train", engine="h5netcdf") as train:
        assert train["accuracy"].sel(epoch=2).item() == 0.75
        assert train["simulated_time"].attrs["units"] == "ps"
    with xr.open_dataset(path, group="/weights", engine="h5netcdf") as weights:
        assert weights["W_2"].dims == ("epoch", "input_2", "unit_2")
        assert weights["W_2"].sel(epoch=3).shape == (5, 4)
    with xr.open_dataset(path, group="/events", engine="h5netcdf") as events:
        assert dict(events.sizes) == {"message": 30, "byte": 90}
        assert events["frame"].values.tolist() == np.repeat(np.arange(6), 5).tolist()
