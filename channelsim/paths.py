"""Paths as people write them."""

from __future__ import annotations

import os
from pathlib import Path

from channelsim.errors import InputError


def path_of(written: str | os.PathLike[str]) -> Path:
    """The path, with a leading `~` or `~name` as that person's home. Raises InputError where there is none."""
    try:
        return Path(written).expanduser()
    except RuntimeError:
        raise InputError(f"{os.fspath(written)}: no such home directory; accepted: a path, or one after ~/") from None
