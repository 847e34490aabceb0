"""A part of the campaign: cases of one kind, each made from its seed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.campaign.outcomes import Verdict


@dataclass(frozen=True)
class Part:
    """Cases of one kind.

    Attributes:
        name: as the table has it; of: what is counted.
        full: so many in the whole campaign; short: so many cases in the default suite (0: other tests there do it).
        prepare: makes, in a new folder, what all cases share.
        case: what comes of one: (what was prepared, the seed, an empty folder) -> verdict.
    """

    name: str
    of: str
    full: int
    short: int
    prepare: Callable[[Path], Any]
    case: Callable[[Any, int, Path], Verdict]
