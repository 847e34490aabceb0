"""The work that is measured: networks, data, and the numbers that every contestant starts from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from channelsim import hashing
from channelsim.data import Dataset, load_dataset
from channelsim.hashing import Stream
from channelsim.plan import Direction, Plan, build
from channelsim.scenario import Scenario

ROOT = Path(__file__).parents[1]
MODEL = ROOT / "models" / "mnist-mlp.toml"
LEARNING_RATE = {1: 0.01, 100: 0.1}
SEED = 1
ENDLESS = 100_000  # epochs: a measured run never comes to its end

Matrix = NDArray[np.float32]


@dataclass(frozen=True)
class Settings:
    """How much is measured: `full` for the record, `quick` while something is being built."""

    rounds: int
    train: int  # MNIST images
    frames: int  # online frames of one measurement in the slower sections
    quick: bool


FULL = Settings(rounds=5, train=60_000, frames=20_000, quick=False)
QUICK = Settings(rounds=3, train=10_000, frames=4_000, quick=True)


@cache
def mnist(train: int) -> Dataset:
    """The first `train` images of MNIST, and its test set."""
    return load_dataset(name="mnist", train=train)


def noise(samples: int) -> Dataset:
    """Images of uniform noise without a zero, and labels that mean nothing: only time is measured on them."""
    key = hashing.key(SEED, Stream.DATA.of(60))
    u = hashing.uniform(hashing.bits(key, samples * 784)).reshape(samples, 784)
    x = (0.01 + 0.99 * u).astype(np.float32)
    y = (np.arange(samples) % 10).astype(np.int32)
    return Dataset("noise", x, y, x[:10], y[:10], x[:0], y[:0], (784,), 10)


def scenario(rule: str, batch: int, **tables: Any) -> Scenario:
    """The network 784-100x4-10 under one rule; `tables` as in TOML."""
    training = {"epochs": ENDLESS, "batch": batch, "learning_rate": LEARNING_RATE[batch]}
    training |= tables.pop("training", {})
    defaults = {"model": str(MODEL), "data": {"name": "mnist"}, "learning": {"rule": rule}}
    return Scenario.model_validate({"name": f"{rule}-{batch}", "seed": SEED, "training": training} | defaults | tables)


def dense_model(units: list[int], transfer: str = "tanh") -> dict[str, Any]:
    """A model table: `units` from the input to the top, softmax there."""
    layers = [{"kind": "dense", "units": n, "transfer": transfer} for n in units[1:-1]]
    layers.append({"kind": "dense", "units": units[-1], "transfer": "softmax"})
    return {"name": "dense", "input": [units[0]], "layers": layers}


def plan_of(wanted: Scenario, dataset: Dataset) -> Plan:
    """The scenario's tables and buffers for this data set."""
    return build(wanted, dataset.shape, dataset.classes, len(dataset.train_y))


@dataclass(frozen=True, eq=False)
class Task:
    """One rule on one data set, as arrays: what a contestant is given.

    Attributes:
        rule: "bp" or "srbp".
        batch: samples per frame.
        rate: learning rate.
        x: images, float32 (N, n_0); y: labels, int32 (N,).
        weights: W of layers 1..L, (fan-in, n); biases: (n,).
        feedback: C of the hidden layers 1..L-1 for srbp, (n_L, n_h); empty for bp.
        order: the samples of the first epoch in the engine's order, int64.
    """

    rule: str
    batch: int
    rate: float
    x: Matrix
    y: NDArray[np.int32]
    weights: tuple[Matrix, ...]
    biases: tuple[Matrix, ...]
    feedback: tuple[Matrix, ...]
    order: NDArray[np.int64]


def task_of(plan: Plan, dataset: Dataset, rule: str) -> Task:
    """What the engine starts from, taken out of its plan."""
    hidden = {
        int(row["target"]): plan.feedback[row["c_offset"] :][: row["c_size"]].reshape(row["n"], -1)
        for row in plan.channels
        if row["direction"] == Direction.LEARNING and row["c_size"]
    }
    weights, biases = matrices(plan, plan.weights, plan.biases)
    order = hashing.permutation(hashing.key(plan.seed, Stream.ORDER.of(), 0), plan.train_size)
    return Task(
        rule=rule,
        batch=plan.batch,
        rate=plan.learning_rate,
        x=dataset.train_x,
        y=dataset.train_y,
        weights=weights,
        biases=biases,
        feedback=tuple(hidden[h] for h in sorted(hidden)),
        order=order.astype(np.int64),
    )


def matrices(plan: Plan, weights: Matrix, biases: Matrix) -> tuple[tuple[Matrix, ...], tuple[Matrix, ...]]:
    """Flat buffers as W (fan-in, n) and b (n,) of layers 1..L: views."""
    layers = plan.layers[1:]
    return (
        tuple(weights[row["w_offset"] :][: row["w_size"]].reshape(row["fan_in"], row["n"]) for row in layers),
        tuple(biases[row["b_offset"] :][: row["b_size"]] for row in layers),
    )


def accuracy(weights: tuple[Matrix, ...], biases: tuple[Matrix, ...], dataset: Dataset) -> float:
    """Share of the test set that a tanh network puts into the right class."""
    x = dataset.test_x
    for w, b in zip(weights[:-1], biases[:-1], strict=True):
        x = np.tanh(x @ w + b)
    return float(np.mean((x @ weights[-1] + biases[-1]).argmax(axis=1) == dataset.test_y))


def still(plan: Plan) -> Plan:
    """The same work with a learning rate so small that activities and errors keep the statistics they have."""
    layers = plan.layers.copy()
    layers["learning_rate"] *= 1e-9
    return replace(plan, layers=layers)
