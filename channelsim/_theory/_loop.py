"""The loop of a system's error at its limit: where that is, each layer's gain, how late and how often errors come."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from scipy.integrate import solve_ivp

from channelsim import engine, theory
from channelsim._theory._case import Case, rate_shares
from channelsim.errors import InputError
from channelsim.plan import Direction
from channelsim.theory import Branch, Chain
from channelsim.theory.systems import Array

LONG, AT_REST = 100.0, 1e-10
"""So much time is integrated at once, until nothing moves faster than that."""
MOST_DROPS = 10
"""Channels with drops: all combinations of what arrives are looked at."""


def limit_of(case: Case) -> dict[str, Array]:
    """Where the system comes to rest, its layers learning at the rates that they have."""
    shares = rate_shares(case.plan)
    if np.allclose(shares, shares[0]):
        found = theory.solve(case.system)
        if found.limit is None or found.outcome in ("diverges", "saddle"):
            raise InputError(f"theory: {found.reason}; accepted: a start from which the system converges")
        return {name: np.asarray(value, np.float64) for name, value in found.limit.items()}
    equation = theory.flow(case.system)
    sizes = [len(np.ravel(value)) for value in equation.unpack(equation.start).values()]
    each = shares if isinstance(case.system, Chain) else np.repeat(shares, sizes[: len(shares)])
    each = np.concatenate([each, np.ones(len(equation.start) - len(each))])
    state = equation.start
    for _ in range(60):
        with np.errstate(all="ignore"), warnings.catch_warnings():  # of a state that leaves the range of float64
            warnings.simplefilter("ignore", UserWarning)
            state = solve_ivp(
                lambda t, x: each * equation.velocity(x), (0, LONG), state, method="LSODA", rtol=1e-11, atol=1e-13
            ).y[:, -1]
        if not np.isfinite(state).all():
            break
        if np.abs(each * equation.velocity(state)).max() <= AT_REST * max(1.0, float(np.abs(state).max())):
            return equation.unpack(state)
    raise InputError("theory: with these learning rates the system does not come to rest; accepted: another start")


def gains_of(case: Case, limit: dict[str, Array]) -> tuple[float, ...]:
    """What an update of each layer takes from the error, per unit of learning rate: the terms of lambda."""
    system, trained = case.system, rate_shares(case.plan)
    if isinstance(system, Chain):
        gains = _chain_gains(system, limit)
    elif isinstance(system, Branch):
        a, b = limit["a"], limit["b"]
        back = b if system.rule == "bp" else limit.get("c", system.c)
        gains = (system.beta * float(b @ back), system.beta * float(a @ a))
    else:
        raise InputError(
            f"theory: --stability has no formula for a system {type(system).__name__}; accepted: a chain, or a branch"
        )
    return tuple(float(gain * share) for gain, share in zip(gains, trained, strict=True))


def _chain_gains(system: Chain, limit: dict[str, Array]) -> tuple[float, ...]:
    """beta C_i prod_{j != i} a_j prod_{k < i} a_k of each layer."""
    a = limit["a"]
    unit_error = replace(system, a=a, c=limit.get("c", system.c), alpha=system.beta * float(np.prod(a)) + 1.0)
    equation = theory.flow(unit_error)
    steps = equation.velocity(equation.start)[: a.size]
    return tuple(system.beta * float(np.prod(np.delete(a, i))) * float(step) for i, step in enumerate(steps))


def delays_of(case: Case, frames: int = 400) -> tuple[tuple[int, ...], bool]:
    """How many updates late each layer's errors are once the pipeline is full, and whether that is always the same."""
    plan = case.at_rate(1e-12, math.ceil(2 * frames / case.plan.frames_per_epoch))
    state = engine.start(plan, case.dataset)  # a run that ends would receive its last errors early
    engine.advance(plan, state, frames // 2)
    first = state.ages.copy()
    engine.advance(plan, state, frames)
    ages = state.ages - first
    shares = rate_shares(plan)
    for h in range(1, plan.top):
        if shares[h - 1] and not ages[h].any():
            raise InputError(
                f"theory: layer {h} receives no error in time to learn from it; accepted: a larger schedule.stash, or "
                f"learning channels that lose and delay less"
            )
    steady = all(np.count_nonzero(row) <= 1 for row in ages)
    return tuple(int(np.argmax(row)) if row.any() else 0 for row in ages[1 : plan.top + 1]), steady


@dataclass(frozen=True)
class Losses:
    """What random losses leave of the layers' gains.

    mean: of each layer's gain; sums, probabilities: (n,) the law of the sum of all layers' gains in an update.
    """

    mean: tuple[float, ...]
    sums: Array
    probabilities: Array


def losses_of(case: Case, gains: tuple[float, ...]) -> Losses:
    """What drops leave of gains. Raises InputError for more channels with drops than MOST_DROPS."""
    learning = {int(row["target"]): row for row in case.plan.channels if row["direction"] == Direction.LEARNING}
    passed: dict[int, list[int]] = {case.plan.top: []}  # the channels to a layer from the top, by their targets
    for h in range(case.plan.top - 1, 0, -1):
        passed[h] = [h, *passed[int(learning[h]["source"])]]
    lossy = [h for h, row in learning.items() if row["drop"]]
    if len(lossy) > MOST_DROPS:
        raise InputError(f"channels: {len(lossy)} with drop; accepted: for --stability, at most {MOST_DROPS}")
    layers: list[Array] = []
    probabilities: list[float] = []
    for arrives in product((False, True), repeat=len(lossy)):
        factor, probability = dict.fromkeys(learning, 1.0), 1.0
        for h, delivered in zip(lossy, arrives, strict=True):
            p = float(learning[h]["drop"])
            factor[h] = float(delivered) / (1 - p if learning[h]["rescale"] else 1)
            probability *= 1 - p if delivered else p
        layers.append(np.array([k * math.prod(factor[c] for c in passed[h]) for h, k in enumerate(gains, 1)]))
        probabilities.append(probability)
    mean = np.array(probabilities) @ np.array(layers)
    return Losses(tuple(mean.tolist()), np.sum(layers, axis=1), np.array(probabilities))
