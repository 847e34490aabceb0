"""A user's own data set in one .npz file (numpy.savez)."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from channelsim.data.dataset import Raw
from channelsim.errors import InputError

PARTS = ("train", "test", "validation")


def load(path: Path) -> Raw:
    """The arrays `train_x`, `train_y`, `test_x`, `test_y`, and optionally `validation_x` and `validation_y`.

    Images have shape (samples, inputs) or (samples, channels, height, width); floats are taken as they are,
    integers must be pixels of 0..255 and are divided by 255. Labels are integers from 0 on; the training
    labels say how many classes there are. Raises InputError, naming file and key, for anything else.
    """
    arrays = _arrays(path)
    images, labels = {}, {}
    for part in PARTS:
        keys = (f"{part}_x", f"{part}_y")
        if part == "validation" and not any(key in arrays for key in keys):
            continue
        for key in keys:
            if key not in arrays:
                raise InputError(
                    f"{path}: {key} is missing (found: {', '.join(sorted(arrays)) or 'none'}); accepted are"
                    " train_x, train_y, test_x, test_y, and optionally validation_x and validation_y"
                )
        images[part] = _images(path, keys[0], arrays[keys[0]])
        labels[part] = _labels(path, keys[1], arrays[keys[1]], len(images[part]), keys[0])
    shape = images["train"].shape[1:]
    classes = int(labels["train"].max()) + 1
    for part in images:
        if images[part].shape[1:] != shape:
            raise InputError(
                f"{path}: {part}_x has images of shape {images[part].shape[1:]}, but train_x of {shape};"
                " accepted are images of one shape"
            )
        if labels[part].max() >= classes:
            raise InputError(
                f"{path}: {part}_y has label {labels[part].max()}, beyond the {classes} classes of train_y;"
                f" accepted are 0 to {classes - 1}"
            )
    validation = (images["validation"], labels["validation"]) if "validation" in images else None
    return Raw(images["train"], labels["train"], images["test"], labels["test"], shape, classes, validation)


def _arrays(path: Path) -> dict[str, NDArray]:
    wanted = {f"{part}_{what}" for part in PARTS for what in "xy"}
    try:
        with path.open("rb") as stream:
            file = np.load(stream, allow_pickle=False)
            if not isinstance(file, np.lib.npyio.NpzFile):
                raise ValueError("it holds a single array")
            with file:
                return {key: file[key] for key in file.files if key in wanted}
    except FileNotFoundError:
        raise InputError(f"{path}: no such file (data.name); accepted is an .npz file written by numpy.savez") from None
    except (ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(
            f"{path}: cannot be read as .npz ({error});"
            " accepted is a file written by numpy.savez, without Python objects in it"
        ) from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from None


def _images(path: Path, key: str, x: NDArray) -> NDArray:
    if x.ndim not in (2, 4) or not x.size:
        raise InputError(
            f"{path}: {key} has shape {x.shape}; accepted are (samples, inputs) and"
            " (samples, channels, height, width), none of them 0"
        )
    if x.dtype.kind == "f":
        with np.errstate(over="ignore"):
            x = x.astype(np.float32, copy=False)
        if not np.isfinite(x).all():
            at = tuple(int(i) for i in np.argwhere(~np.isfinite(x))[0])
            raise InputError(f"{path}: {key} has {x[at]} at {at}; accepted are finite float32 values")
    elif x.dtype.kind in "iu":
        if x.min() < 0 or x.max() > 255:
            raise InputError(
                f"{path}: {key} has integers from {x.min()} to {x.max()}; accepted are pixels of 0 to 255,"
                " or floats, which are taken as they are"
            )
    else:
        raise InputError(f"{path}: {key} is of type {x.dtype}; accepted are floats, or integers of 0 to 255")
    return x


def _labels(path: Path, key: str, y: NDArray, samples: int, images_key: str) -> NDArray:
    if y.dtype.kind not in "iu" or y.ndim != 1:
        raise InputError(
            f"{path}: {key} is of type {y.dtype} and shape {y.shape}; accepted are class numbers:"
            " integers of shape (samples,)"
        )
    if len(y) != samples:
        raise InputError(
            f"{path}: {key} has {len(y)} labels for the {samples} images of {images_key};"
            " accepted is one label an image"
        )
    if y.min() < 0:
        raise InputError(f"{path}: {key} has label {y.min()}; accepted are class numbers from 0 on")
    return y
