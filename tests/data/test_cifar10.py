from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from channelsim.data import available, cifar10, load_dataset
from channelsim.errors import InputError

RECORDS = 4


def record_bytes(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    records = rng.integers(0, 256, (RECORDS, 3073), np.uint8)
    records[:, 0] %= 10
    return records


def write_cifar10(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for seed, name in enumerate(cifar10.TRAIN + cifar10.TEST):
        (folder / name).write_bytes(record_bytes(seed).tobytes())


@pytest.fixture(autouse=True)
def few_records(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cifar10, "RECORDS", RECORDS)


@pytest.mark.parametrize("inside", [".", "cifar-10-batches-bin", "cifar10", "cifar-10/cifar-10-batches-bin"])
def test_files_are_found_and_read(home: Path, inside: str) -> None:
    write_cifar10(home / inside)
    data = load_dataset(name="cifar10", validation=RECORDS)
    assert (data.shape, data.classes, data.inputs) == ((3, 32, 32), 10, 3072)
    assert [len(x) for x in (data.train_x, data.validation_x, data.test_x)] == [16, 4, 4]
    second = record_bytes(1)
    np.testing.assert_array_equal(data.train_x[4:8], second[:, 1:] / np.float32(255))
    np.testing.assert_array_equal(data.train_y[4:8], second[:, 0])
    np.testing.assert_array_equal(data.test_y, record_bytes(5)[:, 0])


def test_normalising_goes_by_colour(home: Path) -> None:
    write_cifar10(home)
    data = load_dataset(name="cifar10", normalize=True)
    colours = data.train_x.reshape(-1, 3, 1024).astype(np.float64)
    np.testing.assert_allclose(colours.mean(axis=(0, 2)), 0, atol=1e-6)
    np.testing.assert_allclose(colours.std(axis=(0, 2)), 1, atol=1e-6)


def test_files_that_are_wrong_are_named(home: Path) -> None:
    with pytest.raises(InputError, match="channelsim data fetch cifar10"):
        load_dataset(name="cifar10")
    write_cifar10(home)
    file = home / "data_batch_3.bin"
    whole = file.read_bytes()
    for content, message in (
        (whole[:-1], f"{len(whole) - 1} bytes, truncated"),
        (whole + b"x", "too long"),
        (b"\x0a" + whole[1:], "label 10 of record 0 is beyond the classes"),
        (None, "no such file"),
    ):
        file.unlink() if content is None else file.write_bytes(content)
        with pytest.raises(InputError, match=message) as caught:
            load_dataset(name="cifar10")
        assert str(file) in str(caught.value) and "accepted" in str(caught.value)


def test_the_catalogue_has_its_sizes(home: Path) -> None:
    write_cifar10(home)
    entry = next(entry for entry in available() if entry.name == "cifar10")
    assert (entry.place, entry.train, entry.test, entry.remedy) == (str(home), 20, 4, None)
