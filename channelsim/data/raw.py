"""Images and targets as a source has them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from numpy.typing import NDArray

Target = Literal["auto", "classes", "real", "input"]
"""`data.target`: what is learned."""


@dataclass(frozen=True, eq=False)
class Raw:
    """Images and targets as they came out of a source, before they are cut to size and scaled.

    Images have shape (samples, *shape) or (samples, inputs), targets are class numbers (samples,) or, with classes = 0,
    real (samples, outputs); the source has checked them.
    `divisor` takes the values to 0..1 where the source knows their range. `notes` and `warnings` are as in `Dataset`.
    """

    train_x: NDArray
    train_y: NDArray
    test_x: NDArray
    test_y: NDArray
    shape: tuple[int, ...]
    classes: int
    validation: tuple[NDArray, NDArray] | None = field(default=None)
    divisor: float | None = None
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
