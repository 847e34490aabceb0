"""Where Numba keeps the compiled engine: a directory named after the engine's sources.

Numba's own cache looks only at the file of the function that it loads, so a change in a *called* module would go
unnoticed. A directory keyed on a hash of all of the engine's sources (and of Numba's version and the CPU) cannot be
stale.
"""

from __future__ import annotations

import hashlib
import os
from functools import cache
from pathlib import Path

import numba
import platformdirs
from llvmlite import binding

SOURCES = Path(__file__).parent


@cache  # what is imported does not change any more; and a run asks in every chunk
def digest() -> str:
    """16 hex digits that change with any source of the engine, the tables or the streams, with Numba and the CPU."""
    state = hashlib.sha256()
    others = [SOURCES.parent / name for name in ("plan/layout.py", "rules.py", "hashing.py")]
    for source in sorted([*SOURCES.glob("*.py"), *others]):
        state.update(source.name.encode())
        state.update(source.read_bytes())
    state.update(f"{numba.__version__} {binding.get_host_cpu_name()}".encode())
    return state.hexdigest()[:16]


def directory() -> Path:
    """The directory of this engine's compiled code (`NUMBA_CACHE_DIR` or the user's cache directory)."""
    base = os.environ.get("NUMBA_CACHE_DIR") or platformdirs.user_cache_dir("channelsim")
    return Path(base) / f"engine-{digest()}"


def use() -> None:
    """Makes Numba use it. Must run before any function of the engine is decorated."""
    numba.config.CACHE_DIR = str(directory())


def is_cold(maps: bool = False) -> bool:
    """Whether the event loop, or what works on maps, has yet to be compiled on this machine.

    Looks for the functions of each that are written last.
    """
    last = ["_loop.advance", "_kinds.adapt_bank", *(["_parts.pool_backward"] if maps else [])]
    return not numba.config.DISABLE_JIT and not all(any(directory().glob(f"**/{name}-*.nbi")) for name in last)


use()
