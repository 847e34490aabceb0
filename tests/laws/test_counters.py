"""Law 4: every draw is a hash of counters, so how a run is cut, stopped and resumed is not seen in its result."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channelsim import engine
from channelsim.engine.config import STEPS
from tests.laws.cases import Case, Outcome, advance, cases, delays, dense_case, outcome, pipelines, run, stages
from tests.networks import dataset

clocked = st.builds(lambda one, other: {**one, **other}, stages, delays)
none: st.SearchStrategy[dict[str, Any]] = st.just({})
any_case = st.one_of(cases(clocked), cases(clocked, schedules=pipelines))


def in_pieces(case: Case, cuts: list[int], between: str) -> Outcome:
    """A run that pauses before each of the frames `cuts`, and does something else there."""
    plan, data = case.plan(), case.data()
    state = engine.start(plan, data)
    for cut in [*sorted(cuts), plan.frames]:
        advance(plan, state, cut)
        if between == "settle":
            engine.settle(state)
        elif between == "evaluate":
            engine.evaluate(state, data.test_x, data.test_y)
        elif between == "resume":
            arrays = engine.snapshot(state)
            state = engine.restore(plan, data, {name: array.copy() for name, array in arrays.items()})
    return outcome(state)


@pytest.mark.parametrize("between", ["nothing", "settle", "evaluate", "resume"])
@settings(max_examples=25)
@given(any_case, st.lists(st.integers(0, 60), max_size=6))
def test_a_run_in_pieces_is_the_same_run(between: str, case: Case, cuts: list[int]) -> None:
    assert in_pieces(case, cuts, between).same(run(case.plan(), case.data()))


@pytest.mark.parametrize("schedule", [{}, {"mode": "pipelined", "interval": "50 ns"}], ids=["sequential", "pipelined"])
@pytest.mark.parametrize("rule", ["bp", "srbp"])
def test_updates_that_wait_are_not_seen(rule: str, schedule: dict[str, str]) -> None:
    """Inputs that speak so rarely that their rows wait for more updates than are kept, and images that are full or
    empty: as if each update were made at once."""
    rng = np.random.default_rng(0)
    samples = 5 * STEPS
    x = rng.uniform(-1, 1, (samples, 40)).astype(np.float32)
    silent = rng.choice([0, 0.5, 0.97, 1], samples, p=[0.03, 0.2, 0.74, 0.03])
    silent[-2 * STEPS :] = 0.97  # so that at the end many updates wait
    x[rng.random(x.shape) < silent[:, None]] = 0
    data = dataset(x, rng.integers(3, size=samples), 3)
    tables = {
        "learning": {"rule": rule},
        "training": {"batch": 1, "epochs": 1, "shuffle": False, "learning_rate": 0.02},
        "schedule": schedule,
        "channels": {"forward": {"latency": "20 ns"}, "learning": {"latency": "90 ns"}},
    }
    plan = dense_case([40, 20, 9, 3], ["relu", "tanh", "softmax"], samples, tables).plan()
    state = engine.start(plan, data)
    for frame in range(plan.frames + 1):
        engine.advance(plan, state, frame)
        engine.settle(state)
    unsettled = engine.start(plan, data)
    engine.advance(plan, unsettled, plan.frames)
    waiting = unsettled.memory.deferred_at[unsettled.memory.deferred_input != 0]
    assert len(np.unique(waiting)) > STEPS // 4 or plan.pipelined
    assert outcome(unsettled).same(outcome(state))


@pytest.mark.parametrize("residual", [None, False, True], ids=["ideal", "threshold", "residual"])
@settings(max_examples=30)
@given(st.one_of(cases(none), cases(none, schedules=pipelines)), st.sampled_from(["dense", "aer", "auto"]))
def test_what_is_written_down_is_not_seen(residual: bool | None, case: Case, encoding: str) -> None:
    """Messages that are not written down take a shorter way where they meet nothing, or only a threshold."""
    keys: dict[str, Any] = {"encoding": encoding, "header": 3}
    if residual is not None:
        keys |= {"threshold": {"value": 0.2}, "residual": "threshold" if residual else "none"}
    plan, data = case.with_channels(forward=keys, learning=keys), case.data()
    state = engine.start(plan, data, trace_frames=plan.frames)
    advance(plan, state, plan.frames)
    assert outcome(state).same(run(plan, data))


@settings(max_examples=20)
@given(any_case)
def test_a_run_repeated_is_the_same_run(case: Case) -> None:
    assert run(case.plan(), case.data()).same(run(case.plan(), case.data()))


def test_a_snapshot_holds_what_is_on_its_way() -> None:
    """Taken with frames in flight, residuals kept back and momentum gained, and later undisturbed by the run."""
    channel = {"latency": "170 ns", "threshold": {"value": 0.1}, "residual": "threshold", "drop": {"probability": 0.2}}
    tables = {
        "learning": {"rule": "asrbp"},
        "training": {"batch": 3, "epochs": 4, "momentum": 0.5},
        "schedule": {"mode": "pipelined", "interval": "50 ns"},
        "channels": {"learning": channel, "forward": {"threshold": {"value": 0.2}, "residual": "threshold"}},
    }
    case = dense_case([5, 6, 4, 3], ["tanh", "tanh", "softmax"], 10, tables)
    plan, data = case.plan(), case.data()
    state = engine.start(plan, data)
    engine.advance(plan, state, 7)
    memory = state.memory
    assert memory.clock[0]["heap_size"] > 1 and memory.clock[0]["in_flight"] > 1
    assert memory.residuals.any() and memory.weight_velocity.any()
    arrays = engine.snapshot(state)
    before = {name: array.copy() for name, array in arrays.items()}
    engine.advance(plan, state, plan.frames)
    assert all(np.array_equal(array, before[name]) for name, array in arrays.items())
    resumed = engine.restore(plan, data, arrays)
    engine.advance(plan, resumed, plan.frames)
    assert outcome(resumed).same(outcome(state))


@pytest.mark.parametrize("silent", [0.1, 0.8], ids=["matrix", "events"])
@pytest.mark.parametrize("batch", [1, 230])
@pytest.mark.parametrize("rule", ["bp", "srbp", "arbp"])
def test_threads_are_not_seen(rule: str, batch: int, silent: float) -> None:
    """Mini-batches and inputs large enough for the work to be divided, the last mini-batch smaller."""
    rng = np.random.default_rng(1)
    x = rng.uniform(-1, 1, (300, 290)).astype(np.float32)
    x[rng.random(x.shape) < silent] = 0
    data = dataset(x, rng.integers(10, size=300), 10)
    channels = {"forward.2": {"quantize": {"kind": "ternary"}}}
    tables = {"learning": {"rule": rule}, "training": {"batch": batch, "epochs": 2}, "channels": channels}
    case = dense_case([290, 60, 50, 10], ["tanh", "relu", "softmax"], 300, tables)
    found = []
    for threads in (1, 2):
        with engine.threads(threads):
            found.append(run(case.plan(), data))
    assert found[0].same(found[1])


@pytest.mark.parametrize("batch", [1, 48])
@pytest.mark.parametrize("rule", ["bp", "srbp", "arbp"])
def test_threads_are_not_seen_on_maps(rule: str, batch: int) -> None:
    """Images enough for each thread to have some, the last mini-batch smaller."""
    rng = np.random.default_rng(1)
    x = rng.uniform(-1, 1, (70, 3, 12, 12)).astype(np.float32)
    x[rng.random(x.shape) < 0.1] = 0
    layers = [
        {"kind": "conv2d", "channels": 16, "kernel": 5, "padding": 2, "transfer": "relu"},
        {"kind": "maxpool", "size": 3, "stride": 2},
        {"kind": "conv2d", "channels": 24, "kernel": 3, "transfer": "tanh"},
        {"kind": "avgpool", "size": 3},
        {"kind": "dense", "units": 10, "transfer": "softmax"},
    ]
    augmented = {"name": "synthetic", "flip": True, "shift": 2}
    tables = {"learning": {"rule": rule}, "training": {"batch": batch, "epochs": 2}, "data": augmented}
    case = Case((3, 12, 12), layers, 10, 70, tables)
    data = dataset(x, rng.integers(10, size=70), 10)
    found = []
    for threads in (1, 2):
        with engine.threads(threads):
            found.append(run(case.plan(), data))
    assert found[0].same(found[1])


def test_the_seed_is_seen() -> None:
    case = dense_case([4, 5, 3], ["tanh", "softmax"], 8, {"learning": {"rule": "srbp"}, "training": {"batch": 2}})
    one, other = (run(case.plan(seed=seed), case.data()) for seed in (1, 2))
    assert not one.same_weights(other)
