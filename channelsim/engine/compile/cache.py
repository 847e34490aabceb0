"""Where machine code is kept: a directory named after the engine's sources, the versions and the processor.

A directory keyed on a hash of all of the engine's sources (and of Numba's version and what code may use of the
processor) cannot be stale. Each object file in it stands behind a checksum, and what does not verify is made again.
Where nothing can be written, a temporary directory of this process takes its place.
"""

from __future__ import annotations

import atexit
import errno
import functools
import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import platformdirs

from channelsim.engine.compile import machine

SOURCES = Path(__file__).parents[1]
_CHECKSUM = hashlib.sha256
_FULL = {errno.ENOSPC, errno.EDQUOT}
_private: list[Path] = []  # the temporary directory of this process, if it has one


@functools.cache  # what is imported does not change any more; and a run asks in every chunk
def digest() -> str:
    """16 hex digits that change with any source of the engine, the tables or the streams, with Numba and the CPU."""
    state = hashlib.sha256()
    others = [SOURCES.parent / name for name in ("plan/layout.py", "rules.py", "hashing.py", "elementary.py")]
    for source in sorted([*SOURCES.rglob("*.py"), *others]):
        state.update(str(source.relative_to(SOURCES.parent)).encode())
        state.update(source.read_bytes())
    versions = f"{sys.version} {version('numba')} {version('llvmlite')}"
    state.update(f"{versions} {machine.LANES} {machine.CPU} {machine.FEATURES}".encode())
    return state.hexdigest()[:16]


@functools.cache
def directory() -> Path:
    """The directory of this engine's machine code (`NUMBA_CACHE_DIR` or the user's cache directory)."""
    base = os.environ.get("NUMBA_CACHE_DIR") or platformdirs.user_cache_dir("channelsim")
    return Path(base).absolute() / f"engine-{digest()}"


def has(name: str) -> bool:
    """Whether there is a file of this name, whatever it holds."""
    return any((place / name).is_file() for place in _places())


def kept(name: str, make: Callable[[], bytes]) -> bytes:
    """The contents of a file of the cache; made, and kept where that can be, if it is not there or damaged."""
    for place in _places():
        body = _verified(place / name)
        if body:
            return body
    body = make()
    keep(name, body)
    return body


def keep(name: str, body: bytes) -> None:
    """Puts a file into the cache. Where the disk is full, it is made again by the next process."""
    content = _CHECKSUM(body).digest() + body
    try:
        _replace(writable() / name, content)
    except OSError as error:
        if error.errno not in _FULL:
            raise


def writable() -> Path:
    """Where files can be written: `directory`, or else a temporary one, which a note on stderr names."""
    if _private:
        return _private[0]
    try:
        directory().mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=directory()):
            return directory()
    except OSError as error:
        if error.errno in _FULL:
            return directory()
        place = Path(tempfile.mkdtemp(prefix="channelsim-"))
        atexit.register(shutil.rmtree, place, ignore_errors=True)
        use(place)
        reason = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        print(
            f"channelsim: note: compiled code cannot be kept in {directory()} ({reason}); "
            f"this process keeps it in {place}",
            file=sys.stderr,
        )
        return place


def use(place: Path) -> None:
    """Files are written to a directory of another process, which removes it."""
    _private[:] = [place]


def _places() -> list[Path]:
    return [directory(), *_private]


def _verified(path: Path) -> bytes:
    """What stands behind the checksum; nothing if it does not verify."""
    try:
        content = path.read_bytes()
    except OSError:
        return b""
    size = _CHECKSUM().digest_size
    return content[size:] if _CHECKSUM(content[size:]).digest() == content[:size] else b""


def _replace(path: Path, content: bytes) -> None:
    """Writes a file that other processes see whole or not at all."""
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        try:
            file.write(content)
            file.flush()
            os.replace(file.name, path)
        except OSError:
            os.unlink(file.name)
            raise
