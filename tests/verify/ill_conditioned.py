"""Random scenarios, most of them ill-conditioned: inputs of 1e-3 to 1e3, large weights, deep ReLU, sums that cancel."""

from __future__ import annotations

from typing import Any

import numpy as np

from channelsim.data import Dataset
from channelsim.plan import Plan
from tests.networks import conv, dataset, dense_layers, plan_of_chain

RULES = ("bp", "rbp", "srbp", "arbp", "asrbp", "sign", "drtp", "top")
TRANSFERS = ("tanh", "logistic", "relu", "linear")


def random_scenario(seed: int) -> tuple[Plan, Dataset]:
    """A plan and its data; of the same seed the same."""
    rng = np.random.default_rng(seed)

    def one(*choices: Any) -> Any:
        return choices[rng.integers(len(choices))]

    shape, layers = _network(rng, one)
    classes = int(layers[-1]["units"])
    samples = int(rng.integers(5, 40))
    rule = one(*RULES)
    learning: dict[str, Any] = {"rule": rule, "derivative": bool(rng.random() < 0.8)}
    if rule not in ("bp", "top"):
        learning["feedback"] = one({}, {}, {"connections": 2}, {"distribution": "sign", "scale": 0.4}, {"scale": 3.0})
    channels = {"forward": _channel(rng, one)}
    if rule != "top":
        channels["learning"] = _channel(rng, one)
    tables = {
        "seed": int(rng.integers(100)),
        "weights": {"scale": one("glorot", "he", 0.01, 1.0, 5.0)},
        "learning": learning,
        "training": {
            "batch": one(1, 1, 3, 8),
            "epochs": 4,
            "learning_rate": float(10 ** rng.uniform(-3, 0)),
            "momentum": one(0, 0, 0, 0.9),
            "learning_rate_decay": one(0, 0.01),
        },
        "channels": channels,
        "synapses": one(
            {}, {}, {}, {"update": {"kind": "log2", "exponents": 4}}, {"weight": {"kind": "uniform", "bits": 8}}
        ),
        "schedule": one({}, {}, {"mode": "pipelined", "interval": one("20 ns", "150 ns"), "stash": one(1, 2, 4)}),
        "compute": one({}, {"forward": "7 ns", "learning": "3 ns"}),
    }
    plan = plan_of_chain(shape, layers, classes, samples, **tables)
    return plan, dataset(_inputs(rng, one, (samples, *shape)), rng.integers(classes, size=samples), classes)


def _network(rng: np.random.Generator, one: Any) -> tuple[list[int], list[dict[str, Any]]]:
    classes = int(rng.integers(2, 6))
    if rng.random() < 0.25:
        layers = [conv(int(rng.integers(1, 4)), 3, padding=1, transfer=one(*TRANSFERS))]
        layers += [
            {"kind": one("maxpool", "avgpool"), "size": 2},
            *dense_layers([0, 5, classes], [one(*TRANSFERS), "softmax"]),
        ]
        return [int(rng.integers(1, 3)), 6, 6], layers
    depth, transfer = one((1, one(*TRANSFERS)), (2, one(*TRANSFERS)), (3, one(*TRANSFERS)), (6, "relu"))
    units = [int(n) for n in rng.integers(1, 30, depth + 1)] + [classes]
    return units[:1], dense_layers(units, [transfer] * depth + [one("softmax", "logistic", "linear")])


def _channel(rng: np.random.Generator, one: Any) -> dict[str, Any]:
    keys: dict[str, Any] = {}
    if rng.random() < 0.3:
        keys["quantize"] = one(
            {
                "kind": "log2",
                "exponents": one(1, 3, 4, 8),
                "silence": one(False, True),
                "scale": one("max", "rms", 0.3),
            },
            {"kind": "uniform", "bits": int(rng.integers(2, 10)), "scale": one("max", "rms", 2.0)},
            {"kind": "uniform", "bits": 4, "rounding": "stochastic"},
            {"kind": "sign", "scale": one("max", "rms", 0.4)},
            {"kind": "ternary"},
        )
        if rng.random() < 0.3:
            keys["bit_errors"] = {"probability": 0.02}
        elif rng.random() < 0.3:
            keys["encoding"] = "entropy"
    if rng.random() < 0.2:
        keys["threshold"] = {"value": one(0.0, 0.05, 5.0)}
    if ("threshold" in keys or "quantize" in keys) and rng.random() < 0.3:
        keys["residual"] = one("error_feedback", *(("threshold",) if "threshold" in keys else ()))
    if rng.random() < 0.15:
        keys["noise"] = {"sigma": 0.05, "scale": one("max", "rms", 1.0)}
    if rng.random() < 0.15:
        keys["drop"] = {"probability": 0.2, "rescale": bool(rng.random() < 0.5)}
    if rng.random() < 0.3:
        keys |= {"latency": one("10 ns", "200 ns"), "bandwidth": one("1 Gbit/s", "10 Mbit/s")}
        if rng.random() < 0.3:
            keys |= one({"deadline": "300 ns"}, {"queue": 1})
    return keys


def _inputs(rng: np.random.Generator, one: Any, shape: tuple[int, ...]) -> Any:
    """Signed, positive or grey levels, of any size, with zeros, sometimes far from 0 or of mixed sizes."""
    x = one(rng.uniform(-1, 1, shape), rng.uniform(0, 1, shape), rng.integers(0, 17, shape) / 16)
    x = x * 10 ** rng.uniform(-3, 3)
    if rng.random() < 0.15:
        x = x * 10 ** rng.uniform(-4, 4, shape[1:])
    if rng.random() < 0.15:
        x = x + 1000.0
    x[rng.random(shape) < one(0.0, 0.3, 0.8)] = 0
    return x
