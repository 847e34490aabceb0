"""What a data set is to the rest of the house, and how one is made from raw images and targets."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from channelsim import elementary
from channelsim.data import npz
from channelsim.data.findings import Scale, Values, class_warnings, range_warnings, values_of
from channelsim.data.raw import Raw, Target
from channelsim.errors import InputError

Floats = NDArray[np.float32]
Labels = NDArray[np.int32]


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Images and targets, ready for the engine.

    Attributes:
        name: what the scenario calls the set, e.g. `"mnist"`.
        train_x, test_x, validation_x: float32, C-contiguous, shape (samples, inputs): one flattened image per row,
            channel by channel and row by row. Pixels lie in 0..1 unless the set was normalised or came with other
            values. Test and validation may have no rows.
        train_y, test_y, validation_y: int32, shape (samples,): class numbers 0..classes-1. Or, where the targets are
            real, float32, shape (samples, outputs); the input's own array where that is the target.
        shape: shape of one image: `(inputs,)` or `(channels, height, width)`; its product is `inputs`.
        classes: number of classes; 0 where the targets are real.
        values: the range of the training images as they came, and what they were divided by; None for arrays that were
            given.
        notes: how else the source was read, a sentence each, e.g. that its labels are one-hot.
        warnings: what is allowed but hardly meant, a sentence each: implausible ranges, classes without samples.
    """

    name: str
    train_x: Floats
    train_y: Labels | Floats
    test_x: Floats
    test_y: Labels | Floats
    validation_x: Floats
    validation_y: Labels | Floats
    shape: tuple[int, ...]
    classes: int
    values: Values | None = None
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @classmethod
    def from_arrays(
        cls,
        train: tuple[NDArray, NDArray | None],
        test: tuple[NDArray, NDArray | None] | None = None,
        validation: tuple[NDArray, NDArray | None] | None = None,
        *,
        name: str = "arrays",
        scale: Scale = "auto",
        normalize: bool = False,
        target: Target = "auto",
    ) -> Dataset:
        """A data set of arrays: of each part the images and their labels.

        Images are floats, integers or bool, of shape (samples, inputs) or (samples, channels, height, width); labels
        are class numbers, one-hot rows or real targets, or None with `target` = "input". They are read, checked and
        scaled as those of an .npz file (`load_dataset`); without `test` nothing is tested. `check`, `run`, `verify` and
        `Simulation` take it as `dataset`.

        Raises InputError that names the array and what would be accepted.
        """
        parts = {"train": train, "test": test, "validation": validation}
        arrays = {
            f"{part}_{side}": np.asarray(array)
            for part, pair in parts.items()
            if pair is not None
            for side, array in zip("xy", pair, strict=True)
            if array is not None
        }
        raw = npz.read(Path(name), arrays, (), scale, target)
        return assemble(name, raw, None, None, 0, normalize, scale, target)

    @property
    def found(self) -> str:
        """What was found in the source and done with it, in words; empty for arrays that were given."""
        return "; ".join([*([str(self.values)] if self.values else []), *self.notes])

    @cached_property
    def digests(self) -> dict[str, str]:
        """Array -> its type, shape and source, a colon and the SHA-256 of shape and values, in hexadecimal.

        Computed once: the arrays must not change afterwards. 188 MB (MNIST) take a fraction of a second.
        """
        found = {}
        for part in ("train", "test", "validation"):
            x, y = getattr(self, f"{part}_x"), getattr(self, f"{part}_y")
            source = f" ({self.values})" if part == "train" and self.values else ""
            found[f"{part}_x"] = _digest(x, (len(x), *self.shape), source)
            found[f"{part}_y"] = _digest(y, y.shape, "")
        return found

    @property
    def inputs(self) -> int:
        """Number of input values of one sample."""
        return int(np.prod(self.shape))

    @property
    def real(self) -> bool:
        """Whether the targets are real vectors, and no classes."""
        return self.classes == 0

    @property
    def outputs(self) -> int:
        """Number of values of a target: as many as there are classes."""
        return int(self.train_y.shape[1]) if self.real else self.classes

    @property
    def targets(self) -> dict[str, NDArray]:
        """Part ("train", "test", "validation") -> its targets."""
        return {"train": self.train_y, "test": self.test_y, "validation": self.validation_y}

    @property
    def learned(self) -> str:
        """What there is to learn, in words: "10 classes" or "targets of 3 values"."""
        if not self.real:
            return f"{self.classes} classes"
        return f"targets of {self.outputs} value{'' if self.outputs == 1 else 's'}"

    def __repr__(self) -> str:
        size = " x ".join(map(str, self.shape))
        held_out = f" + {len(self.validation_x)} validation" if len(self.validation_x) else ""
        return (
            f"Dataset({self.name}: {len(self.train_x)} train{held_out} + {len(self.test_x)} test samples"
            f" of {size} values, {self.learned})"
        )


def _digest(array: NDArray, shape: tuple[int, ...], source: str) -> str:
    what = f"{array.dtype} {shape}"
    state = hashlib.sha256(what.encode())
    state.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return f"{what}{source}: {state.hexdigest()}"


def assemble(
    name: str,
    raw: Raw,
    train: int | None,
    test: int | None,
    validation: int,
    normalize: bool,
    scale: Scale,
    target: Target = "auto",
) -> Dataset:
    """Cut a raw set into its parts, each converted to float32 once, straight from the source's numbers.

    `validation` samples are taken from the end of the training set, then the first `train` of what is left
    and the first `test` of the test set (None: all). `scale` says what the values are divided by (`findings.Scale`);
    that is decided by the whole set, however few samples are used. `normalize` then gives every channel zero mean and
    unit variance over the training part; the other parts are shifted and scaled by the same numbers. What `target`
    says is learned may be the images then, or the class numbers as real numbers.
    """
    kept, held_out = _training_part(len(raw.train_x), train, validation, raw.validation is not None)
    n_test = _limit("test", test, len(raw.test_x), "test samples")
    if raw.validation is None:
        validation_x, validation_y = raw.train_x[held_out], raw.train_y[held_out]
    else:
        validation_x, validation_y = raw.validation
    images = {"train": raw.train_x, "test": raw.test_x}
    if raw.validation is not None:
        images["validation"] = validation_x
    found = values_of(images, scale, raw.divisor, normalize)
    train_y, test_y, validation_y = (
        _as_targets(y, real=target == "real") for y in (raw.train_y[:kept], raw.test_y[:n_test], validation_y)
    )
    others = {"validation": validation_y, "test": test_y}
    dataset = Dataset(
        name=name,
        train_x=_as_rows(raw.train_x[:kept], raw.shape, found["train"].divisor),
        train_y=train_y,
        test_x=_as_rows(raw.test_x[:n_test], raw.shape, found.get("test", found["train"]).divisor),
        test_y=test_y,
        validation_x=_as_rows(validation_x, raw.shape, found.get("validation", found["train"]).divisor),
        validation_y=validation_y,
        shape=raw.shape,
        classes=raw.classes if train_y.ndim == 1 else 0,
        values=found["train"],
        notes=raw.notes,
        warnings=(
            *raw.warnings,
            *range_warnings(found, scale),
            *(() if train_y.ndim == 2 or target == "input" else class_warnings(train_y, others, raw.classes)),
        ),
    )
    if normalize:
        _normalize(dataset)
    if target == "input":
        images_as_targets = {f"{part}_y": getattr(dataset, f"{part}_x") for part in ("train", "test", "validation")}
        return replace(dataset, classes=0, **images_as_targets)
    return dataset


def _as_targets(y: NDArray, real: bool) -> NDArray:
    """Class numbers (samples,) as int32, real targets (samples, outputs) as float32; class numbers may become these."""
    if y.ndim == 1 and not real:
        return y.astype(np.int32)
    return np.ascontiguousarray(y[:, None] if y.ndim == 1 else y, np.float32)


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
    if not there:
        raise InputError(f"data.{key} = {wanted}: there are no {what}; accepted: no value")
    if not 1 <= wanted <= there:
        raise InputError(
            f"data.{key} = {wanted}: there are {there} {what}; accepted is 1 to {there}, or no value for all"
        )
    return wanted


def _as_rows(images: NDArray, shape: tuple[int, ...], divisor: float) -> Floats:
    """A float32 copy, one flattened image a row, divided by `divisor`. `images` may be freed then."""
    rows = images.reshape(len(images), int(np.prod(shape)))
    if divisor == 1:
        return rows.astype(np.float32, order="C")
    return np.divide(rows, np.float32(divisor), dtype=np.float32, order="C")


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
