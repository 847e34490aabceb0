"""Law 3: pipelined learning equals learning through gradient delay lines; without delays, sequential learning."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channelsim import engine, tolerances
from tests.laws.cases import Case, cases, dense_case, outcome, run
from tests.laws.delay_line import DelayLine

INTERVAL = 1000  # ps


def steps(*delays: int) -> int:
    """How many frames pass a layer before the error that comes these delays (ps) after its own frame.

    At one instant errors come first, if they have been under way: one without latency may be made in that instant by
    an activation that is due after those of other layers.
    """
    return max(0, -(-sum(delays) // INTERVAL) - 1)


def pipelined(**schedule: Any) -> dict[str, Any]:
    return {"mode": "pipelined", "interval": f"{INTERVAL} ps", **schedule}


@st.composite
def delayed(draw: st.DrawFn, equal_frames: bool = False) -> tuple[Case, dict[int, int]]:
    """A scenario with latencies, and D_h of each layer that they make."""
    hidden = draw(st.lists(st.integers(2, 6), min_size=1, max_size=3))
    top = len(hidden) + 1
    rule = draw(st.sampled_from(["bp", "rbp", "srbp", "arbp", "asrbp"]))
    latency = st.sampled_from([1, 300, 999, 1000, 1001, 1700, 2000, 3500])
    forward = {h: draw(st.one_of(st.just(0), latency)) for h in range(1, top + 1)}
    back = {h: draw(latency) for h in range(1, top)}
    arrives = np.cumsum([0, *forward.values()]).tolist()  # ps after a frame's entry at each layer
    hears = {top: arrives[top]}
    for h in range(top - 1, 0, -1):
        hears[h] = hears[top if rule in ("srbp", "asrbp") else h + 1] + back[h]
    channels = {f"forward.{h}": {"latency": f"{ps} ps"} for h, ps in forward.items()}
    channels |= {f"learning.{h}": {"latency": f"{ps} ps"} for h, ps in back.items()}
    batch = draw(st.sampled_from([1, 2, 3]))
    samples = draw(st.integers(2, 4)) * batch if equal_frames else draw(st.integers(4, 10))
    tables = {
        "seed": draw(st.integers(0, 99)),
        "learning": {"rule": rule, "derivative": draw(st.booleans())},
        "training": {
            "batch": batch,
            "epochs": 3,
            "learning_rate": draw(st.sampled_from([0.05, 0.2])),
            "momentum": draw(st.sampled_from([0, 0.7])),
            "learning_rate_decay": draw(st.sampled_from([0, 0.02])),
            "shuffle": False,
        },
        "channels": channels,
        "schedule": pipelined(),
    }
    units = [draw(st.integers(1, 6)), *hidden, 3]
    late = {h: steps(hears[h] - arrives[h]) for h in range(1, top + 1)}
    return dense_case(units, ["tanh"] * len(hidden) + ["softmax"], samples, tables), late


def equal(case: Case, line: DelayLine) -> None:
    found = run(case.plan(), case.data())
    line.run()
    for name in ("weights", "biases", "feedback"):
        ours, theirs = getattr(found, name), getattr(line, name)
        scale = max(1.0, np.abs(theirs).max(initial=0))
        assert np.abs(ours - theirs).max(initial=0) <= tolerances.WEIGHTS * scale, name


@settings(max_examples=30)
@given(delayed())
def test_late_errors_are_a_delay_line(given: tuple[Case, dict[int, int]]) -> None:
    case, delays = given
    equal(case, DelayLine(case.plan(), case.data(), delays))


@settings(max_examples=30)
@given(delayed(equal_frames=True), st.integers(1, 4), st.booleans())
def test_a_stash_forgets_what_is_older(given: tuple[Case, dict[int, int]], stash: int, current: bool) -> None:
    case, delays = given
    schedule = pipelined(stash=stash, on_miss="current" if current else "drop")
    case = case.with_tables(schedule=schedule)
    equal(case, DelayLine(case.plan(), case.data(), delays, stash, current))


@settings(max_examples=30)
@given(delayed(), st.sampled_from(["drop", "current"]))
def test_a_stash_that_is_deep_enough_is_not_seen(given: tuple[Case, dict[int, int]], on_miss: str) -> None:
    case, delays = given
    schedule = pipelined(stash=max(delays.values()) + 1, on_miss=on_miss)
    assert run(case.plan(schedule=schedule), case.data()).same(run(case.plan(), case.data()))


@settings(max_examples=25)
@given(cases(), st.sampled_from(["fixed", "poisson"]))
def test_without_delays_it_is_sequential_bit_for_bit(case: Case, arrivals: str) -> None:
    """Whatever the stages do, and however the frames arrive."""
    schedule = pipelined(arrivals=arrivals, stash=1)
    sequential, found = run(case.plan(), case.data()), run(case.plan(schedule=schedule), case.data())
    assert found.same_weights(sequential)
    assert found.now > sequential.now == 0


@settings(max_examples=30)
@given(cases())
def test_errors_in_time_are_sequential_bit_for_bit(case: Case) -> None:
    """D = 0 also where messages take time, as long as everything is done when the next frame enters."""
    slow = {"latency": "20 ns", "bandwidth": "10 Gbit/s"}
    plan = case.with_channels(forward=slow, learning=slow)
    unhurried = case.with_tables(schedule={"mode": "pipelined", "interval": "1 ms"})
    patient = unhurried.with_channels(forward=slow, learning=slow)
    assert run(patient, case.data()).same_weights(run(plan, case.data()))


@pytest.mark.parametrize(("latency", "age"), [(0, 0), (1000, 0), (1001, 1), (2000, 1), (2001, 2)])
def test_the_age_of_errors_is_the_delay(latency: int, age: int) -> None:
    """Counted for each update; the last ones have fewer frames after them."""
    tables = {
        "learning": {"rule": "srbp"},
        "training": {"batch": 1, "epochs": 1},
        "channels": {"learning": {"latency": f"{latency} ps"}},
        "schedule": pipelined(),
    }
    case = dense_case([3, 4, 3], ["tanh", "softmax"], 10, tables)
    plan = case.plan()
    state = engine.start(plan, case.data())
    engine.advance(plan, state, plan.frames)
    ages = state.memory.ages[1]
    assert ages[age] == 10 - age
    assert ages[:age].tolist() == [1] * age
    assert ages[age + 1 :].sum() == 0
    assert not outcome(state).same_weights(run(case.plan(schedule={}), case.data())) or age == 0
