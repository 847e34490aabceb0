"""The clock: hand-worked timetables, and the engine against a per-neuron simulator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channelsim.accounting import utilisation
from channelsim.plan import Plan
from tests.networks import plan_of, run
from tests.neuronwise import Simulator

NS = 1000
TIMES = ("frame", "sample", "channel", "offered", "start", "first_arrival", "complete", "events", "bits")
Row = tuple[int, ...]


def by_neurons(p: Plan, x: Any, y: Any, frames: int) -> tuple[list[Row], int]:
    """Message rows (fields TIMES) in the order of sending, and the time when all is done."""
    simulator = Simulator(p, x, y).run(frames)
    return [tuple(int(getattr(m, name)) for name in TIMES) for m in simulator.messages], simulator.now


def by_engine(p: Plan, x: Any, y: Any, frames: int) -> tuple[list[Row], int]:
    assert frames == p.frames
    state, rows = run(p, x, y)
    return [tuple(int(row[name]) for name in TIMES) for row in rows], int(state.now)


both = pytest.mark.parametrize("simulate", [by_neurons, by_engine])
OVERTAKEN: dict[str, Any] = {
    "learning": {"rule": "bp"},
    "training": {"batch": 1, "epochs": 1},
    "channels": {"forward.1": {"bandwidth": "1 Mbit/s", "queue": 0}},
    "schedule": {"mode": "pipelined", "interval": "10 us", "stash": 1},
}
Simulate = Callable[[Plan, Any, Any, int], tuple[list[Row], int]]


@both
def test_timetable_of_two_frames(simulate: Simulate) -> None:
    p = plan_of(
        [2, 2, 2],
        samples=2,
        learning={"rule": "srbp"},
        training={"batch": 1, "epochs": 1, "shuffle": False},
        compute={"forward": ["10 ns", "20 ns"], "learning": ["5 ns", "0 s"]},
        channels={
            "forward.1": {"bandwidth": "1 Gbit/s", "latency": "100 ns"},
            "forward.2": {"bandwidth": "2 Gbit/s", "latency": "20 ns", "encoding": "aer", "header": 3},
            "learning.1": {
                "quantize": {"kind": "log2", "exponents": 3, "scale": "max"},
                "bandwidth": "1 Gbit/s",
                "latency": "50 ns",
                "encoding": "aer",
            },
        },
    )
    rows, end = simulate(p, np.array([[0.5, 0.25], [0, 0.25]], np.float32), [0, 1], 2)
    assert rows == [
        # Frame 0 enters at 0. forward.1: two floats, 64 bits at 1 ns: the words are over after 32 and 64 ns.
        (0, 0, 0, 0, 0, 132 * NS, 164 * NS, 2, 64),
        # Layer 1 computes 10 ns. forward.2: 3 bits of header, then two events of 1 + 32 bits, 0.5 ns a bit:
        # the first is over after 36 bits (18 ns), the second after 69 (34.5 ns).
        (0, 0, 1, 174 * NS, 174 * NS, 212 * NS, 228_500, 2, 69),
        # Layer 2 computes 20 ns. learning.1: a scale of 32 bits, two events of 1 + 3 bits.
        (0, 0, 2, 248_500, 248_500, 334_500, 338_500, 2, 40),
        # Layer 1 learns for 5 ns; then, nothing being under way, frame 1 enters. One input is silent: a dense
        # message has a word for it all the same, an event it has not.
        (1, 0, 0, 343_500, 343_500, 507_500, 507_500, 1, 64),
        (1, 0, 1, 517_500, 517_500, 555_500, 572_000, 2, 69),
        (1, 0, 2, 592_000, 592_000, 678_000, 682_000, 2, 40),
    ]
    assert end == 687 * NS


@both
def test_timetable_of_a_bus(simulate: Simulate) -> None:
    """Five channels on one wire, and a frame every 150 ns: activities and errors wait for each other."""
    p = plan_of(
        [2, 2, 2, 2],
        samples=3,
        learning={"rule": "srbp"},
        training={"batch": 1, "epochs": 1, "shuffle": False},
        channels={"forward": {"link": "bus"}, "learning": {"link": "bus"}},
        links={"bus": {"bandwidth": "1 Gbit/s"}},
        schedule={"mode": "pipelined", "interval": "150 ns"},
    )
    names = {name: c for c, name in enumerate(p.channel_names)}
    rows, end = simulate(p, np.full((3, 2), 0.5, np.float32), [0, 1, 0], 3)
    # Every message is two floats: it holds the bus for 64 ns; the first event arrives after 32.
    timetable = [
        # frame, channel, offered, start
        (0, "forward.1", 0, 0),
        (0, "forward.2", 64, 64),
        (0, "forward.3", 128, 128),
        (1, "forward.1", 150, 192),  # frame 1 enters while forward.3 talks
        (0, "learning.2", 192, 256),  # the top is done at 192, and forward.1 is already waiting
        (0, "learning.1", 192, 320),
        (1, "forward.2", 256, 384),
        (2, "forward.1", 300, 448),
        (1, "forward.3", 448, 512),
        (2, "forward.2", 512, 576),
        (1, "learning.2", 576, 640),
        (1, "learning.1", 576, 704),
        (2, "forward.3", 640, 768),
        (2, "learning.2", 832, 832),
        (2, "learning.1", 832, 896),
    ]
    expected = [
        (frame, 0, names[name], offered * NS, start * NS, (start + 32) * NS, (start + 64) * NS, 2, 64)
        for frame, name, offered, start in timetable
    ]
    assert rows == expected
    assert end == 960 * NS


@both
def test_timetable_of_a_mini_batch_with_a_short_queue_and_a_deadline(simulate: Simulate) -> None:
    p = plan_of(
        [2, 2],
        samples=4,
        learning={"rule": "top"},
        training={"batch": 4, "epochs": 1, "shuffle": False},
        compute={"forward": "1 ns"},
        channels={"forward.1": {"bandwidth": "1 Gbit/s", "latency": "10 ns", "queue": 2, "deadline": "150 ns"}},
    )
    rows, end = simulate(p, np.full((4, 2), 0.5, np.float32), [0, 1, 0, 1], 1)
    # Four messages of 64 ns are offered at once: one talks, two wait, the fourth finds the queue full.
    # The third would be complete at 192 + 10; after 150 ns the receiver goes without it, for 4 x 1 ns.
    assert [row[1:5] for row in rows[:3]] == [(0, 0, 0, 0), (1, 0, 0, 64 * NS), (2, 0, 0, 128 * NS)]
    assert [row[8] for row in rows] == [64, 64, 64, 0]
    assert end == 154 * NS


@both
def test_the_top_layer_computes_forward_and_learning_before_it_acts(simulate: Simulate) -> None:
    """10 + 5 ns a sample at the top; the hidden layer takes 2 ns, and 3 ns when its error has come."""
    p = plan_of(
        [2, 2, 2],
        samples=2,
        learning={"rule": "bp"},
        training={"batch": 2, "epochs": 1, "shuffle": False},
        compute={"forward": ["2 ns", "10 ns"], "learning": ["3 ns", "5 ns"]},
    )
    rows, end = simulate(p, np.full((2, 2), 0.5, np.float32), [0, 1], 1)
    assert [(row[2], row[3]) for row in rows] == [(0, 0), (0, 0), (1, 4 * NS), (1, 4 * NS), (2, 34 * NS), (2, 34 * NS)]
    assert end == 40 * NS


@both
def test_the_first_arrival_is_never_after_the_deadline(simulate: Simulate) -> None:
    """Two floats at 1 ns a bit: the first is over after 32 ns and the second after 64."""
    deadlines = {"50 ns": (32, 50), "20 ns": (20, 20), "80 ns": (32, 64)}
    for deadline, (first, complete) in deadlines.items():
        channel = {"bandwidth": "1 Gbit/s", "deadline": deadline}
        p = plan_of(
            [2, 2],
            samples=1,
            learning={"rule": "top"},
            training={"batch": 1, "epochs": 1},
            channels={"forward": channel},
        )
        ((*_, first_arrival, completed, events, _),), _ = simulate(p, np.full((1, 2), 0.5, np.float32), [0], 1)
        assert (first_arrival, completed, events) == (first * NS, complete * NS, 2)


def test_a_link_can_be_given_more_than_it_can_send() -> None:
    """192 us of messages every 50 us: the layer goes on at the deadline, and the link still sends when the next frame
    enters. Utilisation is what it has been given, over the elapsed time."""
    p = plan_of(
        [6, 2],
        samples=10,
        learning={"rule": "top"},
        training={"batch": 1, "epochs": 1},
        channels={"forward": {"bandwidth": "1 Mbit/s", "deadline": "50 us"}},
    )
    state, rows = run(p, np.full((10, 6), 0.5, np.float32), [0, 1] * 5)
    assert (rows["start"] - rows["offered"]).tolist() == [142_000 * k * NS for k in range(10)]
    assert utilisation(state.counters, state.now).tolist() == [3.84]


@both
def test_a_frame_that_overtakes_another_one_is_computed_before_it(simulate: Simulate) -> None:
    """A message of frame 0 is on the link for 192 us; frames 1 to 19 find its queue full, and are computed before."""
    p = plan_of([6, 3, 2], samples=20, **OVERTAKEN)
    rows, _ = simulate(p, np.full((20, 6), 0.5, np.float32), [0, 1] * 10, 20)
    sent = [row[0] for row in rows if row[2] == 1]  # frames, in the order in which layer 1 sends its activity
    assert sent == [*range(1, 20), 0]


def test_the_age_of_an_error_counts_the_frames_that_the_layer_has_computed_since() -> None:
    """Frame 0, which all others have overtaken, hears its error at once: its age is 0, and nothing is missed."""
    p = plan_of([6, 3, 2], samples=20, **OVERTAKEN)
    x, y = np.full((20, 6), 0.5, np.float32), [0, 1] * 10
    state, _ = run(p, x, y)
    simulator = Simulator(p, x, y).run(20)
    assert state.misses.tolist() == simulator.misses == [0, 0, 0]
    assert int(state.ages[1][0]) == simulator.ages[1][0] == 20


def test_with_jitter_a_fresh_error_is_not_missed() -> None:
    """Errors without latency come while their frame is the one computed last, whichever overtook which: none of 40 is
    missed, with the stash of one frame."""
    p = plan_of(
        [6, 3, 2],
        samples=40,
        learning={"rule": "bp"},
        training={"batch": 1, "epochs": 1},
        channels={"forward.1": {"jitter": "40 us"}},
        schedule={"mode": "pipelined", "interval": "10 us", "stash": 1},
    )
    x, y = np.full((40, 6), 0.5, np.float32), [0, 1] * 20
    state, rows = run(p, x, y)
    forward = rows[rows["channel"] == 1]["frame"]
    assert (np.diff(forward) < 0).sum() > 10, "frames have overtaken each other"
    assert state.misses.tolist() == [0, 0, 0] and int(state.ages[1][0]) == 40


def test_events_arrive_one_by_one() -> None:
    """The log of the per-neuron simulator itself, for the network of the first timetable with one frame."""
    p = plan_of(
        [2, 1, 2],
        samples=1,
        learning={"rule": "bp"},
        training={"batch": 1, "epochs": 1},
        channels={"forward.1": {"bandwidth": "1 Gbit/s"}, "learning.1": {"latency": "7 ns"}},
    )
    log = Simulator(p, np.ones((1, 2), np.float32), [0]).run(1).log
    assert [(h.time, h.what, h.channel, h.neuron) for h in log] == [
        (0, "enter", -1, -1),
        (32 * NS, "arrive", 0, 0),
        (64 * NS, "arrive", 0, 1),
        (64 * NS, "complete", 0, -1),
        (64 * NS, "forward", 1, -1),
        (64 * NS, "arrive", 1, 0),
        (64 * NS, "complete", 1, -1),
        (64 * NS, "forward", 2, -1),
        (64 * NS, "learn", 2, -1),
        (71 * NS, "arrive", 2, 0),
        (71 * NS, "arrive", 2, 1),
        (71 * NS, "complete", 2, -1),
        (71 * NS, "learn", 1, -1),
    ]


# --- the engine against the per-neuron simulator --------------------------------------------------------


@st.composite
def channels(draw: st.DrawFn, shared: bool) -> dict[str, Any]:
    table: dict[str, Any] = {
        "latency": draw(st.sampled_from(["0 s", "3 ns", "50 ns"])),
        "encoding": draw(st.sampled_from(["dense", "aer", "auto"])),
        "header": draw(st.sampled_from([0, 5])),
    }
    if shared and draw(st.booleans()):
        table["link"] = "bus"
    else:
        table["bandwidth"] = draw(st.sampled_from(["none", "1 Gbit/s", "3 Gbit/s", "700 Mbit/s"]))
        if draw(st.integers(0, 3)) == 0:
            table["queue"] = draw(st.integers(0, 4))
    if draw(st.integers(0, 2)) == 0:
        table["jitter"] = {
            "distribution": draw(st.sampled_from(["uniform", "exponential"])),
            "value": "20 ns",
        }
    if draw(st.integers(0, 2)) == 0:
        table["deadline"] = draw(st.sampled_from(["40 ns", "120 ns", "300 ns"]))
    if draw(st.integers(0, 2)) == 0:
        table["drop"] = {"probability": 0.3, "rescale": draw(st.booleans())}
    if draw(st.integers(0, 2)) == 0:
        scale = draw(st.sampled_from(["max", "rms", 0.5]))
        table["quantize"] = {"kind": "log2", "exponents": draw(st.integers(1, 5)), "scale": scale}
    if draw(st.integers(0, 2)) == 0:
        table["threshold"] = {"value": draw(st.sampled_from([0.0, 0.1]))}
    if table.keys() & {"quantize", "threshold"} and draw(st.booleans()):
        kinds = ["threshold", "error_feedback"] if "threshold" in table else ["error_feedback"]
        table["residual"] = draw(st.sampled_from(kinds))
    return table


@st.composite
def schedules(draw: st.DrawFn, directions: list[str]) -> dict[str, Any]:
    table: dict[str, Any] = {}
    if draw(st.booleans()):
        table |= {
            "mode": "pipelined",
            "interval": draw(st.sampled_from(["20 ns", "90 ns", "500 ns"])),
            "arrivals": draw(st.sampled_from(["fixed", "poisson"])),
        }
        if draw(st.booleans()):
            table["stash"] = draw(st.integers(1, 3))
            table["on_miss"] = draw(st.sampled_from(["drop", "current"]))
    if draw(st.integers(0, 3)) == 0:
        changed = {"latency": "35 ns", "header": 9, "drop": {"probability": 0.1}}
        table["change"] = [{"frame": draw(st.integers(0, 1)), "channels": {draw(st.sampled_from(directions)): changed}}]
    return table


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[int], int, list[str], dict[str, Any]]:
    """A small network with random channels: units, samples, transfer functions, tables of the scenario."""
    depth = draw(st.integers(1, 4))
    units = draw(st.lists(st.integers(1, 6), min_size=depth, max_size=depth))
    # Not three classes: a silent network errs by (2, -1, -1) / 3 there, and log2 of 1 / rms is on a boundary.
    units.append(draw(st.sampled_from([2, 4])))
    hidden = st.sampled_from(["tanh", "logistic", "relu", "linear"])
    transfers = draw(st.lists(hidden, min_size=depth - 1, max_size=depth - 1))
    transfers.append(draw(st.sampled_from(["softmax", "tanh", "linear"])))
    rule = draw(st.sampled_from(["bp", "rbp", "srbp", "top", "arbp", "asrbp", "sign", "drtp"]))
    shared = draw(st.booleans())
    names = ["forward", f"forward.{draw(st.integers(1, depth))}"]
    if rule != "top" and depth > 1:
        names += ["learning", f"learning.{draw(st.integers(1, depth - 1))}"]
    channel_tables = {name: draw(channels(shared)) for name in names if draw(st.integers(0, 3))}
    learning: dict[str, Any] = {"rule": rule, "derivative": draw(st.booleans())}
    if rule not in ("bp", "top") and draw(st.booleans()):
        learning["feedback"] = {"connections": 2}
    found = {
        "seed": draw(st.integers(0, 1000)),
        "learning": learning,
        "training": {
            "batch": draw(st.integers(1, 3)),
            "epochs": 2,
            # Small steps: a saturated unit is 1 or the float32 below it, and has a slope of 0 or not.
            "learning_rate": 0.02,
            "learning_rate_decay": 0.01,
            "momentum": draw(st.sampled_from([0.0, 0.9])),
        },
        "channels": channel_tables,
        "compute": {
            "forward": draw(st.sampled_from(["0 s", "7 ns"])),
            "learning": draw(st.sampled_from(["0 s", "11 ns"])),
        },
        "schedule": draw(schedules([names[0], names[-1]])),
    }
    if any("link" in table for table in channel_tables.values()):
        bus = {"bandwidth": "2 Gbit/s", "broadcast": draw(st.booleans())}
        found["links"] = {"bus": bus | draw(st.sampled_from([{}, {"queue": 0}, {"queue": 1}, {"queue": 4}]))}
    return units, draw(st.integers(1, 7)), transfers, found


def agree(units: list[int], samples: int, transfers: list[str] | None = None, **found: Any) -> None:
    """Asserts that both simulators send the same messages at the same times, count alike and learn the same."""
    p = plan_of(units, samples, transfers, **found)
    rng = np.random.default_rng(p.seed)
    x = np.where(rng.random((samples, units[0])) < 0.3, 0, rng.random((samples, units[0]))).astype(np.float32)
    y = rng.integers(0, units[-1], samples)
    simulator = Simulator(p, x, y).run(p.frames)
    state, rows = run(p, x, y)
    fields = (*TIMES, "delivered", "encoding", "outcome")
    ours = [tuple(int(getattr(m, name)) for name in fields) for m in simulator.messages]
    assert [tuple(int(row[name]) for name in fields) for row in rows] == ours
    assert state.now == simulator.now
    for c, counted in enumerate(simulator.counters):
        for name, value in counted.items():
            assert state.counters[c][name] == value, (p.channel_names[c], name)
    for h, ages in enumerate(simulator.ages[1 : p.top], start=1):
        assert {age: count for age, count in enumerate(state.ages[h]) if count} == ages
    assert state.misses.tolist() == simulator.misses
    np.testing.assert_allclose(state.weights, simulator.weights(), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(state.biases, simulator.biases(), rtol=1e-4, atol=1e-5)


@settings(max_examples=200)
@given(tables())
def test_engine_and_neurons_agree_event_by_event(
    network: tuple[list[int], int, list[str], dict[str, Any]],
) -> None:
    units, samples, transfers, found = network
    agree(units, samples, transfers, **found)


@pytest.mark.parametrize("on_miss", ["drop", "current"])
@pytest.mark.parametrize("batch", [1, 2])
def test_frames_that_overtake_each_other(on_miss: str, batch: int) -> None:
    """With jitter a later frame may be computed first: the newest frame is the one computed last.

    Five samples in frames of two: the newest frame may have fewer samples than the one whose error comes, and what has
    no counterpart learns nothing and sends nothing.
    """
    jittery = {"jitter": {"distribution": "exponential", "value": "60 ns"}, "drop": {"probability": 0.1}}
    agree(
        [3, 4, 3, 2],
        samples=5,
        training={"batch": batch, "epochs": 8, "learning_rate": 0.02},
        channels={"forward": jittery, "learning": jittery},
        schedule={"mode": "pipelined", "interval": "40 ns", "stash": 1, "on_miss": on_miss},
    )


def test_a_broadcast_is_of_one_message() -> None:
    """Layer 2's error is not taken for a repetition of the activity that it has put on the same bus before."""
    agree(
        [3, 3, 3, 2],
        samples=2,
        learning={"rule": "rbp"},
        training={"batch": 1, "epochs": 1},
        channels={"forward.3": {"link": "bus"}, "learning.1": {"link": "bus"}},
        links={"bus": {"bandwidth": "1 Gbit/s", "broadcast": True}},
    )


def test_a_broadcast_reaches_all_skipped_channels() -> None:
    agree(
        [3, 3, 3, 3, 2],
        samples=4,
        learning={"rule": "srbp"},
        training={"batch": 2, "epochs": 1},
        channels={"learning": {"link": "bus", "deadline": "150 ns"}},
        links={"bus": {"bandwidth": "1 Gbit/s", "broadcast": True}},
    )
