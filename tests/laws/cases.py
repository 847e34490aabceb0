"""Small random scenarios for the exactness laws: networks of any shape, every rule, route and modifier, every stage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import reject
from hypothesis import strategies as st

from channelsim import engine
from channelsim.data import Dataset
from channelsim.plan import Plan
from tests.networks import dataset, plan_of

LAYERED = ("rbp", "arbp")
SKIPPED = ("srbp", "asrbp")
RULES = ("bp", *LAYERED, *SKIPPED, "sign", "drtp", "top")


@dataclass(frozen=True)
class Case:
    """A scenario in small: layer sizes from the input to the top, transfer functions, samples, and TOML tables."""

    units: list[int]
    transfers: list[str]
    samples: int
    tables: dict[str, Any]

    def plan(self, **tables: Any) -> Plan:
        """The plan, with these tables in place of the case's own."""
        return plan_of(self.units, self.samples, self.transfers, **{**self.tables, **tables})

    def with_channels(self, **channels: dict[str, Any]) -> Plan:
        """The plan with more keys for its channels; of learning channels only where there are any."""
        merged = {name: dict(keys) for name, keys in self.tables.get("channels", {}).items()}
        for name, keys in channels.items():
            if name != "learning" or self.tables["learning"]["rule"] != "top":
                merged[name] = {**merged.get(name, {}), **keys}
        return self.plan(channels=merged)

    def data(self) -> Dataset:
        """Images with silent pixels, and labels."""
        rng = np.random.default_rng([self.samples, *self.units])
        x = rng.uniform(-1, 1, (self.samples, self.units[0])).astype(np.float32)
        x[rng.random(x.shape) < 0.3] = 0
        return dataset(x, rng.integers(self.units[-1], size=self.samples), self.units[-1])


@dataclass(frozen=True)
class Outcome:
    """What a run leaves: everything that may not differ by a bit."""

    weights: Any
    biases: Any
    feedback: Any
    counters: Any
    now: int

    def same_weights(self, other: Outcome) -> bool:
        return all(
            np.array_equal(getattr(self, name), getattr(other, name)) for name in ("weights", "biases", "feedback")
        )

    def same(self, other: Outcome) -> bool:
        return self.same_weights(other) and self.now == other.now and np.array_equal(self.counters, other.counters)


def outcome(state: engine.State) -> Outcome:
    """The state as it is now, copied."""
    engine.settle(state)
    return Outcome(state.weights.copy(), state.biases.copy(), state.feedback.copy(), state.counters.copy(), state.now)


def run(plan: Plan, data: Dataset) -> Outcome:
    """The whole run in one chunk."""
    state = engine.start(plan, data)
    advance(plan, state, plan.frames)
    return outcome(state)


def advance(plan: Plan, state: engine.State, until: int) -> None:
    """As the engine's own; a case whose weights grow without bound is given up."""
    try:
        engine.advance(plan, state, until)
    except engine.Diverged:
        reject()


# --- networks and rules -----------------------------------------------------------------------------------

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
        return draw(st.sampled_from(["layered", "skipped"]))
    words = []
    for h in range(1, depth):
        source = draw(st.integers(h + 1, depth))
        words.append(draw(st.sampled_from(["layered", "skipped", f"from {source}"])))
    return words


@st.composite
def learning(draw: st.DrawFn, depth: int, rules: tuple[str, ...] = RULES) -> dict[str, Any]:
    """A [learning] table."""
    rule = draw(st.sampled_from(rules))
    table: dict[str, Any] = {"rule": rule, "derivative": draw(st.booleans())}
    if rule in LAYERED + SKIPPED:
        table["route"] = draw(st.one_of(st.none(), routes(depth))) or "none"
    if rule in ("arbp", "asrbp"):
        table["learning_rate"] = draw(st.sampled_from([0.02, 0.1]))
    if rule not in ("bp", "top"):
        table["feedback"] = draw(feedbacks)
    return table


training = st.fixed_dictionaries(
    {
        "batch": st.sampled_from([1, 1, 2, 3, 7]),
        "epochs": st.just(3),
        "learning_rate": st.sampled_from([0.02, 0.1]),
        "momentum": st.sampled_from([0, 0, 0.5, 0.9]),
        "decay": st.sampled_from([0, 0.01]),
        "shuffle": st.booleans(),
    }
)
synapses = st.sampled_from(
    [
        {},
        {},
        {},
        {"update": {"kind": "log2", "bits": 4}},
        {"update": {"kind": "ternary", "scale": "rms"}, "weight": {"kind": "uniform", "bits": 8}},
        {"weight": {"kind": "uniform", "bits": 7, "scale": 1.0, "rounding": "stochastic"}},
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
    st.fixed_dictionaries(
        {"kind": st.just("uniform"), "bits": st.integers(2, 7), "rounding": st.sampled_from(["nearest", "stochastic"])}
    ),
    st.sampled_from([{"kind": "sign"}, {"kind": "ternary"}]),
).flatmap(lambda table: st.sampled_from(["max", "rms", 0.3]).map(lambda scale: {**table, "scale": scale}))
thresholds = st.fixed_dictionaries({"value": st.sampled_from([0.0, 0.05, 0.2]), "residual": st.booleans()})
coded_stages = st.one_of(
    st.fixed_dictionaries({}, optional={"threshold": thresholds}),
    st.fixed_dictionaries(
        {"quantize": quantizers},
        optional={
            "threshold": thresholds,
            "bit_errors": st.sampled_from([0.01, 0.2]).map(lambda p: {"probability": p}),
        },
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
) -> Case:
    """A scenario; `channels` draws the keys of each of [channels.forward] and [channels.learning]."""
    hidden = draw(st.lists(st.integers(1, 9), min_size=1, max_size=3))
    units = [draw(st.integers(1, 9)), *hidden, draw(st.integers(2, 4))]
    table = draw(learning(len(hidden) + 1, rules))
    ends = {"forward": draw(channels)} | ({} if table["rule"] == "top" else {"learning": draw(channels)})
    tables = {
        "seed": draw(st.integers(0, 99)),
        "learning": table,
        "training": draw(training),
        "channels": ends,
        "synapses": draw(synapses) if quantized_synapses else {},
        "schedule": draw(schedules) if schedules is not None else {},
        "compute": draw(compute) if schedules is not None else {},
    }
    top = draw(st.sampled_from(tops))
    below = draw(st.lists(st.sampled_from(transfers), min_size=len(hidden), max_size=len(hidden)))
    return Case(units, [*below, top], draw(st.integers(5, 20)), tables)
