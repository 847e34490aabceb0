"""What a probe tells of a run's time."""

from __future__ import annotations

import pytest

from scripts.paper import speed
from scripts.paper.speed import Speed


def test_three_runs_tell_the_speed() -> None:
    true = Speed(run=0.7, epoch=0.05, image=8e-6)
    few, again = (true.seconds(epochs, 0) for epochs in (1, 3))
    found = speed.measured(few, again, true.seconds(1, 60_000 - speed.FEW), 60_000)
    assert (found.run, found.epoch, found.image) == pytest.approx((true.run, true.epoch, true.image))


def test_times_that_contradict_each_other_are_no_less_than_nothing() -> None:
    found = speed.measured(few=1.0, again=0.8, many=0.9, images=60_000)
    assert found == Speed(run=1.0, epoch=0.0, image=0.0)
