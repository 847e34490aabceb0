"""Small networks and data for the tests of clock, channel and statistics."""

from __future__ import annotations

from typing import Any

import numpy as np

from channelsim import engine, plan
from channelsim.data import Dataset
from channelsim.scenario import Scenario


def dataset(x: Any, y: Any, classes: int) -> Dataset:
    """A data set of these samples; the test set is the same."""
    x, y = np.ascontiguousarray(x, np.float32), np.asarray(y, np.int32)
    none = x[:0]
    return Dataset("given", x, y, x, y, none, y[:0], (x.shape[1],), classes)


def scenario(units: list[int], transfers: list[str] | None = None, **tables: Any) -> Scenario:
    """A dense network: `units` from the input to the top; tables as in TOML, `weights` being the model's."""
    transfers = transfers or ["tanh"] * (len(units) - 2) + ["softmax"]
    layers = [{"kind": "dense", "units": n, "transfer": f} for n, f in zip(units[1:], transfers, strict=True)]
    model = {"name": "small", "input": [units[0]], "layers": layers, "weights": tables.pop("weights", {})}
    tables.setdefault("data", {"name": "synthetic"})
    return Scenario.model_validate({"name": "small", "model": model, **tables})


def plan_of(units: list[int], samples: int, transfers: list[str] | None = None, **tables: Any) -> plan.Plan:
    """The plan of `scenario(...)` for so many training samples."""
    return plan.build(scenario(units, transfers, **tables), (units[0],), units[-1], samples)


def run(p: plan.Plan, x: Any, y: Any) -> tuple[engine.State, Any]:
    """The whole run in the engine: its final state, with all updates applied, and all message rows."""
    state = engine.start(p, dataset(x, y, p.classes), trace_frames=p.frames)
    parts = [np.zeros(0, plan.MESSAGE_ROW)]
    engine.advance(p, state, p.frames, lambda rows, payload: parts.append(rows))
    engine.settle(state)
    return state, np.concatenate(parts)
