"""The simulated clock ends: a run stops there, and what it cannot count at once is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import channelsim as cs
from tests.networks import scenario
from tests.run.runs import SEQUENTIAL, small


def test_the_clock_ends(tmp_path: Path) -> None:
    slow = small(SEQUENTIAL, channels={name: {"latency": "1000000 s"} for name in ("forward", "learning")})
    with pytest.raises(cs.RunError, match=r"small: the simulated clock ends after 4,611,686 s; faster links take less"):
        cs.run(slow, tmp_path / "slow.h5")
    with cs.Trace(tmp_path / "slow.h5") as trace:
        assert trace.status == "interrupted"


ONLINE_ON_DIGITS: dict[str, Any] = {
    "data": {"name": "digits"}, "training": {"batch": 1, "epochs": 3}, "learning": {"rule": "bp"}
}  # fmt: skip
OVERDUE: list[dict[str, Any]] = [
    {"compute": {"forward": "1 h"}},  # in one chunk of 0.2 s the clock went round
    {"compute": {"learning": "1 h"}},
    {"channels": {"forward": {"bandwidth": "1 bit/s"}}},
    {"channels": {"forward": {"bandwidth": "1 bit/s", "deadline": "1 us"}}},  # only the link is that far
    {"channels": {"learning": {"jitter": {"value": "5 h", "distribution": "exponential"}}}},
    {"schedule": {"mode": "pipelined", "interval": "10 h"}},
    {"schedule": {"mode": "pipelined", "interval": "8 h", "arrivals": "poisson"}},
    {"schedule": {"mode": "pipelined", "interval": "1 ps"}, "compute": {"forward": "5 h"}},
    # The times that messages have waited are one sum.
    {"schedule": {"mode": "pipelined", "interval": "1 ps"}, "channels": {"forward": {"bandwidth": "1 kbit/s"}}},
]


@pytest.mark.parametrize("tables", OVERDUE, ids=lambda tables: "-".join(tables))
def test_the_clock_ends_within_a_chunk(tmp_path: Path, tables: dict[str, Any]) -> None:
    slow = scenario([64, 8, 10], **{**ONLINE_ON_DIGITS, **tables, "trace": {"events": "none", "weights": "none"}})
    with pytest.raises(cs.RunError, match=r"the simulated clock ends after 4,611,686 s"):
        cs.run(slow, tmp_path / "slow.h5")


@pytest.mark.parametrize(
    ("tables", "key"),
    [
        ({"compute": {"forward": "1000000 s"}, "training": {"batch": 10}}, "compute"),
        ({"compute": {"forward": "1 h"}, "training": {"batch": "all"}}, "compute"),
        ({"channels": {"forward.1": {"bandwidth": "1 bit/s"}}, "training": {"batch": 5000}}, "channels.forward.1"),
        ({"channels": {"forward": {"jitter": {"value": "1000000 s", "distribution": "exponential"}}}},
         "channels.forward.1"),
        ({"schedule": {"mode": "pipelined", "interval": "1000000 s", "arrivals": "poisson"}}, "schedule.interval"),
        ({"schedule": {"change": [{"frame": 100, "channels": {"learning": {"bandwidth": "1 bit/s"}}}]},
          "training": {"batch": 300, "epochs": 60}, "model": [64, 512, 600, 10]}, "channels.learning.1"),
    ],
    ids=["compute", "full batch", "bandwidth", "jitter", "interval", "change"],
)  # fmt: skip
def test_what_the_clock_cannot_count_at_once_is_refused(tmp_path: Path, tables: dict[str, Any], key: str) -> None:
    slow = scenario(tables.pop("model", [64, 8, 10]), **{**ONLINE_ON_DIGITS, **tables})
    for refuse in (cs.check, lambda slow: cs.run(slow, tmp_path / "slow.h5")):
        with pytest.raises(cs.InputError, match=rf"^{key}: a frame of \d+ samples can take .* accepted: less than"):
            refuse(slow)
