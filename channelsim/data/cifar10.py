"""CIFAR-10 (Krizhevsky 2009) in its binary format.

Six files of 10,000 records; a record is one label byte and 3,072 pixel bytes, the red, green and blue planes
of 32 x 32 pixels row by row (https://www.cs.toronto.edu/~kriz/cifar.html, "binary version").
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from channelsim.data import places
from channelsim.data.findings import WHITE
from channelsim.data.known import Archive, Entry, Known, Source, on_disk
from channelsim.data.raw import Raw
from channelsim.errors import InputError

Bytes = NDArray[np.uint8]

NAME = "cifar10"
CLASSES = 10
SHAPE = (3, 32, 32)
PIXELS = 3 * 32 * 32
RECORDS = 10_000
FOLDER = "cifar-10-batches-bin"
TRAIN = tuple(f"data_batch_{i}.bin" for i in range(1, 6))
TEST = ("test_batch.bin",)


def load() -> Raw:
    """The 5 + 1 files, images as uint8 (samples, 3072)."""
    folder = find()
    if folder is None:
        raise places.missing(NAME)
    train_x, train_y = _read_files(folder, TRAIN)
    test_x, test_y = _read_files(folder, TEST)
    return Raw(train_x, train_y, test_x, test_y, SHAPE, CLASSES, divisor=WHITE)


def find() -> Path | None:
    """The first folder that holds one of the set's files, or None."""
    nested = tuple(f"{parent}/{FOLDER}" for parent in (NAME, "cifar-10"))
    for folder in places.folders(NAME, (FOLDER, *nested, NAME)):
        if any((folder / name).is_file() for name in TRAIN + TEST):
            return folder
    return None


def sizes(folder: Path) -> tuple[int, int]:
    """Numbers of training and test images in `folder`, which must hold all files in full size."""
    for name in TRAIN + TEST:
        _check_size(folder / name)
    return len(TRAIN) * RECORDS, len(TEST) * RECORDS


def is_whole(folder: Path) -> bool:
    """Whether `folder` holds all files in full size."""
    try:
        sizes(folder)
    except InputError:
        return False
    return True


def _read_files(folder: Path, names: tuple[str, ...]) -> tuple[Bytes, Bytes]:
    images = np.empty((len(names), RECORDS, PIXELS), np.uint8)
    labels = np.empty((len(names), RECORDS), np.uint8)
    for i, name in enumerate(names):
        batch = _read_batch(folder / name)
        images[i] = batch[:, 1:]
        labels[i] = batch[:, 0]
    return images.reshape(-1, PIXELS), labels.reshape(-1)


def _check_size(path: Path) -> None:
    expected = RECORDS * (1 + PIXELS)
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        raise InputError(
            f"{path}: no such file, though others of its set are there; accepted is a folder with"
            f" {TRAIN[0]} to {TRAIN[-1]} and {TEST[0]}"
        ) from None
    if size != expected:
        raise InputError(
            f"{path}: {size} bytes, {'truncated' if size < expected else 'too long'};"
            f" accepted are {RECORDS} records of {1 + PIXELS} bytes, {expected} in all"
        )


def _read_batch(path: Path) -> Bytes:
    _check_size(path)
    try:
        batch = np.fromfile(path, np.uint8).reshape(RECORDS, 1 + PIXELS)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from None
    wrong = np.flatnonzero(batch[:, 0] >= CLASSES)
    if wrong.size:
        raise InputError(
            f"{path}: label {batch[wrong[0], 0]} of record {wrong[0]} is beyond the classes;"
            f" accepted are 0 to {CLASSES - 1}"
        )
    return batch


def _at_hand() -> Entry:
    return on_disk(NAME, find(), sizes)


SOURCE = Source(
    (
        "https://www.cs.toronto.edu/~kriz/",
        "https://storage.googleapis.com/s4tf-hosted-binaries/datasets/CIFAR10/",
    ),
    {"cifar-10-binary.tar.gz": "sha256:c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"},
    Archive(FOLDER, (*TRAIN, *TEST), is_whole),
)
KNOWN = (Known(NAME, _at_hand, read=load, source=SOURCE),)
