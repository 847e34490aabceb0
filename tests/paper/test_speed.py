"""What a probe tells of a run's time."""

from __future__ import annotations

import pytest

from scripts.paper import speed
from scripts.paper.speed import Speed


def test_two_runs_tell_the_speed() -> None:
    true = Speed(run=0.7, epoch=0.05, image=8e-6)
    ends = [9.0, 9.05, 9.1]  # of a run that has read the data
    found = speed.measured(ends, 60_000 * true.image, true.seconds(1, 60_000), 60_000)
    assert (found.run, found.epoch, found.image) == pytest.approx((true.run, true.epoch, true.image))


def test_a_time_is_no_less_than_nothing() -> None:
    assert speed.measured([1.0, 1.5], 0.6, 0.9, 60_000).run == 0.0
