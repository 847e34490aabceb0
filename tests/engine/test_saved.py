"""What a run leaves is accepted, at any instant of any scenario; what none leaves is told before it is used."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from channelsim import engine
from channelsim.engine import checkpoint, saved
from channelsim.errors import InputError
from channelsim.plan import Plan
from tests import networks
from tests.laws.any_scenario import any_case

Arrays = dict[str, np.ndarray]


def check_every_instant(seed: int) -> None:
    """Snapshots before each frame of the scenario of a seed, half of them settled as an evaluation leaves them."""
    case = any_case(seed)
    plan, data = case.plan(), case.data()
    fresh, state = engine.start(plan, data), engine.start(plan, data)
    for frame in range(plan.frames + 1):
        try:
            engine.advance(plan, state, frame)
        except engine.Diverged:
            return
        if seed % 2:
            engine.settle(state)
        assert saved.fault(fresh, engine.snapshot(state)) == "", f"seed {seed}, frame {frame}"


def test_what_a_run_leaves_is_accepted() -> None:
    for seed in range(12):
        check_every_instant(seed)


@pytest.mark.slow
def test_what_many_runs_leave_is_accepted() -> None:
    for seed in range(12, 200):
        check_every_instant(seed)


ONLINE: dict[str, Any] = {"training": {"batch": 1, "epochs": 2}, "learning": {"rule": "srbp"}}
PIPELINED: dict[str, Any] = {
    "training": {"batch": 2, "epochs": 2, "learning_rate": 0.02},
    "learning": {"rule": "rbp"},
    "channels": {"forward": {"latency": "30 us"}, "learning": {"latency": "50 us", "bandwidth": "30 Mbit/s"}},
    "schedule": {"mode": "pipelined", "interval": "20 us", "stash": 4},
}


def stopped(tables: dict[str, Any]) -> tuple[Plan, Any, Arrays]:
    plan = networks.plan_of([6, 5, 4, 3], 20, **tables)
    rng = np.random.default_rng(3)
    data = networks.dataset(rng.uniform(-1, 1, (20, 6)) * (rng.random((20, 6)) < 0.6), np.arange(20) % 3, 3)
    state = engine.start(plan, data)
    engine.advance(plan, state, 7)
    return plan, data, engine.snapshot(state)


Change = Callable[[Arrays], Any]


def put(name: str, place: Any, value: Any, field: str | None = None) -> Change:
    def change(arrays: Arrays) -> None:
        array = arrays[name][field] if field else arrays[name]
        array[place] = value

    return change


def replaced(name: str, by: Callable[[np.ndarray], np.ndarray]) -> Change:
    return lambda arrays: arrays.update({name: by(arrays[name])})


CHANGES: dict[str, tuple[dict[str, Any], Change, str]] = {
    "missing": (ONLINE, lambda arrays: arrays.pop("biases"), "biases is missing"),
    "another type": (ONLINE, replaced("weights", lambda w: w.astype(np.float64)), "weights is float64 of shape"),
    "another shape": (ONLINE, replaced("weights", lambda w: w[:-1]), r"weights is float32 of shape \(.*\), not"),
    "a table as numbers": (ONLINE, replaced("clock", lambda c: np.zeros(1)), "clock is float64"),
    "momentum that is not there": (
        {**ONLINE, "training": {**ONLINE["training"], "momentum": 0.9}},
        replaced("weight_velocity", lambda v: v[:0]), "weight_velocity is",
    ),
    "slots that do not double": (PIPELINED, replaced("slots", lambda s: s[:3]), "slots has 3 rows"),
    "no slots": (PIPELINED, replaced("slots", lambda s: s[:0]), "slots has 0 rows"),
    "a frame beyond the last": (ONLINE, put("clock", 0, 41, "next_frame"), "clock.next_frame is out of range"),
    "a heap beyond its room": (PIPELINED, put("clock", 0, 1 << 20, "heap_size"), "clock.heap_size is out of range"),
    "a negative heap": (PIPELINED, put("clock", 0, -1, "heap_size"), "clock.heap_size is out of range"),
    "rows that were collected": (ONLINE, put("clock", 0, 5, "rows"), "clock.rows is out of range"),
    "an event of no channel": (PIPELINED, put("heap", 0, 99, "channel"), "heap: an event of an unknown"),
    "an event of no frame": (PIPELINED, put("heap", 0, 99, "slot"), "heap: an event of a frame that is not there"),
    "an event of no kind": (PIPELINED, put("heap", 0, 7, "act"), "heap: an event of an unknown"),
    "an event of the past": (PIPELINED, put("heap", 0, -5, "time"), "heap: an event that is not due"),
    "events out of order": (PIPELINED, put("heap", 0, 1 << 60, "time"), "heap is not in order"),
    "a frame without its events": (PIPELINED, put("slots", slice(None), 0, "events"), "slots.events is not"),
    "no frame in flight": (PIPELINED, put("clock", 0, 0, "in_flight"), "clock.in_flight is not"),
    "samples of no data set": (PIPELINED, put("sample", (0, 0), 20), "sample is out of range"),
    "negative samples": (PIPELINED, put("sample", (0, 0), -1), "sample is out of range"),
    "more events than inputs": (ONLINE, put("input_events", (0, 2, 0), 6), "input_events is out of range"),
    "a list that starts elsewhere": (ONLINE, put("list_start", (0, 1), 10**6), "the events of layer 1"),
    "a list of a negative start": (ONLINE, put("list_start", (0, 1), -1), "input_form or list_start is out"),
    "a form that is none": (ONLINE, put("input_form", (0, 1), 9), "input_form or list_start is out of range"),
    "a form of a mini-batch": (ONLINE, put("input_form", (0, 1), 3), "layer 1 cannot hold its input so"),
    "a form without room": (ONLINE, put("input_form", (0, 1), 0), "layer 1 cannot hold its input so"),
    "a step beyond the last": (ONLINE, put("deferred_at", 0, 32), "deferred_at is out of range"),
    "updates deferred in a mini-batch": (PIPELINED, put("layer_states", 1, 1, "pending"), "without deferred updates"),
    "a slot that is not there": (PIPELINED, put("layer_states", 1, 64, "slot"), "layer_states.slot is out of range"),
    "older than the first": (PIPELINED, put("computed", (0, 1), 99), "computed is out of range"),
    "a ring's head": (PIPELINED, put("link_states", 0, 10**6, "head"), "link_states.head is out of range"),
    "a ring too full": (PIPELINED, put("link_states", 0, 10**6, "count"), "link_states.count is out of range"),
    "negative counts": (PIPELINED, put("counters", 0, -1, "bits"), "counters has negative values"),
    "a change that is none": (ONLINE, put("changes_done", 0, 1), "changes_done is out of range"),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_what_no_run_leaves_is_told(name: str) -> None:
    tables, change, told = CHANGES[name]
    plan, data, arrays = stopped(tables)
    checkpoint.restore(plan, data, dict(arrays))
    change(arrays)
    with pytest.raises(InputError, match=f"^/checkpoint: .*{told}"):
        checkpoint.restore(plan, data, arrays)


def test_an_event_before_its_layer_has_computed() -> None:
    """A learning message for a frame that is still on its way up would read what has not been written."""
    plan, data, arrays = stopped(PIPELINED)
    heap = arrays["heap"][: int(arrays["clock"]["heap_size"][0])]
    rising = np.flatnonzero((heap["act"] == 1) & (plan.channels["direction"][heap["channel"]] == 0))
    assert rising.size
    heap["channel"][rising[0]] = len(plan.channels) - 1
    with pytest.raises(InputError, match="heap: a frame whose activity has not been computed"):
        checkpoint.restore(plan, data, arrays)
