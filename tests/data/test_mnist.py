from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from channelsim.data import idx, load_dataset, mnist, places
from channelsim.errors import InputError

from .conftest import tiny_images, write_mnist

real = pytest.mark.skipif(mnist.find("mnist") is None, reason="MNIST is not here (CHANNELSIM_DATA)")


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("inside", ["mnist", "."])
def test_files_are_found_in_the_variable(home: Path, suffix: str, inside: str) -> None:
    write_mnist(home / inside, suffix)
    data = load_dataset(name="mnist")
    images, labels = tiny_images(30, seed=30)
    np.testing.assert_array_equal(data.train_x, images.reshape(30, 12).astype(np.float32) / np.float32(255))
    np.testing.assert_array_equal(data.train_y, labels)
    assert (data.shape, data.classes, len(data.test_x)) == ((12,), 10, 10)


def test_files_are_found_in_the_cache_and_beside_the_current_directory(home: Path) -> None:
    beside = Path.cwd().parent / "shared" / "data" / "fashion-mnist"
    write_mnist(beside, train=20)
    assert len(load_dataset(name="fashion-mnist").train_x) == 20
    write_mnist(places.cache("fashion-mnist"), train=25)
    assert len(load_dataset(name="fashion-mnist").train_x) == 25
    write_mnist(home / "fashion-mnist", train=30)
    assert len(load_dataset(name="fashion-mnist").train_x) == 30


def test_names_without_dashes_are_found_too(home: Path) -> None:
    write_mnist(home / "mnist", "")
    for file in list((home / "mnist").iterdir()):
        file.rename(file.with_name(file.name.replace("-idx", ".idx")))
    assert len(load_dataset(name="mnist").train_x) == 30


def test_one_set_is_never_taken_for_the_other(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_mnist(home)
    with pytest.raises(InputError, match="not found"):
        load_dataset(name="fashion-mnist")
    write_mnist(home / "my-fashion-files")
    monkeypatch.setenv(places.VARIABLE, str(home / "my-fashion-files"))
    assert load_dataset(name="fashion-mnist").name == "fashion-mnist"
    with pytest.raises(InputError, match="not found"):
        load_dataset(name="mnist")


@pytest.mark.parametrize("setting", [None, "/no/such/folder"])
def test_a_set_that_is_nowhere_says_how_to_get_it(
    home: Path, monkeypatch: pytest.MonkeyPatch, setting: str | None
) -> None:
    if setting is None:
        monkeypatch.delenv(places.VARIABLE)
    else:
        monkeypatch.setenv(places.VARIABLE, setting)
    with pytest.raises(InputError) as caught:
        load_dataset(name="mnist")
    for part in (
        'data.name = "mnist"',
        setting or "not set",
        "set CHANNELSIM_DATA",
        "channelsim data fetch mnist",
    ):
        assert part in str(caught.value)


def test_a_missing_file_is_named(home: Path) -> None:
    write_mnist(home / "mnist")
    (home / "mnist" / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(InputError, match=r"t10k-labels-idx1-ubyte.gz: no such file.*accepted are"):
        load_dataset(name="mnist")


@pytest.mark.parametrize(
    ("file", "array", "message"),
    [
        ("train-images-idx3-ubyte.gz", np.zeros((30, 12), np.uint8), "holds a 2-dimensional array of uint8"),
        (
            "train-images-idx3-ubyte.gz",
            np.zeros((30, 4, 3), np.float32),
            "array of float32; accepted .* uint8",
        ),
        ("train-images-idx3-ubyte.gz", np.zeros((29, 4, 3), np.uint8), "30 labels for the 29 images"),
        ("train-images-idx3-ubyte.gz", np.zeros((30, 0, 3), np.uint8), "holds no images"),
        ("t10k-images-idx3-ubyte.gz", np.zeros((10, 3, 4), np.uint8), "3 x 4 pixels, but .* 4 x 3"),
        (
            "t10k-labels-idx1-ubyte.gz",
            np.full(10, 10, np.uint8),
            "label 10 of sample 0 .* accepted are 0 to 9",
        ),
        ("t10k-labels-idx1-ubyte.gz", np.zeros((10, 1), np.uint8), "holds a 2-dimensional array"),
    ],
)
def test_files_that_do_not_fit_are_named(home: Path, file: str, array: np.ndarray, message: str) -> None:
    write_mnist(home / "mnist")
    idx.write(home / "mnist" / file, array)
    with pytest.raises(InputError, match=message) as caught:
        load_dataset(name="mnist")
    assert str(home / "mnist") in str(caught.value) and "accepted" in str(caught.value)


@real
def test_the_real_set() -> None:
    data = load_dataset(name="mnist", validation=5000)
    assert [len(x) for x in (data.train_x, data.validation_x, data.test_x)] == [55000, 5000, 10000]
    assert data.train_x.dtype == np.float32 and data.train_x.flags.c_contiguous and data.train_x.max() == 1.0
    assert data.train_x.mean() == pytest.approx(0.1307, abs=5e-4)
    assert np.bincount(data.test_y).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


@real
def test_the_real_set_is_held_once() -> None:
    tracemalloc.start()
    try:
        data = load_dataset(name="mnist")
        held, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    arrays = data.train_x.nbytes + data.test_x.nbytes
    assert held < 1.01 * arrays
    assert peak < 1.6 * arrays
