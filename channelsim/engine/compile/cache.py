"""Where machine code is kept: a directory named after the engine's sources, the versions and the processor.

A directory keyed on a hash of all of the engine's sources (and of Numba's version and what code may use of the
processor) cannot be stale. Each object file in it stands behind a checksum, and what does not verify is made again.
Where nothing can be written, a temporary directory of this process takes its place. Directories of other engines are
removed, when a new one is made, if no process has used them for a month. One that needs them all the same makes again
what it misses.
"""

from __future__ import annotations

import atexit
import contextlib
import errno
import functools
import hashlib
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import platformdirs

from channelsim.engine.compile import machine

SOURCES = Path(__file__).parents[1]
_CHECKSUM = hashlib.sha256
_ABANDONED = 600  # s after which a file that is not yet whole will not be finished
_UNUSED = 30 * 24 * 3600  # s after which the directory of another engine is removed
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
            _mark_used(place)
            return body
    body = make()
    with contextlib.suppress(OSError):  # as where the disk is full: the next process makes it again
        _replace(writable() / name, _CHECKSUM(body).digest() + body)
    return body


def writable() -> Path:
    """Where files can be written: `directory`, or else a temporary one, which a note on stderr names.

    Raises OSError where there is no room for either.
    """
    if _private:
        return _private[0]
    try:
        is_new = not directory().is_dir()
        directory().mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=directory()):
            if is_new:
                _remove_unused()
            return directory()
    except OSError as error:
        if error.errno in _FULL:
            raise
        place = Path(tempfile.mkdtemp(prefix="channelsim-"))
        atexit.register(shutil.rmtree, place, ignore_errors=True)
        use(place)
        note = f"compiled code cannot be kept in {directory()} ({error.strerror}); this process keeps it in {place}"
        print(f"channelsim: note: {note}", file=sys.stderr)
        return place


@functools.cache  # once a process
def _mark_used(place: Path) -> None:
    """The time of the directory is when it was used last."""
    with contextlib.suppress(OSError):  # one that can only be read
        os.utime(place)


def _remove_unused() -> None:
    """Removes the directories of other engines that have not been used for long."""
    for other in directory().parent.glob("engine-" + 16 * "[0-9a-f]"):
        with contextlib.suppress(OSError):
            if other != directory() and time.time() - other.stat().st_mtime > _UNUSED:
                shutil.rmtree(other, ignore_errors=True)


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
    for left in path.parent.glob("*.part"):  # by processes that were killed as they wrote
        with contextlib.suppress(OSError):
            if time.time() - left.stat().st_mtime > _ABANDONED:
                left.unlink()
    part = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}.part")
    try:
        part.write_bytes(content)
        os.replace(part, path)
    except OSError:
        part.unlink(missing_ok=True)
        raise
