"""Which sets are at hand, and how to get the others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from channelsim.data import cifar10, digits, mnist, synthetic
from channelsim.errors import InputError


@dataclass(frozen=True)
class Entry:
    """One set that a scenario can name.

    Attributes
    ----------
    name:
        What `data.name` calls it.
    place:
        The folder it was found in, "channelsim" or "computed"; None where it is not at hand.
    train, test:
        Samples in its two parts; None where that is not known.
    remedy:
        What to do when it cannot be used as it is; None where it can.
    """

    name: str
    place: str | None
    train: int | None
    test: int | None
    remedy: str | None = None


def available() -> list[Entry]:
    """Every set known by name, in the order of `NAMES`. Only headers and file sizes are looked at."""
    computed = [
        Entry(name, "computed", synthetic.DEFAULT_TRAIN, synthetic.DEFAULT_TEST)
        for name in (*synthetic.ALIASES, *synthetic.KINDS)
    ]
    return [
        Entry(digits.NAME, "channelsim", digits.TRAIN, digits.TEST),
        *(_on_disk(name, mnist.find(name), mnist.sizes) for name in mnist.NAMES),
        _on_disk(cifar10.NAME, cifar10.find(), cifar10.sizes),
        *computed,
    ]


def _on_disk(name: str, folder: Path | None, sizes: Callable[[Path], tuple[int, int]]) -> Entry:
    if folder is None:
        return Entry(name, None, None, None, f"channelsim data fetch {name}")
    try:
        return Entry(name, str(folder), *sizes(folder))
    except InputError as error:
        return Entry(name, str(folder), None, None, str(error))
