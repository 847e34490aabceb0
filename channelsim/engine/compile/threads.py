"""How many threads kernels use."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numba

from channelsim.engine.compile.thread_pool import helpers
from channelsim.engine.compile.units import THREADS

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


def thread_demands() -> frozenset[str]:
    """What threads ask of code, if kernels may use several."""
    return frozenset({THREADS}) if _allowed > 1 else frozenset()


@contextmanager
def within_threads() -> Iterator[None]:
    """The engine runs, with the threads that it may use."""
    with helpers(_allowed - 1):
        yield
