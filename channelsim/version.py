"""The version of channelsim that runs."""

from __future__ import annotations

from functools import cache


@cache
def version() -> str:
    """As it was installed; "0+unknown" for a source tree that never was."""
    from importlib import metadata

    try:
        return metadata.version("channelsim")
    except metadata.PackageNotFoundError:
        return "0+unknown"
