"""Where and with what a run was made."""

from __future__ import annotations

import importlib.metadata
import platform
import shlex
import subprocess
import sys
from functools import cache
from pathlib import Path


def collect(seed: int) -> dict[str, str | int]:
    """Versions, host, command line, seed, and the git revision of the package's sources if they are in a checkout."""
    about: dict[str, str | int] = {
        package: importlib.metadata.version(package) for package in ("channelsim", "numpy", "numba", "h5py")
    }
    about |= {
        "python": platform.python_version(),
        "host": platform.node(),
        "system": platform.platform(),
        "command": shlex.join(sys.argv),
        "seed": seed,
    }
    revision = _revision(Path(__file__).parent)
    return about | ({"revision": revision} if revision else {})


@cache
def _revision(directory: Path) -> str | None:
    try:
        found = subprocess.run(
            ["git", "-C", str(directory), "describe", "--always", "--dirty", "--exclude=*"],
            capture_output=True, text=True, timeout=5, check=False,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):  # there is no git, or it takes too long
        return None
    return found.stdout.strip() or None
