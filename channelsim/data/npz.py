"""A user's own data set in one .npz file (numpy.savez)."""

from __future__ import annotations

import math
import os
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, BinaryIO

import numpy as np
from numpy.typing import NDArray

from channelsim.data import keys
from channelsim.data.findings import WHITE, Scale
from channelsim.data.keys import PARTS
from channelsim.data.raw import Raw, Target
from channelsim.errors import InputError
from channelsim.files import open_regular

_MOST_PACKED = 1100  # bytes that one byte may unpack to: deflate's limit is 1032
COLOURS = (1, 3)  # channels of a grey and of a colour image


def load(path: Path, scale: Scale = "auto", target: Target = "auto") -> Raw:
    """The arrays `train_x` and `train_y`, and optionally `test_x`, `test_y`, `validation_x` and `validation_y`.

    Images have shape (samples, inputs) or (samples, channels, height, width) and are floats, integers or bool;
    integers beyond 0..255 need a `scale` other than "auto". Labels are class numbers from 0 on, or one-hot; the
    training labels say how many classes there are. Real targets are floats, (samples,) or (samples, outputs); with
    `target` = "auto" those are real which are neither one-hot nor all whole numbers. With "input" no labels are read.
    Raises InputError, naming file and key, for anything else.
    """
    arrays, others = _arrays(path)
    return read(path, arrays, others, scale, target)


def read(path: Path, arrays: Mapping[str, NDArray], others: Sequence[str], scale: Scale, target: Target) -> Raw:
    """The same of arrays that have been read from `path`, or stand under this name; `others`: keys that were not."""
    images, labels, notes = {}, {}, []
    classes = 0
    sides = "x" if target == "input" else "xy"
    real = target == "real" or (target == "auto" and _is_real(arrays.get("train_y")))
    for part in PARTS:
        wanted = tuple(f"{part}_{side}" for side in sides)
        if part != "train" and not any(key in arrays for key in wanted):
            if part == "test" and any((keys.meant(other) or "").startswith("test") for other in others):
                raise InputError(f"{path}: {keys.missing(wanted[0], [*arrays, *others], path.name)}")
            continue
        for key in wanted:
            if key not in arrays:
                raise InputError(f"{path}: {keys.missing(key, [*arrays, *others], path.name)}")
        images[part] = _images(path, wanted[0], arrays[wanted[0]], scale)
        if target == "input":
            continue
        if real:
            labels[part] = _real(path, wanted[1], arrays[wanted[1]], images[part], wanted[0])
            continue
        labels[part], one_hot, note = _labels(path, wanted[1], arrays[wanted[1]], images[part], wanted[0])
        notes += [note] if note else []
        if part == "train":
            classes = one_hot or int(labels[part].max()) + 1
        elif one_hot and one_hot != classes:
            raise InputError(
                f"{path}: {wanted[1]} is one-hot with {one_hot} classes, train_y has {classes}; accepted are as many"
            )
    if not (real or sides == "x") and not any(
        arrays[f"{part}_y"].ndim == 2 and arrays[f"{part}_y"].shape[1] > 1 for part in labels
    ):
        _refuse_labels_from_1(path, labels)
    shape = images["train"].shape[1:]
    for part in images:
        if images[part].shape[1:] != shape:
            raise InputError(
                f"{path}: {part}_x has images of shape {images[part].shape[1:]}, but train_x of {shape};"
                " accepted are images of one shape"
            )
        if sides == "x":
            labels[part] = np.zeros(len(images[part]), np.int32)  # the images will take their place
        elif real and labels[part].shape[1:] != labels["train"].shape[1:]:
            raise InputError(
                f"{path}: {part}_y has {labels[part].shape[1]} values a sample, train_y has {labels['train'].shape[1]};"
                " accepted are as many"
            )
        elif not real and labels[part].max() >= classes:
            raise InputError(
                f"{path}: {part}_y has label {labels[part].max()}, beyond the {classes} classes of train_y;"
                f" accepted are 0 to {classes - 1}"
            )
    validation = (images["validation"], labels["validation"]) if "validation" in images else None
    if "test" not in images:
        images["test"], labels["test"] = images["train"][:0], labels["train"][:0]
        notes.append("there is no test set")
    return Raw(
        images["train"], labels["train"], images["test"], labels["test"], shape, classes, validation,
        notes=tuple(notes), warnings=(*_layout_warnings(path, shape), *keys.unread(others, path)),
    )  # fmt: skip


def _arrays(path: Path) -> tuple[dict[str, NDArray], list[str]]:
    """The arrays that are wanted, and the keys of the others."""
    wanted = {f"{part}_{what}" for part in PARTS for what in "xy"}
    try:
        with open_regular(path) as stream:
            _refuse_bombs(stream)
            file = np.load(stream, allow_pickle=False)
            if not isinstance(file, np.lib.npyio.NpzFile):
                raise ValueError("it holds a single array")
            with file:
                others = [key for key in file.files if key not in wanted]
                return {key: file[key] for key in file.files if key in wanted}, others
    except FileNotFoundError:
        raise InputError(f"{path}: no such file (data.name); accepted is an .npz file written by numpy.savez") from None
    except InputError:
        raise
    except (
        ValueError,
        EOFError,
        LookupError,
        NotImplementedError,  # an unknown compression, to zipfile
        RuntimeError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        raise InputError(
            f"{path}: cannot be read as .npz ({' '.join(str(error).split())[:200]});"
            " accepted is a file written by numpy.savez, without Python objects in it"
        ) from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from None


def _refuse_bombs(stream: BinaryIO) -> None:
    """Raises ValueError for an archive whose arrays would take more memory than its bytes can be unpacked to, or than
    their own headers announce."""
    if not zipfile.is_zipfile(stream):
        stream.seek(0)
        return  # numpy says what it is instead
    with zipfile.ZipFile(stream) as archive:
        size = os.fstat(stream.fileno()).st_size
        if sum(entry.compress_size for entry in archive.infolist()) > size:
            raise ValueError("its entries overlap")
        for entry in archive.infolist():
            if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise ValueError(f"{entry.filename} is compressed in a way that numpy.savez does not use")
            if entry.file_size > _MOST_PACKED * (entry.compress_size + 1):
                raise ValueError(
                    f"{entry.filename} announces {entry.file_size:,} bytes, but has {entry.compress_size:,}"
                )
            with archive.open(entry) as array:
                announced = _announced(array)
            if announced is not None and announced != entry.file_size:
                raise ValueError(f"{entry.filename} announces {announced:,} bytes, but has {entry.file_size:,}")
    stream.seek(0)


def _announced(array: IO[bytes]) -> int | None:
    """Bytes of an .npy file by its header; None where that says nothing, as of Python objects."""
    try:
        version = np.lib.format.read_magic(array)
        reads = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
        shape, _, dtype = reads[version](array)
    except (ValueError, KeyError):
        return None
    return None if dtype.hasobject else array.tell() + math.prod(shape) * dtype.itemsize


# --- images ---------------------------------------------------------------------------------------------------


def _images(path: Path, key: str, x: NDArray, scale: Scale) -> NDArray:
    if x.ndim not in (2, 4) or not x.size:
        hint = {1: f"; one value a sample is {key}.reshape(-1, 1)", 3: f"; images of one channel are {key}[:, None]"}
        raise InputError(
            f"{path}: {key} has shape {x.shape}; accepted are (samples, inputs) and"
            f" (samples, channels, height, width), none of them 0{hint.get(x.ndim, '') if x.size else ''}"
        )
    if _channels_last(x.shape[1:]):
        raise InputError(
            f"{path}: {key} has shape {x.shape}, images with their channels last; accepted are (samples, channels,"
            f" height, width): save {key}.transpose(0, 3, 1, 2)"
        )
    if x.dtype.kind == "f":
        with np.errstate(over="ignore"):
            single = x.astype(np.float32, copy=False)
        if not np.isfinite(single).all():
            at = tuple(int(i) for i in np.argwhere(~np.isfinite(single))[0])
            raise InputError(f"{path}: {key} has {single[at]} at {at}; accepted are finite float32 values")
    elif x.dtype.kind in "iu":
        if scale == "auto" and (x.min() < 0 or x.max() > WHITE):
            largest = max(abs(int(x.min())), int(x.max()))
            raise InputError(
                f"{path}: {key} has integers from {x.min()} to {x.max()}; accepted are pixels of 0 to {WHITE}, floats,"
                f' or any integers with data.scale = {largest}, which divides them, or "none"'
            )
    elif x.dtype.kind != "b":
        raise InputError(f"{path}: {key} is of type {x.dtype}; accepted are floats, integers and bool")
    return x


def _channels_last(shape: tuple[int, ...]) -> bool:
    """Whether (a, b, c) is height, width and 1 or 3 colours, and hardly a channels of b x c pixels."""
    return (
        len(shape) == 3 and shape[2] in COLOURS and min(shape[:2]) > shape[2] and (shape[0] == shape[1] or shape[2] > 1)
    )


def _layout_warnings(path: Path, shape: tuple[int, ...]) -> list[str]:
    """(a, b, 1) may be a channels of a signal of b values, or a grey image of a x b."""
    if len(shape) == 3 and shape[2] == 1 and min(shape[:2]) > 1:
        return [
            f"{path.name}: train_x is read as {shape[0]} channels of {shape[1]} x 1; are they images of {shape[0]} x"
            f" {shape[1]}, channels last? then save train_x.transpose(0, 3, 1, 2)"
        ]
    return []


# --- labels ---------------------------------------------------------------------------------------------------


def _labels(path: Path, key: str, y: NDArray, images: NDArray, images_key: str) -> tuple[NDArray, int, str]:
    """Class numbers, the classes of one-hot labels (0 for other ones), and how they were read if in some other way."""
    what = f"{path}: {key} is of type {y.dtype} and shape {y.shape}"
    accepted = (
        "accepted are class numbers, integers of shape (samples,), one-hot labels of (samples, classes), or real"
        ' targets: floats, or any numbers with data.target = "real"'
    )
    if y.dtype.kind in "USO":
        raise InputError(f"{what}: text; {accepted}: np.unique({key}, return_inverse=True)[1] numbers them")
    if y.dtype.kind not in "biuf" or y.ndim not in (1, 2) or not y.size:
        raise InputError(f"{what}; {accepted}")
    _refuse_other_numbers(path, key, y, images, images_key)
    one_hot, note = 0, ""
    if y.ndim == 2 and y.shape[1] == 1:
        y, note = y[:, 0], f"{key} is one column, read as class numbers"
    elif y.ndim == 2:
        if not _is_one_hot(y):
            raise InputError(f"{what}, and its rows are not one-hot (a single 1, else 0); {accepted}")
        one_hot, note = y.shape[1], f"{key} is one-hot, read as class numbers"
        return y.argmax(axis=1), one_hot, note
    if y.dtype.kind == "f":
        wrong = np.flatnonzero(~(np.isfinite(y) & (y == np.rint(y))))
        if wrong.size:
            raise InputError(f"{path}: {key} has {y[wrong[0]]} at {wrong[0]}, which is no class number; {accepted}")
        note = note or f"{key} is {y.dtype}, read as class numbers"
    elif y.dtype.kind == "b":
        note = note or f"{key} is bool, read as the classes 0 and 1"
    if y.min() < 0:
        hint = f": (1 + {key}) // 2 of labels -1 and 1" if set(np.unique(y).tolist()) == {-1, 1} else ""
        raise InputError(f"{path}: {key} has label {y.min():g}; accepted are class numbers from 0 on{hint}")
    if float(y.max()) >= np.iinfo(np.int32).max:  # float16 has no such number
        raise InputError(f"{path}: {key} has label {y.max():g}; accepted are class numbers below 2^31")
    return y.astype(np.int32) if y.dtype.kind in "bf" else y, one_hot, note


def _refuse_other_numbers(path: Path, key: str, y: NDArray, images: NDArray, images_key: str) -> None:
    if len(y) != len(images):
        hint = f"; is {images_key} transposed?" if images.ndim == 2 and images.shape[1] == len(y) else ""
        raise InputError(
            f"{path}: {key} has {len(y)} labels for the {len(images)} images of {images_key};"
            f" accepted is one label an image{hint}"
        )


def _is_real(y: NDArray | None) -> bool:
    """Whether labels are real targets: floats that are neither one-hot nor all of them whole numbers in one column."""
    if y is None or y.dtype.kind != "f" or y.ndim not in (1, 2) or not y.size:
        return False
    if y.ndim == 1 or y.shape[1] == 1:
        finite = y[np.isfinite(y)]
        return bool((finite != np.rint(finite)).any())
    return not _is_one_hot(y)


def _is_one_hot(y: NDArray) -> bool:
    return bool(np.isin(y, (0, 1)).all() and (np.count_nonzero(y, axis=1) == 1).all())


def _real(path: Path, key: str, y: NDArray, images: NDArray, images_key: str) -> NDArray[np.float32]:
    """Real targets, (samples, outputs)."""
    if y.dtype.kind not in "biuf" or y.ndim not in (1, 2) or not y.size:
        raise InputError(
            f"{path}: {key} is of type {y.dtype} and shape {y.shape}; accepted are real targets, numbers of shape"
            " (samples,) or (samples, outputs)"
        )
    _refuse_other_numbers(path, key, y, images, images_key)
    with np.errstate(over="ignore"):
        single = y.astype(np.float32).reshape(len(y), -1)
    if not np.isfinite(single).all():
        at = tuple(int(i) for i in np.argwhere(~np.isfinite(single))[0])
        raise InputError(f"{path}: {key} has {single[at]} at {at}; accepted are finite float32 values")
    return single


def _refuse_labels_from_1(path: Path, labels: dict[str, NDArray]) -> None:
    if min(int(y.min()) for y in labels.values()) == 1:
        largest = max(int(y.max()) for y in labels.values())
        remedy = ", ".join(f"{part}_y - 1" for part in labels)
        raise InputError(
            f"{path}: labels go from 1 to {largest}, none is 0; accepted are class numbers from 0 on: save {remedy}"
        )
