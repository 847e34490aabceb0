"""What a run is judged by: loss and accuracy, or for real targets R^2 (docs/design.md, section 1), and metrics of the
user's own."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from channelsim import elementary, extend, hashing, parts
from channelsim.errors import InputError

_BLOCK = 1000  # samples that are there in float64 at a time


def variance(targets: NDArray[Any]) -> float:
    """Of real targets (N, n), the mean squared distance from their mean; NaN of class numbers (N,) and of none."""
    if targets.ndim != 2 or not len(targets):
        return math.nan
    mean = _mean(targets, np.zeros(targets.shape[1]), power=1)
    return float(_mean(targets, mean, power=2).sum())


def mean_square(targets: NDArray[Any]) -> float:
    """Of real targets (N, n), the mean squared length."""
    return float(_mean(targets, np.zeros(targets.shape[1]), power=2).sum())


def _mean(targets: NDArray[Any], centre: NDArray[np.float64], power: int) -> NDArray[np.float64]:
    """Of (targets - centre)^power over the samples, (n,)."""
    sums = np.zeros(targets.shape[1])
    for first in range(0, len(targets), _BLOCK):
        apart = targets[first : first + _BLOCK].astype(np.float64) - centre
        sums += elementary.total(apart if power == 1 else apart * apart)
    return sums / len(targets)


def r2(loss: float, variance: float) -> float:
    """R^2 = 1 - squared error / variance, over all values of the targets together, of a mean loss that is half the
    squared error of a sample; NaN where the variance is 0 or NaN."""
    return 1.0 - 2.0 * loss / variance if variance > 0 else math.nan


# --- of the user's own ------------------------------------------------------------------------------------------


class Use(Protocol):
    """What a scenario says of a function: "FILE.py:FUNCTION" and its parameters."""

    @property
    def use(self) -> str: ...
    @property
    def parameters(self) -> Mapping[str, float]: ...


@dataclass(frozen=True)
class Own:
    """A metric of the user's own on one set of samples.

    Attributes:
        split: "train", "validation" or "test".
        name: what the scenario calls it.
        part: the function.
    """

    split: str
    name: str
    part: parts.Part

    @property
    def measure(self) -> str:
        """What it is called beside loss and accuracy: "test_f1"."""
        return f"{self.split}_{self.name}"


_OWN = re.compile(rf"({'|'.join(extend.SETS)})_[a-z]\w*")
_BUILT_IN = re.compile(r"\w+_(loss|accuracy|r2)(_deployed)?")


def is_own(measure: str) -> bool:
    """Whether a measure's name is one that a metric of the user's own has."""
    return bool(_OWN.fullmatch(measure)) and not _BUILT_IN.fullmatch(measure)


def own(uses: Mapping[str, Use], targets: Mapping[str, NDArray[Any]], outputs: int) -> tuple[Own, ...]:
    """The metrics that a scenario names, on each of their sets that has samples.

    Arguments:
        uses: name -> function. targets: split -> targets, (N,) or (N, n_L). outputs: n_L.

    Raises InputError, with the key, file and line, for a function that fails when it is tried, returns no number, or
    has no samples at all.
    """
    found = []
    for name, used in uses.items():
        try:
            part = parts.part(used.use, used.parameters)
            sets = parts.noted(part, extend.Metric, "metric", "@cx.metric").sets
            there = [split for split in sets if len(targets[split])]
            if not there:
                raise InputError(
                    f"{part.place} is computed on {' and '.join(sets)} samples, and there are none; accepted: data "
                    'with some, or @cx.metric(sets=["train"])'
                )
            value(part, _drawn(len(targets[there[0]]), outputs), targets[there[0]])
        except InputError as error:
            raise InputError(f"metrics.{name}: {error}") from None
        found += [Own(split, name, part) for split in there]
    return tuple(found)


def _drawn(samples: int, outputs: int) -> NDArray[np.float32]:
    """Outputs to try a metric on: random numbers, so that no two samples are alike."""
    words = hashing.bits(hashing.key(0, hashing.Stream.DATA.of()), samples * outputs)
    return hashing.uniform(words).astype(np.float32).reshape(samples, outputs)


def value(part: parts.Part, outputs: NDArray[np.float32], targets: NDArray[Any]) -> float:
    """The metric of these outputs (N, n_L) and targets. Raises InputError where the function raises, or returns no
    number."""
    returned = parts.call(part, outputs, targets)
    if np.ndim(returned) != 0 or np.asarray(returned).dtype.kind not in "biuf":
        raise InputError(f"{part.place} returns {parts.kind_of(returned)}; accepted: a number")
    return float(returned)
