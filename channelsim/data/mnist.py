"""MNIST (LeCun, Cortes, Burges 1998) and Fashion-MNIST (Xiao, Rasul, Vollgraf 2017) from their IDX files.

Both come as four files of the same names: 60,000 + 10,000 grey images of 28 x 28 pixels, in ten classes.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from channelsim.data import idx, places
from channelsim.data.findings import WHITE
from channelsim.data.known import Entry, Known, Source, on_disk
from channelsim.data.raw import Raw
from channelsim.errors import InputError

Bytes = NDArray[np.uint8]

SOURCES = {
    "mnist": Source(
        (
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
        ),
        {
            "train-images-idx3-ubyte.gz": "sha256:440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            "train-labels-idx1-ubyte.gz": "sha256:3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            "t10k-images-idx3-ubyte.gz": "sha256:8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            "t10k-labels-idx1-ubyte.gz": "sha256:f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        },
    ),
    "fashion-mnist": Source(
        (
            "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
            "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        ),
        {
            "train-images-idx3-ubyte.gz": "sha256:3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            "train-labels-idx1-ubyte.gz": "sha256:a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            "t10k-images-idx3-ubyte.gz": "sha256:346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            "t10k-labels-idx1-ubyte.gz": "sha256:67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        },
    ),
}
NAMES = tuple(SOURCES)
CLASSES = 10
TRAIN = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte")
TEST = ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


def load(name: str) -> Raw:
    """The four files of `name` (one of `NAMES`), images as uint8 (samples, height, width)."""
    folder = find(name)
    if folder is None:
        raise places.missing(name)
    train_x, train_y = _read_pair(folder, *TRAIN)
    test_x, test_y = _read_pair(folder, *TEST)
    if test_x.shape[1:] != train_x.shape[1:]:
        raise InputError(
            f"{_file(folder, TEST[0])}: images of {_pixels(test_x)} pixels, but those of {TRAIN[0]} have"
            f" {_pixels(train_x)}; accepted are images of one size"
        )
    return Raw(train_x, train_y, test_x, test_y, (train_x.shape[1] * train_x.shape[2],), CLASSES, divisor=WHITE)


def find(name: str) -> Path | None:
    """The first folder that holds one of the set's files, or None."""
    for folder in places.folders(name, (name,)):
        if _may_hold(folder, name) and any(_candidates(folder, stem) for stem in TRAIN + TEST):
            return folder
    return None


def sizes(folder: Path) -> tuple[int, int]:
    """Numbers of training and test images in `folder`, from the headers alone."""
    return idx.read_sizes(_file(folder, TRAIN[0]))[0], idx.read_sizes(_file(folder, TEST[0]))[0]


def _at_hand(name: str) -> Entry:
    return on_disk(name, find(name), sizes)


def _may_hold(folder: Path, name: str) -> bool:
    # The two sets share their file names, so files that lie directly in $CHANNELSIM_DATA could be either. The
    # folder's name decides: Fashion-MNIST only from a folder that says so, MNIST from any other.
    return ("fashion" in folder.resolve().name.lower()) == (name == "fashion-mnist")


def _candidates(folder: Path, stem: str) -> list[Path]:
    dotted = stem.replace("-idx", ".idx")  # what some unpacking programs make of the name
    names = [stem, dotted, f"{stem}.gz", f"{dotted}.gz"]
    return [folder / name for name in names if (folder / name).is_file()]


def _file(folder: Path, stem: str) -> Path:
    found = _candidates(folder, stem)
    if not found:
        raise InputError(
            f"{folder / stem}.gz: no such file, though others of its set are there; accepted are {stem} and {stem}.gz"
        )
    return found[0]


def _read_pair(folder: Path, images_stem: str, labels_stem: str) -> tuple[Bytes, Bytes]:
    images_file, labels_file = _file(folder, images_stem), _file(folder, labels_stem)
    images, labels = _read_bytes(images_file, 3, "images"), _read_bytes(labels_file, 1, "labels")
    if len(images) != len(labels):
        raise InputError(
            f"{labels_file}: {len(labels)} labels for the {len(images)} images of {images_file.name};"
            " accepted is one label an image"
        )
    if not images.size:
        raise InputError(f"{images_file}: holds no images; accepted is at least one")
    if labels.max() >= CLASSES:
        at = int(np.argmax(labels >= CLASSES))
        raise InputError(
            f"{labels_file}: label {labels[at]} of sample {at} is beyond the classes; accepted are 0 to {CLASSES - 1}"
        )
    return images, labels


def _read_bytes(path: Path, dimensions: int, what: str) -> Bytes:
    array = idx.read(path)
    if array.dtype != np.uint8 or array.ndim != dimensions:
        raise InputError(
            f"{path}: holds a {array.ndim}-dimensional array of {array.dtype}; accepted for {what} is a"
            f" {dimensions}-dimensional one of uint8 (magic number 00 00 08 {dimensions:02x})"
        )
    return array


def _pixels(images: NDArray) -> str:
    return f"{images.shape[1]} x {images.shape[2]}"


KNOWN = tuple(
    Known(name, partial(_at_hand, name), read=partial(load, name), source=source) for name, source in SOURCES.items()
)
