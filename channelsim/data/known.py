"""What is known of a data set that scenarios can name: how it is had, where it lies, where it can be fetched."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from channelsim.data.raw import Raw
from channelsim.errors import InputError


@dataclass(frozen=True)
class Entry:
    """Where a set is on this machine.

    Attributes:
        name: What `data.name` calls it.
        place: The folder it was found in, "channelsim" or "computed"; None where it is not at hand.
        train, test: Samples in its two parts; None where that is not known.
        remedy: What to do when it cannot be used as it is; None where it can.
    """

    name: str
    place: str | None
    train: int | None
    test: int | None
    remedy: str | None = None


@dataclass(frozen=True)
class Archive:
    """What is in the archive of a set: `files` in a `folder`; `is_whole` says of such a folder whether it has them."""

    folder: str
    files: tuple[str, ...]
    is_whole: Callable[[Path], bool]


@dataclass(frozen=True)
class Source:
    """Where a set can be had: URLs of folders that hold all of its files, and the SHA-256 of each file, which is an
    `archive` where there is one."""

    mirrors: tuple[str, ...]
    checksums: Mapping[str, str]
    archive: Archive | None = None


@dataclass(frozen=True)
class Known:
    """A set that scenarios can name.

    Attributes:
        name: What `data.name` calls it.
        at_hand: Looks where it is; only headers and file sizes are read.
        read: Reads all of it. Raises InputError.
        make: In place of `read`: makes so many training and test samples.
        source: Where it can be fetched from, if anywhere.
    """

    name: str
    at_hand: Callable[[], Entry]
    read: Callable[[], Raw] | None = None
    make: Callable[[int | None, int | None, int], Raw] | None = None
    source: Source | None = None


def on_disk(name: str, folder: Path | None, sizes: Callable[[Path], tuple[int, int]]) -> Entry:
    """The entry of a set whose files lie in a folder, or nowhere (None)."""
    if folder is None:
        return Entry(name, None, None, None, f"channelsim data fetch {name}")
    try:
        return Entry(name, str(folder), *sizes(folder))
    except InputError as error:
        return Entry(name, str(folder), None, None, str(error))
