"""The checkpoint's arrays: overwritten where they keep their shape, else made anew with their dimensions."""

from __future__ import annotations

import numpy as np

from channelsim.trace import _checkpoint, _table


def _scales(file) -> set[str]:
    return {name for name, item in file["checkpoint"].items() if item.is_scale}


def test_the_last_snapshot_stands_alone() -> None:
    rng = np.random.default_rng(0)
    record = np.dtype([("time", "i8"), ("share", "f8")])
    first = {
        "weights": rng.random((3, 4), np.float32),
        "rows": np.zeros((1, 7)),
        "flags": np.array([True, False]),
        "clock": np.array([(3, 0.5)], record),
        "gone": np.arange(5),
        "empty": np.zeros(0, np.int64),
    }
    later = {
        "weights": rng.random((3, 4), np.float32),
        "rows": rng.random((2, 7)),
        "flags": np.array([False, False]),
        "clock": np.array([(4, 0.25)], record),
        "empty": np.zeros(0, np.int32),
        "new": np.arange(6, dtype=np.int32),
    }
    with _table.in_memory() as file:
        for snapshot in (first, later, later):
            _checkpoint.write(file, snapshot)
            found = _checkpoint.read(file)
            assert found.keys() == snapshot.keys()
            for name, values in snapshot.items():
                np.testing.assert_array_equal(found[name], values)
                assert found[name].dtype == values.dtype
        assert _scales(file) == {"axis0_3", "axis1_4", "axis0_2", "axis1_7", "axis0_1", "axis0_0", "axis0_6"}
        for name, values in later.items():
            dimensions = file["checkpoint"][name].dims
            assert [len(dimension) for dimension in dimensions] == [1] * values.ndim
            assert [dimension[0].shape[0] for dimension in dimensions] == list(values.shape)
