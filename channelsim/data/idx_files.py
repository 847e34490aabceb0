"""A user's own data set as IDX files: in a folder, or each named by its path."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from numpy.typing import NDArray

from channelsim.data import idx, keys, npz
from channelsim.data.findings import Scale
from channelsim.data.keys import PARTS
from channelsim.data.raw import Raw, Target
from channelsim.errors import InputError
from channelsim.paths import path_of

KEYS = tuple(f"{part}_{side}" for part in PARTS for side in "xy")
_IDX = re.compile(r"[-._]?idx\d?(-(ubyte|byte|short|int|float|double))?(\.gz)?$", re.IGNORECASE)
_NAMED = "names such as train-images-idx3-ubyte and t10k-labels-idx1-ubyte.gz, or test_x.idx"


def in_folder(folder: Path) -> dict[str, Path]:
    """Key ("train_x", ...) -> file of a set in a folder, by the names of the files.

    MNIST's names are understood, with anything before them (emnist-letters-train-images-idx3-ubyte.gz), and the keys
    themselves (train_x.idx). Of a file that is there packed and unpacked, the latter is read.

    Raises InputError where there is no folder, no training set in it, or more than one.
    """
    try:
        files = sorted(path for path in folder.iterdir() if _IDX.search(path.name))
    except OSError as error:
        raise InputError(
            f"{folder}: {error.strerror or error} (data.name); accepted: a folder with a set's IDX files"
        ) from None
    found: dict[str, Path] = {}
    for path in files:
        key = _key(path.name)
        if key is None:
            continue
        if key in found and found[key].name != path.name.removesuffix(".gz"):
            raise InputError(
                f"{folder}: {found[key].name} and {path.name} could both be {key}; accepted: one set in a folder, or "
                "[data.idx], which names the files"
            )
        found.setdefault(key, path)
    if "train_x" not in found:
        names = ", ".join(path.name for path in files) or "no IDX files"
        raise InputError(f"{folder}: has no training images (found: {names}); accepted: {_NAMED}")
    return found


def _key(name: str) -> str | None:
    """The key that a file's name stands for: "t10k-labels-idx1-ubyte.gz" is test_y."""
    stem = _IDX.sub("", name).lower().replace("t10k", "test")
    return stem if stem in KEYS else keys.meant(stem)


def load(files: Mapping[str, Path], place: Path, scale: Scale = "auto", target: Target = "auto") -> Raw:
    """The arrays of these files, by their keys, read as those of an .npz file (`npz.load`), images of (rows, columns)
    flattened; `place`: what errors name that are not of one file.

    Raises InputError for a file that is no whole IDX file, and for arrays that are not accepted.
    """
    return npz.read(place, {key: _array(path, key) for key, path in files.items()}, (), scale, target)


def _array(path: Path, key: str) -> NDArray:
    array = idx.read(path_of(path))
    return array.reshape(len(array), -1) if key.endswith("_x") and array.ndim in (1, 3) and array.size else array
