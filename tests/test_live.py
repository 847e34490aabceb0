"""The board of a run as it goes on: on a terminal, in a notebook, and where there is neither."""

from __future__ import annotations

import io
import math
import sys
import types
from typing import Any

import pytest

from channelsim.lines import epoch_line
from channelsim.live import MOST_VALUES, Board, Live, curve
from tests.cli.test_output import ROW, Terminal

INSIDE = types.SimpleNamespace(  # a run in which a link is late
    channels={
        f"learning.{i}": {"messages": 70, "bits": 1000.0 * i, "lost": 0.125, "queue_max": 9, "utilisation": 0.5}
        for i in range(1, 15)
    },
    backlog={"lane": 3_000_000, "layer 1": 0},
    in_flight=4,
)


def tell(live: Live) -> None:
    live.note("compiling the engine, once on this machine (about 5 s) ...")
    live.start("small", 3, 30, 60)
    for loss in (0.9, 0.6, 0.4321):
        live.chunk(70, 3, 20_000.0, 0.01, 4_000_000, loss)
        live.look(INSIDE)
    live.epoch(ROW)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], ""),
        ([math.nan], ""),
        ([0.5], "▁"),
        ([3, 3], "▁▁"),
        ([0, 1, math.nan, 0.5], "▁█▅"),
    ],
)
def test_curve(values: list[float], expected: str) -> None:
    assert curve(values) == expected


def test_a_long_curve_is_as_wide_as_it_may_be() -> None:
    shown = curve(list(range(80)))
    assert len(shown) == 40 and list(shown) == sorted(shown) and (shown[0], shown[-1]) == ("▁", "█")


def test_a_curve_in_ascii() -> None:
    assert curve([0, 1], plain=True) == "_#"


def test_long_runs_do_not_fill_the_memory() -> None:
    board = Board()
    for i in range(3 * MOST_VALUES):
        board.chunk(i, 1, 1.0, 1.0, 1, float(i))
    values = board._curves["loss"]
    assert len(values) <= MOST_VALUES and values == sorted(values) and values[-1] == 3 * MOST_VALUES - 1


def test_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    live = Live(stream)
    assert "starting ..." in stream.getvalue()
    try:
        tell(live)
    finally:
        live.close()
    seen = stream.getvalue()
    for part in (
        "compiling the engine", "small", "70 of 90 frames, epoch 3 of 3", "87.50 %", "0.4321", "20 kframes/s",
        "10 ms simulated", "4 Mbit sent", "4 frames in flight, lane 3 µs", "learning.14", "14 kbit", "12.50 %",
        "2 more channels",
    ):  # fmt: skip
        assert part in seen, part
    assert "layer 1" not in seen
    assert "\x1b[?25h" in seen[-200:], "the cursor is not back"


def test_elsewhere_there_are_lines() -> None:
    stream = io.StringIO()
    tell(Live(stream))
    assert stream.getvalue().splitlines() == [
        "compiling the engine, once on this machine (about 5 s) ...",
        "small: 3 epochs of 30 frames, from frame 60",
        epoch_line(ROW, 3),
    ]


def test_in_a_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cell's output is replaced; what a scenario brings in is escaped."""
    shown: list[str] = []

    class Handle:
        def update(self, data: dict[str, str], raw: bool) -> None:
            assert raw
            shown.append(data["text/html"])

    def display(data: dict[str, str], raw: bool, display_id: bool) -> Handle:
        assert raw and display_id
        shown.append(data["text/html"])
        return Handle()

    class ZMQInteractiveShell:
        kernel = None

    package: Any = types.ModuleType("IPython")
    package.get_ipython = ZMQInteractiveShell
    package.display = types.ModuleType("IPython.display")
    package.display.display = display
    monkeypatch.setitem(sys.modules, "IPython", package)
    monkeypatch.setitem(sys.modules, "IPython.display", package.display)
    live = Live()
    assert "starting ..." in shown[0]
    live.note("<b>a note</b>")
    tell(live)
    live.close()
    assert "&lt;b&gt;a note" in shown[-1] and "<b>a note" not in shown[-1]
    for part in ("compiling the engine", "87.50 %", "learning.14", "4 frames in flight"):
        assert part in shown[-1], part
