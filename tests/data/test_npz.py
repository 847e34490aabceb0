from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from channelsim.data import load_dataset
from channelsim.errors import InputError


def arrays(**changes: object) -> dict[str, np.ndarray]:
    """A valid archive of 20 + 8 samples with 6 inputs and 3 classes; a change to None leaves a key out."""
    rng = np.random.default_rng(1)
    whole: dict = {
        "train_x": rng.uniform(size=(20, 6)).astype(np.float32),
        "train_y": np.arange(20) % 3,
        "test_x": rng.uniform(size=(8, 6)).astype(np.float32),
        "test_y": np.arange(8) % 3,
    } | changes
    return {key: value for key, value in whole.items() if value is not None}


def write(folder: Path, **changes: object) -> Path:
    path = folder / "own.npz"
    np.savez(path, **arrays(**changes))
    return path


def test_floats_are_taken_as_they_are(tmp_path: Path) -> None:
    write(tmp_path)
    data = load_dataset(name="own.npz", base=tmp_path)
    np.testing.assert_array_equal(data.train_x, arrays()["train_x"])
    np.testing.assert_array_equal(data.test_y, arrays()["test_y"])
    assert (data.shape, data.classes, data.train_y.dtype, len(data.validation_x)) == ((6,), 3, np.int32, 0)


@pytest.mark.parametrize("dtype", [np.uint8, np.int64])
def test_integer_pixels_are_divided_by_255(tmp_path: Path, dtype: type) -> None:
    pixels = np.arange(20 * 12).reshape(20, 3, 2, 2).astype(dtype)
    path = write(tmp_path, train_x=pixels, test_x=pixels[:8])
    data = load_dataset(name=str(path))
    assert data.shape == (3, 2, 2)
    np.testing.assert_array_equal(data.train_x, pixels.reshape(20, 12).astype(np.float32) / np.float32(255))


def test_an_archive_may_bring_its_validation_set(tmp_path: Path) -> None:
    own = arrays()
    path = write(tmp_path, validation_x=own["test_x"][:5], validation_y=own["test_y"][:5])
    data = load_dataset(name=str(path))
    np.testing.assert_array_equal(data.validation_x, own["test_x"][:5])
    assert len(data.train_x) == 20
    with pytest.raises(InputError, match="brings its own validation set"):
        load_dataset(name=str(path), validation=3)


NAN = np.where(np.arange(120).reshape(20, 6) == 9, np.nan, 0.5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"train_y": None}, r"train_y is missing \(found: test_x, test_y, train_x\)"),
        ({"validation_x": np.zeros((2, 6))}, "validation_y is missing"),
        ({"train_x": NAN}, r"train_x has nan at \(1, 3\)"),
        ({"train_x": np.full((20, 6), 1e300)}, "train_x has inf"),
        ({"test_x": -np.full((8, 6), np.inf)}, "test_x has -inf"),
        ({"train_x": np.zeros((20, 6), complex)}, "train_x is of type complex128"),
        ({"train_x": np.zeros((20, 6), bool)}, "train_x is of type bool"),
        ({"train_x": np.full((20, 6), 256)}, "integers from 256 to 256"),
        ({"train_x": np.full((20, 6), -1)}, "integers from -1 to -1"),
        ({"train_x": np.zeros((20, 2, 3))}, r"train_x has shape \(20, 2, 3\)"),
        ({"train_x": np.zeros((0, 6)), "train_y": np.zeros(0, int)}, r"shape \(0, 6\)"),
        ({"test_x": np.zeros((8, 5))}, r"test_x has images of shape \(5,\), but train_x of \(6,\)"),
        ({"train_y": np.zeros(19, int)}, "train_y has 19 labels for the 20 images of train_x"),
        ({"train_y": np.zeros(20)}, "train_y is of type float64"),
        ({"train_y": np.eye(20, dtype=int)}, r"train_y is of type int64 and shape \(20, 20\)"),
        ({"train_y": np.full(20, -1)}, "label -1"),
        ({"test_y": np.full(8, 3)}, "test_y has label 3, beyond the 3 classes .* accepted are 0 to 2"),
        ({"train_x": np.array([{}] * 20)}, "cannot be read as .npz"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, changes: dict, message: str) -> None:
    path = write(tmp_path, **changes)
    with pytest.raises(InputError, match=message) as caught:
        load_dataset(name=str(path))
    assert str(path) in str(caught.value) and "accepted" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_files_that_are_no_archive(tmp_path: Path) -> None:
    path = write(tmp_path)
    whole = path.read_bytes()
    np.save(tmp_path / "single.npy", np.zeros(3))
    for content in (b"", b"nonsense", whole[: len(whole) // 2], (tmp_path / "single.npy").read_bytes()):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"own\.npz"):
            load_dataset(name=str(path))
    with pytest.raises(InputError, match="no such file"):
        load_dataset(name="none.npz", base=tmp_path)
    (tmp_path / "folder.npz").mkdir()
    with pytest.raises(InputError, match="cannot be read"):
        load_dataset(name="folder.npz", base=tmp_path)
