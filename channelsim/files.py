"""Opening what a user names: regular files only. A device has no end, and a FIFO is waited for."""

from __future__ import annotations

import errno
import os
import stat
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
