"""Compiling the engine, where this machine has not done it yet.

The event loop and what it calls by name do not depend on each other, so that two processes share the work where there
are two cores. They meet in Numba's cache: what the other one has compiled is loaded.
"""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from pathlib import Path

from channelsim.engine.compile import cache, symbols
from channelsim.engine.loop import event_loop
from channelsim.engine.tables.handles import MEMORY, NET

ROOT = Path(__file__).parents[3]  # where this package was imported from
OTHER_HALF = """
import sys
sys.path.insert(0, {root!r})
from channelsim.engine.layers import dispatch
from channelsim.engine.compile import symbols
symbols.provide({maps})
"""


@functools.cache
def compile_for(maps: bool) -> None:
    """All that a run needs, also for layers that work on maps if told; once in a process."""
    if cache.is_cold(maps) and _cores() > 1:
        code = OTHER_HALF.format(root=str(ROOT), maps=maps)
        other = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            event_loop.advance.compile((NET, MEMORY, symbols.INT))
            other.wait()  # whether it has succeeded or not: what is missing is compiled here
        finally:
            other.kill()
    symbols.provide(maps)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
