"""Files that appear whole or not at all, and one writer at a time."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from collections.abc import Iterable
from pathlib import Path

from channelsim.errors import InputError
from channelsim.files import FOLLOW_NO_LINK, NO_LOCKS

try:
    import fcntl
except ImportError:  # a system without advisory locks: two writers of one trace go unnoticed there
    fcntl = None  # type: ignore[assignment]


def real(path: Path) -> Path:
    """The file that a path leads to, through links. Raises InputError where links lead in a circle."""
    found = Path(os.path.realpath(path))
    if found.is_symlink():
        raise InputError(f"{path}: is a symbolic link that leads back to itself; accepted: a file")
    return found


def part(path: Path) -> Path:
    """Where the next version of `path` is written. A killed writer leaves it; the next writer removes it."""
    return path.with_name(f".{path.name}.part")


def publish(path: Path, image: Iterable[memoryview]) -> None:
    """Make `image`, given in parts, the content of `path`: at any instant the file holds the old bytes or the new ones.

    Raises OSError; then the old file is as it was, and nothing else is left behind.
    """
    fresh = part(path)
    fresh.unlink(missing_ok=True)
    descriptor = _create(fresh)
    try:
        with os.fdopen(descriptor, "wb") as file:
            for piece in image:
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, path)
    except OSError:
        fresh.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def copy_to_part(path: Path) -> Path:
    """A copy of a file, where its next version is written. Raises OSError."""
    fresh = part(path)
    fresh.unlink(missing_ok=True)
    with os.fdopen(_create(fresh), "wb") as copy, open(path, "rb") as file:
        shutil.copyfileobj(file, copy, 1 << 24)
    return fresh


def _create(path: Path) -> int:
    """A new file: never one that is there, nor what a link that is there leads to."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | FOLLOW_NO_LINK | getattr(os, "O_BINARY", 0), 0o666)


def sync_directory(directory: Path) -> None:
    """Make a rename outlive a power failure, where the system lets a directory be synced."""
    with contextlib.suppress(OSError):
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


class Lock:
    """The right to write one trace: an advisory lock on a hidden file beside it, which dies with its process.

    The trace itself cannot carry the lock, for each checkpoint replaces it. `lacking` says what is wrong where the disk
    has no locks; it is empty otherwise.
    """

    def __init__(self, path: Path) -> None:
        """Raises InputError if another process is writing `path`, OSError if it cannot be written."""
        self._path = path.with_name(f".{path.name}.lock")
        self.lacking = ""
        while True:
            self._descriptor = os.open(self._path, os.O_CREAT | os.O_RDWR | FOLLOW_NO_LINK, 0o666)
            found = os.fstat(self._descriptor)
            if not stat.S_ISREG(found.st_mode) or found.st_size:
                os.close(self._descriptor)
                raise InputError(f"{self._path}: is no lock file of channelsim; move it away, or choose another --out")
            if fcntl is None:
                return
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(self._descriptor)
                raise InputError(
                    f"{path}: another run is writing this trace; wait for it, or choose another --out"
                ) from None
            except OSError as error:
                if error.errno not in NO_LOCKS:
                    os.close(self._descriptor)
                    raise
                self.lacking = (
                    f"{path}: this disk has no file locks ({error.strerror}); "
                    "see to it that no other run writes the same trace"
                )
                return
            with contextlib.suppress(FileNotFoundError):  # it was released, and removed, between open and flock
                if os.stat(self._path).st_ino == os.fstat(self._descriptor).st_ino:
                    return
            os.close(self._descriptor)

    def release(self) -> None:
        """Give the right back and remove the lock file. A second call does nothing."""
        if self._descriptor >= 0:
            self._path.unlink(missing_ok=True)
            os.close(self._descriptor)
            self._descriptor = -1
