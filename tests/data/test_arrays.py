"""`Dataset.from_arrays`: read as an .npz of the same arrays is, and taken by check, run and verify."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import channelsim as cs
from channelsim.data import load_dataset
from tests.networks import scenario

RNG = np.random.default_rng(3)
X, LABELS = RNG.integers(0, 256, (40, 6)).astype(np.uint8), np.arange(40) % 3
ONE_HOT = np.eye(3)[LABELS]


def saved(folder: Path, **arrays: Any) -> str:
    np.savez(folder / "own.npz", **arrays)
    return str(folder / "own.npz")


@pytest.mark.parametrize("labels", [LABELS, ONE_HOT, RNG.normal(size=(40, 2))], ids=["numbers", "one-hot", "real"])
@pytest.mark.parametrize("parts", [("train",), ("train", "test"), ("train", "test", "validation")], ids=len)
def test_arrays_are_read_as_those_of_a_file(tmp_path: Path, labels: Any, parts: tuple[str, ...]) -> None:
    given = {part: (X[at:], labels[at:]) for at, part in enumerate(parts)}
    made = cs.Dataset.from_arrays(**given, normalize=True)
    arrays = {f"{part}_{side}": array for part, pair in given.items() for side, array in zip("xy", pair, strict=True)}
    file = load_dataset(name=saved(tmp_path, **arrays), normalize=True)
    assert made.digests == file.digests and made.classes == file.classes and made.found == file.found
    assert len(made.test_x) == (39 if "test" in parts else 0)


def test_wrong_arrays_are_named() -> None:
    with pytest.raises(cs.InputError, match=r"^arrays: train_y has 39 labels for the 40 images of train_x"):
        cs.Dataset.from_arrays(train=(X, LABELS[1:]))
    with pytest.raises(cs.InputError, match=r"^mine: test_y is missing"):
        cs.Dataset.from_arrays(train=(X, LABELS), test=(X, None), name="mine")


def test_a_test_set_under_another_name_is_not_overlooked(tmp_path: Path) -> None:
    with pytest.raises(cs.InputError, match=r"own\.npz: test_x is missing \(found: .*X_test"):
        load_dataset(name=saved(tmp_path, train_x=X, train_y=LABELS, X_test=X))


def test_a_run_without_a_test_set(tmp_path: Path) -> None:
    data = cs.Dataset.from_arrays(train=(X, LABELS))
    run = scenario([6, 4, 3], training={"batch": 10, "epochs": 2})
    assert cs.check(run, dataset=data).samples == 40
    result = cs.run(run, tmp_path / "t.h5", dataset=data)
    assert np.isnan(result.test_accuracy) and np.isfinite(result.train_accuracy)
    with cs.Trace(tmp_path / "t.h5") as trace:
        assert len(trace.metrics("test")) == 0
