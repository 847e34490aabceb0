"""The paper's dynamical systems: where learning under random backpropagation goes, why, and when.

    from channelsim import theory
    outcome = theory.solve(theory.load("scenarios/theory/chain-rbp.toml"))

NumPy and SciPy only; nothing here needs the engine or Numba.
"""

from __future__ import annotations

from channelsim.theory.dispatch import flow, solve
from channelsim.theory.document import load, system_from
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
