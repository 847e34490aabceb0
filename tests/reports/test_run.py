"""The page of a run: it says what the trace holds, however the run ended, and asks for nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import channelsim as cs
from channelsim.cli import main
from channelsim.reports._loads import bottleneck, loads
from channelsim.timelines import read
from channelsim.trace import Trace
from tests.reports.conftest import HOSTILE, Page

Pages = dict[str, tuple[Path, Page]]


def test_every_page_is_whole_and_alone(pages: Pages) -> None:
    for _, page in pages.values():
        page.assert_alone()
        assert len(page.html) < 1_000_000


def test_names_are_escaped(pages: Pages) -> None:
    """Of a model and of a link, in tables, sentences and figures."""
    _, page = pages["hostile"]
    assert "<script>" not in page.html and not [tag for tag, _ in page.tags if tag == "script"]
    assert page.text.count(HOSTILE) >= 4 and page.text.count(HOSTILE[:20]) >= 6


def test_the_same_trace_gives_the_same_page(pages: Pages) -> None:
    trace, page = pages["interrupted"]
    with Trace(trace) as opened:
        assert cs.report(opened) == page.html


def test_the_answer_is_the_trace_s(pages: Pages) -> None:
    trace, page = pages["pipeline"]
    with Trace(trace) as opened:
        accuracy, updates = opened.metrics("test")["accuracy"][-1], opened.metrics("train")["updates"][-1]
        energy = opened.energy()[-1]
        warnings = (opened.result or {})["warnings"]
    assert f"The test accuracy is {100 * accuracy:.2f} % after 2 epochs ({updates} updates)." in page.text
    assert f"{1e6 * energy:.3g} µJ of energy" in page.text
    assert warnings and all(text in page.text for text in warnings)
    for words in (
        "Errors were late, on average by",
        "cosine of the errors",
        "forward.1",
        "every 9 us",
        "7 us",
        "begun",
    ):
        assert words in page.text
    assert sum(tag == "svg" for tag, _ in page.tags) == 8
    assert all(attributes.get("aria-label") for tag, attributes in page.tags if tag == "svg")


@pytest.mark.parametrize("name", ["pipeline", "losses", "hostile"])
def test_a_layer_is_busy_for_as_long_as_its_acts_take(pages: Pages, name: str) -> None:
    """Which the timeline has found one by one; and a link for as long as it sends."""
    with Trace(pages[name][0]) as trace:
        found = {load.name: load for load in loads(trace, cs.Scenario(**trace.resolved))}
        timeline, elapsed = read(trace), int(trace.metrics("train")["simulated_time"][-1])
        acts, sends = timeline.acts, timeline.sends
        for h in range(1, len(timeline.layers)):
            name = "the top layer" if h == len(timeline.layers) - 1 else f"layer {h}"
            mine = acts[acts["layer"] == h]
            took = int((mine["done"] - mine["start"]).sum())
            assert (found[name].busy if name in found else 0) == took
        for k, link in enumerate(timeline.links):
            mine = sends[sends["link"] == k]
            took = int((mine["finish"] - mine["start"])[mine["lost"] == 0].sum())
            assert (found[f"link {link}"].busy if f"link {link}" in found else 0) == took
        assert all(np.isclose(load.share, load.busy / elapsed) for load in found.values())
        assert bottleneck(list(found.values())).startswith(f"The busiest is {next(iter(found))}: ")


def test_losses_have_their_causes(pages: Pages) -> None:
    page = pages["losses"][1]
    assert "lost: late" in page.text and "lost: queue full" in page.text and "lost: dropped" not in page.text


@pytest.mark.parametrize(
    ("name", "words", "absent"),
    [
        ("one epoch", "after 1 epoch (40 updates).", "Warnings The run"),
        ("interrupted", "The run was interrupted after epoch 1 of 2. All figures are of the epochs until then.", "Inf"),
        ("no epoch", "The run was interrupted before its first epoch was done.", "How it learned"),
        ("diverged", "The run diverged before its first epoch was done", "Where time went"),
    ],
)
def test_however_a_run_ended(pages: Pages, name: str, words: str, absent: str) -> None:
    page = pages[name][1]
    assert words in page.text and absent not in page.text
    assert "What was simulated" in page.text and "Provenance" in page.text


def test_why_there_is_no_timeline(pages: Pages) -> None:
    assert "None: no messages are recorded; accepted: a trace with some" in pages["one epoch"][1].text


def test_the_command(pages: Pages, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trace, page = pages["interrupted"]
    out = tmp_path / "page.html"
    assert main(["report", str(trace), "-o", str(out)]) == 0
    assert out.read_text(encoding="utf-8") == page.html
    assert capsys.readouterr().out == f"{out}\n"


@pytest.mark.parametrize(
    ("source", "out", "words"),
    [
        ("nothing.h5", "page.html", ("nothing.h5", "no such trace")),
        (None, "page.pdf", ("page.pdf", "accepted: a name that ends in .html, .htm")),
        (None, "nowhere/page.html", ("page.html", "cannot write the report")),
    ],
)
def test_errors_are_one_line(
    pages: Pages, tmp_path: Path, capsys: pytest.CaptureFixture[str], source: str | None, out: str, words: tuple[str]
) -> None:
    assert main(["report", source or str(pages["one epoch"][0]), "-o", str(tmp_path / out)]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and all(word in err for word in words)
