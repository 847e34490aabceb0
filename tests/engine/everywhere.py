"""Runs that are the same on every processor, written to a file: `python -m tests.engine.everywhere FILE`.

`tests/engine/test_widths.py` runs it with vectors of other widths, and for other processors.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from channelsim import engine
from channelsim.data import Dataset
from tests import without_jit
from tests.laws.cases import Case, dense_case, outcome
from tests.networks import EVERY_STAGE, dataset

ONLINE = {"batch": 1, "epochs": 2, "learning_rate": 0.02}
ONCE = {"batch": 60, "epochs": 1, "learning_rate": 0.1}
RMS = {
    "threshold": {"value": 0.02},
    "residual": "threshold",
    "quantize": {"kind": "uniform", "bits": 6, "scale": "rms", "rounding": "stochastic"},
    "noise": {"sigma": 0.05, "scale": "rms"},
    "drop": {"probability": 0.1, "rescale": True},
}
LOG2 = {"quantize": {"kind": "log2", "exponents": 5, "scale": "rms"}}
TERNARY = {"update": {"kind": "ternary", "scale": "rms"}, "weight": {"kind": "uniform", "bits": 8, "scale": "rms"}}

# Layers wider than a vector and a strip of any width, and none a whole number of them.
UNITS, TRANSFERS = [150, 130, 37, 10], ["tanh", "relu", "softmax"]
CASES: dict[str, dict[str, Any]] = {
    "bp online": {"learning": {"rule": "bp"}, "training": ONLINE},
    "bp": {"learning": {"rule": "bp"}, "training": ONCE},
    "srbp, rms": {"learning": {"rule": "srbp"}, "training": ONLINE, "channels": {"forward": RMS, "learning": LOG2}},
    "bp, rms": {"learning": {"rule": "bp"}, "training": ONCE, "channels": {"forward": RMS, "learning": RMS}},
    "arbp, momentum": {
        "learning": {"rule": "arbp"},
        "training": {**ONCE, "momentum": 0.9, "learning_rate_decay": 0.01},
    },
    "sign, every stage": {
        "learning": {"rule": "sign"},
        "training": {**ONLINE, "batch": 7},
        "channels": {"forward": EVERY_STAGE, "learning": EVERY_STAGE},
    },
    "asrbp, quantized synapses": {"learning": {"rule": "asrbp"}, "training": ONLINE, "synapses": TERNARY},
    "rbp, pipelined": {
        "learning": {"rule": "rbp", "feedback": {"connections": 9}},
        "training": ONLINE,
        "schedule": without_jit.PIPELINED,
        "channels": {"learning": {"latency": "170 ns"}, "forward": {"latency": "15 ns", "queue": 1}},
    },
}
SAMPLES = 75


def outcomes() -> dict[str, Any]:
    """Weights, counters, times and the loss of every case, and of the small ones with every feature."""
    found = without_jit.outcomes()
    for name, tables in CASES.items():
        for share in (0.3, 0.8):  # of inputs that are zero: as matrices, and as lists of events
            case = dense_case(UNITS, TRANSFERS, SAMPLES, tables)
            found |= made(f"{name}, {share} zero", case, data(case, share))
    case = Case((2, 9, 9), without_jit.MAPS, 3, 12, {"learning": {"rule": "bp"}, "training": {**ONCE, "batch": 5}})
    return found | made("maps", case, case.data())


def data(case: Case, share: float) -> Dataset:
    rng = np.random.default_rng(5)
    x = rng.uniform(-1, 1, (case.samples, *case.shape)).astype(np.float32)
    x[rng.random(x.shape) < share] = 0
    return dataset(x, rng.integers(case.classes, size=case.samples), case.classes)


def made(name: str, case: Case, samples: Dataset) -> dict[str, Any]:
    plan = case.plan()
    state = engine.start(plan, samples)
    engine.advance(plan, state, plan.frames)
    end = outcome(state)
    return {
        f"{name}: weights": end.weights,
        f"{name}: biases": end.biases,
        f"{name}: feedback": end.feedback,
        f"{name}: counters": np.array([end.counters[field] for field in end.counters.dtype.names]),
        f"{name}: now": np.array(end.now),
        f"{name}: loss": np.array(engine.evaluate(state, samples.test_x, samples.test_y)),
    }


if __name__ == "__main__":
    np.savez(sys.argv[1], **outcomes())
