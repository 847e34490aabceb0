"""A few small runs of the engine, written to a file: `python -m tests.without_jit FILE`.

`tests/test_without_jit.py` runs it with NUMBA_DISABLE_JIT=1, where every function of the engine is plain Python.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from channelsim import engine
from channelsim.plan import CHANNEL, MESSAGE_ROW, Encoding
from tests.engine.records import channel
from tests.laws.cases import Case, dense_case, run
from tests.networks import EVERY_STAGE
from tests.own.files import use, use_rule
from tests.words import OF_MESSAGES

TRAINING = {"batch": 3, "epochs": 2, "learning_rate": 0.1}
ONLINE = {"batch": 1, "epochs": 1, "learning_rate": 0.05}
PIPELINED = {"mode": "pipelined", "interval": "100 ns", "arrivals": "poisson", "stash": 2, "on_miss": "current"}

CASES: dict[str, dict[str, Any]] = {
    **{
        f"{rule}": {"learning": {"rule": rule}}
        for rule in ("bp", "rbp", "srbp", "arbp", "asrbp", "sign", "drtp", "top")
    },
    "online": {"learning": {"rule": "bp"}, "training": ONLINE},
    "online, sparse": {"learning": {"rule": "asrbp", "feedback": {"connections": 2}}, "training": ONLINE},
    "sparse sign": {"learning": {"rule": "sign", "feedback": {"connections": 2}}},
    "momentum": {"learning": {"rule": "rbp"}, "training": {**TRAINING, "momentum": 0.5}},
    "all stages": {
        "learning": {"rule": "rbp"},
        "channels": {"learning": EVERY_STAGE, "forward": {**EVERY_STAGE, "deadline": "1 us"}},
    },
    "few bits": {
        "learning": {"rule": "srbp"},
        "channels": {
            "learning": {"quantize": {"kind": "log2", "exponents": 3}},
            "forward": {"quantize": {"kind": "ternary"}},
        },
    },
    "quantized synapses": {
        "learning": {"rule": "srbp"},
        "synapses": {"update": {"kind": "log2", "exponents": 4}, "weight": {"kind": "uniform", "bits": 8}},
    },
    "wires of one magnitude": {
        "learning": {"rule": "arbp", "feedback": {"distribution": "sign"}},
        "channels": {
            "forward": {"quantize": {"kind": "sign"}},
            "learning": {"quantize": {"kind": "sign", "scale": 0.3}},
        },
        "synapses": {"weight": {"kind": "ternary", "scale": "rms"}},
    },
    "pipelined": {
        "learning": {"rule": "arbp"},
        "schedule": PIPELINED,
        "channels": {"learning": {"latency": "170 ns"}, "forward": {"latency": "15 ns", "queue": 1}},
        "compute": {"forward": "4 ns"},
    },
    "stages of a user's own": {
        "learning": {"rule": "srbp"},
        "channels": {
            "forward": {"stage": [use("drift", keep=0.9, sigma=0.05), use("jittered", sigma=0.1)]},
            "learning": {"stage": [use("top_k", k=2), use("saturate", gain=0.8, limit=1.0), use("shuffled")]},
        },
    },
    "a rule of a user's own": {"learning": {"rule": use_rule("kolen_pollack", decay=0.01)}},
    "broadcast": {
        "learning": {"rule": "srbp"},
        "links": {"bus": {"bandwidth": "1 Gbit/s", "broadcast": True}},
        "channels": {"learning": {"link": "bus"}},
    },
}

MAPS: list[dict[str, Any]] = [
    {"kind": "conv2d", "channels": 2, "kernel": 3, "padding": 1, "transfer": "relu"},
    {"kind": "maxpool", "size": 2},
    {"kind": "conv2d", "channels": 2, "kernel": 2, "transfer": "tanh"},
    {"kind": "avgpool", "size": 2},
    {"kind": "flatten"},
    {"kind": "dense", "units": 3, "transfer": "softmax"},
]
ON_MAPS: dict[str, dict[str, Any]] = {
    "bp": {"learning": {"rule": "bp"}, "training": {"batch": 2, "epochs": 1, "learning_rate": 0.1}},
    "sign, moved": {
        "learning": {"rule": "sign"},
        "training": ONLINE,
        "data": {"name": "synthetic", "flip": True, "shift": 1},
    },
    "wires of one magnitude": {
        "learning": {"rule": "rbp", "feedback": {"bits": 1}},
        "training": {"batch": 2, "epochs": 1, "learning_rate": 0.1},
        "channels": {
            "forward": {"quantize": {"kind": "sign"}},
            "learning": {"quantize": {"kind": "sign", "scale": 0.3}},
        },
        "synapses": {"weight": {"kind": "sign", "scale": 0.2}},
    },
    "arbp, lossy": {
        "learning": {"rule": "arbp"},
        "training": {"batch": 3, "epochs": 1, "learning_rate": 0.1, "momentum": 0.5},
        "channels": {"learning": EVERY_STAGE, "forward": {**EVERY_STAGE, "deadline": "1 us"}},
    },
}


def outcomes() -> dict[str, Any]:
    """Weights and counters of every case."""
    found = {}
    cases = {
        name: dense_case([6, 5, 4, 3], ["tanh", "relu", "softmax"], 8, {"training": TRAINING, **tables})
        for name, tables in CASES.items()
    }
    cases |= {f"maps: {name}": Case((2, 6, 6), MAPS, 3, 4, tables) for name, tables in ON_MAPS.items()}
    for name, case in cases.items():
        result = run(case.plan(), case.data())
        for field in ("weights", "biases", "feedback"):
            found[f"{name}: {field}"] = getattr(result, field)
        counters = result.counters
        found[f"{name}: counters"] = np.array([counters[field] for field in counters.dtype.names])
        found[f"{name}: now"] = np.array(result.now)
    return found | packed()


def packed() -> dict[str, Any]:
    """Messages of every quantizer, dense and by addresses, as bytes."""
    channels = np.concatenate([
        np.array([channel(5, kind, 3, encoding=encoding, header_bits=3)], CHANNEL)
        for kind in OF_MESSAGES
        for encoding in Encoding
        if kind or encoding != Encoding.ENTROPY
    ])  # fmt: skip
    rows = np.zeros(len(channels), MESSAGE_ROW)
    rows["channel"], rows["neurons"], rows["scale"] = np.arange(len(rows)), 5, 0.5
    data, offsets = engine.pack(rows, np.array([0.5, 0, -0.5, 0, 0.5], np.float32), channels)
    return {"packed": data, "packed: offsets": offsets}


if __name__ == "__main__":
    np.savez(sys.argv[1], **outcomes())
