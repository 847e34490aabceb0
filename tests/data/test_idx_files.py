"""IDX files of a set of the user's own: in a folder, or named one by one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import channelsim as cs
from channelsim.data import dataset_of, idx, load_dataset, load_each
from channelsim.errors import InputError
from channelsim.scenario import Data

X = np.arange(6 * 4 * 3, dtype=np.uint8).reshape(6, 4, 3) * 3
Y = np.array([0, 1, 2, 1, 0, 2], np.uint8)
NAMES = {
    "mnist": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
    "emnist": tuple(
        f"emnist-letters-{part}-{what}-ubyte.gz"
        for part in ("train", "test")
        for what in ("images-idx3", "labels-idx1")
    ),
    "keys": ("train_x.idx", "train_y.idx", "test_x.idx.gz", "test_y.idx.gz"),
    "dots": ("train-images.idx3-ubyte", "train-labels.idx1-ubyte", "test-images.idx3-ubyte", "test-labels.idx1-ubyte"),
}


def written(folder: Path, names: tuple[str, ...] = NAMES["mnist"]) -> Path:
    folder.mkdir(exist_ok=True)
    for name, array in zip(names, (X, Y, X[:2], Y[:2]), strict=False):
        idx.write(folder / name, array)
    return folder


@pytest.mark.parametrize("names", NAMES)
def test_a_folder_is_a_data_set(tmp_path: Path, names: str) -> None:
    folder = written(tmp_path / "letters", NAMES[names])
    found = load_dataset(Data(name=str(folder)))
    np.testing.assert_array_equal(found.train_x, (X.reshape(6, 12) / np.float32(255)).astype(np.float32))
    assert (found.train_y.tolist(), found.test_y.tolist()) == (Y.tolist(), [0, 1])
    assert (found.shape, found.classes) == ((12,), 3)


def test_a_training_set_is_enough(tmp_path: Path) -> None:
    found = load_dataset(Data(name=f"{written(tmp_path, NAMES['mnist'][:2])}/"))
    assert (len(found.train_y), len(found.test_y)) == (6, 0)


def test_files_are_named_one_by_one(tmp_path: Path) -> None:
    written(tmp_path / "here", ("a", "b", "c.gz", "d"))
    (tmp_path / "own.toml").write_text(
        'name = "own"\n[model]\nname = "m"\ninput = [12]\n[[model.layers]]\nkind = "dense"\nunits = 3\n'
        'transfer = "softmax"\n[data.idx]\ntrain_x = "here/a"\ntrain_y = "here/b"\ntest_x = "here/c.gz"\n'
        'test_y = "here/d"\n'
    )
    scenario = cs.load(tmp_path / "own.toml")
    found = dataset_of(scenario)
    assert (found.name, len(found.train_y), len(found.test_y)) == ("a", 6, 2)
    assert dataset_of(cs.Scenario(**scenario.resolved)).digests == found.digests
    both = [scenario.data, scenario.with_({"data.idx.train_x": "here/c.gz", "data.idx.train_y": "here/d"}).data]
    assert [len(each.train_y) for _, each in load_each(both) if isinstance(each, cs.Dataset)] == [6, 2]


def test_other_numbers_and_shapes(tmp_path: Path) -> None:
    idx.write(tmp_path / "train_x.idx", np.linspace(-1, 1, 24, dtype=np.float32).reshape(2, 3, 2, 2))
    idx.write(tmp_path / "train_y.idx", np.array([[0.5], [1.5]], np.float64))
    found = load_dataset(Data(name=str(tmp_path)))
    assert (found.shape, found.real, found.train_y.tolist()) == ((3, 2, 2), True, [[0.5], [1.5]])


@pytest.mark.parametrize(
    ("names", "told"),
    [
        ((), r"letters: has no training images \(found: no IDX files\); accepted: names such as train-images"),
        (("other-idx3-ubyte",), r"found: other-idx3-ubyte"),
        (("train-images-idx3-ubyte",), r"letters: train_y is missing"),
        ((*NAMES["mnist"][:2], "kmnist-train-images-idx3-ubyte"), r"could both be train_x; accepted: one set in a"),
        (("train-labels-idx1-ubyte", "train-images-idx3-ubyte"), r"train_y is of type uint8 and shape \(6, 4, 3\)"),
    ],
)
def test_folders_that_are_refused(tmp_path: Path, names: tuple[str, ...], told: str) -> None:
    folder = written(tmp_path / "letters", names)
    with pytest.raises(InputError, match=told) as caught:
        load_dataset(Data(name=str(folder)))
    assert "\n" not in str(caught.value)


def test_what_is_no_folder_or_no_idx_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere: No such file or directory \(data\.name\); accepted: a folder"):
        load_dataset(Data(name=f"{tmp_path}/nowhere"))
    (tmp_path / "train-images-idx3-ubyte").write_bytes(b"nonsense")
    with pytest.raises(InputError, match="wrong magic number"):
        load_dataset(Data(name=str(tmp_path)))
    with pytest.raises(InputError, match=r"no such data set.*or of a folder with IDX files, \"\./FOLDER\""):
        Data(name="letters")
    with pytest.raises(InputError, match=r"^idx is given, and so is name = 'digits'"):
        Data(name="digits", idx={"train_x": "a"})  # type: ignore[arg-type]
