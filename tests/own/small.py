"""Data for small runs with users' parts, and calls of what is compiled of these parts."""

from __future__ import annotations

import ctypes
from typing import Any

import numba
import numpy as np

from channelsim import parts
from channelsim.data import Dataset
from channelsim.engine.compile import own
from tests.networks import dataset

NONE = np.zeros(0)


def samples(shape: tuple[int, ...] = (9,), largest: float = 1.0) -> Dataset:
    """20 of three classes."""
    rng = np.random.default_rng(3)
    return dataset(rng.uniform(-largest, largest, (20, *shape)), rng.integers(3, size=20), 3)


def part_of(table: dict[str, Any]) -> parts.Part:
    """The part that a scenario names with this table."""
    return parts.part(table["use"], {key: value for key, value in table.items() if key != "use"})


def called(address: int, *given: Any) -> int:
    """What a callback returns that is called from outside of the engine, with arrays and whole numbers."""
    if numba.config.DISABLE_JIT:
        return own.call_step(address, *(one.ravel() if isinstance(one, np.ndarray) else one for one in given))
    kinds = [ctypes.c_void_p if isinstance(one, np.ndarray) else ctypes.c_int64 for one in given]
    words = [one.ctypes.data if isinstance(one, np.ndarray) else int(one) for one in given]
    return int(ctypes.CFUNCTYPE(ctypes.c_int64, *kinds)(address)(*words))
