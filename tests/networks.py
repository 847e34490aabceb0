"""Small networks and data for the tests of clock, channel and statistics."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from channelsim import engine, plan
from channelsim.data import Dataset
from channelsim.scenario import Scenario

EVERY_STAGE: dict[str, Any] = {
    "threshold": {"value": 0.05},
    "residual": "threshold",
    "quantize": {"kind": "uniform", "bits": 5, "rounding": "stochastic"},
    "noise": {"sigma": 0.02, "scale": "rms"},
    "bit_errors": {"probability": 0.02},
    "drop": {"probability": 0.1, "rescale": True},
    "bandwidth": "1 Gbit/s",
    "jitter": {"distribution": "exponential", "value": "30 ns"},
    "deadline": "400 ns",
    "encoding": "auto",
}
"""A channel on which everything happens that can."""


def dataset(x: Any, y: Any, classes: int) -> Dataset:
    """A data set of these samples, vectors (N, n) or maps (N, C, H, W); the test set is the same.

    With classes = 0 `y` has real targets (N, outputs).
    """
    shape = np.shape(x)[1:]
    x, y = np.ascontiguousarray(x, np.float32).reshape(len(x), -1), np.asarray(y, np.int32 if classes else np.float32)
    none = x[:0]
    return Dataset("given", x, y, x, y, none, y[:0], shape, classes)


def dense_layers(units: list[int], transfers: list[str] | None = None) -> list[dict[str, Any]]:
    """The [[layers]] of a dense network: `units` from the input to the top; tanh and a softmax."""
    transfers = transfers or ["tanh"] * (len(units) - 2) + ["softmax"]
    return [{"kind": "dense", "units": n, "transfer": f} for n, f in zip(units[1:], transfers, strict=True)]


def chain(shape: Sequence[int], layers: list[dict[str, Any]], **tables: Any) -> Scenario:
    """A network of these [[layers]] above an input; tables as in TOML, `weights` and `model` being the model's."""
    model = {"name": "small", "input": list(shape), "layers": layers, "weights": tables.pop("weights", {})}
    model |= tables.pop("model", {})
    tables.setdefault("data", {"name": "synthetic"})
    return Scenario.model_validate({"name": "small", "model": model, **tables})


def edge_of(row: Any) -> plan.Edge:
    """A CHANNEL record as the edge of the network that it is."""
    kinds = (plan.Direction, int, int, plan.Message, plan.Wiring, bool)
    fields = ("direction", "source", "target", "message", "wiring", "adaptive")
    return plan.Edge(*(kind(row[field]) for kind, field in zip(kinds, fields, strict=True)))


def conv(channels: int, kernel: int, **keys: Any) -> dict[str, Any]:
    """A convolution of [[layers]]."""
    return {"kind": "conv2d", "channels": channels, "kernel": kernel, "transfer": "relu", **keys}


def tables_of(described: Scenario) -> plan.Tables:
    """The structure of a network for data of its own shape and as many classes as its top layer has units."""
    return plan.tables(described, described.model.input, math.prod(described.model.shapes()[-1]))


def plan_of_chain(
    shape: Sequence[int], layers: list[dict[str, Any]], outputs: int, samples: int, real: bool = False, **tables: Any
) -> plan.Plan:
    """The plan of `chain(...)` for so many classes, or values of real targets, and training samples."""
    return plan.build(chain(shape, layers, **tables), tuple(shape), outputs, samples, real)


def scenario(units: list[int], transfers: list[str] | None = None, **tables: Any) -> Scenario:
    """A dense network: `units` from the input to the top; tables as in TOML, `weights` being the model's."""
    return chain(units[:1], dense_layers(units, transfers), **tables)


def plan_of(units: list[int], samples: int, transfers: list[str] | None = None, **tables: Any) -> plan.Plan:
    """The plan of `scenario(...)` for so many training samples."""
    return plan_of_chain(units[:1], dense_layers(units, transfers), units[-1], samples, **tables)


def run(p: plan.Plan, x: Any, y: Any) -> tuple[engine.State, Any]:
    """The whole run in the engine: its final state, with all updates applied, and all message rows."""
    state = engine.start(p, dataset(x, y, p.classes), trace_frames=p.frames)
    parts = [np.zeros(0, plan.MESSAGE_ROW)]
    engine.advance(p, state, p.frames, lambda rows, payload: parts.append(rows))
    engine.settle(state)
    return state, np.concatenate(parts)
