"""Files that appear whole or not at all, and one writer at a time."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from channelsim.errors import InputError

try:
    import fcntl
except ImportError:  # a system without advisory locks: two writers of one trace go unnoticed there
    fcntl = None  # type: ignore[assignment]


def part(path: Path) -> Path:
    """Where the next version of `path` is written. A killed writer leaves it; the next writer removes it."""
    return path.with_name(f".{path.name}.part")


def publish(path: Path, image: bytes) -> None:
    """Make `image` the content of `path`: at any instant the file holds the old bytes or the new ones.

    Raises OSError; then the old file is as it was, and nothing else is left behind.
    """
    fresh = part(path)
    try:
        with open(fresh, "wb") as file:
            file.write(image)
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, path)
    except OSError:
        fresh.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


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

    The trace itself cannot carry the lock, for each checkpoint replaces it, and HDF5 readers lock it too.
    """

    def __init__(self, path: Path) -> None:
        """Raises InputError if another process is writing `path`, OSError if it cannot be written."""
        self._path = path.with_name(f".{path.name}.lock")
        while True:
            self._descriptor = os.open(self._path, os.O_CREAT | os.O_RDWR, 0o666)
            if fcntl is None:
                return
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(self._descriptor)
                raise InputError(
                    f"{path}: another run is writing this trace; wait for it, or choose another --out"
                ) from None
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
