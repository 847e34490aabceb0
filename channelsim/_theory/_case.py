"""A scenario read as one of the paper's systems, and the system's parameters read out of a running engine."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from channelsim import engine, given
from channelsim.data import Dataset, dataset_of
from channelsim.errors import InputError
from channelsim.plan import Direction, Kind, Plan, Transfer, build, tables
from channelsim.scenario import Scenario
from channelsim.theory import Branch, Chain, Hidden, Matrix, System
from channelsim.theory.systems import Array, Rule

TRANSFERS = {Transfer.TANH: "tanh", Transfer.LOGISTIC: "logistic", Transfer.RELU: "relu"}


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


def rate_shares(plan: Plan) -> Array:
    """The learning rate of each layer, in units of the plan's: 0 where a layer is frozen."""
    return np.asarray(plan.layers["learning_rate"][1:] / plan.learning_rate, np.float64)


def refuse_another(written: System, found: System) -> None:
    """Raises InputError if a scenario with a table [theory] has a network that is another system, since other keys lie
    over what the table says."""
    for key, value in vars(written).items():
        if key == "c" and written.rule == "bp":
            continue
        other: Any = vars(found).get(key)
        if isinstance(value, str | bool):
            same = type(written) is type(found) and other == value
        else:  # the engine has float32
            large = max(1.0, float(np.abs(np.asarray(value)).max(initial=0.0)))
            same = np.shape(other) == np.shape(value) and np.allclose(
                np.asarray(other), value, rtol=1e-6, atol=1e-6 * large
            )
        if not same:
            raise InputError(
                f"theory: the scenario's network has another {key} than [theory] says; accepted: --set "
                f"theory.{key}=..., or the same in both"
            )


def refuse_weight_decay(case: Case) -> None:
    for table, decay in (("training", case.plan.weight_decay), ("learning", case.plan.feedback_decay)):
        if decay:
            raise InputError(f"{table}.weight_decay = {decay:g}: the equations have none; accepted: 0")


def _refuse_others(scenario: Scenario, dataset: Dataset, plan: Plan) -> None:
    hidden = [int(kind) for kind in plan.layers["transfer"][1:-1]]
    rules = get_args(Rule)
    known = {Transfer.LINEAR, *(TRANSFERS if plan.top == 2 else ())}
    feedback = plan.channels[plan.channels["direction"] == Direction.LEARNING]
    for wrong, key, problem, accepted in (
        (not dataset.real, "data", "has classes", "real targets"),
        (scenario.training.own_loss is not None, "training.loss", "is the user's own", "squared"),
        (scenario.learning.rule not in rules, "learning.rule", f'= "{scenario.learning.rule_name}"', ", ".join(rules)),
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
            rho=rho,
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
