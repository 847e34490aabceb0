"""What was found in a data set and done with it: the range of its values, their scale, and what is hardly meant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from channelsim.errors import InputError

Scale = Literal["auto", "none"] | float
"""`data.scale`: what all values are divided by; "none": nothing; "auto": integers that need 8 bits by 255."""

WHITE = 255
EIGHT_BITS = 128  # the smallest integer that needs 8 bits
LARGE, SMALL = 10.0, 0.1
"""Largest magnitudes of inputs beyond which learning rates and saturating units hardly fit them."""
UNEQUAL = 10.0  # ratio of the largest values of two parts
NAMED = 5  # classes that a warning lists


@dataclass(frozen=True)
class Values:
    """The values of the training images as they came, and what was done with them.

    Attributes:
        dtype: Of the source, e.g. "uint8".
        low, high: Smallest and largest value of the source, before it is cut to size.
        divisor: What all values were divided by; 1: used as they are.
        normalized: Whether each channel was then given mean 0 and variance 1.
    """

    dtype: str
    low: float
    high: float
    divisor: float
    normalized: bool

    @property
    def largest(self) -> float:
        """The largest magnitude after the division."""
        return max(abs(self.low), abs(self.high)) / self.divisor

    def __str__(self) -> str:
        done = "used as they are" if self.divisor == 1 else f"divided by {self.divisor:g}"
        return f"{self.dtype} {self.low:.6g}..{self.high:.6g}, {done}{', normalized' if self.normalized else ''}"


def values_of(parts: Mapping[str, NDArray], scale: Scale, divisor: float | None, normalized: bool) -> dict[str, Values]:
    """Each part's values with the number that they are divided by.

    `divisor` is what "auto" means for a set whose values are known. Without it "auto" divides integers by 255 if the
    largest of any part needs 8 bits (128..255), and leaves other numbers as they are: 0/1, a few grey levels, floats.

    Raises InputError if the quotients exceed float32.
    """
    ranges = {part: (_number(x.min()), _number(x.max())) for part, x in parts.items() if x.size}
    whole = [high for part, (_, high) in ranges.items() if parts[part].dtype.kind in "iu"]
    found = {}
    for part, (low, high) in ranges.items():
        if scale == "none":
            by = 1.0
        elif scale != "auto":
            by = float(scale)
        elif divisor is not None:
            by = divisor
        else:
            by = float(WHITE) if parts[part].dtype.kind in "iu" and max(whole) >= EIGHT_BITS else 1.0
        found[part] = Values(str(parts[part].dtype), low, high, by, normalized)
        if found[part].largest > float(np.finfo(np.float32).max):
            raise InputError(
                f"data.scale = {scale}: {part}_x has values up to {max(abs(low), abs(high)):g}; divided by it they"
                " exceed float32; accepted: a larger number"
            )
    return found


def _number(value: np.generic) -> float:
    number = value.item()
    return int(number) if isinstance(number, bool) else float(number)


def range_warnings(found: Mapping[str, Values], scale: Scale) -> list[str]:
    """Inputs that are implausibly large, small or unlike those of the training set, a sentence each.

    None after normalization, whatever the range was, and none of the magnitude if `scale` is "none".
    """
    train = found["train"]
    if train.normalized:
        return []
    texts = []
    if scale != "none" and not SMALL <= train.largest <= LARGE:
        reason = "large inputs saturate units and need small learning rates"
        if train.largest < SMALL:
            reason = "such small inputs hardly reach the units"
        by = max(abs(train.low), abs(train.high)) or 1
        if train.low >= 0 and EIGHT_BITS <= train.high <= WHITE:
            by = WHITE
        texts.append(
            f"inputs reach {train.largest:.4g} (train_x: {train}): {reason};"
            f' data.scale = {by:.6g} makes them at most 1, "none" says that'
            " they are meant so"
        )
    for part, other in found.items():
        low, high = sorted((train.largest, other.largest))
        if high > UNEQUAL * low and high > 0:
            texts.append(
                f"{part}_x reaches {other.largest:.4g} ({other}), train_x {train.largest:.4g} ({train}): they are not"
                " on one scale"
            )
    return texts


def class_warnings(train: NDArray, others: Mapping[str, NDArray], classes: int) -> list[str]:
    """Classes without training samples, and parts that hold one class only, a sentence each; labels by part."""
    texts = []
    absent = np.flatnonzero(np.bincount(train, minlength=classes) == 0).tolist()
    if absent:
        listed = ", ".join(map(str, absent[:NAMED])) + (f" and {len(absent) - NAMED} more" if absent[NAMED:] else "")
        texts.append(f"no training sample is of class {listed} (of {classes} classes)")
    for part, labels in {"training": train, **others}.items():
        if len(labels) > 1 and (labels == labels[0]).all() and not (part == "training" and absent):
            texts.append(
                f"all {len(labels):,} {part} samples are of class {labels[0]}; is the set sorted by class? then shuffle"
                " its samples"
            )
    return texts
