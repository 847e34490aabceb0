"""The engine beside the theory: a scenario read as one of the paper's systems, and what the engine makes of it.

`case_of` reads the system out of a scenario. `compare` runs the engine at some learning rates beside the differential
equation; `stability` holds the largest stable learning rate that the formulas give against a bisection with the engine.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import solve_ivp

from channelsim import engine, given, theory
from channelsim.data import Dataset, dataset_of
from channelsim.errors import InputError, RunError
from channelsim.plan import Direction, Kind, Plan, Quantizer, Transfer, build, tables
from channelsim.scenario import Scenario
from channelsim.theory import Branch, Chain, Flow, Hidden, Matrix, System
from channelsim.theory import stability as formulas
from channelsim.theory.systems import Array, Rule

TRANSFERS = {Transfer.TANH: "tanh", Transfer.LOGISTIC: "logistic", Transfer.RELU: "relu"}

CLOSE = 1e-3
"""The time of a comparison ends where the equation stays this close to its limit, unless it is given."""
MOST_UPDATES = 1_000_000
"""Of one path of a comparison: more would take minutes."""
FARTHEST = 1e4
"""The smallest and the largest rate that are tried are the formula's, divided and multiplied by this."""
PERTURBATION = 1e-3
"""So far from the limit, in units of it, the bisection starts."""
UPDATES = 4000
"""Of one run of the bisection. Whether the error has grown is seen between its first and last quarter."""
FLOOR = 1e-2
"""An error this small beside that of the start is that of float32, and is not held against the one before."""
GROWN = 10.0
"""An error that many times that of the start has grown."""
LONG, AT_REST = 100.0, 1e-10
"""So much time is integrated at once, until nothing moves faster than that."""
WINDOW = 64
"""Updates over which the largest error is looked for; longer than the oscillation at the limit of a delay of 15."""


@dataclass(frozen=True)
class Case:
    """A scenario with its data and plan, and the system that it is."""

    dataset: Dataset
    plan: Plan
    system: System

    def at_rate(self, rate: float, epochs: int) -> Plan:
        """The plan at another learning rate, without decay; the ratios of layers and of C stay as they are."""
        ratio = rate / self.plan.learning_rate
        layers, channels = self.plan.layers.copy(), self.plan.channels.copy()
        layers["learning_rate"] *= ratio
        channels["learning_rate"] *= ratio
        return replace(
            self.plan,
            learning_rate=rate,
            layers=layers,
            channels=channels,
            learning_rate_decay=0.0,
            epochs=epochs,
            shuffle=False,
        )


@dataclass(frozen=True)
class Path:
    """The engine at one learning rate, beside the equation.

    distance: the largest difference of any parameter at any update; end: the same at the last one. order: log2 of the
    distance's ratio to that of the rate before, per halving of the rate; None for the first. drift: how far each
    invariant of the equation is from its start at the end.
    """

    rate: float
    updates: int
    distance: float
    end: float
    order: float | None
    drift: dict[str, float]


@dataclass(frozen=True)
class Comparison:
    """Engine and equation up to `time`, in the equation's time."""

    time: float
    paths: tuple[Path, ...]

    def to_json(self) -> dict[str, Any]:
        """The object under "engine" of `channelsim theory --engine --json`."""
        return asdict(self)


@dataclass(frozen=True)
class Stability:
    """The largest stable learning rate at the limit of a system.

    gains: of each layer's updates on the error (their sum is the rate of approach), frozen layers 0, and of what is
    lost the mean. delays: how many updates late each layer's error is, as the engine counts it. momentum: of the
    updates. formula: from the characteristic equation of these; None where delays vary. mean_square: where errors
    are lost at random, without delay: the rate above which the mean square grows though the mean does not. measured:
    by bisection with the engine, to `precision`.
    """

    gains: tuple[float, ...]
    delays: tuple[int, ...]
    momentum: float
    formula: float | None
    mean_square: float | None
    measured: float
    precision: float

    def to_json(self) -> dict[str, Any]:
        """The object under "stability" of `channelsim theory --stability --json`."""
        return asdict(self)


# --- what a scenario is ------------------------------------------------------------------------------------


def case_of(scenario: Scenario) -> Case:
    """Reads a scenario as one of the paper's systems. Raises InputError that names what is in the way."""
    dataset = dataset_of(scenario)
    structure = tables(scenario, dataset.shape, dataset.outputs, dataset.real)
    weights = given.load(scenario, structure)
    plan = build(scenario, dataset.shape, dataset.outputs, len(dataset.train_x), dataset.real, weights)
    try:
        _refuse_others(scenario, dataset, plan)
        return Case(dataset, plan, _system(scenario, dataset, plan))
    except InputError as error:
        raise InputError(f"{scenario.path}: {error}" if scenario.path else str(error)) from None


def _refuse_others(scenario: Scenario, dataset: Dataset, plan: Plan) -> None:
    hidden = [int(kind) for kind in plan.layers["transfer"][1:-1]]
    rules = get_args(Rule)
    known = {Transfer.LINEAR, *(TRANSFERS if plan.top == 2 else ())}
    feedback = plan.channels[plan.channels["direction"] == Direction.LEARNING]
    for wrong, key, problem, accepted in (
        (not dataset.real, "data", "has classes", "real targets"),
        (scenario.training.own_loss is not None, "training.loss", "is the user's own", "squared"),
        (scenario.learning.rule not in rules, "learning.rule", f'= "{scenario.learning.rule}"', ", ".join(rules)),
        (bool((plan.layers["kind"][1:] != Kind.DENSE).any()), "model", "has layers that are not dense", "dense layers"),
        (bool(plan.layers["b_size"].any()), "model.bias", "= true", "false"),
        (plan.layers["transfer"][-1] != Transfer.LINEAR, "model", "has a top that is not linear", "a linear top"),
        (not known.issuperset(hidden), "model", "has hidden layers that are not linear",
         "linear layers, or one hidden unit of tanh, logistic or relu"),
        (scenario.learning.feedback.connections is not None, "learning.feedback.connections", "is given", "all wires"),
        (bool(feedback["redrawn"].any()), "learning.feedback.redraw", "is given", "one C for the whole run"),
        (scenario.learning.feedback.rank is not None, "learning.feedback.rank", "is given", "a C that is no product"),
        (len(np.unique(feedback["target"])) < len(feedback), "learning", "has several channels to a layer",
         "a route from one layer each, and no copies"),
        (scenario.learning.feedback.per != "neuron", "learning.feedback.per", '= "synapse"', '"neuron"'),
        (len(feedback) != plan.top - 1, "learning.route", "leaves layers without errors", "one source for each"),
    ):  # fmt: skip
        if wrong:
            raise InputError(f"{key} {problem}, which none of the paper's systems has; accepted: {accepted}")


def _system(scenario: Scenario, dataset: Dataset, plan: Plan) -> System:
    x, t = dataset.train_x.astype(np.float64), np.asarray(dataset.train_y, np.float64)
    weights = _matrices(plan, plan.initial.draw(plan.layers))
    wires = _wires(plan, plan.feedback)
    rule: Any = scenario.learning.rule
    units = [int(n) for n in plan.layers["n"]]
    words = "-".join(map(str, units))
    rho = _rho(plan)
    if plan.layers["transfer"][1] != Transfer.LINEAR:
        if units != [1, 1, 1]:
            raise InputError(f"model has {words} units, of which hidden ones are not linear; accepted: 1-1-1")
        return Hidden(
            rule=rule,
            a=np.array([w.item() for w in weights]),
            c=wires[0].item() if wires else 0.0,
            inputs=x[:, 0],
            targets=t[:, 0],
            weights=np.full(len(x), 1 / len(x)),
            transfer=TRANSFERS[plan.layers["transfer"][1]],
            derivative=plan.derivative,
        )
    sigma_ii, sigma_ti = x.T @ x / len(x), t.T @ x / len(x)
    if set(units) == {1}:
        c = np.array([wire.item() for wire in wires]) if wires else np.zeros(plan.top - 1)
        a = np.array([w.item() for w in weights])
        return Chain(rule, a, c, sigma_ti.item(), sigma_ii.item(), rho)
    if plan.top != 2:
        raise InputError(f"model has {words} units; accepted: a chain of single units, or one hidden layer")
    a, b = weights[0].T, weights[1].T
    c = wires[0].T if wires else np.zeros((units[1], units[2]))
    if units[0] == units[2] == 1:
        return Branch(rule, a.ravel(), b.ravel(), c.ravel(), sigma_ti.item(), sigma_ii.item(), rho)
    return Matrix(rule, a, b, c, sigma_ii, sigma_ti, rho)


def _matrices(plan: Plan, flat: NDArray[np.float32]) -> list[Array]:
    """W of each layer, (inputs, units)."""
    found = []
    for layer in plan.layers[1:]:
        part = flat[layer["w_offset"] : layer["w_offset"] + layer["w_size"]]
        found.append(part.reshape(-1, int(layer["n"])).astype(np.float64))
    return found


def _wires(plan: Plan, flat: NDArray[np.float32]) -> list[Array]:
    """C to each hidden layer from the first on, (senders, receivers); [] where there is none."""
    rows = [row for row in plan.channels if row["c_size"]]
    rows.sort(key=lambda row: int(row["target"]))
    return [
        flat[row["c_offset"] : row["c_offset"] + row["c_size"]]
        .reshape(int(plan.layers[row["source"]]["n"]), -1)
        .astype(np.float64)
        for row in rows
    ]


def _rho(plan: Plan) -> float:
    """Rate of C over that of the weights."""
    rates = {float(row["learning_rate"]) / plan.learning_rate for row in plan.channels if row["adaptive"]}
    if len(rates) > 1:
        raise InputError("learning.learning_rate differs by layer; accepted: one rate for all C")
    return rates.pop() if rates else 1.0


def _rate_shares(plan: Plan) -> Array:
    """The learning rate of each layer, in units of the plan's: 0 where a layer is frozen."""
    return np.asarray(plan.layers["learning_rate"][1:] / plan.learning_rate, np.float64)


def parameters(case: Case, state: engine.State) -> dict[str, Array]:
    """The system's parameters as the engine has them: a, b and c as in the system."""
    weights, wires = _matrices(case.plan, state.weights), _wires(case.plan, state.feedback)
    match case.system:
        case Matrix():
            found = {"a": weights[0].T, "b": weights[1].T}
        case Branch():
            found = {"a": weights[0].ravel(), "b": weights[1].ravel()}
        case _:
            found = {"a": np.concatenate([w.ravel() for w in weights])}
    if case.system.rule in ("arbp", "asrbp"):
        found["c"] = wires[0].T if isinstance(case.system, Matrix) else np.concatenate([w.ravel() for w in wires])
    return found


def vector(named: dict[str, Array]) -> Array:
    """Parameters in one row, in the order of `Flow.start`."""
    return np.concatenate([np.ravel(value) for value in named.values()])


# --- paths ---------------------------------------------------------------------------------------------------


def compare(case: Case, rates: Sequence[float], time: float | None = None) -> Comparison:
    """Engine and equation from the same start, at some learning rates.

    `time`: how far, in the equation's time; None: until the equation stays within 1e-3 of its limit, or for three
    periods, or 10 units of time.

    Raises InputError for rates that are not positive, and for more updates than MOST_UPDATES; RunError where the
    engine diverges, or the equation leaves what float64 can hold.
    """
    if not rates or not all(0 < rate < math.inf for rate in rates):
        raise InputError(f"--rates {','.join(map(str, rates))}; accepted: positive learning rates")
    if case.plan.momentum or not np.allclose(_rate_shares(case.plan), 1):
        raise InputError("training: the equation has neither momentum nor rates by layer; accepted: one learning_rate")
    _refuse_weight_decay(case)
    until = _horizon(case.system) if time is None else time
    for rate in rates:
        if until / rate > MOST_UPDATES:
            raise InputError(f"--rates {rate}: {until / rate:.0f} updates; accepted: at most {MOST_UPDATES}, or --time")
    equation = theory.flow(case.system)
    paths: list[Path] = []
    for rate in rates:
        paths.append(_path(case, equation, rate, until, paths[-1] if paths else None))
    return Comparison(until, tuple(paths))


def _horizon(system: System) -> float:
    found = theory.solve(system, CLOSE)
    if found.time:
        return found.time
    return 3 * found.period if found.period else 10.0


def _path(case: Case, equation: Flow, rate: float, until: float, before: Path | None) -> Path:
    updates = max(1, round(until / rate))
    plan = case.at_rate(rate, math.ceil(updates / case.plan.frames_per_epoch))
    state = engine.start(plan, case.dataset)
    solution = solve_ivp(
        lambda t, x: equation.velocity(x),
        (0, updates * rate),
        equation.start,
        method="LSODA",
        rtol=1e-10,
        atol=1e-12,
        t_eval=rate * np.arange(updates + 1),
    )
    if not solution.success:
        raise RunError(f"theory: the equation ends at time {solution.t[-1]:g}: {solution.message}")
    away = np.zeros(updates + 1)
    for update in range(updates + 1):
        engine.advance(plan, state, update)
        engine.settle(state)
        away[update] = np.abs(vector(parameters(case, state)) - solution.y[:, update]).max()
    end = vector(parameters(case, state))
    drift = {
        name: float(np.max(np.abs(np.subtract(value(end), value(equation.start)))))
        for name, value in equation.invariants.items()
    }
    distance = float(away.max())
    order = None
    if before is not None and distance > 0 and before.distance > 0 and before.rate != rate:
        order = math.log(before.distance / distance) / math.log(before.rate / rate)
    return Path(rate, updates, distance, float(away[-1]), order, drift)


# --- stability -------------------------------------------------------------------------------------------------


def stability(case: Case, precision: float = 1e-3) -> Stability:
    """The largest stable learning rate of a scenario, at the system's limit: by formula, and by the engine.

    Raises InputError where the system has no limit that stays, or is none whose gains are known (a chain or a branch),
    and where a channel changes values other than by losing them: an error then need not shrink with the weights.
    """
    _refuse_changed_values(case)
    limit = _limit(case)
    gains = _gains(case, limit)
    delays, steady = _delays(case)
    momentum = float(case.plan.momentum)
    drops = _drops(case)
    kept = tuple(k * mean for k, (mean, _) in zip(gains, drops, strict=True))
    formula = formulas.critical_rate_of_layers(kept, delays, momentum) if steady else None
    mean_square = None
    if any(variance for _, variance in drops) and steady and not any(delays) and not momentum:
        spread = sum(k * k * variance for k, (_, variance) in zip(gains, drops, strict=True))
        mean_square = 2 * sum(kept) / (sum(kept) ** 2 + spread)
    guess = formula if formula and math.isfinite(formula) else 1 / max(sum(kept), 1e-9)

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
    return Stability(kept, delays, momentum, formula, mean_square, measured, precision)


def _refuse_weight_decay(case: Case) -> None:
    for table, decay in (("training", case.plan.weight_decay), ("learning", case.plan.feedback_decay)):
        if decay:
            raise InputError(f"{table}.weight_decay = {decay:g}: the equations have none; accepted: 0")


def _refuse_changed_values(case: Case) -> None:
    _refuse_weight_decay(case)
    for c, row in enumerate(case.plan.channels):
        for key, changes in (
            ("quantize", row["quantizer"] != Quantizer.NONE),
            ("threshold", row["has_threshold"]),
            ("noise", row["noise"] > 0),
            ("bit_errors", row["bit_error"] > 0),
        ):
            if changes:
                raise InputError(
                    f"channels.{case.plan.channel_name(c)}.{key} is given, so that an error need not shrink for ever; "
                    f"accepted: for --stability, latency, bandwidth, deadlines, drop"
                )


def _limit(case: Case) -> dict[str, Array]:
    """Where the system comes to rest, its layers learning at the rates that they have."""
    shares = _rate_shares(case.plan)
    if np.allclose(shares, shares[0]):
        found = theory.solve(case.system)
        if found.limit is None or found.outcome == "diverges":
            raise InputError(f"theory: {found.reason}; accepted: a start from which the system converges")
        return {name: np.asarray(value, np.float64) for name, value in found.limit.items()}
    equation = theory.flow(case.system)
    sizes = [len(np.ravel(value)) for value in equation.unpack(equation.start).values()]
    each = shares if isinstance(case.system, Chain) else np.repeat(shares, sizes[: len(shares)])
    each = np.concatenate([each, np.ones(len(equation.start) - len(each))])
    state = equation.start
    for _ in range(60):
        state = solve_ivp(
            lambda t, x: each * equation.velocity(x), (0, LONG), state, method="LSODA", rtol=1e-11, atol=1e-13
        ).y[:, -1]
        if not np.isfinite(state).all():
            break
        if np.abs(each * equation.velocity(state)).max() <= AT_REST * max(1.0, float(np.abs(state).max())):
            return equation.unpack(state)
    raise InputError("theory: with these learning rates the system does not come to rest; accepted: another start")


def _gains(case: Case, limit: dict[str, Array]) -> tuple[float, ...]:
    """What an update of each layer takes from the error, per unit of learning rate: the terms of lambda."""
    system, trained = case.system, _rate_shares(case.plan)
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
    product = float(np.prod(a))
    unit_error = replace(system, a=a, c=limit.get("c", system.c), alpha=system.beta * product + 1.0)
    equation = theory.flow(unit_error)
    steps = equation.velocity(equation.start)[: a.size]
    return tuple(system.beta * float(np.prod(np.delete(a, i))) * float(step) for i, step in enumerate(steps))


def _delays(case: Case, frames: int = 400) -> tuple[tuple[int, ...], bool]:
    """How many updates late each layer's errors are once the pipeline is full, and whether that is always the same."""
    plan = case.at_rate(1e-12, math.ceil(2 * frames / case.plan.frames_per_epoch))
    state = engine.start(plan, case.dataset)  # a run that ends would receive its last errors early
    engine.advance(plan, state, frames // 2)
    first = state.ages.copy()
    engine.advance(plan, state, frames)
    ages = state.ages - first
    shares = _rate_shares(plan)
    for h in range(1, plan.top):
        if shares[h - 1] and not ages[h].any():
            raise InputError(
                f"theory: layer {h} receives no error in time to learn from it; accepted: a larger schedule.stash, or "
                f"learning channels that lose and delay less"
            )
    steady = all(np.count_nonzero(row) <= 1 for row in ages)
    return tuple(int(np.argmax(row)) if row.any() else 0 for row in ages[1 : plan.top + 1]), steady


def _drops(case: Case) -> tuple[tuple[float, float], ...]:
    """Mean and variance of each layer's gain of errors: 1 - p and p (1 - p), or rescaled 1 and p / (1 - p)."""
    found = [(1.0, 0.0)] * case.plan.top
    for row in case.plan.channels:
        p = float(row["drop"])
        if row["direction"] == Direction.LEARNING and p:
            found[int(row["target"]) - 1] = (1.0, p / (1 - p)) if row["rescale"] else (1 - p, p * (1 - p))
    return tuple(found)


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
    """The engine before its first frame, with the limit's weights, each a little larger."""
    weights = [w[None, None] for w in limit["a"]] if "b" not in limit else [limit["a"][None, :], limit["b"][:, None]]
    given = {h: (w * (1 + PERTURBATION)).astype(np.float32) for h, w in enumerate(weights, 1)}
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
