"""The directory of a sweep: who may use it, and the table that is made of the points' records."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from channelsim.data import load as load_module
from channelsim.data import load_dataset
from channelsim.errors import InputError
from channelsim.scenario import Data, Scenario
from channelsim.sweeps import _data, _store, _table, _worker, points, read_table

Grid = Callable[..., Scenario]


def keep(directory: Path, scenario: Scenario, **measures: Any) -> pd.DataFrame:
    """Records for all points, as if they had been computed."""
    _store.claim(directory, scenario, {})
    for point in points(scenario):
        _store.write_point(directory, _store.record_of(point, "done", final=True, measures=measures))
    return _table.Results(directory).write()


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
        _store.claim(out, scenario, {})
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
            _store.claim(out, scenario, {})
    assert len(read_table(out)) == 1
    with pytest.raises(InputError, match="is a file"):
        _store.claim(tmp_path / "small.toml", scenario, {})
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
    assert "validation_accuracy" not in table and "test_accuracy_deployed" not in table
    pd.testing.assert_frame_equal(table, read_table(tmp_path / "out"))


def test_accuracy_as_deployed_has_a_column_where_some_point_has_one(grid: Grid) -> None:
    with_queue, without = points(grid({"seed": [1, 2]}))
    records = [
        _store.record_of(with_queue, "done", measures={"test_accuracy_deployed": 0.25}),
        _store.record_of(without, "done", measures={"test_accuracy_deployed": None}),
    ]
    column = _table.tabulate(records, ["seed"])["test_accuracy_deployed"]
    assert column.dtype == "float64" and column[0] == 0.25 and np.isnan(column[1])


def test_the_table_has_what_a_point_was_warned_about(grid: Grid, tmp_path: Path) -> None:
    """From a run that loses half of its errors, through its record, to the table and what is read of it."""
    scenario = grid({"seed": [1]}, **{"channels.learning.drop.probability": 0.5, "training.epochs": 1})
    (point,) = points(scenario)
    _store.claim(tmp_path / "out", scenario, {})
    record = _worker.run_point(point, str(tmp_path / "out"))
    _store.write_point(tmp_path / "out", {**record, "point": "other", "warnings": ["a; b, c", "d"]})
    _table.Results(tmp_path / "out").write()
    for table in (read_table(tmp_path / "out"), pd.read_csv(tmp_path / "out" / "results.csv")):
        warned = dict(zip(table["point"], table["warnings"], strict=True))
        assert warned["other"] == "a; b, c | d"
        assert warned[point.name].startswith("events lost by drop: 49.2 % of learning.1; "), warned
        assert table["lost"].tolist() == pytest.approx([0.5, 0.5], abs=0.03)


def test_counts_are_exact_beside_a_point_without_any(grid: Grid, tmp_path: Path) -> None:
    large = 2**53 + 1
    table = keep(tmp_path / "out", grid({"seed": [large, large + 1]}), bits=large, learning_bits=large + 2)
    assert table["bits"].tolist() == [large, large]
    failed = points(grid({"seed": [1]}))[0]
    _store.write_point(tmp_path / "out", _store.record_of(failed, "failed", "no reason"))
    _table.Results(tmp_path / "out").write()
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
    assert list(_table.Results(tmp_path / "out").write()["point"]) == [second.stem]
    assert not _store.is_final(_store.record_of(points(grid({"seed": [1]}))[0], "killed"))


def test_results_on_other_data_are_refused_with_what_changed(grid: Grid, tmp_path: Path) -> None:
    x, y = np.eye(10, 64, dtype=np.float32), np.arange(10)
    own = tmp_path / "own.npz"

    def again(data: str = str(own), **arrays: np.ndarray) -> None:
        np.savez(own, **{"train_x": x, "train_y": y, "test_x": x, "test_y": y, **arrays})
        scenario = grid({"seed": [1, 2]}, data={"name": data, "train": "none", "test": "none"})
        _store.claim(tmp_path / "out", scenario, _data.identified(points(scenario), lambda text: None)[1])

    again()
    again(train_x=x.astype(np.float64), test_y=y.astype(float))  # the same values
    for changed, words in (
        ({"train_y": y[::-1]}, "train_y has other values"),
        ({"test_x": np.flip(x, 0)}, "test_x has other values"),
        ({"test_x": x[:5], "test_y": y[:5]}, r"test_x was float32 \(10, 64\), now it is float32 \(5, 64\); test_y was"),
        ({"validation_x": x, "validation_y": y}, r"validation_x was float32 \(0, 64\), now it is float32 \(10, 64\)"),
    ):
        with pytest.raises(InputError, match=rf"out: its points were computed on other data .*own\.npz.*: {words}"):
            again(**changed)
    again()


def test_each_set_is_loaded_once_and_warned_about_once(
    grid: Grid, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    x, y = np.eye(10, 64), np.zeros(10, int)
    np.savez(tmp_path / "own.npz", train_x=x, train_y=y, test_x=x, test_y=y)
    names = [str(tmp_path / "own.npz"), "digits", str(tmp_path / "none.npz")]
    scenario = grid({"data.name": names, "data.train": [5, 9], "seed": [1, 2], "learning.rule": ["bp", "srbp"]}).with_(
        {"data.test": "none"}
    )
    notes: list[str] = []
    read: list[str] = []

    def load(name: str, *rest: Any) -> Any:
        read.append(name)
        return raw(name, *rest)

    raw = load_module._raw
    monkeypatch.setattr(load_module, "_raw", load)
    found, data = _data.identified(points(scenario), notes.append)
    assert read == names  # not for each value of data.train
    assert len(data) == 4
    for point in found:
        if point.data is not None:
            assert point.scenario is not None and point.data == load_dataset(point.scenario.data).digests
    assert [point.data is None for point in found] == [name == names[2] for name in names for _ in range(8)]
    assert len(set(notes)) == len(notes) and f"warning: {names[0]}: all 5 training samples are of class 0" in "\n".join(
        notes
    )


def test_a_worker_loads_changed_data_again_and_refuses_others(tmp_path: Path) -> None:
    """A worker of a cluster outlives the sweep."""
    own = Data(name=str(tmp_path / "own.npz"))
    x, y = np.eye(10, 64), np.arange(10)

    def change(y: np.ndarray) -> dict[str, str]:
        np.savez(own.name, train_x=x, train_y=y, test_x=x, test_y=y)
        return load_dataset(own).digests

    first = change(y)
    assert _worker._expected(own, first) is _worker._expected(own, first)
    second = change(y[::-1])
    np.testing.assert_array_equal(_worker._expected(own, second).train_y, y[::-1])
    with pytest.raises(InputError, match=r"own\.npz': changed during the sweep, .*: train_y has other values; test_y"):
        _worker._expected(own, first)


VALUES: list[Any] = [None, True, 7, -1.5, "text", "\ud800", [], [1], {}, {"a": 1}, 10**400]


def damaged(value: Any) -> list[Any]:
    """The same, with each of its parts in turn replaced or left out."""
    found = list(VALUES)
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in inside:
        for wrong in damaged(inner):
            copy = json.loads(json.dumps(value))
            copy[key] = wrong
            found.append(copy)
        copy = json.loads(json.dumps(value))
        del copy[key]
        found.append(copy)
    return found


def content(path: Path) -> dict[str, Any]:
    """What a file of the directory holds, without its checksum."""
    return {key: value for key, value in json.loads(path.read_text()).items() if key != "crc32"}


def sealed(content: Any) -> bytes:
    """The bytes of a file with this content and the right checksum, where it can have one."""
    return _store._sealed(content) if isinstance(content, dict) else json.dumps(content).encode()


def test_one_digit_that_has_changed_is_seen(grid: Grid, tmp_path: Path) -> None:
    scenario = grid({"seed": [1]})
    keep(tmp_path / "out", scenario, test_accuracy=0.5, updates=12)
    (point,) = points(scenario)
    path = _store.point_file(tmp_path / "out", point.name)
    whole = path.read_bytes()
    for part in (b'"test_accuracy": 0.5', b'"updates": 12', b'"final": true', b'"seed": 1'):
        assert part in whole
        path.write_bytes(whole.replace(part, part.replace(b"0.5", b"0.7").replace(b"1", b"3").replace(b"true", b"1")))
        assert _store.read_point(tmp_path / "out", point.name) is None
    path.write_bytes(whole)
    assert _store.read_point(tmp_path / "out", point.name) is not None
    about = tmp_path / "out" / "sweep.json"
    about.write_bytes(about.read_bytes().replace(b'"batch": 10', b'"batch": 20'))
    with pytest.raises(InputError, match=r"sweep.json: damaged"):
        _store.claim(tmp_path / "out", grid({"seed": [1]}, **{"training.batch": 20}), {})


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_disk_without_locks(grid: Grid, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("fcntl.flock", refuse)
    assert len(keep(tmp_path / "out", grid({"seed": [1, 2]}))) == 2
    assert "has no file locks" in _store.lacking_locks(tmp_path / "out")
    monkeypatch.undo()
    assert _store.lacking_locks(tmp_path / "out") == ""


def test_one_bit_of_the_table_that_has_changed_is_seen(grid: Grid, tmp_path: Path) -> None:
    table = keep(tmp_path / "out", grid({"seed": [1, 2]}), test_accuracy=0.5, updates=12)
    path = tmp_path / "out" / "results.parquet"
    whole = path.read_bytes()
    for place in range(0, len(whole), 5):
        content = bytearray(whole)
        content[place] ^= 1 << place % 8
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"results\.parquet: damaged"):
            read_table(tmp_path / "out")
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"results\.parquet: cannot be read"):
        read_table(tmp_path / "out")
    path.write_bytes(whole)
    pd.testing.assert_frame_equal(pd.read_parquet(path), table)  # as any other program reads it


@pytest.mark.timeout(60)
def test_a_fifo_is_not_waited_for(grid: Grid, tmp_path: Path) -> None:
    scenario = grid({"seed": [1]})
    keep(tmp_path / "out", scenario, test_accuracy=0.5)
    (point,) = points(scenario)
    for path in (_store.point_file(tmp_path / "out", point.name), tmp_path / "out" / "results.parquet"):
        path.unlink()
        os.mkfifo(path)
    assert _store.read_point(tmp_path / "out", point.name) is None
    with pytest.raises(InputError, match="is a FIFO"):
        read_table(tmp_path / "out")


def test_a_link_in_the_place_of_the_lock_is_not_followed(grid: Grid, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / ".lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="accepted: a directory that can be written"):
        keep(tmp_path / "out", grid({"seed": [1]}))
    assert not (tmp_path / "elsewhere").exists()


def test_a_sweep_json_of_any_shape_is_taken_or_refused(grid: Grid, tmp_path: Path) -> None:
    scenario = grid({"seed": [1]}, data={"name": "digits", "train": 20})
    _, data = _data.identified(points(scenario), lambda _: None)
    _store.claim(tmp_path / "out", scenario, data)
    path = tmp_path / "out" / "sweep.json"
    whole = content(path)
    refused = 0
    for wrong in damaged(whole):
        path.write_bytes(sealed(wrong))
        try:
            _store.claim(tmp_path / "out", scenario, data)
            _table.Results(tmp_path / "out").write()
        except InputError as error:
            refused += 1
            assert "accepted: " in str(error)
    assert refused > 100
    for text in (b"", b"[" * 100_000, b"\xff", b"NaN", b'{"format": '):
        path.write_bytes(text)
        with pytest.raises(InputError, match=r"sweep.json: not made by `channelsim sweep`"):
            _store.claim(tmp_path / "out", scenario, data)


def test_a_record_of_any_shape_is_taken_or_computed_again(grid: Grid, tmp_path: Path) -> None:
    scenario = grid({"seed": [1], "learning.rule": ["bp"]})
    measures = dict.fromkeys(_table.MEASURES, 1)
    keep(tmp_path / "out", scenario, **measures)
    (point,) = points(scenario)
    path = _store.point_file(tmp_path / "out", point.name)
    whole = content(path)
    unread = 0
    for wrong in damaged({**whole, "scenario": {"seed": 1}}):
        path.write_bytes(sealed(wrong))
        record = _store.read_point(tmp_path / "out", point.name)
        unread += record is None
        table = _table.Results(tmp_path / "out").write()
        assert len(table) == (record is not None)
    assert unread > 50
    path.unlink()
    path.mkdir()
    assert _store.read_point(tmp_path / "out", point.name) is None


def test_names_that_are_no_text_are_kept_and_told_as_escapes(grid: Grid, tmp_path: Path) -> None:
    scenario, out = grid({"seed": [1]}), tmp_path / "out"
    _store.claim(out, scenario, {})
    (point,) = points(scenario)
    record = _store.record_of(point, _store.FAILED, "run-\udcff: no such file")
    _store.write_point(out, record)
    assert _store.read_point(out, point.name) == record
    assert list(_table.Results(out).write()["reason"]) == [r"run-\udcff: no such file"]
    assert list(read_table(out)["reason"]) == [r"run-\udcff: no such file"]


def test_a_point_whose_trace_is_garbage_is_computed(grid: Grid, tmp_path: Path) -> None:
    scenario = grid({"seed": [1]})
    out = tmp_path / "out"
    _store.claim(out, scenario, {})
    (point,) = points(scenario)
    trace = _store.trace_file(out, point.name)
    for garbage in (b"", b"garbage" * 1000, b"\x89HDF\r\n\x1a\n" + bytes(5000)):
        trace.write_bytes(garbage)
        record = _worker.run_point(point, str(out))
        assert record["status"] == "done", record["reason"]
        _store.point_file(out, point.name).unlink()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(b"of someone else")
    trace.unlink()
    trace.symlink_to(elsewhere)
    assert _worker.run_point(point, str(out))["status"] == "done"
    assert elsewhere.read_bytes() == b"of someone else"
