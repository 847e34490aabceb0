"""The engine: Numba over flat buffers. No Python objects inside, no I/O, no randomness but the hash."""

from channelsim.engine import _cache
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

is_cold = _cache.is_cold

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
