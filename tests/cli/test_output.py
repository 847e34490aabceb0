"""How numbers and lines look."""

from __future__ import annotations

import io
import math
from typing import Any

import pytest

from channelsim.cli.output import print_json, warn
from channelsim.cli.progress import shown
from channelsim.lines import LineProgress, epoch_line, has_line
from channelsim.progress import Progress, Silent
from channelsim.units import percent, quantity

ROW = {
    "epoch": 3,
    "train_loss": 0.51234,
    "train_accuracy": 0.9,
    "test_loss": 0.6,
    "test_accuracy": 0.875,
    "test_loss_deployed": math.nan,
    "test_accuracy_deployed": math.nan,
    "train_r2": math.nan,
    "test_r2": math.nan,
    "test_r2_deployed": math.nan,
    "simulated_time_s": 0.0123,
    "bits": 4_560_000,
    "frames_per_second": 25_100.0,
}


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (0, "s", "0 s"),
        (1, "s", "1 s"),
        (0.0123, "s", "12.3 ms"),
        (2e-6, "s", "2 µs"),
        (1e-12, "s", "1 ps"),
        (3.7e-12, "J", "3.7 pJ"),
        (999.4, "bit", "999 bit"),
        (999.6, "bit", "1 kbit"),
        (123456, "bit", "123 kbit"),
        (1.5e9, "bit", "1.5 Gbit"),
        (7.2e19, "bit", "72000 Pbit"),
        (1e-20, "J", "1e-05 fJ"),
        (-0.5, "s", "-500 ms"),
        (math.nan, "s", "nan s"),
        (math.inf, "s", "inf s"),
        (12, "", "12"),
    ],
)
def test_quantity(value: float, unit: str, shown: str) -> None:
    assert quantity(value, unit) == shown


def test_percent() -> None:
    assert percent(0.97031) == "97.03 %"
    assert percent(math.nan) == "-"


def test_json_has_no_nan(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"a": math.nan, "b": [math.inf, 1.5], "c": {"d": "µ"}})
    assert "".join(capsys.readouterr().out.split()) == '{"a":null,"b":[null,1.5],"c":{"d":"µ"}}'


def test_epoch_line() -> None:
    assert epoch_line(ROW, 10) == (
        "epoch  3/10  test 87.50 %  train 90.00 %  loss 0.5123  25.1 kframes/s  12.3 ms simulated  4.56 Mbit"
    )


def test_epoch_line_where_test_accuracies_are_two() -> None:
    assert "test 87.50 % (deployed 42.00 %)  train" in epoch_line({**ROW, "test_accuracy_deployed": 0.42}, 10)


def test_epoch_line_of_a_scenario_without_a_test_set() -> None:
    row: dict[str, Any] = {**ROW, "test_accuracy": math.nan, "test_loss": math.nan}
    assert epoch_line(row, 3).startswith("epoch 3/3  train 90.00 %  loss 0.5123  ")


def test_epoch_line_of_real_targets() -> None:
    """R^2 in place of accuracy; the loss where R^2 is not defined."""
    row: dict[str, Any] = {**ROW, "test_accuracy": math.nan, "train_accuracy": math.nan}
    line = epoch_line({**row, "test_r2": 0.87654, "train_r2": -12.3456}, 3)
    assert line.startswith("epoch 3/3  test R^2 0.8765  train R^2 -12.35  loss 0.5123  ")
    line = epoch_line({**row, "test_r2": 0.9, "test_r2_deployed": 0.25, "train_r2": 0.9}, 3)
    assert line.startswith("epoch 3/3  test R^2 0.9 (deployed R^2 0.25)  train R^2 0.9  loss")
    assert epoch_line({**row, "test_loss": 0.25}, 3).startswith("epoch 3/3  test loss 0.2500  loss 0.5123  ")


def test_lines_elsewhere_than_on_a_terminal() -> None:
    stream = io.StringIO()
    with shown(stream) as progress:
        tell(progress)
    assert stream.getvalue().splitlines() == [
        "compiling",
        "small: 3 epochs of 30 frames, from frame 60",
        epoch_line(ROW, 3),
    ]


def test_silence() -> None:
    with shown(None) as progress:
        tell(progress)
    assert isinstance(progress, Silent) and not isinstance(progress, LineProgress)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    with pytest.raises(KeyboardInterrupt), shown(stream) as progress:
        tell(progress)
        raise KeyboardInterrupt
    seen = stream.getvalue()
    for part in ("compiling", "small", "epoch 3/3", "87.50 %", "0.4321", "frames/s", "bit"):
        assert part in seen
    assert "\x1b[?25h" in seen[-40:], "the cursor is not back"


def tell(progress: Progress) -> None:
    progress.note("compiling")
    progress.start("small", 3, 30, 60)
    progress.chunk(70, 3, 20_000.0, 0.01, 4_000_000, 0.4321)
    progress.epoch(ROW)


def test_warnings_are_lines_on_stderr_each_once(capsys: pytest.CaptureFixture[str]) -> None:
    warn(["a link is slow", "no sample is of class 3", "a link is slow"])
    assert capsys.readouterr() == ("", "warning: a link is slow\nwarning: no sample is of class 3\n")


@pytest.mark.parametrize(("epochs", "lines"), [(1, 1), (7, 7), (100, 100), (101, 52), (1000, 101), (1001, 92)])
def test_a_long_run_does_not_fill_the_log(epochs: int, lines: int) -> None:
    shown = [epoch for epoch in range(1, epochs + 1) if has_line(epoch, epochs)]
    assert len(shown) == lines
    assert (shown[0], shown[-1]) == (1, epochs)
