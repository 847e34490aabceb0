"""The directory of a sweep: who may use it, and the table that is made of the points' records."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from channelsim.errors import InputError
from channelsim.scenario import Scenario
from channelsim.sweeps import _store, points, read_table

Grid = Callable[..., Scenario]


def keep(directory: Path, scenario: Scenario, **measures: Any) -> pd.DataFrame:
    """Records for all points, as if they had been computed."""
    _store.claim(directory, scenario)
    for point in points(scenario):
        _store.write_point(directory, _store.record_of(point, "done", final=True, measures=measures))
    return _store.Results(directory).write()


def test_sweeps_share_a_directory_if_their_rows_differ_in_a_column(grid: Grid, tmp_path: Path) -> None:
    keep(tmp_path / "out", grid({"learning.rule": ["bp"]}))
    keep(tmp_path / "out", grid({"seed": [3, 4]}))
    table = keep(tmp_path / "out", grid({"channels.learning.drop.probability": [0.5]}))
    assert list(table["learning.rule"]) == ["bp", "srbp", "srbp", "srbp"]
    assert list(table["seed"]) == [3, 3, 3, 4]
    assert list(table["channels.learning.drop.probability"]) == ["none", "0.5", "none", "none"]
    with pytest.raises(InputError, match=r"holds the sweep small with training.batch = 10, here it is 20: the rows"):
        keep(tmp_path / "out", grid({"seed": [3]}, **{"training.batch": 20}))
    with pytest.raises(InputError, match=r"data.train = 300, here it is the default"):
        keep(tmp_path / "out", grid({"seed": [3]}, **{"data.train": "none"}))
    keep(tmp_path / "out", grid({"training.batch": [20]}))
    keep(tmp_path / "out", grid({"seed": [3]}, **{"training.batch": 20, "name": "another", "trace.weights": "last"}))


def test_directories_that_are_not_for_a_sweep(grid: Grid, tmp_path: Path) -> None:
    scenario = grid({"seed": [1]})
    out = tmp_path / "out"
    out.mkdir()
    (out / "thesis.tex").touch()
    with pytest.raises(InputError, match="out: holds other files and no sweep"):
        _store.claim(out, scenario)
    (out / "thesis.tex").unlink()
    keep(out, scenario)
    about = json.loads((out / "sweep.json").read_text())
    for wrong, word in (
        ({**about, "channelsim": "0.0.1"}, r"computed by channelsim 0\.0\.1"),
        ({**about, "version": 99}, "table version 99"),
        ({"format": "diary"}, "not made by `channelsim sweep`"),
    ):
        (out / "sweep.json").write_text(json.dumps(wrong))
        with pytest.raises(InputError, match=word):
            _store.claim(out, scenario)
    assert len(read_table(out)) == 1
    with pytest.raises(InputError, match="is a file"):
        _store.claim(tmp_path / "small.toml", scenario)
    with pytest.raises(InputError, match=r"no results\.parquet"):
        read_table(tmp_path)


def test_columns_have_one_type(grid: Grid, tmp_path: Path) -> None:
    table = keep(
        tmp_path / "out",
        grid(
            {
                "training.momentum": [0, 0.9],
                "channels.learning.quantize": [{"kind": "sign"}, "none"],
                "channels.learning.latency": ["20000 ns", "0.02 ms", 0],
                "learning.derivative": [True],
            }
        ),
        test_accuracy=0.5,
        updates=12,
    )
    kinds = {"training.momentum": "f", "learning.derivative": "b", "seed": "i"}
    assert {key: table[key].dtype.kind for key in kinds} == kinds
    assert set(table["channels.learning.quantize"]) == {'{"kind": "sign"}', "none"}
    assert set(table["channels.learning.latency"]) == {"20 us", "0 s"}  # equal points are one
    assert len(table) == 8
    assert list(table["updates"]) == [12] * 8
    assert "validation_accuracy" not in table
    pd.testing.assert_frame_equal(table, read_table(tmp_path / "out"))


def test_counts_are_exact_beside_a_point_without_any(grid: Grid, tmp_path: Path) -> None:
    large = 2**53 + 1
    table = keep(tmp_path / "out", grid({"seed": [large, large + 1]}), bits=large, learning_bits=large + 2)
    assert table["bits"].tolist() == [large, large]
    failed = points(grid({"seed": [1]}))[0]
    _store.write_point(tmp_path / "out", _store.record_of(failed, "failed", "no reason"))
    _store.Results(tmp_path / "out").write()
    table = read_table(tmp_path / "out")
    assert table["seed"].tolist() == [1, large, large + 1]
    assert table["bits"].isna().tolist() == [True, False, False]
    assert (table["bits"][1], table["learning_bits"][2]) == (large, large + 2)


@pytest.mark.parametrize("text", ["{", "{}", "[]", "3"])
def test_a_record_that_is_not_whole_is_done_again(grid: Grid, tmp_path: Path, text: str) -> None:
    keep(tmp_path / "out", grid({"seed": [1, 2]}))
    first, second = sorted((tmp_path / "out" / "points").glob("*.json"))
    first.write_text(text)
    assert _store.read_point(tmp_path / "out", first.stem) is None
    assert list(_store.Results(tmp_path / "out").write()["point"]) == [second.stem]
    assert not _store.is_final(_store.record_of(points(grid({"seed": [1]}))[0], "killed"))
