"""Small random scenarios for the exactness laws: networks of any shape, every rule, route and modifier, every stage."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from hypothesis import reject
from hypothesis import strategies as st

from channelsim import engine
from channelsim.data import Dataset
from channelsim.plan import Plan
from tests.networks import dataset, dense_layers, plan_of_chain

LAYERED = ("rbp", "arbp")
SKIPPED = ("srbp", "asrbp")
RULES = ("bp", *LAYERED, *SKIPPED, "sign", "drtp", "top", "sbp")
ADAPTIVE = ("arbp", "asrbp")


@dataclass(frozen=True)
class Case:
    """A scenario in small: the shape of its input, its [[layers]], classes (of `real` targets: the values of one),
    samples, and TOML tables."""

    shape: tuple[int, ...]
    layers: list[dict[str, Any]]
    classes: int
    samples: int
    tables: dict[str, Any]
    real: bool = False

    def plan(self, **tables: Any) -> Plan:
        """The plan, with these tables in place of the case's own."""
        tables = {**self.tables, **tables}
        return plan_of_chain(self.shape, self.layers, self.classes, self.samples, real=self.real, **tables)

    def with_tables(self, **tables: Any) -> Case:
        """The case with these tables in place of its own."""
        return replace(self, tables={**self.tables, **tables})

    def with_unequal_wires(self) -> Case:
        """The case with a C of numbers of all sizes.

        Errors sum to 0, and what wires of equal weight make of them is 0 or a last digit: who speaks is chance then.
        """
        learning = dict(self.tables["learning"])
        if "feedback" in learning:
            learning["feedback"] = {key: k for key, k in learning["feedback"].items() if key == "connections"}
        return self.with_tables(learning=learning)

    def with_channels(self, **channels: dict[str, Any]) -> Plan:
        """The plan with more keys for its channels; of learning channels only where there are any."""
        merged = {name: dict(keys) for name, keys in self.tables.get("channels", {}).items()}
        for name, keys in channels.items():
            if name != "learning" or self.tables["learning"]["rule"] != "top":
                merged[name] = {**merged.get(name, {}), **keys}
        return self.plan(channels=merged)

    def data(self) -> Dataset:
        """Images with silent pixels, and labels or real targets, of which some are 0."""
        rng = np.random.default_rng([self.samples, self.classes, *self.shape])
        x = rng.uniform(-1, 1, (self.samples, *self.shape)).astype(np.float32)
        x[rng.random(x.shape) < 0.3] = 0
        if self.real:
            y = rng.normal(size=(self.samples, self.classes))
            y[rng.random(y.shape) < 0.2] = 0
            return dataset(x, y, 0)
        return dataset(x, rng.integers(self.classes, size=self.samples), self.classes)


def dense_case(units: list[int], transfers: list[str], samples: int, tables: dict[str, Any]) -> Case:
    """A dense network, `units` from the input to the top."""
    return Case((units[0],), dense_layers(units, transfers), units[-1], samples, tables)


@dataclass(frozen=True)
class Outcome:
    """What a run leaves: everything that may not differ by a bit."""

    weights: Any
    biases: Any
    feedback: Any
    counters: Any
    unit_counts: Any
    now: int

    def same_weights(self, other: Outcome) -> bool:
        return all(
            np.array_equal(getattr(self, name), getattr(other, name)) for name in ("weights", "biases", "feedback")
        )

    def same(self, other: Outcome) -> bool:
        counted = all(np.array_equal(getattr(self, name), getattr(other, name)) for name in ("counters", "unit_counts"))
        return self.same_weights(other) and self.now == other.now and counted


def outcome(state: engine.State) -> Outcome:
    """The state as it is now, copied."""
    engine.settle(state)
    copies = (part.copy() for part in (state.weights, state.biases, state.feedback, state.counters))
    return Outcome(*copies, np.concatenate(state.unit_counts), state.now)


def run(plan: Plan, data: Dataset) -> Outcome:
    """The whole run in one chunk."""
    state = engine.start(plan, data)
    advance(plan, state, plan.frames)
    return outcome(state)


def resumed(plan: Plan, data: Dataset, every: int) -> Outcome:
    """The whole run, which stops after every so many frames and goes on from a checkpoint."""
    state = engine.start(plan, data)
    for frame in range(0, plan.frames, every):
        advance(plan, state, frame)
        state = engine.restore(plan, data, {name: array.copy() for name, array in engine.snapshot(state).items()})
    advance(plan, state, plan.frames)
    return outcome(state)


def advance(plan: Plan, state: engine.State, until: int) -> None:
    """As the engine's own; a case whose weights grow without bound is given up."""
    try:
        engine.advance(plan, state, until)
    except engine.Diverged:
        reject()


# --- networks ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Network:
    """The shape of an input, the [[layers]] above it, and what the top has to tell apart."""

    shape: tuple[int, ...]
    layers: list[dict[str, Any]]
    classes: int


Networks = Callable[[tuple[str, ...], tuple[str, ...]], st.SearchStrategy[Network]]
"""Transfer functions below the top, and at the top -> networks."""


@st.composite
def dense_networks(draw: st.DrawFn, transfers: tuple[str, ...], tops: tuple[str, ...]) -> Network:
    hidden = draw(st.lists(st.integers(1, 9), min_size=1, max_size=3))
    units = [draw(st.integers(1, 9)), *hidden, draw(st.integers(2, 4))]
    top = draw(st.sampled_from(tops))
    below = draw(st.lists(st.sampled_from(transfers), min_size=len(hidden), max_size=len(hidden)))
    return Network((units[0],), dense_layers(units, [*below, top]), units[-1])


@st.composite
def networks_on_maps(draw: st.DrawFn, transfers: tuple[str, ...], tops: tuple[str, ...]) -> Network:
    """Convolutions, pools, flatten and dense layers in any order that fits, with synapses below the top somewhere."""
    size: tuple[int, ...] = draw(st.integers(1, 2)), draw(st.integers(1, 6)), draw(st.integers(1, 6))
    shape, layers, classes = size, [], draw(st.integers(2, 4))
    kinds = draw(st.lists(st.sampled_from(["conv2d", "conv2d", "maxpool", "avgpool", "flatten", "dense"]), max_size=4))
    kinds.insert(draw(st.integers(0, len(kinds))), draw(st.sampled_from(["conv2d", "conv2d", "dense"])))
    for kind in kinds:
        if len(size) == 1 and kind not in ("flatten", "dense"):
            kind = "dense"
        layer, size = draw(layer_on(kind, size, transfers))
        layers.append(layer)
    top = draw(st.sampled_from(tops))
    if len(size) == 3 and size[1] == size[2] and draw(st.booleans()):
        layers.append({"kind": "conv2d", "channels": classes, "kernel": size[1], "transfer": top})
    else:
        layers.append({"kind": "dense", "units": classes, "transfer": top})
    return Network(shape, layers, classes)


@st.composite
def layer_on(
    draw: st.DrawFn, kind: str, size: tuple[int, ...], transfers: tuple[str, ...]
) -> tuple[dict[str, Any], tuple[int, ...]]:
    """A layer of this kind that fits onto a map or vector, and the size of what it gives."""
    layer: dict[str, Any] = {"kind": kind}
    if kind == "flatten":
        return layer, (math.prod(size),)
    if kind == "dense":
        layer |= {"units": draw(st.integers(1, 6)), "transfer": draw(st.sampled_from(transfers))}
        return layer, (layer["units"],)
    channels, height, width = size
    padding = draw(st.sampled_from([0, 0, 1, 2])) if kind == "conv2d" else 0
    kernel = draw(st.integers(1, min(height, width, 4) + 2 * padding))
    layer["stride"] = draw(st.integers(1, 3))
    if kind == "conv2d":
        channels = draw(st.integers(1, 3))
        layer |= {"channels": channels, "kernel": kernel, "padding": padding}
        layer["transfer"] = draw(st.sampled_from(transfers))
    else:
        layer["size"] = kernel
    return layer, (channels, *((side + 2 * padding - kernel) // layer["stride"] + 1 for side in (height, width)))


def any_network(transfers: tuple[str, ...], tops: tuple[str, ...]) -> st.SearchStrategy[Network]:
    return st.one_of(dense_networks(transfers, tops), networks_on_maps(transfers, tops))


# --- rules ------------------------------------------------------------------------------------------------

feedbacks = st.one_of(
    st.just({}),
    st.fixed_dictionaries(
        {"distribution": st.sampled_from(["normal", "uniform", "sign", "binary", "orthogonal"])},
        optional={"bits": st.integers(1, 4), "scale": st.sampled_from(["glorot", "he", 0.2])},
    ),
    st.fixed_dictionaries(
        {"connections": st.sampled_from([1, 2, 8])}, optional={"distribution": st.sampled_from(["uniform", "sign"])}
    ),
)


@st.composite
def routes(draw: st.DrawFn, depth: int) -> str | list[str]:
    """A route for a network of `depth` layers: in a word, or by hand."""
    if draw(st.booleans()):
        return draw(st.sampled_from(["layered", "skipped", "cascade"]))
    words = []
    for h in range(1, depth):
        sources = draw(st.sets(st.integers(h + 1, depth), min_size=1, max_size=2))
        words.append(draw(st.sampled_from(["layered", "skipped", f"from {', '.join(map(str, sources))}"])))
    return words


def possible(rules: tuple[str, ...], layers: list[dict[str, Any]]) -> tuple[str, ...]:
    """Those of the rules that a network can have: the errors of `sbp` pass dense layers only."""
    is_dense = all(layer["kind"] == "dense" for layer in layers)
    return tuple(rule for rule in rules if rule != "sbp" or is_dense)


@st.composite
def learning(draw: st.DrawFn, depth: int, rules: tuple[str, ...] = RULES) -> dict[str, Any]:
    """A [learning] table."""
    rule = draw(st.sampled_from(rules))
    table: dict[str, Any] = {"rule": rule, "derivative": draw(st.booleans())}
    if rule in LAYERED + SKIPPED:
        table["route"] = draw(st.one_of(st.none(), routes(depth))) or "none"
    if rule in ("arbp", "asrbp"):
        table["learning_rate"] = draw(st.sampled_from([0.02, 0.1]))
    if rule not in ("bp", "sbp", "top"):
        table["feedback"] = draw(feedbacks) | draw(st.sampled_from([{}, {}, {"copies": 2}, {"mean": 0.2}]))
        is_redrawn = rule not in ADAPTIVE and "bits" not in table["feedback"]
        if is_redrawn and table["feedback"].get("distribution") != "orthogonal" and draw(st.booleans()):
            table["feedback"]["redraw"] = "frame"
    return table


training = st.fixed_dictionaries(
    {
        "batch": st.sampled_from([1, 1, 2, 3, 7]),
        "epochs": st.just(3),
        "learning_rate": st.sampled_from([0.02, 0.1]),
        "momentum": st.sampled_from([0, 0, 0.5, 0.9]),
        "learning_rate_decay": st.sampled_from([0, 0.01, {"per_update": 0.02, "form": "linear"}]),
        "weight_decay": st.sampled_from([0, 0, 0, 0.02]),
        "shuffle": st.booleans(),
    }
)
augmentation = st.sampled_from([{}, {}, {"flip": True}, {"shift": 1}, {"flip": True, "shift": 2}])
synapses = st.sampled_from(
    [
        {},
        {},
        {},
        {"update": {"kind": "log2", "bits": 4, "silence": True}},
        {"update": {"kind": "ternary", "scale": "rms"}, "weight": {"kind": "uniform", "bits": 8}},
        {"weight": {"kind": "uniform", "bits": 7, "scale": 1.0, "rounding": "stochastic"}},
        {"weight": {"kind": "sign", "scale": 0.2}},
        {"update": {"kind": "log2", "bits": 3, "scale": 2**-6, "per": "sample"}},
        {"update": {"kind": "uniform", "bits": 4, "scale": "rms", "rounding": "stochastic", "per": "sample"}},
        {"update": {"kind": "abs"}},
    ]
)

# --- channels ---------------------------------------------------------------------------------------------

linear_stages = st.fixed_dictionaries(
    {},
    optional={
        "noise": st.fixed_dictionaries({"sigma": st.just(0.05), "scale": st.sampled_from(["max", "rms", 1.0])}),
        "drop": st.fixed_dictionaries({"probability": st.sampled_from([0.1, 0.6]), "rescale": st.booleans()}),
    },
)
"""Stages without a rounding boundary, in which two float32 sums stay as close as they were."""

quantizers = st.one_of(
    st.fixed_dictionaries({"kind": st.just("log2"), "bits": st.integers(1, 6)}),
    st.fixed_dictionaries({"kind": st.just("log2"), "exponents": st.integers(1, 9), "silence": st.booleans()}),
    st.fixed_dictionaries(
        {"kind": st.just("uniform"), "bits": st.integers(2, 7), "rounding": st.sampled_from(["nearest", "stochastic"])}
    ),
    st.sampled_from([{"kind": "sign"}, {"kind": "ternary"}]),
).flatmap(lambda table: st.sampled_from(["max", "rms", 0.3]).map(lambda scale: {**table, "scale": scale}))
thresholds = st.fixed_dictionaries({"value": st.sampled_from([0.0, 0.05, 0.2])})
held_back = st.fixed_dictionaries(
    {"threshold": thresholds}, optional={"residual": st.sampled_from(["threshold", "error_feedback"])}
)
bit_errors = st.sampled_from([0.01, 0.2]).map(lambda p: {"probability": p})
coded_stages = st.one_of(
    st.just({}),
    held_back,
    st.fixed_dictionaries(
        {"quantize": quantizers}, optional={"bit_errors": bit_errors, "residual": st.just("error_feedback")}
    ),
    st.fixed_dictionaries(
        {"quantize": quantizers, "encoding": st.just("entropy")}, optional={"residual": st.just("error_feedback")}
    ),
    st.builds(
        lambda one, other: {**one, **other},
        st.fixed_dictionaries({"quantize": quantizers}, optional={"bit_errors": bit_errors}),
        held_back,
    ),
)
stages = st.builds(lambda one, other: {**one, **other}, linear_stages, coded_stages)
"""Any stages that change values, all but lateness and full queues."""

delays = st.fixed_dictionaries(
    {},
    optional={
        "latency": st.sampled_from(["1 ps", "10 ns", "1 us"]),
        "jitter": st.sampled_from(["700 ns", {"distribution": "exponential", "value": "100 ns"}]),
        "bandwidth": st.sampled_from(["3 Gbit/s", "10 Mbit/s"]),
        "encoding": st.sampled_from(["aer", "auto"]),
        "header": st.integers(1, 9),
    },
)
"""What changes the clock and the bits, and no value."""

compute = st.sampled_from([{}, {"forward": "7 ns", "learning": "3 ns"}])
pipelines = st.fixed_dictionaries(
    {"mode": st.just("pipelined"), "interval": st.sampled_from(["20 ns", "150 ns", "2 us"])},
    optional={
        "arrivals": st.just("poisson"),
        "stash": st.sampled_from([1, 2, 4]),
        "on_miss": st.sampled_from(["drop", "current"]),
    },
)


@st.composite
def cases(
    draw: st.DrawFn,
    channels: st.SearchStrategy[dict[str, Any]] = stages,
    rules: tuple[str, ...] = RULES,
    schedules: st.SearchStrategy[dict[str, Any]] | None = None,
    transfers: tuple[str, ...] = ("tanh", "logistic", "relu", "linear"),
    tops: tuple[str, ...] = ("softmax", "tanh", "logistic"),
    quantized_synapses: bool = True,
    networks: Networks = any_network,
) -> Case:
    """A scenario; `channels` draws the keys of each of [channels.forward] and [channels.learning]."""
    network = draw(networks(transfers, tops))
    table = draw(learning(len(network.layers), possible(rules, network.layers)))
    ends = {"forward": draw(channels)} | ({} if table["rule"] == "top" else {"learning": draw(channels)})
    if "quantize" in ends.get("learning", {}) and table["rule"] not in (*ADAPTIVE, "sbp") and draw(st.booleans()):
        ends["learning"] = {**ends["learning"], "quantize": {**ends["learning"]["quantize"], "at": "receiver"}}
    tables = {
        "seed": draw(st.integers(0, 99)),
        "data": {"name": "synthetic"} | (draw(augmentation) if len(network.shape) == 3 else {}),
        "learning": table,
        "training": draw(training),
        "channels": ends,
        "synapses": draw(synapses) if quantized_synapses else {},
        "schedule": draw(schedules) if schedules is not None else {},
        "compute": draw(compute) if schedules is not None else {},
    }
    if tables["synapses"].get("update", {}).get("per") == "sample":
        tables["training"] |= {"momentum": 0, "weight_decay": 0}
    real = network.layers[-1]["transfer"] != "softmax" and tables["seed"] % 2 == 1
    return Case(network.shape, network.layers, network.classes, draw(st.integers(5, 20)), tables, real)
