"""Opening, and replacing, what a user names: regular files only. A device has no end, and a FIFO is waited for."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import threading
from pathlib import Path
from typing import BinaryIO

from channelsim.errors import InputError

NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP}
"""What a disk without file locks says, as some network disks do."""
FOLLOW_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
"""For `os.open`, where a link could have been put in the place of a file of ours."""

_ACCEPTED = "a regular file"


def open_regular(path: Path, *, pipes: bool = False, accepted: str = _ACCEPTED) -> BinaryIO:
    """A file open for reading its bytes, also through links; a FIFO only if `pipes`, and then it is waited for.

    Raises InputError for a device, FIFO, socket or directory; OSError as `open`.
    """
    if pipes and stat.S_ISFIFO(os.stat(path).st_mode):
        return open(path, "rb")
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        refuse_special(path, os.fstat(descriptor).st_mode, accepted)
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def refuse_special(path: Path, mode: int, accepted: str = _ACCEPTED) -> None:
    """Raises InputError unless a file of this mode is a regular one."""
    if not stat.S_ISREG(mode):
        kinds = {
            stat.S_IFDIR: "a directory",
            stat.S_IFCHR: "a device",
            stat.S_IFBLK: "a device",
            stat.S_IFIFO: "a FIFO",
            stat.S_IFSOCK: "a socket",
        }
        what = kinds.get(stat.S_IFMT(mode), "no file")
        raise InputError(f"{path}: is {what}, which cannot be read or replaced; accepted: {accepted}")


def replace(path: Path, content: bytes, *, ours: bool = False) -> None:
    """Make `content` that of a file: at any instant it has the old bytes or the new.

    What a user names may be a link, which is followed; where only a file of `ours` can be, anything else gives way.
    Raises InputError for what is no regular file and not `ours`, and OSError; then the old file is as it was.
    """
    place = path if ours else Path(os.path.realpath(path))
    if not ours and place.exists():
        refuse_special(path, place.stat().st_mode)
    part = place.with_name(f".{place.name}.{os.getpid()}-{threading.get_ident()}.part")
    part.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | FOLLOW_NO_LINK | getattr(os, "O_BINARY", 0)
    with os.fdopen(os.open(part, flags, 0o666), "wb") as file:
        try:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            os.replace(part, place)
        except OSError:
            with contextlib.suppress(OSError):
                part.unlink()
            raise
