"""[[schedule.change]]: channels that become others during a run."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from channelsim import engine, reference, tolerances
from channelsim._verify import compare, one_thread
from channelsim.plan import Plan
from channelsim.reference.state import links_of, records
from tests.laws.cases import Case, dense_case, outcome, run

FRAMES_PER_EPOCH = 5
CLEAN: dict[str, Any] = {"latency": "10 ns", "bandwidth": "1 Gbit/s"}
BAD: dict[str, Any] = {"drop": {"probability": 0.5, "rescale": True}, "latency": "1 us", "bandwidth": "10 Mbit/s"}
WORSE: dict[str, Any] = {"noise": {"sigma": 0.2}, "header": 9}


def case(batch: int = 4, **tables: Any) -> Case:
    """Five frames an epoch, four epochs."""
    common = {"learning": {"rule": "srbp"}, "training": {"batch": batch, "epochs": 4}, "channels": {"learning": CLEAN}}
    return dense_case([6, 5, 5, 3], ["tanh", "tanh", "softmax"], FRAMES_PER_EPOCH * batch, {**common, **tables})


def changed(batch: int = 4, mode: dict[str, Any] | None = None, *changes: dict[str, Any]) -> Plan:
    return case(batch).plan(schedule={**(mode or {}), "change": list(changes)})


def in_sections(batch: int, *sections: tuple[int, dict[str, Any]]) -> reference.State:
    """A reference that is given, from each of these frames on, the learning channels of another plan."""
    small = case(batch)
    plan = small.plan()
    ref = reference.start(plan, small.data(), clock=True)
    with one_thread():
        for frame, keys in sections:
            reference.advance(ref, frame)
            other = small.with_channels(learning=keys)
            ref.channels[:] = records(other.channels)
            for link, new in zip(ref.links, links_of(other.links), strict=True):
                link.numerator, link.denominator, link.queue = new.numerator, new.denominator, new.queue
        reference.advance(ref, plan.frames)
    return ref


def assert_equal(plan: Plan, ref: reference.State, batch: int) -> None:
    found = run(plan, case(batch).data())
    assert np.abs(found.weights - ref.weights.numpy()).max() <= tolerances.WEIGHTS
    assert found.now == ref.now
    for name in ("bits", "dropped", "busy", "header_bits"):
        assert found.counters[name].tolist() == ref.counters[name].tolist()


@pytest.mark.parametrize("batch", [1, 4])
@pytest.mark.parametrize("frame", [0, 1, 7, 10, 19])
def test_from_a_frame(frame: int, batch: int) -> None:
    plan = changed(batch, None, {"frame": frame, "channels": {"learning": BAD}})
    assert_equal(plan, in_sections(batch, (frame, BAD)), batch)


@pytest.mark.parametrize("batch", [1, 4])
def test_link_degrades_further_and_recovers(batch: int) -> None:
    """Later changes are laid over earlier ones: keys that they do not name stay."""
    well = {"drop": {"probability": 0.0}, "noise": {"sigma": 0.0}, "header": 0, **CLEAN}
    plan = changed(
        batch,
        None,
        {"frame": 3, "channels": {"learning": BAD}},
        {"frame": 8, "channels": {"learning": WORSE}},
        {"frame": 13, "channels": {"learning": well}},
    )
    assert_equal(plan, in_sections(batch, (3, BAD), (8, {**BAD, **WORSE}), (13, CLEAN)), batch)


@pytest.mark.parametrize("epoch", [1, 2, 4])
def test_an_epoch_is_its_first_frame(epoch: int) -> None:
    by_epoch = changed(4, None, {"epoch": epoch, "channels": {"learning": BAD}})
    frame = (epoch - 1) * FRAMES_PER_EPOCH
    by_frame = changed(4, None, {"frame": frame, "channels": {"learning": BAD}})
    data = case().data()
    assert run(by_epoch, data).same(run(by_frame, data))


def test_from_the_first_frame_it_is_the_scenario() -> None:
    small = case()
    plan = changed(4, None, {"frame": 0, "channels": {"learning": BAD}})
    assert run(plan, small.data()).same(run(small.with_channels(learning=BAD), small.data()))


def test_one_channel_of_several() -> None:
    """A change of "learning.1" leaves learning.2 as it is."""
    small = case()
    plan = changed(4, None, {"frame": 5, "channels": {"learning.1": {"drop": {"probability": 1.0}}}})
    state = engine.start(plan, small.data())
    counters = dict(zip(plan.channel_names, state.counters, strict=True))
    engine.advance(plan, state, 5)
    layer = plan.layers[1]
    before = state.weights[layer["w_offset"] :][: layer["w_size"]].copy()
    engine.advance(plan, state, plan.frames)
    after = state.weights[layer["w_offset"] :][: layer["w_size"]]
    assert np.array_equal(before, after)  # nothing reaches layer 1 any more
    assert counters["learning.1"]["dropped"] == 15 * 4 * 3
    assert counters["learning.2"]["dropped"] == 0


PIPELINED = {"mode": "pipelined", "interval": "100 ns"}


@pytest.mark.parametrize("mode", [{}, PIPELINED], ids=["sequential", "pipelined"])
@pytest.mark.parametrize("stop", [1, 6, 7, 8, 14])
def test_a_resumed_run_knows_what_has_changed(mode: dict[str, Any], stop: int) -> None:
    changes = (
        {"frame": 7, "channels": {"learning": BAD}},
        {"frame": 8, "channels": {"forward": {"quantize": {"kind": "uniform", "bits": 5}}}},
        {"epoch": 3, "channels": {"learning": WORSE}},
    )
    plan, data = changed(4, mode, *changes), case().data()
    state = engine.start(plan, data)
    engine.advance(plan, state, stop)
    resumed = engine.restore(plan, data, engine.snapshot(state))
    engine.advance(plan, resumed, plan.frames)
    assert outcome(resumed).same(run(plan, data))


@pytest.mark.parametrize("rule", ["bp", "asrbp"])
def test_changes_while_frames_are_in_flight(rule: str) -> None:
    """Update by update against the reference; the messages that were sent before a change stay as they were."""
    small = case(learning={"rule": rule})
    change = ({"frame": 6, "channels": {"learning": BAD}}, {"frame": 12, "channels": {"learning": CLEAN | WORSE}})
    with one_thread():
        result = compare(small.plan(schedule={**PIPELINED, "change": list(change)}), small.data(), 20)
    assert result.passed, result
