"""Warnings at the end of a run: each at its limit, by cause, with the name of the channel; and in runs."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import channelsim as cs
from channelsim import cautions
from channelsim.engine import State
from channelsim.engine.tables.layouts import CLOCK, LAYER_STATE, LINK_STATE
from channelsim.plan import COUNTER
from channelsim.progress import Silent
from tests.cli.process import ROOT
from tests.engine import memory
from tests.networks import plan_of, scenario


def state(now: int = 1000, **tables: Any) -> State:
    """A run at some time, with two forward channels and one learning channel, and counters that are all 0."""
    plan = plan_of([3, 3, 2], 5, learning={"rule": "rbp"}, **tables)
    clock, counters = np.zeros(1, CLOCK), np.zeros(len(plan.channels), COUNTER)
    clock["now"] = now
    states = {"link_states": np.zeros(len(plan.links), LINK_STATE), "layer_states": np.zeros(3, LAYER_STATE)}
    held = memory.memory(clock=clock, counters=counters, **states)
    return State(plan, memory.net(channels=plan.channels), held, frozenset(), epoch=0, changes_done=0)


def counted(of: State, channel: int = 0, **counters: int) -> State:
    for name, value in counters.items():
        of.memory.counters[name][channel] = value
    return of


def losses(of: State) -> list[str]:
    return cautions.losses(of, of.counters)


# --- losses ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cause", "told"), [("late", "they were late"), ("corrupted", "bit errors"), ("overflow", None)]
)
def test_more_than_a_tenth_of_the_events(cause: str, told: str | None) -> None:
    """Events of messages that found the queue full have not been sent: 100 sent and 11 others are 111."""
    sent = 100 if cause != "overflow" else 89
    lost = {"lost_messages": 2} if cause == "overflow" else {}
    assert losses(counted(state(), messages=20, sent=sent + 1, **{cause: 10})) == []
    found = losses(counted(state(), 1, messages=20, sent=sent, **{cause: 11}, **lost))
    (text,) = found
    assert (told or "found a queue full: 10.0 % of forward.2") in text and "forward.2" in text


def test_more_than_a_tenth_of_the_messages() -> None:
    """Also if they were empty."""
    assert losses(counted(state(), messages=100, lost_messages=10)) == []
    (text,) = losses(counted(state(), 2, messages=100, lost_messages=11))
    assert text.startswith("messages lost because they found a queue full: 11.0 % of learning.1; a longer queue")


def test_causes_that_only_together_are_too_many() -> None:
    found = losses(counted(state(), messages=100, sent=1000, late=60, corrupted=60))
    assert [text.split(":")[0] for text in found] == [
        "events lost because bit errors made words that mean nothing",
        "events lost because they were late",
    ]
    found = losses(counted(state(), messages=100, sent=1000, late=160, corrupted=5))
    assert len(found) == 1 and "16.0 % of forward.1" in found[0]


def test_drops_count_where_so_many_were_asked_for() -> None:
    """Of a drop probability of 0.1 a little more than a tenth may be dropped."""
    for probability, warned in ((0.1, False), (0.11, True)):
        at = state(channels={"learning": {"drop": {"probability": probability}}})
        found = losses(counted(at, 2, messages=10, sent=1000, dropped=112))
        assert [text.startswith("events lost by drop: 11.2 % of learning.1") for text in found] == [True] * warned


def test_drops_that_a_change_has_asked_for() -> None:
    change = {"frame": 1, "channels": {"forward": {"drop": {"probability": 0.5}}}}
    training = {"batch": 1, "epochs": 2}
    at = state(schedule={"change": [change]}, training=training)
    assert len(losses(counted(at, messages=10, sent=1000, dropped=400))) == 1


def test_nothing_sent_is_nothing_lost() -> None:
    assert losses(state()) == []


def test_many_channels_are_not_all_named() -> None:
    plan = plan_of([2] * 10, 5, learning={"rule": "top"})
    counters = np.zeros(9, COUNTER)
    counters["messages"], counters["lost_messages"] = 10, 5
    at = State(plan, memory.net(channels=plan.channels), memory.memory(), frozenset(), epoch=0, changes_done=0)
    (text,) = cautions.losses(at, counters)
    assert "50.0 % of forward.6 and 3 more; a longer queue" in text and "forward.7" not in text


# --- links ----------------------------------------------------------------------------------------------------


def test_a_link_that_was_given_more_than_fits() -> None:
    """Channels that share a link occupy it together."""
    tables = {"channels": {"forward": {"link": "bus"}}, "links": {"bus": {"bandwidth": "1 Mbit/s"}}}
    at = counted(counted(state(1000, **tables), 0, busy=600), 1, busy=400)
    assert cautions.overloads(at, at.counters) == []
    counted(at, 1, busy=1900)
    (text,) = cautions.overloads(at, at.counters)
    assert "in the simulated time: bus 2.50 times as much;" in text


def test_a_run_without_time_has_no_overload() -> None:
    at = state(0)
    assert cautions.overloads(at, at.counters) == []


# --- accuracy and loss ----------------------------------------------------------------------------------------

LABELS = np.int32([0] * 60 + [1] * 20 + [2] * 20)


def test_chance_is_the_most_frequent_class() -> None:
    """60 % of 100 samples: its standard deviation is 4.9 %."""
    deviation = math.sqrt(0.6 * 0.4 / 100)
    assert cautions.at_chance("test accuracy", 0.6 + 2 * deviation + 1e-9, LABELS) == []
    (text,) = cautions.at_chance("test accuracy", 0.6 + 2 * deviation - 1e-9, LABELS)
    assert text.startswith("test accuracy is at chance level: 69.80 % of 100 samples") and "60.00 %" in text
    assert cautions.at_chance("test accuracy", 0.1, LABELS)


def test_chance_says_nothing_where_there_is_nothing_to_say() -> None:
    assert cautions.at_chance("x", math.nan, LABELS) == []
    assert cautions.at_chance("x", 0.1, LABELS[:0]) == []
    assert cautions.at_chance("x", 1.0, LABELS[:60]) == []  # one class only: another warning is about that


@pytest.mark.parametrize(
    ("by_epoch", "told"),
    [
        ([2.0], None),
        ([2.0, 1.0, 0.5], None),
        ([2.0, 0.5, 1.2], None),  # it fell by 1.5, and rose by less than half of that
        ([2.0, 0.5, 1.3], "from 0.5 in epoch 2 to 1.3 in epoch 3"),
        ([2.0, 2.08], None),
        ([2.0, 2.2, 2.11], "from 2 in epoch 1 to 2.11 in epoch 3"),
        ([0.0, 0.0], None),
        ([1e-3, 1e-3, 1.04e-3], None),
    ],
)
def test_a_loss_that_rises(by_epoch: list[float], told: str | None) -> None:
    found = cautions.rising(by_epoch)
    assert found == [] if told is None else told in found[0]


# --- runs -----------------------------------------------------------------------------------------------------


class Listening(Silent):
    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def test_a_queue_that_loses_most_of_the_digits(tmp_path: Path) -> None:
    changes = {"training.epochs": 5, "channels.forward": {"bandwidth": "1 Mbit/s", "queue": 3}}
    listener = Listening()
    wanted = cs.load(ROOT / "scenarios/digits-srbp.toml").with_(changes)
    result = cs.run(wanted, tmp_path / "t.h5", progress=listener)
    (warning,) = result.warnings
    names = ", ".join(f"59.9 % of forward.{h}" for h in (1, 2, 3))
    assert f"messages lost because they found a queue full: {names}; a longer queue" in warning
    assert listener.notes.count(f"warning: after epoch 1: {warning}") == 1
    assert len([note for note in listener.notes if "queue full" in note]) == 1, "it is told once"
    assert warning in repr(result) and result.to_json()["warnings"] == [warning]
    (advice,) = cs.check(wanted).advice
    assert advice.startswith("channels.forward: a layer hands over a frame's 10 messages at once")
    assert cs.run(wanted.with_({"channels.forward.queue": 9}), tmp_path / "longer.h5").warnings == ()


def test_a_link_on_which_all_is_late(tmp_path: Path) -> None:
    """Nothing arrives, the link goes on sending for millions of times the run, and accuracy is at chance."""
    changes = {"training.epochs": 1, "channels.forward": {"bandwidth": "1 kbit/s", "deadline": "1 us"}}
    wanted = cs.load(ROOT / "scenarios/digits-srbp.toml").with_(changes)
    listener = Listening()
    result = cs.run(wanted, tmp_path / "t.h5", progress=listener)
    late, over, trained, deployed = result.warnings
    assert "they were late: 100.0 % of forward.1, 100.0 % of forward.2" in late
    assert over.startswith("links given more than they can send in the simulated time: forward.1 6,812,444.44 times")
    assert trained.startswith("test accuracy is at chance level")
    assert deployed.startswith("test accuracy as deployed is at chance level")
    assert not any("late" in note for note in listener.notes), "the result is about to say so"


def test_a_loss_that_rises_in_a_run(tmp_path: Path) -> None:
    """From the third epoch on the activities arrive with their signs at random."""
    noise = {"epoch": 3, "channels": {"forward": {"noise": {"sigma": 3.0, "scale": "max"}}}}
    wanted = scenario(
        [16, 8, 4], data={"name": "synthetic", "train": 300, "test": 30}, learning={"rule": "bp"},
        training={"batch": 4, "epochs": 3, "learning_rate": 0.2}, schedule={"change": [noise]},
    )  # fmt: skip
    result = cs.run(wanted, tmp_path / "t.h5")
    assert any(text.startswith("the training loss has risen, from ") for text in result.warnings)
