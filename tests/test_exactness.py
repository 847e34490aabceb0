"""Law 1 of the design, by property: any small scenario gives the same weights in the engine and in the reference.

Update by update to 1e-5, values on a rounding boundary apart, and with the same messages, bits, losses and
simulated time. `tests/verify` names the single stages and rules, and holds the flips to 1 in 10^5; here all
of them meet, in networks so small that values lie on boundaries by construction (a sum of few-bit numbers that
cancels, an untrained softmax over three classes), so that their number says nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channelsim import tolerances
from channelsim._verify import compare, one_thread
from tests.laws.cases import Network, networks_on_maps
from tests.networks import dataset, dense_layers, plan_of_chain
from tests.scenario.documents import sound

CLASSES = 3
UPDATES = 12
TRANSFERS = ("tanh", "logistic", "relu", "linear")

quantizers = st.one_of(
    st.fixed_dictionaries({"kind": st.just("log2"), "exponents": st.integers(1, 6), "silence": st.booleans()}),
    st.fixed_dictionaries({"kind": st.just("uniform"), "bits": st.integers(2, 7)}),
    st.just({"kind": "uniform", "bits": 4, "rounding": "stochastic"}),
    st.sampled_from([{"kind": "sign"}, {"kind": "ternary"}]),
).flatmap(lambda q: st.sampled_from(["max", "rms", 0.3]).map(lambda scale: {**q, "scale": scale}))

value_stages = {
    "threshold": st.fixed_dictionaries({"value": st.sampled_from([0.0, 0.05, 0.2])}),
    "residual": st.sampled_from(["threshold", "error_feedback"]),
    "noise": st.fixed_dictionaries({"sigma": st.just(0.05), "scale": st.sampled_from(["max", "rms", 1.0])}),
    "drop": st.fixed_dictionaries({"probability": st.sampled_from([0.0, 0.1, 0.6]), "rescale": st.booleans()}),
    "encoding": st.sampled_from(["dense", "aer", "auto"]),
    "header": st.integers(0, 9),
}
coded = st.fixed_dictionaries(
    {"quantize": quantizers},
    optional={"bit_errors": st.sampled_from([0.01, 0.2, 1.0]).map(lambda p: {"probability": p})},
)
clocks = {
    "latency": st.sampled_from(["10 ns", "130 ns", "1 us"]),
    "jitter": st.sampled_from(["50 ns", "700 ns", {"distribution": "exponential", "value": "100 ns"}]),
    "deadline": st.sampled_from(["50 ns", "300 ns", "1 us"]),
}
wires = st.one_of(
    st.just({}),
    st.fixed_dictionaries(
        {"bandwidth": st.sampled_from(["1 Gbit/s", "3 Gbit/s", "10 Mbit/s"])},
        optional={"queue": st.sampled_from([0, 1, 3])},
    ),
)
channels = st.builds(
    lambda *parts: {key: value for part in parts for key, value in part.items()},
    st.fixed_dictionaries({}, optional=value_stages),
    st.one_of(st.just({}), coded),
    st.fixed_dictionaries({}, optional=clocks),
    wires,
).map(sound)
schedules = st.one_of(
    st.just({}),
    st.fixed_dictionaries(
        {"mode": st.just("pipelined"), "interval": st.sampled_from(["20 ns", "150 ns", "2 us"])},
        optional={
            "arrivals": st.just("poisson"),
            "stash": st.sampled_from([1, 2, 4]),
            "on_miss": st.sampled_from(["drop", "current"]),
        },
    ),
)
learning = st.one_of(
    st.fixed_dictionaries({"rule": st.sampled_from(["bp", "top"]), "derivative": st.booleans()}),
    st.fixed_dictionaries(
        {
            "rule": st.sampled_from(["rbp", "srbp", "arbp", "asrbp", "sign", "drtp"]),
            "derivative": st.booleans(),
            "feedback": st.sampled_from([{}, {"connections": 2}, {"distribution": "uniform", "bits": 2}]),
        }
    ),
)
scenarios = st.fixed_dictionaries(
    {
        "seed": st.integers(0, 99),
        "learning": learning,
        "training": st.fixed_dictionaries(
            {
                "batch": st.sampled_from([1, 3, 4, 8]),
                "epochs": st.just(3),
                "learning_rate": st.sampled_from([0.02, 0.1]),
                "momentum": st.sampled_from([0, 0.7]),
                "learning_rate_decay": st.sampled_from([0, 0.01]),
            }
        ),
        "schedule": schedules,
    },
    optional={
        "compute": st.just({"forward": "7 ns", "learning": "3 ns"}),
        "synapses": st.sampled_from(
            [
                {"update": {"kind": "log2", "bits": 4}},
                {"weight": {"kind": "uniform", "bits": 7, "rounding": "stochastic"}},
            ]
        ),
    },
)


def exact(
    network: Network, samples: int, forward: Any, back: Any, bus: Any, tables: dict[str, Any], silent: float = 0.3
) -> None:
    channels = {"forward": forward}
    if tables["learning"]["rule"] != "top":
        channels["learning"] = back
    if bus is not None:
        tables = {**tables, "links": {"bus": {"bandwidth": "1 Gbit/s", "broadcast": bus}}}
        for channel in channels.values():
            for key in ("bandwidth", "queue"):
                channel.pop(key, None)
            channel["link"] = "bus"
    rng = np.random.default_rng(samples)
    x = rng.uniform(-1, 1, (samples, *network.shape)).astype(np.float32)
    x[rng.random(x.shape) < silent] = 0
    plan = plan_of_chain(network.shape, network.layers, network.classes, samples, channels=channels, **tables)
    data = dataset(x, rng.integers(network.classes, size=samples), network.classes)
    with one_thread():
        result = compare(plan, data, UPDATES)
    assert max(result.max_weight_difference) <= tolerances.WEIGHTS, result
    assert result.disagreements == [], result


def dense_network(units: list[int], transfer: str) -> Network:
    """A dense network with a softmax over `CLASSES` above layers of so many units, the first being the input."""
    layers = dense_layers([*units, CLASSES], [transfer] * (len(units) - 1) + ["softmax"])
    return Network((units[0],), layers, CLASSES)


dense = st.builds(
    dense_network, st.lists(st.sampled_from([1, 2, 5, 9]), min_size=2, max_size=4), st.sampled_from(TRANSFERS)
)
networks = {"dense": dense, "maps": networks_on_maps(TRANSFERS, ("softmax",))}
cases = st.tuples(
    st.sampled_from([7, 20, 33]), channels, channels, st.sampled_from([None, None, None, False, True]), scenarios
)


@pytest.mark.parametrize("kind", networks)
@settings(max_examples=15)
@given(st.data(), cases)
def test_engine_equals_reference(kind: str, data: st.DataObject, case: tuple[Any, ...]) -> None:
    exact(data.draw(networks[kind]), *case)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("kind", networks)
@settings(max_examples=1500)
@given(st.data(), cases)
def test_engine_equals_reference_at_length(kind: str, data: st.DataObject, case: tuple[Any, ...]) -> None:
    exact(data.draw(networks[kind]), *case)


TRAINING = {"batch": 3, "epochs": 3, "learning_rate": 0.1}


@pytest.mark.parametrize("rule", ["bp", "srbp"])
@pytest.mark.parametrize("batch", [15, 20, 130, 260])
def test_mini_batches_in_which_few_speak(batch: int, rule: str) -> None:
    """Samples one by one, in groups that share a list, and divided by rows of W or by samples; the last ones fewer."""
    tables = {"learning": {"rule": rule}, "training": {**TRAINING, "batch": batch}}
    exact(dense_network([300, 40, 20], "tanh"), 300, {}, {}, None, tables, silent=0.8)


def test_events_that_say_zero() -> None:
    """A flipped word may mean 0: an event that arrives and adds nothing."""
    noisy = {"quantize": {"kind": "ternary", "scale": 0.3}, "bit_errors": {"probability": 0.2}}
    tables = {"learning": {"rule": "bp"}, "training": TRAINING}
    exact(dense_network([3, 5, 5], "tanh"), 33, noisy, noisy, None, tables)


def test_frames_that_overtake_each_other() -> None:
    """A frame that lost its messages in the queue, or had little jitter, is computed before an older one: the newest
    frame stays the newest."""
    forward = {"latency": "10 ns", "jitter": "700 ns", "bandwidth": "10 Mbit/s", "queue": 0}
    for on_miss in ("drop", "current"):
        schedule = {"mode": "pipelined", "interval": "150 ns", "stash": 2, "on_miss": on_miss}
        tables = {"learning": {"rule": "rbp"}, "training": TRAINING, "schedule": schedule}
        exact(dense_network([3, 9, 5], "tanh"), 33, forward, {"latency": "1 us"}, None, tables)


def test_a_short_frame_stands_in() -> None:
    """The newest frame may be the short last one of an epoch: only its samples learn, the others stay silent."""
    schedule = {"mode": "pipelined", "interval": "100 ns", "stash": 1, "on_miss": "current"}
    tables = {"learning": {"rule": "rbp"}, "training": TRAINING, "schedule": schedule}
    exact(dense_network([3, 9, 5], "tanh"), 7, {}, {"latency": "150 ns"}, None, tables)
