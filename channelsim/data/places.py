"""Where data sets lie on this machine."""

from __future__ import annotations

import os
from pathlib import Path

from channelsim.errors import InputError
from channelsim.paths import path_of

VARIABLE = "CHANNELSIM_DATA"
BESIDE_REPOSITORY = Path(__file__).resolve().parents[3] / "shared" / "data"


def cache(name: str) -> Path:
    """The folder in the user's cache that `fetch` fills with the set `name` (it need not exist)."""
    import platformdirs

    return Path(platformdirs.user_cache_dir("channelsim")) / "data" / name


def folders(name: str, subfolders: tuple[str, ...]) -> list[Path]:
    """The existing folders in which to look for the set `name`, in order.

    They are the subfolders of `$CHANNELSIM_DATA` and that directory itself, the user's cache, and
    `../shared/data` next to the current directory or to the repository.
    """
    roots = []
    if os.environ.get(VARIABLE):
        roots.append(path_of(os.environ[VARIABLE]))
    fallbacks = [Path.cwd().parent / "shared" / "data", BESIDE_REPOSITORY]
    candidates = [root / sub for root in roots for sub in subfolders] + roots
    candidates += [cache(name) / sub for sub in ("", *subfolders)]
    candidates += [root / sub for root in fallbacks for sub in subfolders]
    return [folder for folder in candidates if folder.is_dir()]


def missing(name: str) -> InputError:
    """The error for a set that lies nowhere, with the two ways to mend that."""
    setting = os.environ.get(VARIABLE)
    looked = f"{VARIABLE}={setting}" if setting else f"{VARIABLE} (not set)"
    return InputError(
        f'data.name = "{name}": not found in {looked}, {cache(name)} or ../shared/data;'
        f" set {VARIABLE} to the folder that holds it, or run `channelsim data fetch {name}`"
    )
