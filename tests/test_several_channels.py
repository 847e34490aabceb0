"""Several learning channels to one layer: their errors add, and it learns when the last has come. And their C."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import channelsim as cs
from channelsim import engine, side_by_side
from channelsim.alignment import Probe, measure
from channelsim.data import Dataset
from channelsim.plan import Direction, Plan
from channelsim.plan.draws import draw_entries
from channelsim.trace import Trace
from tests.laws.cases import run
from tests.networks import dataset, plan_of

UNITS, SAMPLES = [6, 5, 4, 3], 12
TRAINING = {"batch": 3, "epochs": 2, "learning_rate": 0.1}


def data() -> Dataset:
    rng = np.random.default_rng(0)
    return dataset(rng.uniform(-1, 1, (SAMPLES, UNITS[0])), rng.integers(UNITS[-1], size=SAMPLES), UNITS[-1])


def made(learning: dict[str, Any], **tables: Any) -> Plan:
    return plan_of(UNITS, SAMPLES, learning=learning, **{"training": TRAINING, **tables})


def matrices(plan: Plan) -> list[Any]:
    """C of each learning channel, (senders, receivers)."""
    learning = plan.channels[plan.channels["direction"] == Direction.LEARNING]
    return [plan.feedback[c["c_offset"] : c["c_offset"] + c["c_size"]].reshape(int(c["n"]), -1) for c in learning]


@pytest.mark.parametrize("copies", [2, 3])
def test_copies_over_ideal_channels_are_one_channel_with_the_mean_of_their_c(copies: int) -> None:
    several = made({"rule": "srbp", "feedback": {"copies": copies}})
    one = made({"rule": "srbp"})
    mean = [np.mean(matrices(several)[k : k + copies], axis=0).ravel() for k in (0, copies)]
    one = replace(one, feedback=np.concatenate(mean).astype(np.float32))
    np.testing.assert_allclose(run(several, data()).weights, run(one, data()).weights, rtol=0, atol=1e-6)


def test_errors_from_two_layers_add() -> None:
    """A cascade of which one C is 0 is the other alone."""
    both = made({"rule": "rbp", "route": ["from 2, 3", "layered"]})
    for silent, route in ((2, "skipped"), (3, "layered")):
        alone = made({"rule": "rbp", "route": [route, "layered"]})
        feedback, kept = both.feedback.copy(), []
        for c in both.channels[both.channels["direction"] == Direction.LEARNING]:
            place = slice(int(c["c_offset"]), int(c["c_offset"] + c["c_size"]))
            if (c["target"], c["source"]) == (1, silent):
                feedback[place] = 0
            else:
                kept.append(feedback[place])
        alone = replace(alone, feedback=np.concatenate(kept))
        assert np.array_equal(run(replace(both, feedback=feedback), data()).weights, run(alone, data()).weights)


@pytest.mark.parametrize(("mode", "late"), [("sequential", 30), ("pipelined", 30)])
def test_a_layer_waits_for_the_last_of_its_channels(mode: str, late: int) -> None:
    """Of the two channels to layer 1 one takes 30 ns, the other none."""
    schedule = {"mode": mode} | ({"interval": "1 us"} if mode == "pipelined" else {})
    channels = {"learning.1.copy.2": {"latency": f"{late} ns"}}
    plan = made({"rule": "srbp", "feedback": {"copies": 2}}, channels=channels, schedule=schedule)
    state = engine.start(plan, data())
    engine.advance(plan, state, plan.frames)
    first = 0 if mode == "sequential" else (plan.frames - 1) * 10**6
    assert state.now == first + late * 1000 * (plan.frames if mode == "sequential" else 1)
    ideal = made({"rule": "srbp", "feedback": {"copies": 2}}, schedule=schedule)
    engine.settle(state)
    assert np.array_equal(state.weights, run(ideal, data()).weights)


def test_copies_have_noise_and_bits_of_their_own() -> None:
    noisy = {"learning": {"noise": {"sigma": 0.1}}, "learning.1.copy.2": {"quantize": {"kind": "sign"}}}
    plan = made({"rule": "srbp", "feedback": {"copies": 2}}, channels=noisy)
    found = run(plan, data())
    bits = dict(zip(plan.channel_names, found.counters["bits"].tolist(), strict=True))
    messages = plan.frames * 3
    assert bits["learning.1.copy.1"] == 32 * UNITS[-1] * messages
    assert bits["learning.1.copy.2"] == (UNITS[-1] + 32) * messages


def test_c_of_a_frame_is_its_draw() -> None:
    plan = made({"rule": "srbp", "feedback": {"redraw": "frame", "distribution": "uniform", "mean": 0.25}})
    state = engine.start(plan, data())
    for frame in range(plan.frames):
        engine.advance(plan, state, frame + 1)
        for c, channel in enumerate(plan.channels):
            if channel["direction"] == Direction.LEARNING:
                key = cs.hashing.key(plan.seed, 1 + 64 * c, frame)
                drawn = draw_entries("uniform", float(channel["deviation"]), key, np.arange(int(channel["c_size"])))
                kept = state.feedback[channel["c_offset"] : channel["c_offset"] + channel["c_size"]]
                assert np.array_equal(kept, drawn + np.float32(0.25))


def test_a_probe_takes_c_as_it_is() -> None:
    plan = made({"rule": "srbp", "feedback": {"redraw": "frame"}})
    state = engine.start(plan, data())
    engine.advance(plan, state, 3)
    before = state.feedback.copy()
    measure(state, Probe(data(), 6))
    assert np.array_equal(state.feedback, before)
    engine.advance(plan, state, plan.frames)
    assert np.array_equal(state.weights, run(plan, data()).weights)


def test_a_run_that_stops_goes_on_with_the_c_of_its_frame_and_what_has_arrived() -> None:
    """In a pipeline in which one of the channels is slow."""
    plan = made(
        {"rule": "rbp", "route": "cascade", "feedback": {"redraw": "frame"}},
        channels={"learning.1.from.3": {"latency": "250 ns"}, "learning.2": {"latency": "40 ns"}},
        schedule={"mode": "pipelined", "interval": "100 ns"},
    )
    whole = run(plan, data())
    waited = False
    for stop in range(1, plan.frames):
        state = engine.start(plan, data())
        engine.advance(plan, state, stop)
        arrays = engine.snapshot(state)
        waited |= bool(arrays["arrived"].any())
        state = engine.restore(plan, data(), arrays)
        engine.advance(plan, state, plan.frames)
        assert np.array_equal(state.weights, whole.weights)
        assert state.now == whole.now
    assert waited


def test_low_rank_sends_as_many_values_as_its_rank() -> None:
    plan = made({"rule": "rbp", "feedback": {"rank": 2}})
    found = run(plan, data())
    for channel, counter in zip(plan.channels, found.counters, strict=True):
        if channel["direction"] == Direction.LEARNING:
            assert counter["bits"] == 32 * 2 * plan.frames * 3
            assert counter["sent"] == 2 * plan.frames * 3
            n, n_target = (int(plan.layers[channel[end]]["n"]) for end in ("source", "target"))
            assert counter["macs"] == plan.frames * 3 * 2 * (n + n_target)


@pytest.mark.parametrize("scale", ["glorot", 0.2])
def test_low_rank_has_the_deviation_of_a_whole_matrix(scale: str | float) -> None:
    learning = {"rule": "srbp", "feedback": {"rank": 30, "scale": scale}}
    plan = plan_of([2, 400, 300], 2, learning=learning)
    (channel,) = plan.channels[plan.channels["direction"] == Direction.LEARNING]
    p = plan.feedback[channel["p_offset"] :][: 300 * 30].reshape(300, 30)
    q = plan.feedback[channel["c_offset"] :][: 30 * 400].reshape(30, 400)
    assert (p @ q).std() == pytest.approx(scale if scale == 0.2 else np.sqrt(2 / 700), rel=0.03)


@pytest.mark.parametrize(
    ("learning", "names"),
    [
        ({"rule": "rbp", "route": "cascade"}, {"C_1_from_2", "C_1_from_3", "C_2"}),
        ({"rule": "srbp", "feedback": {"copies": 2}}, {"C_1_copy_1", "C_1_copy_2", "C_2_copy_1", "C_2_copy_2"}),
        ({"rule": "srbp", "feedback": {"rank": 2}}, {"C_1", "P_1", "C_2", "P_2"}),
    ],
)
def test_a_trace_has_each_of_the_c(tmp_path: Path, learning: dict[str, Any], names: set[str]) -> None:
    model = {"name": "small", "input": [64], "layers": [
        {"kind": "dense", "units": 5, "transfer": "tanh"}, {"kind": "dense", "units": 4, "transfer": "tanh"},
        {"kind": "dense", "units": 10, "transfer": "softmax"},
    ]}  # fmt: skip
    scenario = cs.Scenario(
        name="several", model=model, data={"name": "digits", "train": 100}, training={"epochs": 1}, learning=learning,
        trace={"alignment": "epoch", "weights": "last"},
    )  # fmt: skip
    path = tmp_path / "several.h5"
    cs.run(scenario, out=path)
    with Trace(path) as trace:
        assert {name for name in trace.weights() if name[:2] in ("C_", "P_")} == names
        for layer in ("1", "2"):
            (row,) = trace.alignment(layer)[-1:]
            assert np.isfinite(row["cosine"])
            assert np.isfinite(row["feedback_cosine"]) == (layer == "2" or "route" not in learning)
    assert cs.verify(scenario, updates=2).passed


@pytest.mark.parametrize("batch", [1, 4])
@pytest.mark.parametrize("distribution", ["normal", "sign"])
def test_few_events_through_a_low_rank(batch: int, distribution: str) -> None:
    """Messages of which most values stay back go through Q event by event, and there are as many as the rank."""
    tables: dict[str, Any] = {
        "learning": {"rule": "srbp", "feedback": {"rank": 2, "distribution": distribution}},
        "channels": {"learning": {"threshold": {"value": 0.4}}},
        "training": {"batch": batch, "learning_rate": 0.2},
    }
    plan = plan_of([8, 9, 7, 5], 24, **tables)
    rng = np.random.default_rng(1)
    data = dataset(rng.uniform(-1, 1, (24, 8)), rng.integers(5, size=24), 5)
    assert side_by_side.compare(plan, data, 20 // batch).passed
