"""A data set of the user's own: the arrays that a function of a Python file returns."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from channelsim import extend, parts
from channelsim.data import npz
from channelsim.data.findings import Scale
from channelsim.data.keys import PARTS
from channelsim.data.raw import Raw, Target
from channelsim.errors import InputError

_ACCEPTED = "(train, test) or (train, test, validation), pairs of arrays (x, y), or a mapping of train_x, train_y, ..."


class Use(Protocol):
    """What a [data] table says of a function: "FILE.py:FUNCTION" and its parameters."""

    @property
    def use(self) -> str: ...
    @property
    def parameters(self) -> Mapping[str, float]: ...


def load(used: Use, scale: Scale = "auto", target: Target = "auto") -> Raw:
    """What the function returns, read as the arrays of an .npz file are (`npz.load`).

    Raises InputError, with file and line, for a function that raises or returns something else.
    """
    try:
        part = parts.part(used.use, used.parameters)
        parts.noted(part, extend.Samples, "data set", "@cx.dataset")
        arrays = _arrays(part, parts.call(part), "x" if target == "input" else "xy")
    except InputError as error:
        raise InputError(f"data.dataset: {error}") from None
    return npz.read(Path(part.place), arrays, (), scale, target)


def _arrays(part: parts.Part, returned: Any, sides: str) -> dict[str, NDArray[Any]]:
    """The arrays by their names in an .npz file; with `target` = "input" y may be None, or missing."""
    found = dict(returned) if isinstance(returned, Mapping) else _named(part, returned)
    known = [f"{one}_{side}" for one in PARTS for side in "xy"]
    try:
        there = {name: np.asarray(values) for name, values in found.items() if values is not None}
    except ValueError as error:  # rows of several lengths
        raise InputError(f"{part.place} returns what is no array: {' '.join(str(error).split())[:120]}") from None
    unknown = [name for name in found if name not in known]
    lacking = [
        name for name in known if not unknown and name[-1] in sides and name not in there and _begun(name, there)
    ]
    if unknown or lacking:
        told = repr(unknown[0]) if unknown else f"no {lacking[0]}"
        raise InputError(f"{part.place} returns {told}; accepted: {', '.join(known)}")
    return there


def _begun(name: str, there: Mapping[str, Any]) -> bool:
    """Whether an array is wanted: of the training set always, of another part if anything is there of it."""
    part = name.partition("_")[0]
    return part == "train" or any(other.startswith(part) for other in there)


def _named(part: parts.Part, returned: Any) -> dict[str, Any]:
    """(train, test, validation), pairs of arrays, by name."""
    several = returned if isinstance(returned, tuple | list) else ()
    if not 1 <= len(several) <= len(PARTS) or not all(isinstance(p, tuple | list) and len(p) == 2 for p in several):
        raise InputError(f"{part.place} returns {parts.kind_of(returned)}; accepted: {_ACCEPTED}")
    pairs = zip(PARTS, several, strict=False)
    return {f"{name}_{side}": values for name, pair in pairs for side, values in zip("xy", pair, strict=True)}
