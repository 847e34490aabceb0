"""One question for all systems: where does it go?"""

from __future__ import annotations

from channelsim.errors import InputError
from channelsim.theory.outcome import Outcome, Undecided
from channelsim.theory.systems import Branch, Chain, Flow, Hidden, Matrix, System


def solve(system: System, tolerance: float = 1e-6) -> Outcome:
    """Where a system goes from its start, when, and why.

    `tolerance` is that of `Outcome.time`. Raises InputError where the numbers leave the range of float64, and for a
    tolerance that is not above 0.
    """
    if not tolerance > 0:
        raise InputError(f"tolerance = {tolerance}; accepted: a number above 0")
    try:
        match system:  # each with what it needs of SciPy, which takes long to import
            case Chain():
                from channelsim.theory import chain

                return chain.outcome(system, tolerance)
            case Branch():
                from channelsim.theory import branch

                return branch.outcome(system, tolerance)
            case Matrix():
                from channelsim.theory import matrix

                return matrix.outcome(system, tolerance)
            case Hidden():
                from channelsim.theory import hidden

                return hidden.outcome(system, tolerance)
    except Undecided as open_end:
        raise InputError(f"{open_end}; accepted: a start or data of which the end can be told") from None
    except ArithmeticError as error:
        raise InputError(f"{error}; accepted: numbers whose products stay away from 1e-300 and 1e300") from None


def flow(system: System) -> Flow:
    """A system as an initial value problem."""
    match system:
        case Chain():
            from channelsim.theory import chain_flow

            return chain_flow.flow(system)
        case Branch():
            from channelsim.theory import branch

            return branch.flow(system)
        case Matrix():
            from channelsim.theory import two_layers

            return two_layers.flow(system)
        case Hidden():
            from channelsim.theory import nonlinear

            return nonlinear.flow(system)
