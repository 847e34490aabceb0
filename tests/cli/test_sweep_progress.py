from __future__ import annotations

import io
from typing import Any

import pytest

from channelsim.cli.sweep_progress import Bar, Lines, Quiet, duration, shown
from channelsim.sweeps import SweepProgress

ROW: dict[str, Any] = {
    "point": "0123456789ab", "status": "done", "reason": "", "learning.rule": "bp", "seed": 3, "test_accuracy": 0.9321,
    "bits": 12, "warnings": "", "trace": "points/0123456789ab.h5",
}  # fmt: skip
FAILED = {**ROW, "status": "failed", "reason": "[diverged]", "test_accuracy": None}


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def tell(listener: SweepProgress) -> None:
    listener.note("starting 2 worker processes ...")
    listener.start("rules", 12, 10, 2)
    listener.point(ROW, 11, 100.0)
    listener.point({**ROW, "seed": 4, "warnings": "events lost by drop: 50.0 % of learning.1"}, 11, 50.0)
    listener.point(FAILED, 12, 0.0)
    listener.finish(11, 1)


def test_lines() -> None:
    stream = io.StringIO()
    with shown(stream) as listener:
        assert isinstance(listener, Lines)
        tell(listener)
    assert stream.getvalue().splitlines() == [
        "starting 2 worker processes ...",
        "rules: 12 points, 10 of them done before, 2 at a time",
        "11/12  learning.rule=bp  seed=3  test 93.21 %  2 min left",
        "11/12  learning.rule=bp  seed=4  test 93.21 %  warning: events lost by drop: 50.0 % of learning.1  50 s left",
        "12/12  learning.rule=bp  seed=3  failed: [diverged]  0 s left",
        "11 done, 1 failed (the column reason says why)",
    ]
    assert (listener.tally.done, listener.tally.failed) == (11, 1)


def test_a_bar_on_a_terminal() -> None:
    stream = Terminal()
    with shown(stream) as listener:
        assert isinstance(listener, Bar)
        tell(listener)
    for words in ("12 points", "test 93.21 %", "failed: [diverged]", "0 s left", "11 done, 1 failed"):
        assert words in stream.getvalue()


def test_quiet_keeps_the_tally() -> None:
    with shown(None) as listener:
        assert type(listener) is Quiet
        tell(listener)
    assert (listener.tally.done, listener.tally.failed) == (11, 1)


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0 s"), (89, "89 s"), (90, "2 min"), (5000, "83 min"), (9000, "2.5 h")]
)
def test_duration(seconds: float, words: str) -> None:
    assert duration(seconds) == words
