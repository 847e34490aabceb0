"""Linear chains of any length: where they go, why and when.

All rules but bp share the learning clock s, ds = e dt, in which the weights do not depend on the targets; bp's chain
keeps all a_i^2 - a_j^2. Either way the chain moves on a curve, and `curve` follows it.
"""

from __future__ import annotations

import math

import numpy as np

from channelsim.theory.chain_bp import outcome_of_bp
from channelsim.theory.chain_curves import adaptive_curve, clock_curve
from channelsim.theory.chain_flow import direction, flow, learning_of
from channelsim.theory.clock import Clock, listed, outcome_of, resting, shown
from channelsim.theory.outcome import Outcome
from channelsim.theory.systems import Chain

__all__ = ["flow", "outcome"]


def outcome(system: Chain, tolerance: float = 1e-6) -> Outcome:
    """Where the chain goes; `tolerance` is that of `Outcome.time`."""
    with np.errstate(all="ignore"):
        found = flow(system)
        invariants = {name: function(found.start) for name, function in found.invariants.items()}
        clock = Clock(found.unpack, system.alpha / system.beta, system.beta, tolerance, invariants)
        if system.rule == "bp" and system.a.size > 1:
            return outcome_of_bp(system, clock)
        adaptive = system.rule in ("arbp", "asrbp") and system.a.size > 1
        curve = adaptive_curve(system, clock.ratio) if adaptive else clock_curve(system, clock.ratio)
        if not np.any(direction(system, found.start)):
            return resting(clock, found.start, _why_still(system))
        if _dead(system) is not None and system.alpha == 0:
            return resting(
                clock, found.start, "a dead chain: the product is 0 for ever, and so is the error with alpha = 0"
            )
        if _drifts(system):
            return _drift(system, clock)
        return outcome_of(clock, curve, _why(system))


def _why_still(system: Chain) -> str:
    if system.rule in ("arbp", "asrbp"):
        return "every update has a factor that is 0"
    return "a dead chain: a weight is 0, and so is every C_i that could move it or the weights below it"


def _dead(system: Chain) -> int | None:
    """The lowest layer (from 0) whose weight is 0 for ever, if there is one."""
    own = system.c if system.rule in ("arbp", "asrbp") else learning_of(system, system.c)[:-1]
    dead = (system.a[:-1] == 0) & (own == 0)
    return int(np.argmax(dead)) if dead.any() else None


def _drifts(system: Chain) -> bool:
    """A dead chain whose lower weights move without end."""
    dead = _dead(system)
    if dead is None:
        return False
    if system.rule != "asrbp":
        return True
    w = math.sqrt(system.rho)
    return not (dead > 0 and system.c[0] == -math.copysign(w, system.alpha) * system.a[0])


def _drift(system: Chain, clock: Clock) -> Outcome:
    """A dead chain whose lower weights move for ever, as nothing they do reaches the output."""
    dead = _dead(system)
    assert dead is not None
    reason = (
        f"a dead chain: a{dead + 1} = 0 and C{dead + 1} = 0, so the product stays 0 and the error stays alpha = "
        f"{shown(system.alpha)}, while weights below layer {dead + 1} move with s = alpha t"
    )
    if system.rule == "asrbp":
        asymptote = f"a1 and c1 grow like exp({shown(math.sqrt(system.rho) * abs(system.alpha))} t)"
    else:
        grown = _monomials(system, dead)
        asymptote = listed([f"a{i + 1} ~ {shown(k)} t" + f"^{n}" * (n > 1) for i, (k, n) in enumerate(grown) if n > 0])
    return Outcome("diverges", None, None, None, None, reason, asymptote, (), clock.invariants)


def _monomials(system: Chain, dead: int) -> list[tuple[float, int]]:
    """The leading term, coefficient and power of t, of each weight below the dead layer of an rbp or srbp chain."""
    learning = learning_of(system, system.c)
    product, power = 1.0, 0
    found = []
    for i in range(dead):
        factor = learning[i] * product * system.alpha / (power + 1)
        term = (factor, power + 1) if learning[i] != 0 else (float(system.a[i]), 0)
        found.append(term)
        product, power = product * term[0], power + term[1]
    return found


def _why(system: Chain) -> str:
    depth = system.a.size
    if depth == 1:
        return "one weight: a' = alpha - beta a"
    if system.rule in ("arbp", "asrbp") and depth == 2:
        w, a, c = math.sqrt(system.rho), float(system.a[0]), float(system.c[0])
        return (
            f"in the learning clock a1 = {shown(a)} cosh ws + {shown(c / w)} sinh ws with w = sqrt(rho) = {shown(w)}, "
            "so P takes every value unless c = +-w a1 at the start"
        )
    if system.rule == "asrbp":
        return (
            "in the learning clock a_L grows without bound both ways unless some c_i = +-sqrt(rho) a_i, so that "
            "P = (a_L^2/2)' takes every value"
        )
    if system.rule == "arbp" and depth == 3:
        return (
            "the invariants leave a curve for the weights: where it is unbounded P takes every value; it is closed, "
            "and P stays within a range, if c1^2 > rho a1^2, rho a2^2 > c2^2 and c1 a2 < 0"
        )
    if system.rule == "arbp":
        return (
            "the invariants leave a curve for the weights: where it is unbounded P takes every value, where it is "
            "closed only those of its range"
        )
    degree = f"{2**depth - 1}" if depth <= 20 else f"2^{depth} - 1"
    text = f"in the learning clock P(s) is a polynomial of odd degree (at most {degree}) that rises at infinity"
    if depth == 2 and system.c[0] != 0:
        k, c = float(system.a[1] - system.a[0] ** 2 / (2 * system.c[0])), float(system.c[0])
        text += f"; a1 solves a^3/(2 c) + K a = alpha/beta with c = {shown(c)}, K = {shown(k)}"
    return text
