"""How many threads kernels use."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numba

_allowed = 1  # threads that kernels may use


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Lets kernels use `count` threads (at most the machine's cores) while the context lasts; one without it."""
    global _allowed
    before, _allowed = _allowed, max(1, min(count, numba.config.NUMBA_NUM_THREADS))
    try:
        yield
    finally:
        _allowed = before


@contextmanager
def within_threads() -> Iterator[None]:
    """Numba's own setting belongs to the whole process: it is changed only while the engine runs."""
    before = numba.get_num_threads()
    numba.set_num_threads(_allowed)
    try:
        yield
    finally:
        numba.set_num_threads(before)
