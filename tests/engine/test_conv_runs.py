"""Whole runs of convolutional networks: threads, chunks, snapshots and room for frames do not show in the result."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from channelsim import engine
from channelsim.plan import Plan
from tests.networks import dataset, plan_of_chain

CLASSES, SAMPLES = 4, 210
LAYERS: list[dict[str, Any]] = [
    {"kind": "conv2d", "channels": 6, "kernel": 3, "padding": 1, "transfer": "relu"},
    {"kind": "maxpool", "size": 2},
    {"kind": "conv2d", "channels": 7, "kernel": 3, "stride": 2, "transfer": "tanh"},
    {"kind": "avgpool", "size": 2, "stride": 1},
    {"kind": "flatten"},
    {"kind": "dense", "units": CLASSES, "transfer": "softmax"},
]
SHAPE = (2, 11, 10)
RULES = ("bp", "rbp", "arbp", "sign", "asrbp")
rng = np.random.default_rng(3)
DATA = dataset(rng.normal(size=(SAMPLES, *SHAPE)), rng.integers(CLASSES, size=SAMPLES), CLASSES)


def plan(rule: str, batch: int, **tables: Any) -> Plan:
    training = {"batch": batch, "epochs": 2, **tables.pop("training", {})}
    return plan_of_chain(SHAPE, LAYERS, CLASSES, SAMPLES, learning={"rule": rule}, training=training, **tables)


def outcome(p: Plan, state: engine.State) -> tuple[Any, ...]:
    engine.settle(state)
    test = engine.evaluate(state, DATA.train_x, DATA.train_y)
    return state.weights.copy(), state.biases.copy(), state.feedback.copy(), state.counters.copy(), state.now, test


def run(p: Plan, threads: int = 1) -> tuple[Any, ...]:
    state = engine.start(p, DATA)
    with engine.threads(threads):
        engine.advance(p, state, p.frames)
        return outcome(p, state)


def assert_same(a: tuple[Any, ...], b: tuple[Any, ...]) -> None:
    for left, right in zip(a, b, strict=True):
        np.testing.assert_array_equal(left, right)


@pytest.mark.parametrize("rule", RULES)
def test_threads_do_not_show(rule: str) -> None:
    p = plan(rule, 100)
    assert_same(run(p), run(p, threads=2))


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("tables", [{}, {"data": {"name": "synthetic", "flip": True, "shift": 1}},
                                    {"training": {"momentum": 0.9}}], ids=["plain", "moved", "momentum"])  # fmt: skip
def test_neither_chunks_nor_a_resumption_show(rule: str, tables: dict[str, Any]) -> None:
    p = plan(rule, 33, **tables)
    state = engine.start(p, DATA)
    for frame in range(1, p.frames):
        engine.advance(p, state, frame)
        if frame % 5 == 0:
            state = engine.restore(p, DATA, engine.snapshot(state))
    engine.advance(p, state, p.frames)
    assert_same(outcome(p, state), run(p))


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("batch", [1, 8])
def test_many_frames_in_flight(rule: str, batch: int) -> None:
    """Latencies in a pipeline: room for frames grows while it runs, and errors meet inputs that are long past."""
    pipeline = {"mode": "pipelined", "interval": "1 us", "stash": 9, "on_miss": "current"}
    channels = {"forward": {"latency": "1 us"}, "learning": {"latency": "2 us"}}
    p = plan(rule, batch, schedule=pipeline, channels=channels, training={"epochs": 1, "learning_rate": 0.01})
    whole = run(p)
    assert np.isfinite(whole[0]).all()
    state = engine.start(p, DATA)
    first = len(state.memory.slots)
    engine.advance(p, state, p.frames // 2)
    assert len(state.memory.slots) > first
    state = engine.restore(p, DATA, engine.snapshot(state))
    engine.advance(p, state, p.frames)
    assert_same(outcome(p, state), whole)


def test_images_that_are_maps_have_no_event_lists() -> None:
    state = engine.start(plan("bp", 8), DATA)
    assert state.net.event_index.size == state.net.event_value.size == 0
    np.testing.assert_array_equal(np.diff(state.net.event_start), np.count_nonzero(DATA.train_x, axis=1))
