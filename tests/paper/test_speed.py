"""What a probe tells of a run's time."""

from __future__ import annotations

import pytest

from scripts.paper import speed
from scripts.paper.speed import Speed


def test_two_runs_tell_the_speed() -> None:
    true = Speed(run=0.7, epoch=0.05, image=8e-6)
    few = [9.0, 9.05, 9.1]  # of a run that has read the data
    many = [true.seconds(epochs, 60_000) for epochs in (1, 2, 3)]
    found = speed.measured(few, many, many[-1], 60_000)
    assert (found.run, found.epoch, found.image) == pytest.approx((true.run, true.epoch, true.image))


def test_the_first_epoch_counts_as_time_around_the_run() -> None:
    found = speed.measured([0.1, 0.2, 0.3], [2.0, 2.7, 3.4], 3.5, 1_000)
    assert (found.run, found.epoch, found.image) == pytest.approx((1.4, 0.1, 0.6e-3))


def test_a_time_is_no_less_than_nothing() -> None:
    found = speed.measured([1.0, 1.5], [0.3, 0.7], 0.6, 60_000)
    assert found.run == found.image == 0.0
