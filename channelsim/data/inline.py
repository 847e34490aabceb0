"""Samples that stand in the scenario itself, for tiny problems."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from channelsim.data.raw import Raw
from channelsim.errors import InputError


class Samples(Protocol):
    """What `load` reads of a [data] table, whose rows are of one length and as many as their targets."""

    @property
    def target(self) -> str: ...
    @property
    def train_x(self) -> Sequence[Sequence[float]] | None: ...
    @property
    def train_y(self) -> Sequence[Any] | None: ...
    @property
    def test_x(self) -> Sequence[Sequence[float]] | None: ...
    @property
    def test_y(self) -> Sequence[Any] | None: ...


def load(data: Samples) -> Raw:
    """The samples as arrays; a test set that is not given has no rows.

    Targets are class numbers if they are integers, and real if they are other numbers or lists; `target` = "real" takes
    integers as real numbers, and "classes" lists as one-hot. Raises InputError, naming the key, for what is neither.
    """
    train_x = _floats("train_x", data.train_x or ())
    test_x = _floats("test_x", data.test_x) if data.test_x else train_x[:0]
    shape = train_x.shape[1:]
    if data.target == "input":
        return Raw(train_x, train_x, test_x, test_x, shape, 0)
    train_y, test_y = data.train_y or (), data.test_y or ()
    if data.target == "real" or (data.target == "auto" and not all(isinstance(y, int) for y in train_y)):
        wanted = _floats("train_y", train_y)
        tested = _floats("test_y", test_y) if test_y else wanted[:0]
        return Raw(train_x, _column(wanted), test_x, _column(tested), shape, 0)
    width = len(train_y[0]) if isinstance(train_y[0], tuple) else 0
    labels = [_labels(key, y) for key, y in (("train_y", train_y), ("test_y", test_y))]
    classes = width or int(labels[0].max()) + 1
    if labels[1].size and labels[1].max() >= classes:
        raise InputError(
            f"data.test_y has label {labels[1].max()}, beyond the {classes} classes of train_y; accepted: 0 to"
            f" {classes - 1}"
        )
    return Raw(train_x, labels[0], test_x, labels[1], shape, classes)


def _floats(key: str, rows: Sequence[Any]) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):
        values = np.array(rows, np.float64).astype(np.float32)
    if not np.isfinite(values).all():
        raise InputError(f"data.{key} has values beyond float32; accepted: magnitudes below 3.4e38")
    return values


def _column(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return values[:, None] if values.ndim == 1 else values


def _labels(key: str, targets: Sequence[Any]) -> NDArray[np.int32]:
    """Class numbers of integers, whole numbers or one-hot rows."""
    labels = []
    for i, target in enumerate(targets):
        row = target if isinstance(target, tuple) else None
        if row is not None and sorted(row) != [0] * (len(row) - 1) + [1]:
            raise InputError(f"data.{key}[{i}] = {list(row)} is not one-hot; accepted: a single 1, else 0")
        label = row.index(1) if row is not None else target
        if label != int(label) or not 0 <= label < np.iinfo(np.int32).max:
            raise InputError(
                f"data.{key}[{i}] = {label} is no class number; accepted: integers from 0 on, below 2^31, or "
                'data.target = "real" for numbers to learn'
            )
        labels.append(int(label))
    return np.array(labels, np.int32)
