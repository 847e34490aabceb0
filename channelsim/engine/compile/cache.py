"""Where compiled code is kept: a directory named after the engine's sources, the versions and the processor.

Numba's own cache looks only at the file of the function that it loads, so a change in a *called* module would go
unnoticed. A directory keyed on a hash of all of the engine's sources (and of Numba's version and what code may use of
the processor) cannot be stale.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import numba
import platformdirs

from channelsim.engine.compile import machine

SOURCES = Path(__file__).parents[1]


@functools.cache  # what is imported does not change any more; and a run asks in every chunk
def digest() -> str:
    """16 hex digits that change with any source of the engine, the tables or the streams, with Numba and the CPU."""
    state = hashlib.sha256()
    others = [SOURCES.parent / name for name in ("plan/layout.py", "rules.py", "hashing.py", "elementary.py")]
    for source in sorted([*SOURCES.rglob("*.py"), *others]):
        state.update(str(source.relative_to(SOURCES.parent)).encode())
        state.update(source.read_bytes())
    state.update(f"{numba.__version__} {machine.LANES} {machine.CPU} {machine.FEATURES}".encode())
    return state.hexdigest()[:16]


def directory() -> Path:
    """The directory of this engine's compiled code (`NUMBA_CACHE_DIR` or the user's cache directory)."""
    base = os.environ.get("NUMBA_CACHE_DIR") or platformdirs.user_cache_dir("channelsim")
    return Path(base) / f"engine-{digest()}"


def use() -> None:
    """Makes Numba use it. Must run before any function of the engine is decorated."""
    machine.use()
    numba.config.CACHE_DIR = str(directory())


def kept(name: str, make: Callable[[], bytes]) -> bytes:
    """The contents of a file of the cache; made, and kept where that can be, if it is not there or damaged."""
    path = directory() / name
    try:
        content = path.read_bytes()
    except OSError:
        content = b""
    checksum, body = content[:32], content[32:]
    if body and hashlib.sha256(body).digest() == checksum:
        return body
    body = make()
    with contextlib.suppress(OSError):  # where it cannot be kept it is made again next time
        _replace(path, hashlib.sha256(body).digest() + body)
    return body


def _replace(path: Path, content: bytes) -> None:
    """Writes a file that other processes see whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        try:
            file.write(content)
            file.flush()
            os.replace(file.name, path)
        except OSError:
            os.unlink(file.name)
            raise


def is_cold(maps: bool = False) -> bool:
    """Whether the event loop, or what works on maps, has yet to be compiled on this machine.

    Looks for the functions of each that are written last.
    """
    last = ["event_loop.advance", "dispatch.adapt_bank", *(["maps.pool_backward"] if maps else [])]
    return not numba.config.DISABLE_JIT and not all(any(directory().glob(f"**/{name}-*.nbi")) for name in last)
