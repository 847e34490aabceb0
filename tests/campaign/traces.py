"""Damaged traces are refused in one line: when they are read, gone on with and drawn.

A copy whose checksum has been made right again may hold another run, which nothing can tell; it must not bring a
process down.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import channelsim as cs
from channelsim import plots
from tests.campaign.bases import BASES, Base, interrupted
from tests.campaign.damage import damaged
from tests.campaign.outcomes import DIFFERENT, ON_PURPOSE, Verdict, outcome, verdict, worst
from tests.campaign.part import Part


def prepare(base: Base, folder: Path) -> Path:
    return interrupted(base, folder / "whole")


def read(path: Path) -> None:
    """All that a trace has."""
    with cs.Trace(path) as opened:
        opened.info()
        str(opened)
        opened.weights()
        opened.checkpoint()
        for message in range(min(len(opened.events()), 3)):
            opened.payload(message)


def outcomes(path: Path, drawn: bool = True) -> dict[str, tuple[str, str]]:
    """What comes of reading, drawing and resuming a trace, each in a process of its own."""
    actions = {"read": lambda: read(path)}
    if drawn:
        actions["plot"] = lambda: plots.plot(path, path.with_suffix(".svg")) and None
    actions["resume"] = lambda: cs.run(resume=path) and None
    return {name: outcome(action) for name, action in actions.items()}


def case(trace: Path, seed: int, folder: Path) -> Verdict:
    """One damaged copy."""
    copy = folder / trace.name
    damage = damaged(trace, seed, copy)
    drawn = not damage.where.startswith(("checkpoint", "weights", "events"))  # of these nothing is drawn
    done = ON_PURPOSE if damage.resealed else DIFFERENT
    return worst(verdict(found, done, f"{damage}: {name}") for name, found in outcomes(copy, drawn).items())


PARTS = [
    Part(f"damaged traces, {name}", "traces", 250, 3,
         partial(prepare, base), case)
    for name, base in BASES.items()
    if name != "batch"  # whose trace is as that of `online`
]  # fmt: skip
