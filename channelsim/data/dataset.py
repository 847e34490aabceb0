"""What a data set is to the rest of the house, and how one is made from raw images and labels."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from channelsim import elementary
from channelsim.errors import InputError

Floats = NDArray[np.float32]
Labels = NDArray[np.int32]


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Images and labels, ready for the engine.

    Attributes
    ----------
    name:
        What the scenario calls the set, e.g. `"mnist"`.
    train_x, test_x, validation_x:
        float32, C-contiguous, shape (samples, inputs): one flattened image a row, channel by channel and row
        by row. Pixels lie in 0..1 unless the set was normalised or came with other values. Validation may
        have no rows.
    train_y, test_y, validation_y:
        int32, shape (samples,): class numbers 0..classes-1.
    shape:
        Shape of one image: `(inputs,)` or `(channels, height, width)`; its product is `inputs`.
    classes:
        Number of classes.
    """

    name: str
    train_x: Floats
    train_y: Labels
    test_x: Floats
    test_y: Labels
    validation_x: Floats
    validation_y: Labels
    shape: tuple[int, ...]
    classes: int

    @property
    def inputs(self) -> int:
        """Number of input values of one sample."""
        return int(np.prod(self.shape))

    def __repr__(self) -> str:
        size = " x ".join(map(str, self.shape))
        held_out = f" + {len(self.validation_x)} validation" if len(self.validation_x) else ""
        return (
            f"Dataset({self.name}: {len(self.train_x)} train{held_out} + {len(self.test_x)} test samples"
            f" of {size} values, {self.classes} classes)"
        )


@dataclass(frozen=True, eq=False)
class Raw:
    """Images and labels as they came out of a source, before they are cut to size and scaled.

    Images have shape (samples, *shape) or (samples, inputs); integers stand for pixels of 0..255.
    Labels are integers that the source has checked.
    """

    train_x: NDArray
    train_y: NDArray
    test_x: NDArray
    test_y: NDArray
    shape: tuple[int, ...]
    classes: int
    validation: tuple[NDArray, NDArray] | None = field(default=None)


def assemble(name: str, raw: Raw, train: int | None, test: int | None, validation: int, normalize: bool) -> Dataset:
    """Cut a raw set into its parts, each converted to float32 once, straight from the source's numbers.

    `validation` samples are taken from the end of the training set, then the first `train` of what is left
    and the first `test` of the test set (None: all). `normalize` gives every channel zero mean and unit
    variance over the training part; the other parts are shifted and scaled by the same numbers.
    """
    kept, held_out = _training_part(len(raw.train_x), train, validation, raw.validation is not None)
    n_test = _limit("test", test, len(raw.test_x), "test samples")
    if raw.validation is None:
        validation_x, validation_y = raw.train_x[held_out], raw.train_y[held_out]
    else:
        validation_x, validation_y = raw.validation
    dataset = Dataset(
        name=name,
        train_x=_as_rows(raw.train_x[:kept], raw.shape),
        train_y=raw.train_y[:kept].astype(np.int32),
        test_x=_as_rows(raw.test_x[:n_test], raw.shape),
        test_y=raw.test_y[:n_test].astype(np.int32),
        validation_x=_as_rows(validation_x, raw.shape),
        validation_y=validation_y.astype(np.int32),
        shape=raw.shape,
        classes=raw.classes,
    )
    if normalize:
        _normalize(dataset)
    return dataset


def _training_part(n: int, train: int | None, validation: int, own_validation: bool) -> tuple[int, slice]:
    if validation < 0:
        raise InputError(f"data.validation = {validation}: must be 0 or more")
    if validation and own_validation:
        raise InputError(
            f"data.validation = {validation}: the file brings its own validation set;"
            " leave data.validation out, or validation_x and validation_y out of the file"
        )
    if validation >= n:
        raise InputError(
            f"data.validation = {validation}: the training set has {n} samples; accepted are 0 to {n - 1} to hold out"
        )
    what = f"training samples besides the {validation} for validation" if validation else "training samples"
    return _limit("train", train, n - validation, what), slice(n - validation, n)


def _limit(key: str, wanted: int | None, there: int, what: str) -> int:
    if wanted is None:
        return there
    if not 1 <= wanted <= there:
        raise InputError(
            f"data.{key} = {wanted}: there are {there} {what}; accepted is 1 to {there}, or no value for all"
        )
    return wanted


def _as_rows(images: NDArray, shape: tuple[int, ...]) -> Floats:
    """A float32 copy, one flattened image a row; integers become n / 255. `images` may be freed then."""
    rows = images.reshape(len(images), int(np.prod(shape)))
    if rows.dtype.kind in "iu":
        return np.divide(rows, np.float32(255), dtype=np.float32, order="C")
    return rows.astype(np.float32, order="C")


def _normalize(dataset: Dataset) -> None:
    """In place: (x - mean) / deviation, by channel (a flat image is one). A constant one is only shifted."""
    channels = dataset.shape[0] if len(dataset.shape) == 3 else 1
    pixels = dataset.inputs // channels
    train = dataset.train_x.reshape(-1, channels, pixels)
    total, squares = np.zeros(channels), np.zeros(channels)
    for start in range(0, len(train), 1000):  # in blocks, so that the float64 copies stay small
        block = np.swapaxes(train[start : start + 1000], 1, 2).reshape(-1, channels).astype(np.float64)
        total += elementary.total(block)
        squares += elementary.total(block * block)
    mean = total / (len(train) * pixels)
    deviation = np.sqrt(np.maximum(squares / (len(train) * pixels) - mean * mean, 0.0))
    deviation[deviation < 1e-6] = 1.0
    for x in (dataset.train_x, dataset.test_x, dataset.validation_x):
        view = x.reshape(-1, channels, pixels)
        view -= mean.astype(np.float32)[:, None]
        view /= deviation.astype(np.float32)[:, None]
