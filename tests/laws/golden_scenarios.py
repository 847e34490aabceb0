"""Small scenarios in which everything is met that the engine can do, for `tests.laws.golden`.

Widths are no multiples of a vector's length, batches are 1 and more, and most data sets leave a shorter last frame.
The largest are those whose work is divided into parts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from channelsim import hashing
from channelsim.data import Dataset
from channelsim.data.dataset import assemble
from channelsim.data.raw import Raw
from channelsim.plan import Plan
from tests.networks import EVERY_STAGE, dense_layers, plan_of_chain
from tests.own.files import use, use_rule

Table = dict[str, Any]


@dataclass(frozen=True)
class Golden:
    """A scenario and its data, of which a share is 0. Of a traced one each message is recorded."""

    shape: tuple[int, ...]
    layers: list[Table]
    classes: int
    samples: int
    tables: Table
    zeros: float = 0.3
    traced: bool = False

    def plan(self) -> Plan:
        return plan_of_chain(self.shape, self.layers, self.classes, self.samples, **self.tables)

    def data(self) -> Dataset:
        """Images and labels from the counter hash; the test set is the first half of them."""
        shape = (self.samples, *self.shape)
        values, draws, labels = (hashing.uniform(hashing.bits(key, int(np.prod(shape)))) for key in (1, 2, 3))
        x = np.where(draws < self.zeros, 0.0, 2.0 * values - 1.0).astype(np.float32).reshape(shape)
        y = (labels[: self.samples] * self.classes).astype(np.int64)
        half = self.samples // 2
        raw = Raw(x, y, x[:half], y[:half], self.shape, self.classes)
        return assemble("golden", raw, None, None, 0, self.tables.get("data", {}).get("normalize", False), "auto")


def training(batch: int, epochs: int = 1, **keys: Any) -> Table:
    return {"batch": batch, "epochs": epochs, "learning_rate": 0.05, **keys}


def dense(
    units: list[int], samples: int, rule: str, batch: int, transfers: list[str] | None = None, zeros: float = 0.3,
    traced: bool = False, **tables: Any,
) -> Golden:  # fmt: skip
    """A dense network. Keys of [learning] and [training] are laid over those that follow from rule and batch."""
    tables["learning"] = {"rule": rule, **tables.get("learning", {})}
    tables["training"] = training(batch, **tables.get("training", {}))
    layers = dense_layers(units, transfers)
    return Golden((units[0],), layers, units[-1], samples, {"seed": 7, **tables}, zeros, traced)


def maps(
    shape: tuple[int, int, int], layers: list[Table], samples: int, rule: str, batch: int, **tables: Any
) -> Golden:
    """A network on maps with five classes."""
    tables["learning"] = {"rule": rule, **tables.get("learning", {})}
    tables["training"] = training(batch, **tables.get("training", {}))
    tables["data"] = {"name": "synthetic", **tables.get("data", {})}
    top = {"kind": "dense", "units": 5, "transfer": "softmax"}
    return Golden(shape, [*layers, top], 5, samples, {"seed": 7, **tables})


def both(**keys: Any) -> Table:
    """The same keys for the channels of both directions."""
    return {"channels": {"forward": keys, "learning": keys}}


def quantizer(kind: str, **keys: Any) -> Table:
    return {"quantize": {"kind": kind, **keys}}


def conv(channels: int, kernel: int, transfer: str, **keys: Any) -> Table:
    return {"kind": "conv2d", "channels": channels, "kernel": kernel, "transfer": transfer, **keys}


SMALL, MIDDLE, WIDE = [17, 10, 5], [17, 33, 17, 5], [130, 100, 17, 5]
PIPELINED: Table = {"mode": "pipelined", "interval": "100 ns"}
EXPONENTIAL: Table = {"distribution": "exponential", "value": "100 ns"}
DELAYED: Table = {
    "channels": {"learning": {"latency": "170 ns"}, "forward": {"latency": "15 ns", "queue": 1}},
    "compute": {"forward": "4 ns", "learning": "9 ns"},
}
CONVOLUTIONS = [
    conv(5, 3, "relu", padding=1),
    {"kind": "maxpool", "size": 2},
    conv(17, 2, "tanh"),
    {"kind": "avgpool", "size": 2, "stride": 1},
    {"kind": "flatten"},
]

SCENARIOS: dict[str, Golden] = {
    # rules, one sample a frame and several
    "bp, online": dense(WIDE, 70, "bp", 1),
    "bp, batch 20": dense(WIDE, 50, "bp", 20, ["tanh", "logistic", "softmax"]),
    "bp, batch 3": dense(MIDDLE, 20, "bp", 3, training={"learning_rate_decay": 0.01, "epochs": 3}),
    "rbp, batch 20": dense(MIDDLE, 50, "rbp", 20, ["relu", "tanh", "logistic"]),
    "srbp, online, few inputs": dense(WIDE, 90, "srbp", 1, zeros=0.9),
    "srbp, batch 20, few inputs": dense(WIDE, 50, "srbp", 20, zeros=0.8),
    "srbp, no derivative": dense(MIDDLE, 20, "srbp", 3, ["relu", "relu", "tanh"], learning={"derivative": False}),
    "arbp, momentum": dense(MIDDLE, 20, "arbp", 3, training={"momentum": 0.5}),
    "asrbp, online": dense(WIDE, 30, "asrbp", 1, learning={"learning_rate": 0.02}),
    "asrbp, few wires": dense(MIDDLE, 20, "asrbp", 3, learning={"feedback": {"connections": 2}}),
    "sign": dense(MIDDLE, 20, "sign", 3),
    "sign, few wires, online": dense(MIDDLE, 20, "sign", 1, learning={"feedback": {"connections": 2}}),
    "drtp": dense(MIDDLE, 20, "drtp", 3, ["logistic", "linear", "linear"]),
    "top": dense(SMALL, 20, "top", 3, training={"momentum": 0.9}),
    "routes by hand": dense([17, 10, 9, 8, 5], 20, "rbp", 3, learning={"route": ["from 3", "skipped", "layered"]}),
    # work in parts, which threads share
    "bp, batch 120": dense(WIDE, 250, "bp", 120),
    "srbp, batch 130, rows in parts": dense([300, 33, 5], 270, "srbp", 130, zeros=0.8),
    # what is drawn before the first frame
    "orthogonal W, uniform C of 2 bits": dense(
        MIDDLE, 20, "rbp", 3, weights={"distribution": "orthogonal"},
        learning={"feedback": {"distribution": "uniform", "bits": 2}},
    ),
    "uniform W, orthogonal C": dense(
        MIDDLE, 20, "srbp", 3, weights={"distribution": "uniform", "scale": "he"},
        learning={"feedback": {"distribution": "orthogonal", "scale": 0.2}},
    ),
    "C of 1 bit": dense(MIDDLE, 20, "srbp", 3, learning={"feedback": {"bits": 1}}),
    "binary C": dense(MIDDLE, 20, "rbp", 1, learning={"feedback": {"distribution": "binary"}}),
    # sums of whole numbers: signs over signs
    "messages and C of 1 bit": dense(
        MIDDLE, 50, "rbp", 20, learning={"feedback": {"distribution": "sign", "scale": 0.3}},
        channels={"learning": quantizer("sign", scale="rms")},
    ),
    "messages and W of 1 bit, online": dense(
        MIDDLE, 20, "bp", 1, synapses={"weight": {"kind": "sign", "scale": "rms"}},
        **both(**quantizer("sign", scale=0.7)),
    ),
    "few signed wires, ternary": dense(
        MIDDLE, 20, "sign", 3, learning={"feedback": {"distribution": "sign", "connections": 4}},
        channels={"learning": {**quantizer("ternary", scale="rms"), "drop": {"probability": 0.2, "rescale": True}}},
    ),
    # stages, one by one and all together
    "log2, max": dense(MIDDLE, 20, "srbp", 3, **both(**quantizer("log2", exponents=3), encoding="aer", header=5)),
    "log2, rms, bit errors": dense(
        MIDDLE, 20, "bp", 3,
        **both(**quantizer("log2", exponents=4, silence=True, scale="rms"), bit_errors={"probability": 0.05}),
    ),
    "uniform, rms": dense(MIDDLE, 20, "rbp", 3, **both(**quantizer("uniform", bits=5, scale="rms"))),
    "uniform, stochastic": dense(
        WIDE, 20, "bp", 1, **both(**quantizer("uniform", bits=4, scale="rms", rounding="stochastic"))
    ),
    "sign, rms": dense(MIDDLE, 20, "srbp", 1, **both(**quantizer("sign", scale="rms"))),
    "ternary": dense(MIDDLE, 20, "bp", 3, **both(**quantizer("ternary", scale=0.3), bit_errors={"probability": 0.02})),
    "noise, drop": dense(
        WIDE, 20, "rbp", 3, **both(noise={"sigma": 0.05, "scale": "rms"}, drop={"probability": 0.2, "rescale": True})
    ),
    "bit errors of floats": dense(MIDDLE, 20, "srbp", 3, channels={"learning": {"bit_errors": {"probability": 1e-3}}}),
    "threshold": dense(WIDE, 30, "rbp", 1, **both(threshold={"value": 0.05}, residual="threshold", encoding="auto")),
    "every stage": dense(
        MIDDLE, 20, "rbp", 3, traced=True,
        channels={"learning": EVERY_STAGE, "forward": {**EVERY_STAGE, "deadline": "1 us"}},
    ),
    # clock and schedules
    "jitter, deadline, queue": dense(
        MIDDLE, 20, "srbp", 3, traced=True,
        **both(jitter=EXPONENTIAL, deadline="1 us", bandwidth="3 Gbit/s", queue=1),
    ),
    "pipelined, online": dense(WIDE, 40, "srbp", 1, traced=True, schedule=PIPELINED, **DELAYED),
    "poisson, stash, current": dense(
        MIDDLE, 30, "arbp", 3, traced=True, **DELAYED,
        schedule={**PIPELINED, "arrivals": "poisson", "stash": 2, "on_miss": "current"},
    ),
    "pipelined, stash, drop": dense(MIDDLE, 30, "bp", 3, schedule={**PIPELINED, "stash": 1}, **DELAYED),
    "broadcast": dense(
        MIDDLE, 20, "srbp", 3, traced=True, links={"bus": {"bandwidth": "1 Gbit/s", "broadcast": True}},
        channels={"learning": {"link": "bus", "jitter": "50 ns"}},
    ),
    "a shared link that changes": dense(
        MIDDLE, 30, "srbp", 3, traced=True, links={"bus": {"bandwidth": "100 Mbit/s", "queue": 2}}, **both(link="bus"),
        schedule={"change": [{"frame": 5, "channels": {"learning": {"drop": {"probability": 0.5}, "header": 9}}}]},
    ),
    # synapses of few bits
    "quantized synapses": dense(
        MIDDLE, 20, "srbp", 3,
        synapses={"update": {"kind": "log2", "exponents": 4, "silence": True},
                  "weight": {"kind": "uniform", "bits": 8, "scale": "rms"}},
    ),
    "stochastic synapses": dense(
        MIDDLE, 20, "rbp", 1, training={"momentum": 0.5},
        synapses={"update": {"kind": "ternary", "scale": "rms"},
                  "weight": {"kind": "uniform", "bits": 7, "scale": 1.0, "rounding": "stochastic"}},
    ),
    # layers with rates of their own, and without biases
    "frozen layers, online": dense(
        [17, 10, 9, 8, 5], 30, "arbp", 1, learning={"learning_rate": {"2": 0.03}},
        training={"learning_rate": {"default": 0.05, "2": 0, "3": 0.02}, "learning_rate_decay": 0.01},
    ),
    "no biases, online": dense(WIDE, 30, "bp", 1, model={"bias": False}),
    "no biases, batch 20": dense(WIDE, 50, "srbp", 20, model={"bias": False}),
    "maps, no biases, frozen": maps(
        (2, 9, 9), CONVOLUTIONS, 10, "bp", 3, model={"bias": False},
        training={"learning_rate": {"default": 0.05, "3": 0}},
    ),
    # maps
    "maps, bp": maps((2, 9, 9), CONVOLUTIONS, 10, "bp", 3, data={"normalize": True}),
    "maps, bp, batch 20": maps((3, 9, 9), [conv(17, 3, "relu", stride=2)], 50, "bp", 20),
    "maps, sign, online": maps((2, 9, 9), CONVOLUTIONS, 8, "sign", 1, data={"flip": True, "shift": 1}),
    "maps, arbp": maps((2, 9, 9), CONVOLUTIONS, 10, "arbp", 3, training={"momentum": 0.5}),
    "maps, asrbp, few wires": maps(
        (2, 9, 9), CONVOLUTIONS, 10, "asrbp", 3, learning={"feedback": {"connections": 2}}, data={"shift": 2}
    ),
    "maps, messages and W of 1 bit": maps(
        (2, 9, 9), CONVOLUTIONS, 10, "sign", 3, learning={"feedback": {"distribution": "sign"}},
        synapses={"weight": {"kind": "ternary", "scale": "rms"}}, **both(**quantizer("sign", scale=0.3)),
    ),
    "maps, C of 3 bits": maps(
        (2, 9, 9), CONVOLUTIONS, 10, "arbp", 3, learning={"feedback": {"bits": 3}},
        **both(**quantizer("log2", exponents=3)),
    ),
    "maps, every stage": maps(
        (2, 9, 9), CONVOLUTIONS, 10, "rbp", 3,
        channels={"learning": EVERY_STAGE, "forward": {**EVERY_STAGE, "deadline": "9 us"}},
    ),
    # several W, several channels, several C
    "sbp, batch 20": dense([17, 33, 21, 10, 5], 50, "sbp", 20),
    "sbp, online, W of 1 bit": dense(
        [17, 33, 21, 10, 5], 20, "sbp", 1, synapses={"weight": {"kind": "sign", "scale": "rms"}},
        channels={"learning": quantizer("sign", scale=0.7)},
    ),
    "cascade, 3 copies, late ones": dense(
        [17, 10, 9, 8, 5], 20, "arbp", 3, traced=True, learning={"route": "cascade", "feedback": {"copies": 3}},
        channels={"learning": EVERY_STAGE, "learning.1": {"latency": "80 ns"}},
        schedule={**PIPELINED, "stash": 2},
    ),
    "several sources by hand, online": dense(
        [17, 10, 9, 8, 5], 20, "rbp", 1, learning={"route": ["from 2, 4", "layered", "skipped"]}
    ),
    "C drawn anew": dense(MIDDLE, 20, "srbp", 3, learning={"feedback": {"redraw": "frame", "mean": 0.1}}),
    "signs with C drawn anew, few wires": dense(
        MIDDLE, 20, "brsf", 3, learning={"feedback": {"connections": 4, "distribution": "uniform"}}
    ),
    "low rank": dense(
        WIDE, 50, "asrbp", 20, learning={"feedback": {"rank": 3, "copies": 2}},
        channels={"learning": quantizer("uniform", bits=5, scale="rms")},
    ),
    "maps, cascade": maps((2, 9, 9), CONVOLUTIONS, 10, "rbp", 3, learning={"route": "cascade"}),
    # what C makes of the errors is quantized
    "log2 at the receiver": dense(
        WIDE, 50, "rbp", 20, traced=True,
        channels={"learning": {"quantize": {"kind": "log2", "exponents": 3, "scale": 0.125, "at": "receiver"}}},
    ),
    "uniform at the receiver, signed wires, online": dense(
        MIDDLE, 20, "sign", 1, learning={"feedback": {"distribution": "sign", "connections": 4}},
        channels={"learning": {"quantize": {"kind": "uniform", "bits": 5, "scale": "rms", "rounding": "stochastic",
                                            "at": "receiver"},
                               "residual": "error_feedback", "encoding": "auto"}},
    ),
    "maps, every stage at the receiver": maps(
        (2, 9, 9), CONVOLUTIONS, 10, "rbp", 3,
        channels={"learning": {**EVERY_STAGE, "quantize": {**EVERY_STAGE["quantize"], "at": "receiver"}}},
    ),
    # updates sample by sample, absolute values, and weights that decay
    "log2 updates of samples": dense(
        WIDE, 50, "srbp", 20, synapses={"update": {"kind": "log2", "exponents": 3, "scale": 2**-6, "per": "sample"}}
    ),
    "stochastic updates of samples, batch 120": dense(
        WIDE, 250, "bp", 120,
        synapses={"update": {"kind": "uniform", "bits": 4, "scale": "rms", "rounding": "stochastic", "per": "sample"}},
    ),
    "maps, sign updates of samples": maps(
        (2, 9, 9), CONVOLUTIONS, 10, "rbp", 3, synapses={"update": {"kind": "sign", "scale": "rms", "per": "sample"}}
    ),
    "absolute updates": dense(MIDDLE, 20, "srbp", 3, synapses={"update": {"kind": "abs"}}),
    "decaying weights, online": dense(
        WIDE, 30, "arbp", 1,
        training={"weight_decay": 0.1, "learning_rate_decay": {"per_update": 0.04, "form": "linear"}},
    ),
    "decaying weights and C": dense(
        MIDDLE, 20, "asrbp", 3, learning={"weight_decay": 0.2},
        training={"weight_decay": 0.1, "momentum": 0.5, "learning_rate_decay": {"per_update": 0.1, "form": "inverse"}},
    ),
    # a feedback weight for each synapse
    "errors of synapses": dense(MIDDLE, 50, "srbp", 20, learning={"feedback": {"per": "synapse"}}),
    "errors of synapses, online": dense(
        WIDE, 20, "srbp", 1, learning={"feedback": {"per": "synapse", "distribution": "sign"}},
        training={"weight_decay": 0.1}, channels={"learning": quantizer("uniform", bits=4)},
    ),
    "maps, decaying weights": maps((2, 9, 9), CONVOLUTIONS, 10, "arbp", 3, training={"weight_decay": 0.05}),
    # entropy codes
    "entropy code, online": dense(
        MIDDLE, 20, "rbp", 1, traced=True,
        channels={"forward": {**quantizer("uniform", bits=6), "encoding": "entropy", "bandwidth": "1 Gbit/s"},
                  "learning": {**quantizer("log2", bits=4, scale="rms"), "encoding": "entropy", "header": 5}},
    ),
    "entropy code, batch 10": dense(
        MIDDLE, 40, "srbp", 10, **both(**quantizer("log2", exponents=10), encoding="entropy", bandwidth="100 Mbit/s")
    ),
    # stages of a user's own: C's library has no part in these
    "stages of a user's own": dense(
        MIDDLE, 40, "rbp", 5,
        channels={"forward": {"stage": use("drift", keep=0.9, sigma=0.05),
                              "drop": {"probability": 0.1, "rescale": True}},
                  "learning": {"stage": [use("top_k", k=3), use("saturate", gain=0.8, limit=1.0), use("shuffled")],
                               "residual": "error_feedback", **quantizer("uniform", bits=6)}},
    ),
    "stages of a user's own, online": dense(
        MIDDLE, 30, "srbp", 1, channels={"learning": {"stage": use("jittered", sigma=0.1), "encoding": "aer"}}
    ),
    # and rules
    "steps of a user's own": dense(
        MIDDLE, 30, "arbp", 5, training={"momentum": 0.5},
        learning={"rule": use_rule("kolen_pollack", decay=0.01), "feedback": {"connections": 4}},
    ),
    "steps of a user's own, online": dense(
        MIDDLE, 20, "bp", 1, learning={"rule": use_rule("pulses", step=0.05)}
    ),
}  # fmt: skip
