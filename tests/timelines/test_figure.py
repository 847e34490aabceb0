"""The picture, and the command."""

from __future__ import annotations

from pathlib import Path

import pytest
from matplotlib.patches import FancyArrowPatch

import channelsim as cs
from channelsim.cli import main
from channelsim.errors import InputError
from channelsim.timelines import read
from channelsim.timelines.figure import MOST_MESSAGES, first_frames
from channelsim.trace import Trace


def test_rows_and_arrows(trace: Trace) -> None:
    if trace.name == "instant":
        with pytest.raises(
            InputError, match="all of it happens at one instant, 0 s; accepted: a run in which something"
        ):
            cs.timeline(trace)
        return
    figure = cs.timeline(trace)
    shown = first_frames(read(trace))
    axes = figure.axes[0]
    rows = [text.get_text() for text in axes.get_yticklabels()]
    timed = {shown.links[k] for k in shown.sends["link"] if shown.is_timed[k]}
    assert set(rows) == set(shown.layers) | timed
    assert [row for row in rows if row in shown.layers] == list(shown.layers)
    arrows = [patch for patch in axes.patches if isinstance(patch, FancyArrowPatch)]
    assert len(arrows) == int((shown.sends["sample"] == 0).sum()) <= 120


def test_all_of_a_short_record_is_drawn(traces: dict[str, Path], tmp_path: Path) -> None:
    out = tmp_path / "t.svg"
    cs.timeline(traces["broadcast"], out)
    first = out.read_bytes()
    cs.timeline(traces["broadcast"], out)
    assert out.read_bytes() == first and b"bus" in first and b"waiting" in first


def test_losses_are_counted_in_the_picture(traces: dict[str, Path]) -> None:
    figure = cs.timeline(traces["losses"], frames=(0, 12))
    with Trace(traces["losses"]) as trace:
        shown = read(trace).frames(0, 11)
    missing = (shown.sends["events"] - shown.sends["delivered"])[shown.sends["complete"] <= shown.end]
    texts = [text.get_text() for text in figure.axes[0].texts]
    crosses = [line for line in figure.axes[0].lines if line.get_marker() == "x"]
    assert crosses and missing.sum() > 0
    assert "events lost" in [text.get_text() for text in figure.legends[0].get_texts()]
    assert sum(int(text) for text in texts[-len(crosses) :] if text.isdecimal()) <= int(missing.sum())


def test_too_much_for_one_picture(traces: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("channelsim.timelines.figure.MOST_MESSAGES", 50)
    assert MOST_MESSAGES == 2000
    with pytest.raises(InputError, match="400 messages in one picture; accepted: at most 50 "):
        cs.timeline(traces["sequential"], frames=(0, 80))


def test_the_command(traces: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    trace = str(traces["pipelined"])
    assert main(["timeline", trace]) == 0
    assert main(["timeline", trace, "--frames", "2:4", "-o", "t.pdf"]) == 0
    assert main(["timeline", trace, "--time", "0:50us", "-o", "t.svg"]) == 0
    assert main(["timeline", trace, "--format", "vcd"]) == 0
    assert main(["timeline", trace, "--format", "perfetto"]) == 0
    made = {path.name for path in tmp_path.iterdir()}
    assert made == {"timeline.png", "t.pdf", "t.svg", "timeline.vcd.gz", "timeline.pftrace.gz"}


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (["--frames", "3"], "timeline: --frames 3; accepted: A:B, such as 0:10"),
        (["--frames", "3:2"], "frames 3:2; accepted: A:B with 0 <= A < B"),
        (["--time", "1:2"], "timeline: --time 1:2; accepted: A:B, such as 0:50us"),
        (["--frames", "0:2", "--time", "0:1us"], "frames and time both given; accepted: one of them"),
        (["--format", "gantt"], "format 'gantt'; accepted: figure, perfetto, vcd"),
        (["-o", "t.jpg"], "t.jpg: no name for a timeline; accepted: one that ends in .svg"),
        (["--format", "vcd", "-o", "t.svg"], "t.svg: no name for a vcd; accepted: one that ends in .vcd, .vcd.gz"),
        (["-o", "none/t.vcd"], "none/t.vcd: cannot write the timeline: No such file or directory"),
    ],
)
def test_mistakes(
    traces: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    error: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["timeline", str(traces["ties"]), *options]) == 2
    err = capsys.readouterr().err
    assert err.startswith("error: ") and error in err and err.count("\n") == 1
    assert not list(tmp_path.iterdir())
