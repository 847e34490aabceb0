"""The engine: Numba over flat buffers. No Python objects inside, no I/O, no randomness but the hash.

The names below are imported when they are first used (PEP 562), for Numba takes a while. A machine compiles the engine
once, in the first `advance`; whoever starts a run can ask `is_cold` before, and say so.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from channelsim.engine._cache import is_cold

if TYPE_CHECKING:
    from channelsim.engine.state import (
        Diverged,
        State,
        Tally,
        advance,
        busiest,
        evaluate,
        restore,
        settle,
        snapshot,
        start,
        tally,
        threads,
    )

__all__ = [
    "Diverged",
    "State",
    "Tally",
    "advance",
    "busiest",
    "evaluate",
    "is_cold",
    "restore",
    "settle",
    "snapshot",
    "start",
    "tally",
    "threads",
]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module("channelsim.engine.state"), name)
    globals()[name] = value
    return value
