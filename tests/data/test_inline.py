"""Samples that stand in the scenario itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from channelsim.data import Dataset, load_dataset
from channelsim.errors import InputError
from channelsim.scenario import Data

X = [[1.0, 0.5], [0.25, -1.0], [0.0, 2.0]]


def load(**keys: Any) -> Dataset:
    return load_dataset(Data(**{"train_x": X, **keys}))


@pytest.mark.parametrize(
    ("y", "target", "expected"),
    [
        ([0, 2, 1], "auto", [0, 2, 1]),
        ([0.0, 2.0, 1.0], "auto", [[0.0], [2.0], [1.0]]),
        ([0, 0.5, 1], "auto", [[0.0], [0.5], [1.0]]),
        ([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]], "auto", [[1, 0], [0, 1], [1, 0]]),
        ([[1], [2], [3]], "auto", [[1], [2], [3]]),
        ([0, 2, 1], "real", [[0.0], [2.0], [1.0]]),
        ([0.0, 2.0, 1.0], "classes", [0, 2, 1]),
        ([[1, 0], [0, 1], [1, 0]], "classes", [0, 1, 0]),
    ],
)
def test_targets_are_what_they_are_written_as(y: list[Any], target: str, expected: list[Any]) -> None:
    """Integers are class numbers, other numbers and lists are real; `target` says otherwise."""
    data = load(train_y=y, target=target)
    wanted = np.array(expected)
    np.testing.assert_array_equal(data.train_y, wanted)
    assert data.train_y.dtype == (np.float32 if wanted.ndim == 2 else np.int32)
    assert data.real == (wanted.ndim == 2)
    assert data.outputs == (wanted.shape[1] if data.real else wanted.max() + 1)
    np.testing.assert_array_equal(data.train_x, np.array(X, np.float32))
    assert (len(data.test_x), len(data.test_y), data.name, data.shape) == (0, 0, "inline", (2,))


@given(st.integers(1, 5), st.integers(1, 4), st.integers(1, 3), st.data())
def test_any_numbers_come_through(samples: int, inputs: int, outputs: int, data: st.DataObject) -> None:
    def rows(width: int) -> st.SearchStrategy[list[list[float]]]:
        row = st.lists(st.floats(-1e30, 1e30) | st.integers(-9, 9), min_size=width, max_size=width)
        return st.lists(row, min_size=samples, max_size=samples)

    x, y = data.draw(rows(inputs)), data.draw(rows(outputs))
    found = load_dataset(Data(train_x=x, train_y=y, test_x=x, test_y=y, scale="none"))
    for part in ("train", "test"):
        np.testing.assert_array_equal(getattr(found, f"{part}_x"), np.array(x, np.float32))
        np.testing.assert_array_equal(getattr(found, f"{part}_y"), np.array(y, np.float32))


def test_the_input_as_target_is_the_input_after_scaling() -> None:
    data = load(target="input", scale=2.0, normalize=True)
    assert data.train_y is data.train_x and data.test_y is data.test_x and (data.classes, data.outputs) == (0, 2)
    np.testing.assert_allclose(data.train_y.mean(), 0, atol=1e-7)


def test_digests_cover_the_targets() -> None:
    one, other = load(train_y=[0.5, 1.0, 2.0]), load(train_y=[0.5, 1.0, 2.5])
    changed = [part for part, digest in one.digests.items() if other.digests[part] != digest]
    assert changed == ["train_y"]
    assert one.digests["train_y"].startswith("float32 (3, 1): ")
    assert load(train_y=[0, 1, 2]).digests["train_y"].startswith("int32 (3,): ")


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"train_y": [0, -1, 1]}, r'data\.train_y\[1\] = -1 is no class number; accepted: .* data.target = "real"'),
        ({"train_y": [0, 0.5, 1], "target": "classes"}, r"data\.train_y\[1\] = 0.5 is no class number"),
        (
            {"train_y": [[1, 1], [0, 1], [1, 0]], "target": "classes"},
            r"data\.train_y\[0\] = \[1.0, 1.0\] is not one-hot",
        ),
        ({"train_y": [0, 1, 1], "test_x": X[:1], "test_y": [2]}, r"data\.test_y has label 2, beyond the 2 classes"),
        ({"train_y": [0.5, 1e300, 1]}, r"data\.train_y has values beyond float32"),
        ({"train_x": [[1e300, 1.0]], "train_y": [0.5]}, r"data\.train_x has values beyond float32"),
    ],
)
def test_what_is_wrong_is_named(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=f"^{message}"):
        load(**keys)
