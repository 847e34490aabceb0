"""The data sets that scenarios can name. A new one is a module with `KNOWN`, and stands in one more place: here."""

from __future__ import annotations

from channelsim.data import cifar10, digits, mnist, synthetic
from channelsim.data.known import Entry, Known

SETS: dict[str, Known] = {known.name: known for module in (digits, mnist, cifar10, synthetic) for known in module.KNOWN}
NAMES = tuple(SETS)


def available() -> list[Entry]:
    """Where each of them is, in the order of `NAMES`."""
    return [known.at_hand() for known in SETS.values()]
