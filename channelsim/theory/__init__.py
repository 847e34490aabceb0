"""The paper's dynamical systems: where learning under random backpropagation goes, why, and when.

    from channelsim import theory
    outcome = theory.solve(theory.load("scenarios/theory/chain-rbp.toml"))

NumPy and SciPy only; nothing here needs the engine or Numba. The names below are imported when they are first used (PEP
562), for a scenario needs no more than `systems`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from channelsim.scenario import system_from
    from channelsim.theory.dispatch import flow, solve
    from channelsim.theory.document import load
    from channelsim.theory.outcome import FixedPoint, Outcome
    from channelsim.theory.systems import Branch, Chain, Flow, Hidden, Matrix, System

__all__ = [
    "Branch",
    "Chain",
    "FixedPoint",
    "Flow",
    "Hidden",
    "Matrix",
    "Outcome",
    "System",
    "flow",
    "load",
    "solve",
    "system_from",
]

_HOME = {
    **dict.fromkeys(("Branch", "Chain", "Flow", "Hidden", "Matrix", "System"), "channelsim.theory.systems"),
    **dict.fromkeys(("FixedPoint", "Outcome"), "channelsim.theory.outcome"),
    **dict.fromkeys(("flow", "solve"), "channelsim.theory.dispatch"),
    "load": "channelsim.theory.document",
    "system_from": "channelsim.scenario",
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value
