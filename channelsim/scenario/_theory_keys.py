"""Values of a [theory] table by key, and how a mistake in one is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from channelsim.errors import InputError
from channelsim.scenario._table import nearest, shown
from channelsim.theory.systems import Array

_LARGEST = 1e100  # products of a few such numbers are still float64


def mistake(key: str, problem: str, accepted: str) -> InputError:
    return InputError(f"theory.{key}{problem}; accepted: {accepted}")


def canonical(table: Mapping[str, Any]) -> dict[str, Any]:
    """The table with a, b and c in lower case."""
    keys: dict[str, Any] = {}
    for key, value in table.items():
        small = key.lower() if key in ("A", "B", "C") else key
        if small in keys:
            raise mistake(key, f" and theory.{small} are the same", "one of them")
        keys[small] = value
    return keys


def word(keys: Mapping[str, Any], key: str, known: Sequence[str]) -> str:
    accepted = ", ".join(f'"{one}"' for one in known)
    if key not in keys:
        raise mistake(key, " is missing", accepted)
    value = keys[key]
    if not isinstance(value, str) or value not in known:
        near = nearest(value, known) if isinstance(value, str) else ""
        raise mistake(key, f" = {shown(value)}{near}", accepted)
    return value


def numbers(keys: Mapping[str, Any], key: str, accepted: str) -> Array:
    """A number, a list of numbers or a list of rows as an array of 0, 1 or 2 dimensions."""
    if key not in keys:
        raise mistake(key, " is missing", accepted)
    value = keys[key]
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    _check(key, value, value, accepted, depth=0)
    try:
        return np.array(value, np.float64)
    except ValueError:
        raise mistake(key, f" = {shown(value)}: rows of different lengths", accepted) from None


def _check(key: str, value: Any, whole: Any, accepted: str, depth: int) -> None:
    if isinstance(value, list | tuple):
        if depth == 2:
            raise mistake(key, f" = {shown(whole)}: lists within rows", accepted)
        for item in value:
            _check(key, item, whole, accepted, depth + 1)
    elif isinstance(value, bool) or not isinstance(value, int | float):
        raise mistake(key, f" = {shown(whole)}: {shown(value)} is no number", accepted)
    elif not abs(value) <= _LARGEST:
        raise mistake(key, f" = {shown(whole)}: not finite, or beyond {_LARGEST:g}", accepted)


def number(keys: Mapping[str, Any], key: str, accepted: str = "a number") -> float:
    found = numbers(keys, key, accepted)
    if found.size != 1:
        raise mistake(key, f" = {shown(keys[key])}", accepted)
    return float(found.reshape(-1)[0])


def positive(keys: Mapping[str, Any], key: str, accepted: str) -> float:
    value = number(keys, key, accepted)
    if value <= 0:
        raise mistake(key, f" = {shown(keys[key])}", accepted)
    return value


def vector(keys: Mapping[str, Any], key: str, size: int | None = None) -> Array:
    """(size,): a list, one row, one column, or a number where one is wanted."""
    accepted = "a list of numbers" if size is None else f"{size} number" + "s" * (size != 1)
    found = numbers(keys, key, accepted)
    if found.ndim == 2 and 1 not in found.shape:
        raise mistake(key, f" = {shown(keys[key])}", accepted)
    found = found.reshape(-1)
    if size is None and found.size == 0:
        raise mistake(key, " = []", "at least one number")
    if size is not None and found.size != size:
        raise mistake(key, f" has {found.size} number" + "s" * (found.size != 1), accepted)
    return found


def matrix_rows(keys: Mapping[str, Any], key: str, rows: int | None, columns: int | None) -> Array:
    """(rows, columns): rows, or a list or a number where one row or one column is wanted."""
    wanted = " x ".join("any number" if size is None else str(size) for size in (rows, columns))
    accepted = f"rows of numbers, {wanted}"
    found = numbers(keys, key, accepted)
    if found.ndim < 2:
        found = found.reshape(-1, 1) if columns == 1 else found.reshape(1, -1)
    if found.size == 0 or any(size not in (None, got) for size, got in zip((rows, columns), found.shape, strict=True)):
        raise mistake(key, f" is {' x '.join(map(str, found.shape))}", accepted)
    return found


def sample_weights(keys: Mapping[str, Any], size: int) -> Array:
    """The probabilities of the samples, which sum to 1: as given, up to a factor, or all the same."""
    if "weights" not in keys:
        return np.full(size, 1 / size)
    weights = vector(keys, "weights", size)
    if (weights < 0).any() or not weights.any():
        raise mistake("weights", f" = {shown(keys['weights'])}", f"{size} numbers of at least 0, not all 0")
    return weights / weights.sum()
