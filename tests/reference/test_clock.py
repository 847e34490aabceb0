"""Time in the reference: against the per-neuron simulator, and as the exactness laws say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from channelsim import reference
from channelsim.reference import State
from channelsim.reference.state import clock_matters
from tests.laws.cases import Case, cases, networks_on_maps
from tests.neuronwise import Simulator
from tests.reference.small import run, same, start

COUNTED = ("messages", "offered", "sent", "delivered", "dropped", "late", "overflow", "lost_messages", "bits",
           "header_bits", "busy", "wait", "queue_max")  # fmt: skip
TRAINING = {"batch": 3, "epochs": 2, "learning_rate": 0.1}

slow = st.fixed_dictionaries(
    {"latency": st.sampled_from(["0 s", "30 ns", "700 ns"])},
    optional={
        "bandwidth": st.sampled_from(["1 Gbit/s", "7 Gbit/s"]),
        "queue": st.sampled_from([0, 1, 5]),
        "deadline": st.sampled_from(["100 ns", "900 ns"]),
        "jitter": st.sampled_from(["50 ns", {"distribution": "exponential", "value": "20 ns"}]),
        "encoding": st.sampled_from(["aer", "auto"]),
        "header": st.integers(0, 9),
        "drop": st.just({"probability": 0.3, "rescale": True}),
        "threshold": st.sampled_from([{"value": 0.2}, {"value": 0.1}]),
        "quantize": st.sampled_from(
            [{"kind": "log2", "exponents": 3}, {"kind": "log2", "exponents": 2, "scale": "rms"}]
        ),
    },
)
schedules = st.sampled_from(
    [
        {},
        {"mode": "pipelined", "interval": "300 ns"},
        {"mode": "pipelined", "interval": "1 us", "arrivals": "poisson", "stash": 2, "on_miss": "drop"},
        {"mode": "pipelined", "interval": "200 ns", "stash": 1, "on_miss": "current"},
    ]
)


def with_own_bandwidth(settings: dict[str, Any]) -> dict[str, Any]:
    return settings if "bandwidth" in settings else {k: v for k, v in settings.items() if k != "queue"}


@settings(max_examples=30)
@given(
    slow,
    slow,
    schedules,
    st.sampled_from(["bp", "rbp", "srbp", "asrbp", "sign"]),
    st.booleans(),
    st.integers(0, 9),
)
def test_equals_one_event_a_neuron(
    forward: Any, learning: Any, schedule: Any, rule: str, busy: bool, seed: int
) -> None:
    ref = start(
        [4, 3, 4],  # with three classes, a network that hears nothing has errors 2/3, 1/3, 1/3: on a boundary of rms
        clock=True,
        seed=seed,
        training=TRAINING,
        learning={"rule": rule},
        schedule=schedule,
        channels={"forward": with_own_bandwidth(forward), "learning": with_own_bandwidth(learning)},
        compute={"forward": ["20 ns", "5 ns"], "learning": "10 ns"} if busy else {},
    )
    judge = Simulator(ref.plan, ref.images.numpy(), ref.wanted.argmax(1).numpy()).run(ref.plan.frames)
    reference.advance(ref, ref.plan.frames)
    assert ref.now == judge.now
    for c in range(len(ref.channels)):
        assert {name: int(ref.counters[c][name]) for name in COUNTED} == {
            name: judge.counters[c][name] for name in COUNTED
        }
    for h in range(1, ref.plan.top + 1):
        assert ref.ages[h] == judge.ages[h]
        assert np.allclose(ref.synapses(h)[0].numpy(), judge.layers[h].w, atol=1e-5, rtol=0)


timed = slow.map(lambda settings: {k: v for k, v in settings.items() if k not in ("threshold", "quantize", "queue")})
augmented = st.fixed_dictionaries({"name": st.just("synthetic"), "flip": st.booleans(), "shift": st.integers(0, 2)})


@settings(max_examples=30)
@given(
    cases(timed, schedules=schedules, transfers=("tanh", "relu"), quantized_synapses=False, networks=networks_on_maps),
    augmented,
)
def test_equals_one_event_a_neuron_on_maps(case: Case, data: dict[str, Any]) -> None:
    """Convolutions and pools, against neurons each of which has its own wires."""
    case = case.with_unequal_wires().with_tables(data=data)
    plan, samples = case.plan(), case.data()
    ref = reference.start(plan, samples, clock=True)
    judge = Simulator(plan, samples.train_x, samples.train_y).run(plan.frames)
    reference.advance(ref, plan.frames)
    assert ref.now == judge.now
    for c in range(len(ref.channels)):
        assert {name: int(ref.counters[c][name]) for name in COUNTED} == {
            name: judge.counters[c][name] for name in COUNTED
        }
    for h in range(1, plan.top + 1):
        assert ref.ages[h] == judge.ages[h]
    assert np.allclose(ref.weights.numpy(), judge.weights(), atol=2e-5, rtol=1e-5)
    assert np.allclose(ref.biases.numpy(), judge.biases(), atol=2e-5, rtol=1e-5)


def test_latency_and_bandwidth_change_the_clock_and_no_weight() -> None:
    channels = {"forward": {"latency": "1 us", "bandwidth": "1 Mbit/s"}, "learning": {"latency": "1 ms"}}
    tables = {"training": TRAINING, "learning": {"rule": "bp"}}
    ideal, timed = run([4, 3, 3], **tables), run([4, 3, 3], clock=True, channels=channels, **tables)
    assert ideal.now == 0 and timed.now > 0
    assert same(ideal, timed)
    assert not clock_matters(timed.plan), "so that the reference need not work it out"


@pytest.mark.parametrize(
    "tables",
    [
        {"channels": {"forward": {"deadline": "1 ns"}}},
        {"channels": {"learning": {"bandwidth": "1 Gbit/s", "queue": 2}}},
        {"schedule": {"mode": "pipelined", "interval": "1 ns"}},
        {"schedule": {"change": [{"frame": 1, "channels": {"forward": {"deadline": "1 ns"}}}]}},
    ],
    ids=str,
)
def test_the_clock_is_on_where_it_matters(tables: Any) -> None:
    assert clock_matters(start([4, 3, 3], training=TRAINING, **tables).plan)


def test_advancing_in_steps_changes_nothing() -> None:
    tables = {
        "training": TRAINING,
        "schedule": {"mode": "pipelined", "interval": "100 ns"},
        "channels": {"learning": {"latency": "450 ns", "drop": {"probability": 0.2}}},
    }
    whole, stepped = run([4, 3, 3], **tables), start([4, 3, 3], **tables)
    for _ in range(stepped.plan.frames):
        reference.step(stepped)
    assert same(whole, stepped)
    assert whole.now == stepped.now


def delay_line(ref: State, delays: dict[int, int]) -> None:
    """srbp with the error of layer h delayed by delays[h] frames: no clock, no events, just queues."""
    plan = ref.plan
    waiting: dict[int, list[Any]] = {h: [] for h in delays}
    for frame in range(plan.frames + max(delays.values())):
        if frame < plan.frames:
            x = ref.images[ref.samples(frame)]
            xs, os = {}, {}
            for h in range(1, plan.top + 1):
                w, b = ref.synapses(h)
                xs[h] = x
                s = x @ w + b
                x = os[h] = s.softmax(1) if h == plan.top else s.tanh()
            e = ref.targets(frame) - x
            for h in delays:
                waiting[h].append((xs[h], os[h], e))
            updates = [(plan.top, xs[plan.top], e)]
        else:
            updates = []
        for h, d in delays.items():
            if d <= frame and waiting[h] and (frame < plan.frames + d):
                x_then, o_then, e_then = waiting[h].pop(0)
                c = next(i for i, channel in enumerate(ref.channels) if channel.direction and channel.target == h)
                wires = ref.wires(c).view(-1, ref.layers[h].n)
                updates.append((h, x_then, e_then @ wires * (1 - o_then * o_then)))
        for h, x_then, r in updates:
            w, b = ref.synapses(h)
            w += plan.learning_rate / len(r) * x_then.T @ r
            b += plan.learning_rate / len(r) * r.sum(0)


@pytest.mark.parametrize("delays", [{1: 0, 2: 0}, {1: 3, 2: 1}, {1: 0, 2: 4}, {1: 20, 2: 2}])
def test_a_pipeline_is_a_delay_line(delays: dict[int, int]) -> None:
    """Errors arrive D_h frames late. An ideal forward path takes no time, so they are D_h frames old."""
    tables = {"training": {"batch": 3, "epochs": 5, "learning_rate": 0.3}, "learning": {"rule": "srbp"}}
    late = {f"learning.{h}": {"latency": f"{100 * d + 50 * (d > 0)} ns"} for h, d in delays.items()}
    ref = start([5, 4, 4, 3], **tables, channels=late, schedule={"mode": "pipelined", "interval": "100 ns"})
    line = start([5, 4, 4, 3], **tables)
    reference.advance(ref, ref.plan.frames)
    delay_line(line, delays)
    assert torch.allclose(ref.weights, line.weights, atol=1e-5)
    for h, d in delays.items():
        assert max(ref.ages[h]) == min(d, ref.plan.frames - 1)
    if not any(delays.values()):
        assert same(ref, run([5, 4, 4, 3], **tables))


def test_a_short_stash_drops_old_errors() -> None:
    """Every error is three frames old: with two frames remembered, no hidden layer ever learns."""
    tables = {
        "training": TRAINING,
        "learning": {"rule": "srbp"},
        "channels": {"learning": {"latency": "350 ns"}},
    }
    pipelined = {"mode": "pipelined", "interval": "100 ns", "stash": 3}
    ref = run([4, 3, 3], **tables, schedule={**pipelined, "on_miss": "drop"})
    before = start([4, 3, 3], **tables).synapses(1)[0]
    # The last three frames are followed by fewer than three others, so their errors are not missed.
    assert ref.ages[1] == {2: 1, 1: 1, 0: 1}
    assert not torch.equal(ref.synapses(1)[0], before)
    current = run([4, 3, 3], **tables, schedule={**pipelined, "on_miss": "current"})
    assert sum(current.ages[1].values()) == current.plan.frames


def test_a_broadcast_is_paid_once() -> None:
    tables: dict[str, Any] = {
        "training": TRAINING,
        "learning": {"rule": "srbp"},
        "channels": {"learning": {"link": "air"}},
    }
    received = run([4, 3, 3, 3], clock=True, links={"air": {"bandwidth": "1 Mbit/s", "broadcast": True}}, **tables)
    told = run([4, 3, 3, 3], clock=True, links={"air": {"bandwidth": "1 Mbit/s"}}, **tables)
    first, second = 3, 4
    assert received.counters[first]["bits"] == told.counters[first]["bits"] == told.counters[second]["bits"]
    assert received.counters[second]["bits"] == 0
    assert received.counters[second]["delivered"] == told.counters[second]["delivered"] > 0
    assert received.now < told.now
    assert same(received, told)
