"""Any small scenario, made from a seed: every rule, stage, code, link, schedule and layer, classes and real targets.

What the strategies of `tests.laws.cases` draw is simple more often than not, so that what fails is small. Here most
scenarios have several stages on several channels, because what is wrong often is what two of them do together.
"""

from __future__ import annotations

import math
from dataclasses import replace
from random import Random
from typing import Any

from tests.laws.cases import ADAPTIVE, LAYERED, RULES, SKIPPED, Case, possible
from tests.networks import chain, dense_layers
from tests.own.files import use

TRANSFERS = ("tanh", "logistic", "relu", "linear")


def any_case(seed: int) -> Case:
    """The scenario of a seed."""
    rng = Random(seed)
    shape, layers, classes = _on_maps(rng) if rng.random() < 0.35 else _dense(rng)
    rule = rng.choice(possible(RULES, layers))
    names = ["forward", f"forward.{rng.randint(1, len(layers))}"]
    names += ["learning"] if rule != "top" and len(layers) > 1 else []
    channels = {name: _channel(rng) for name in names if rng.random() < 0.8}
    tables: dict[str, Any] = {
        "seed": rng.randrange(1000),
        "data": {"name": "synthetic"} | (_augmentation(rng) if len(shape) == 3 else {}),
        "learning": _learning(rng, rule, len(layers)),
        "training": {
            "batch": rng.choice([1, 1, 2, 3, 5]),
            "epochs": rng.randint(1, 3),
            "learning_rate": rng.choice([0.005, 0.02]),
            "momentum": rng.choice([0, 0, 0.5, 0.9]),
            "learning_rate_decay": rng.choice([0, 0.05]),
            "shuffle": rng.random() < 0.5,
        },
        "channels": channels,
        "synapses": _synapses(rng),
        "schedule": _schedule(rng),
        "compute": rng.choice([{}, {"forward": "7 ns", "learning": "3 ns"}, {"learning": "40 ns"}]),
    }
    if any(keys.get("link") == "bus" for keys in channels.values()):
        tables["links"] = {"bus": {"bandwidth": rng.choice(["500 Mbit/s", "3 Gbit/s"])} | _sometimes(rng, 0.4, queue=2)}
        tables["links"]["bus"]["broadcast"] = rng.random() < 0.5
    samples = rng.randint(2, 9)
    if rng.random() < 0.2 and samples > tables["training"]["batch"]:
        changed = {"latency": "35 ns", "drop": {"probability": 0.2}}
        tables["schedule"]["change"] = [{"frame": 1, "channels": {rng.choice(names): changed}}]
    case = _with_targets(Random(f"targets {seed}"), Case(shape, layers, classes, samples, tables))
    _without_biases(rng, case.layers)
    _with_rates(rng, case.layers, case.tables)
    _with_numbers(rng, shape, case.layers, case.tables)
    _with_channels(Random(f"channels {seed}"), case)
    _at_receivers(Random(f"receivers {seed}"), case.tables)
    _with_decays(Random(f"decays {seed}"), case.tables)
    _updates_of_samples(Random(f"updates {seed}"), case.tables)
    _with_own_stages(Random(f"stages {seed}"), case.tables)
    if all(layer["kind"] == "dense" for layer in case.layers):
        _per_synapse(Random(f"synapses {seed}"), case.tables)
    return case


def _with_targets(rng: Random, case: Case) -> Case:
    """The case, or it with real targets of any width in place of classes; sometimes learned in full batches."""
    if rng.random() < 0.1 and "change" not in case.tables["schedule"]:  # a change comes at frame 1
        case = case.with_tables(training={**case.tables["training"], "batch": "all"})
    if rng.random() < 0.65:
        return case
    width = rng.randint(1, 5)
    top = {**case.layers[-1], "units": width, "transfer": rng.choice(TRANSFERS)}
    return replace(case, layers=[*case.layers[:-1], top], classes=width, real=True)


def _sometimes(rng: Random, probability: float, **keys: Any) -> dict[str, Any]:
    """Each of these keys, with this probability."""
    return {key: value for key, value in keys.items() if rng.random() < probability}


# --- networks ---------------------------------------------------------------------------------------------


def _dense(rng: Random) -> tuple[tuple[int, ...], list[dict[str, Any]], int]:
    units = [rng.randint(1, 7) for _ in range(rng.randint(2, 4))] + [rng.choice([2, 4])]
    transfers = [rng.choice(TRANSFERS) for _ in units[1:-1]] + [rng.choice(["softmax", "softmax", "tanh", "linear"])]
    return (units[0],), dense_layers(units, transfers), units[-1]


def _on_maps(rng: Random) -> tuple[tuple[int, ...], list[dict[str, Any]], int]:
    """Convolutions, pools, flatten and dense layers in any order that fits, with synapses below the top."""
    shape = size = rng.randint(1, 2), rng.randint(2, 5), rng.randint(2, 5)
    layers: list[dict[str, Any]] = []
    for kind in ["conv2d", *rng.choices(["conv2d", "maxpool", "avgpool"], k=rng.randint(0, 2))]:
        padding = rng.choice([0, 0, 1]) if kind == "conv2d" else 0
        kernel, stride = rng.randint(1, min(size[1:]) + 2 * padding), rng.randint(1, 2)
        channels = rng.randint(1, 3) if kind == "conv2d" else size[0]
        own = {"channels": channels, "kernel": kernel, "padding": padding, "transfer": rng.choice(TRANSFERS)}
        layers.append({"kind": kind, "stride": stride} | (own if kind == "conv2d" else {"size": kernel}))
        size = channels, *((side + 2 * padding - kernel) // stride + 1 for side in size[1:])
    layers += [{"kind": "flatten"}] if rng.random() < 0.3 else []
    hidden = [rng.randint(1, 5)] if rng.random() < 0.4 else []
    classes = rng.choice([2, 4])
    return shape, layers + dense_layers([math.prod(size), *hidden, classes], None), classes


def _augmentation(rng: Random) -> dict[str, Any]:
    return _sometimes(rng, 0.3, flip=True, shift=1)


def _learners(layers: list[dict[str, Any]]) -> list[int]:
    """The numbers of the layers that have synapses."""
    return [h for h, layer in enumerate(layers, start=1) if "transfer" in layer]


def _without_biases(rng: Random, layers: list[dict[str, Any]]) -> None:
    """In some networks some layers have no biases."""
    if rng.random() < 0.4:
        for h in _learners(layers):
            layers[h - 1]["bias"] = rng.random() < 0.5


def _with_rates(rng: Random, layers: list[dict[str, Any]], tables: dict[str, Any]) -> None:
    """In some networks some layers, or C, have rates of their own, 0 among them."""
    if rng.random() < 0.4:
        own = {str(h): rng.choice([0, 0, 0.01, 0.03]) for h in _learners(layers) if rng.random() < 0.5}
        tables["training"]["learning_rate"] = {"default": tables["training"]["learning_rate"], **own}
    learning = tables["learning"]
    if "learning_rate" in learning and rng.random() < 0.4:
        h = rng.choice([*_learners(layers[:-1]), 0])
        learning["learning_rate"] = {str(h): rng.choice([0, 0.02])} if h else {"default": learning["learning_rate"]}


def _with_numbers(rng: Random, shape: tuple[int, ...], layers: list[dict[str, Any]], tables: dict[str, Any]) -> None:
    """In some networks W, b or C of some layers are given."""
    if rng.random() < 0.7:
        return
    described = chain(shape, layers, **tables)
    units = [math.prod(size) for size in described.model.shapes()]
    for h in _learners(layers):
        size = units[h - 1], units[h]
        if layers[h - 1]["kind"] == "conv2d":
            size = described.model.shapes()[h - 1][0] * layers[h - 1]["kernel"] ** 2, layers[h - 1]["channels"]
        layers[h - 1] |= _sometimes(rng, 0.5, W=_numbers(rng, size))
        if layers[h - 1].get("bias", True):
            layers[h - 1] |= _sometimes(rng, 0.5, b=_numbers(rng, (1, size[1]))[0])
    learning = tables["learning"]
    if learning["rule"] not in ("bp", "sbp", "sign", "top") and "connections" not in learning["feedback"]:
        matrices = {
            str(h): _numbers(rng, (units[source], units[h]))
            for h, (source,) in described.routes().items()
            if source > h + 1 or layers[source - 1]["kind"] == "dense"
        }
        learning["feedback"]["C"] = {h: matrix for h, matrix in matrices.items() if rng.random() < 0.7}


def _with_channels(rng: Random, case: Case) -> None:
    """In some networks C has a mean, a rank or copies, or is drawn anew, or errors come from several layers."""
    learning, layers, depth = case.tables["learning"], case.layers, len(case.layers)
    feedback = learning.get("feedback", {"C": {}})
    if "C" in feedback or depth == 1 or rng.random() < 0.4:
        return
    if learning["rule"] in LAYERED + SKIPPED and rng.random() < 0.5:
        above = [rng.sample(range(h + 1, depth + 1), min(2, depth - h)) for h in range(1, depth)]
        words = [f"from {', '.join(map(str, sources))}" for sources in above]
        learning["route"] = rng.choice(["cascade", [rng.choice([word, "skipped"]) for word in words]])
    feedback |= _sometimes(rng, 0.3, copies=rng.randint(2, 3))
    if all(layer["kind"] == "dense" for layer in layers) and learning["rule"] != "sign" and rng.random() < 0.6:
        feedback.pop("connections", None)
        feedback["rank"] = rng.randint(1, min(layer["units"] for layer in layers))
        return
    feedback |= _sometimes(rng, 0.4, mean=0.3)
    if learning["rule"] not in ADAPTIVE and rng.random() < 0.6:
        feedback.pop("bits", None)
        feedback["redraw"] = "frame"
    named = [name for name in chain(case.shape, layers, **case.tables).channel_names if name.count(".") > 1]
    if named and rng.random() < 0.5:
        case.tables["channels"][rng.choice(named)] = {"header": 3, "latency": "20 ns", "threshold": {"value": 0.02}}


def _at_receivers(rng: Random, tables: dict[str, Any]) -> None:
    """Some of the quantizers of learning channels are at the receiver, where that can be."""
    if tables["learning"]["rule"] == "sbp" or "rank" in tables["learning"].get("feedback", {}):
        return
    if tables["learning"]["rule"] in ("arbp", "asrbp") or tables.get("links", {}).get("bus", {}).get("broadcast"):
        return
    quantize = tables["channels"].get("learning", {}).get("quantize")
    if quantize is not None and rng.random() < 0.5:
        tables["channels"]["learning"]["quantize"] = {**quantize, "at": "receiver"}


def _with_decays(rng: Random, tables: dict[str, Any]) -> None:
    """In some scenarios W, b and C decay, and rates by other forms."""
    training = tables["training"]
    if rng.random() < 0.2:
        training["weight_decay"] = rng.choice([0.01, 0.3])
    if training["learning_rate_decay"] and rng.random() < 0.5:
        form = rng.choice(["linear", "inverse"])
        training["learning_rate_decay"] = {"per_update": training["learning_rate_decay"], "form": form}
    if tables["learning"]["rule"] in ("arbp", "asrbp") and rng.random() < 0.3:
        tables["learning"]["weight_decay"] = rng.choice([0, 0.2])


def _updates_of_samples(rng: Random, tables: dict[str, Any]) -> None:
    """In some scenarios updates are quantized sample by sample, or are absolute values."""
    training, synapses = tables["training"], tables["synapses"]
    if "update" not in synapses and rng.random() < 0.25:
        uniform = {"kind": "uniform", "bits": 4, "scale": 0.1, "rounding": "stochastic"}
        synapses["update"] = rng.choice([{"kind": "abs"}, {"kind": "log2", "bits": 3, "scale": 2**-6}, uniform])
    if "update" in synapses and not training["momentum"] and not training.get("weight_decay") and rng.random() < 0.8:
        synapses["update"] = {**synapses["update"], "per": "sample"}


OWN: dict[str, dict[str, float]] = {
    "saturate": {"gain": 0.8, "limit": 1.0},
    "squash": {},
    "jittered": {"sigma": 0.1},
    "drift": {"keep": 0.9, "sigma": 0.05},
    "shuffled": {},
}


def _with_own_stages(rng: Random, tables: dict[str, Any]) -> None:
    """Some channels have stages of a user's own: none with a state where a queue may lose messages."""
    channels = list(tables["channels"].values())
    queues = any("queue" in keys for keys in [*channels, *tables.get("links", {}).values()])
    before = not any(keys.get("residual") == "threshold" for keys in channels)
    accepted = sorted(OWN.keys() - ({"drift"} if queues else set()) - (set() if before else {"jittered"}))
    for keys in channels:
        if rng.random() < 0.12:
            names = rng.sample(accepted, rng.randint(1, 2))
            keys["stage"] = [use(name, **OWN[name]) for name in names]


NO_SYNAPSES = ("connections", "C", "rank", "redraw", "copies")


def _per_synapse(rng: Random, tables: dict[str, Any]) -> None:
    """In some scenarios with a fixed C all errors come from the top, through wires to each synapse."""
    learning = tables["learning"]
    at_receiver = tables["channels"].get("learning", {}).get("quantize", {}).get("at") == "receiver"
    per_sample = tables["synapses"].get("update", {}).get("per") == "sample"
    if learning["rule"] not in ("rbp", "srbp", "drtp") or at_receiver or per_sample or rng.random() < 0.5:
        return
    if any(name.count(".") > 1 for name in tables["channels"]):  # of several channels to a layer
        return
    learning["route"] = "skipped"
    learning["feedback"] = {key: k for key, k in learning["feedback"].items() if key not in NO_SYNAPSES}
    learning["feedback"]["per"] = "synapse"


def _numbers(rng: Random, size: tuple[int, int]) -> list[list[float]]:
    return [[rng.choice([0.0, rng.uniform(-1, 1), rng.uniform(-1, 1)]) for _ in range(size[1])] for _ in range(size[0])]


# --- rules ------------------------------------------------------------------------------------------------


def _learning(rng: Random, rule: str, depth: int) -> dict[str, Any]:
    table: dict[str, Any] = {"rule": rule, "derivative": rng.random() < 0.7}
    if rule in LAYERED + SKIPPED and rng.random() < 0.3:
        words = [[f"from {rng.randint(h + 1, depth)}", "layered", "skipped"] for h in range(1, depth)]
        table["route"] = rng.choice(["layered", "skipped", [rng.choice(word) for word in words]])
    if rule in ("arbp", "asrbp"):
        table["learning_rate"] = rng.choice([0.01, 0.05])
    if rule not in ("bp", "sbp", "top"):
        distribution = rng.choice(["normal", "uniform", "sign", "binary"])
        table["feedback"] = {"distribution": distribution} | _sometimes(rng, 0.3, connections=2, scale="he")
        table["feedback"] |= _sometimes(rng, 0.3, bits=rng.choice([1, 3]))
    return table


def _synapses(rng: Random) -> dict[str, Any]:
    return _sometimes(
        rng,
        0.2,
        update=rng.choice([{"kind": "log2", "exponents": 4}, {"kind": "sign"}, {"kind": "ternary", "scale": "rms"}]),
        weight={"kind": "uniform", "bits": 5, "scale": 1.0, "rounding": rng.choice(["nearest", "stochastic"])},
    ) | _sometimes(rng, 0.2, weight={"kind": rng.choice(["sign", "ternary"]), "scale": rng.choice([0.3, "rms"])})


# --- channels ---------------------------------------------------------------------------------------------


def _channel(rng: Random) -> dict[str, Any]:
    keys = _sometimes(
        rng,
        0.3,
        threshold={"value": rng.choice([0.0, 0.05, 0.2])},
        noise={"sigma": 0.05, "scale": rng.choice(["max", "rms", 1.0])},
        drop={"probability": rng.choice([0.1, 0.5]), "rescale": rng.random() < 0.5},
        deadline=rng.choice(["40 ns", "150 ns", "500 ns"]),
        jitter=rng.choice(["100 ns", {"distribution": "exponential", "value": "60 ns"}]),
    )
    if rng.random() < 0.6:
        keys["quantize"] = _quantizer(rng)
        keys |= _sometimes(rng, 0.5, bit_errors={"probability": rng.choice([0.02, 0.2, 1.0])})
    keeps = ["threshold", "error_feedback"] if "threshold" in keys else ["error_feedback"]
    if keys.keys() & {"threshold", "quantize"}:
        keys |= _sometimes(rng, 0.5, residual=rng.choice(keeps))
    keys |= _sometimes(rng, 0.5, latency=rng.choice(["1 ns", "50 ns", "200 ns"]), header=rng.randint(1, 9))
    keys |= _sometimes(rng, 0.6, encoding=rng.choice(["aer", "auto"]))
    if "bit_errors" in keys:
        keys.setdefault("encoding", "dense")  # and not the entropy code of all channels
    elif "quantize" in keys and rng.random() < 0.4:
        keys |= {"encoding": "entropy", "bit_errors": "none"}
    if rng.random() < 0.3:
        return keys | {"link": "bus"}
    keys |= _sometimes(rng, 0.6, bandwidth=rng.choice(["100 Mbit/s", "1 Gbit/s", "7 Gbit/s"]))
    return keys | (_sometimes(rng, 0.4, queue=rng.randint(0, 3)) if "bandwidth" in keys else {})


def _quantizer(rng: Random) -> dict[str, Any]:
    kind, scale = rng.choice(["log2", "uniform", "uniform", "sign", "ternary"]), rng.choice(["max", "rms", 0.3])
    table: dict[str, Any] = {"kind": kind, "scale": scale}
    if kind in ("log2", "uniform"):
        table["exponents" if kind == "log2" and rng.random() < 0.5 else "bits"] = rng.randint(2, 6)
    if kind == "log2":
        table["silence"] = rng.random() < 0.3
    if kind == "uniform":
        table["rounding"] = rng.choice(["nearest", "stochastic"])
    return table


def _schedule(rng: Random) -> dict[str, Any]:
    table: dict[str, Any] = {}
    if rng.random() < 0.6:
        table = {"mode": "pipelined", "interval": rng.choice(["20 ns", "90 ns", "400 ns"])}
        table |= _sometimes(rng, 0.5, arrivals="poisson", stash=rng.randint(1, 3))
        table |= {"on_miss": rng.choice(["drop", "current"])} if "stash" in table else {}
    return table
