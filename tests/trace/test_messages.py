"""The first messages, with their bytes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from channelsim import trace
from channelsim.trace import Trace
from tests import traces


def test_messages_and_their_bytes(made: Path) -> None:
    rows, payloads = traces.messages(0, 6, 5)
    with Trace(made) as opened:
        events = opened.events()
        for name in ("frame", "channel", "offered", "bits"):
            np.testing.assert_array_equal(events[name], rows[name])
        assert [opened.payload(i) for i in range(len(rows))] == payloads


def test_payloads_as_one_array(tmp_path: Path) -> None:
    plan = traces.small_plan()
    rows, payloads = traces.messages(0, 2, 3)
    data = np.frombuffer(b"xx" + b"".join(payloads), np.uint8)
    offsets = 2 + np.cumsum([0, *map(len, payloads)])
    with trace.create(tmp_path / "a.h5", "", {}, plan, {}) as writer:
        writer.events(rows, (data, offsets))
        writer.events(rows[:0], [])
        writer.events(rows, payloads)
        writer.checkpoint({})
        with pytest.raises(ValueError, match="6 rows, but 1 payloads"):
            writer.events(rows, [b""])
        with pytest.raises(ValueError, match="7 offsets"):
            writer.events(rows, (data, offsets[1:]))
    with Trace(tmp_path / "a.h5") as opened:
        assert [opened.payload(i) for i in range(12)] == 2 * payloads
