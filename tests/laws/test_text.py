"""The engine against a program written from part 1 of docs/design.md, on any small scenario.

Messages, bits, times, counters, ages and misses are equal; weights, biases and C to 1e-5. A scenario in which the last
digits of a sum decide something (a value on the boundary of a quantizer, a sum that is nearly zero), or in which
weights grow without bound, is not judged.
"""

from __future__ import annotations

import secrets
from typing import Any

import numpy as np
import pytest

from channelsim import plan
from tests import networks
from tests.laws.any_scenario import any_case
from tests.neuronwise import Simulator

ROW = ("frame", "sample", "channel", "offered", "start", "first_arrival", "complete", "events", "delivered", "bits",
       "encoding", "outcome")  # fmt: skip
CLOSE, LARGEST = 1e-5, 100.0


def agree(seed: int) -> bool:
    """Asserts that both programs find the same in the scenario of a seed; whether it could be judged."""
    case = any_case(seed)
    p, data = case.plan(), case.data()
    with np.errstate(over="ignore", invalid="ignore"):
        simulator = Simulator(p, data.train_x, data.train_y).run(p.frames)
    theirs = simulator.weights(), simulator.biases(), simulator.feedback()
    if simulator.unclear or not all((np.abs(part) < LARGEST).all() for part in theirs):
        return False
    state, rows = networks.run(p, data.train_x, data.train_y)
    assert [[int(row[name]) for name in ROW] for row in rows] == [
        [int(getattr(message, name)) for name in ROW] for message in simulator.messages
    ]
    scales = [message.scale for message in simulator.messages]
    np.testing.assert_allclose(rows["scale"], scales, rtol=CLOSE, atol=CLOSE)
    for name, ours, counted in zip(p.channel_names, state.counters, simulator.counters, strict=True):
        found = {word: int(ours[word]) for word in plan.COUNTER.names or ()}
        assert found == {word: counted[word] for word in found}, name
    for h in range(1, p.top):
        assert {age: int(count) for age, count in enumerate(state.ages[h]) if count} == simulator.ages[h]
    assert state.misses.tolist() == simulator.misses
    assert state.now == simulator.now
    for ours, part in zip((state.weights, state.biases, state.feedback), theirs, strict=True):
        _close(ours, part)
    return True


def _close(ours: Any, theirs: Any) -> None:
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=CLOSE * max(1.0, np.abs(theirs).max(initial=0)))


@pytest.mark.parametrize("first", range(0, 240, 40))
def test_the_engine_does_what_the_text_says(first: int) -> None:
    assert sum(agree(seed) for seed in range(first, first + 40)) > 20


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("turn", range(8))
def test_the_engine_does_what_the_text_says_in_new_scenarios(turn: int) -> None:
    first = secrets.randbits(40)
    judged = 0
    for seed in range(first, first + 100):
        print(f"seed {seed}")  # the last one that a failed test shows is the one that failed
        judged += agree(seed)
    assert judged > 50
