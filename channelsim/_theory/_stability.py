"""The largest stable learning rate at a system's limit: by the formulas, and by a bisection with the engine."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from channelsim import engine
from channelsim._theory import _loop
from channelsim._theory._case import Case, parameters, refuse_weight_decay
from channelsim.errors import InputError
from channelsim.plan import Direction, Plan, Quantizer
from channelsim.theory import Branch, Chain, System
from channelsim.theory import stability as formulas
from channelsim.theory.systems import Array

FARTHEST = 1e4
"""The smallest and the largest rate that are tried are the formula's, divided and multiplied by this."""
PERTURBATION, SMALL = 1e-3, 1e-9
"""So far from the limit, in units of it, the bisection starts; of a weight that is so small, in units of 1."""
UPDATES = 4000
"""Of one run of the bisection. Whether the error has grown is seen between its first and last quarter."""
FLOOR = 1e-2
"""An error this small beside that of the start is that of float32, and is not held against the one before."""
GROWN = 10.0
"""An error that many times that of the start has grown."""
WINDOW = 64
"""Updates over which the largest error is looked for; longer than the oscillation at the limit of a delay of 15."""


@dataclass(frozen=True)
class Stability:
    """The largest stable learning rate at the limit of a system.

    gains: of each layer's updates on the error (their sum is the rate of approach), frozen layers 0, and of what is
    lost the mean. delays: how many updates late each layer's error is, as the engine counts it. momentum: of the
    updates. formula: from the characteristic equation of these; None where delays vary. mean_square, single_run: where
    errors are lost at random, without delay: the rate above which the mean square grows though the mean does not, and
    that above which almost every run grows. measured: by bisection with the engine, to `precision`; of single runs.
    """

    gains: tuple[float, ...]
    delays: tuple[int, ...]
    momentum: float
    formula: float | None
    mean_square: float | None
    single_run: float | None
    measured: float
    precision: float

    def to_json(self) -> dict[str, Any]:
        """The object under "stability" of `channelsim theory --stability --json`."""
        return asdict(self)


def stability(case: Case, precision: float = 1e-3) -> Stability:
    """The largest stable learning rate of a scenario, at the system's limit: by formula, and by the engine.

    Raises InputError where the system has no limit that stays, or is none whose gains are known (a chain or a branch),
    and where a channel changes values other than by losing them: an error then need not shrink with the weights.
    """
    _refuse_changed_values(case)
    limit = _loop.limit_of(case)
    gains = _loop.gains_of(case, limit)
    delays, steady = _loop.delays_of(case)
    momentum = float(case.plan.momentum)
    losses = _loop.losses_of(case, gains)
    kept = losses.mean
    if sum(kept) <= 0:
        gains_there = ", ".join(f"{gain:.4g}" for gain in kept)
        raise InputError(
            f"theory: where the system rests no update makes the error smaller (gains {gains_there}); accepted: a "
            "start from which it converges to a limit that is stable"
        )
    formula = formulas.critical_rate_of_layers(kept, delays, momentum) if steady else None
    mean_square = single_run = None
    if len(losses.sums) > 1 and sum(kept) > 0 and steady and not any(delays) and not momentum:
        _, mean_square, single_run = formulas.critical_rates_of_gains(losses.sums, losses.probabilities)
    guess = single_run or formula
    guess = guess if guess and math.isfinite(guess) else 1 / max(sum(kept), 1e-9)

    def stable(rate: float) -> bool:
        return _is_stable(case, limit, rate)

    low, high = guess / 2, guess * 2
    while not stable(low):
        low, high = low / 4, low
        if low < guess / FARTHEST:
            raise InputError(
                "theory: the engine is stable at no learning rate; accepted: channels that let errors pass"
            )
    while stable(high):
        low, high = high, high * 4
        if high > guess * FARTHEST:
            raise InputError("theory: the engine is stable at every rate; accepted: channels that let errors pass")
    measured = formulas.bisect_rate(stable, low, high, precision)
    return Stability(kept, delays, momentum, formula, mean_square, single_run, measured, precision)


def _refuse_changed_values(case: Case) -> None:
    refuse_weight_decay(case)
    for c, row in enumerate(case.plan.channels):
        for key, changes in (
            ("quantize", row["quantizer"] != Quantizer.NONE),
            ("threshold", row["has_threshold"]),
            ("noise", row["noise"] > 0),
            ("bit_errors", row["bit_error"] > 0),
            ("stage", row["own_before"] + row["own_after"] > 0),
            ("drop", row["drop"] > 0 and row["direction"] == Direction.FORWARD),
        ):
            if changes:
                raise InputError(
                    f"channels.{case.plan.channel_names[c]}.{key} is given, so that an error need not shrink for ever; "
                    f"accepted: for --stability, latency, bandwidth, deadlines, and drop of learning channels"
                )


def _is_stable(case: Case, limit: dict[str, Array], rate: float) -> bool:
    """Whether the error of the engine, started next to the limit, shrinks between the first quarter and the last.

    Above the critical rate it grows, but the weights may then drift to a flatter limit, at which it shrinks: so it must
    not have grown at first either.
    """
    plan = case.at_rate(rate, math.ceil(UPDATES / case.plan.frames_per_epoch))
    state = _started_at(case, plan, limit)

    def largest(begin: int, updates: int) -> float:
        found = 0.0
        for update in range(begin, begin + updates):
            engine.advance(plan, state, update)
            engine.settle(state)
            found = max(found, _error(case.system, parameters(case, state)))
        return found

    try:
        start = largest(0, 1)
        if largest(0, UPDATES // 4) > GROWN * start:
            return False
        middle, end = largest(UPDATES // 4, WINDOW), largest(UPDATES - WINDOW, WINDOW)
    except engine.Diverged:
        return False
    return end < max(middle, FLOOR * start)


def _started_at(case: Case, plan: Plan, limit: dict[str, Array]) -> engine.State:
    """The engine before its first frame, with the limit's weights, each a little larger, also one that is 0."""
    weights = [w[None, None] for w in limit["a"]] if "b" not in limit else [limit["a"][None, :], limit["b"][:, None]]
    given = {
        h: (w + PERTURBATION * np.where(np.abs(w) < SMALL, 1.0, w)).astype(np.float32) for h, w in enumerate(weights, 1)
    }
    feedback = plan.feedback.copy()
    if "c" in limit:  # channels need not be in the order of the layers that they lead to
        learning = sorted((row for row in plan.channels if row["c_size"]), key=lambda row: int(row["target"]))
        for row, wires in zip(learning, np.split(limit["c"].ravel(), len(learning)), strict=True):
            feedback[row["c_offset"] : row["c_offset"] + row["c_size"]] = wires
    return engine.start(replace(plan, initial=replace(plan.initial, given=given), feedback=feedback), case.dataset)


def _error(system: System, found: dict[str, Array]) -> float:
    """|alpha - beta P| of a chain or a branch."""
    product = float(np.prod(found["a"])) if isinstance(system, Chain) else float(found["a"] @ found["b"])
    assert isinstance(system, Chain | Branch)
    return abs(system.alpha - system.beta * product)
