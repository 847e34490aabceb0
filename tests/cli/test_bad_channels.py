"""Channels that cannot work, or hardly as they were meant: what the command line says, and what it would accept."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from channelsim.cli import main
from channelsim.trace import Trace
from tests.cli.process import SMALL, Outcome, assert_one_error_line

Run = Callable[..., Outcome]


@pytest.fixture
def run_with(here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs small.toml with `toml` added, for one epoch, with `--set` for each setting; in this process."""
    monkeypatch.chdir(here)
    monkeypatch.setenv("COLUMNS", "80")

    def run(toml: str = "", *settings: str, base: str = SMALL, as_json: bool = True) -> Outcome:
        (here / "small.toml").write_text(base + toml)
        arguments = [word for setting in ("training.epochs=1", *settings) for word in ("--set", setting)]
        status = main(["run", "small.toml", "--force", *(["--json"] if as_json else []), *arguments])
        return Outcome(status, *capsys.readouterr())

    return run


def warnings_of(outcome: Outcome) -> list[str]:
    assert outcome.status == 0, outcome.err
    return [line for line in outcome.err.splitlines() if line.startswith("warning: ")]


# --- refused ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("channels.learning.bandwidth=0 Mbit/s", ["channels.learning.bandwidth", "0 Mbit/s", "a bit rate above 0"]),
        ("channels.learning.bandwidth=-1 Mbit/s", ["channels.learning.bandwidth", "a bit rate above 0"]),
        ("channels.learning.bandwidth=0", ["channels.learning.bandwidth", "a bit rate above 0"]),
        ("channels.learning.drop={probability=1.5}", ["channels.learning.drop.probability = 1.5", "from 0 to 1"]),
        ("channels.learning.drop={probability=-0.1}", ["channels.learning.drop.probability = -0.1", "from 0 to 1"]),
        ("channels.learning.bit_errors={probability=2}", ["channels.learning.bit_errors.probability", "from 0 to 1"]),
        ("channels.learning.drop={probability=nan}", ["channels.learning.drop.probability = nan", "from 0 to 1"]),
        ("channels.learning.drop={probability=1,rescale=true}", ["drop.rescale", "accepted: false"]),
        ("channels.learning.noise={sigma=-1}", ["channels.learning.noise.sigma = -1", "at least 0"]),
        ("channels.learning.quantize={kind='log2',bits=0}", ["channels.learning.quantize.bits = 0", "from 1 to 16"]),
        ("channels.learning.quantize={kind='uniform',bits=1}", ["quantize.bits = 1", "from 2 to 16"]),
        ("channels.learning.queue=-1", ["channels.learning.queue = -1", "at least 0"]),
        ("channels.learning.link=bus", ["channels.learning.bandwidth", "link = 'bus'", "[links.bus]"]),
        ("channels.forward.link=bus", ["channels.forward.link = 'bus'", "accepted"]),
        ('channels."learning.7".latency=1 us', ['channels."learning.7"', '"learning.H" with H from 1 to 1']),
    ],
)
def test_what_cannot_be_is_refused(run_with: Run, setting: str, words: list[str]) -> None:
    assert_one_error_line(run_with("", setting), "small.toml", *words)


def test_a_link_that_nobody_names_is_refused(run_with: Run) -> None:
    outcome = run_with('[links.bus]\nbandwidth = "1 Mbit/s"\n')
    assert_one_error_line(outcome, "small.toml", "links.bus is named by no channel", 'link = "bus"')


@pytest.mark.parametrize(
    ("when", "words"),
    [
        ("frame = 30", ["schedule.change[0].frame = 30 never comes", "0 to 29"]),
        ("epoch = 2", ["schedule.change[0].epoch = 2 never comes", "1 to 1"]),
        ("epoch = 0", ["schedule.change[0].epoch = 0", "at least 1"]),
        ("epoch = 1\nframe = 3", ["schedule.change[0]", "either epoch or frame"]),
    ],
)
def test_a_change_that_never_comes_is_refused(run_with: Run, when: str, words: list[str]) -> None:
    change = f"[[schedule.change]]\n{when}\nchannels = {{ learning = {{ drop = {{ probability = 0.5 }} }} }}\n"
    assert_one_error_line(run_with(change), "small.toml", *words)


def test_a_change_of_a_shared_bandwidth_is_refused(run_with: Run) -> None:
    toml = """
    [links.bus]
    bandwidth = "1 Mbit/s"
    [channels.forward]
    link = "bus"
    [[schedule.change]]
    frame = 3
    channels = { forward = { bandwidth = "1 kbit/s" } }
    """
    assert_one_error_line(run_with(toml), "small.toml", "schedule.change[0].channels.forward.bandwidth", "accepted")


# --- allowed, with a warning --------------------------------------------------------------------------------


def test_a_deadline_below_the_latency_lets_nothing_arrive(run_with: Run) -> None:
    outcome = run_with("", "channels.learning.deadline=19 us")
    (warning,) = warnings_of(outcome)
    for words in ("channels.learning", "19 us", "20 us", "nothing will ever arrive", "a deadline above 20 us"):
        assert words in warning
    learning = outcome.json["channels"]["learning.1"]
    assert learning["late"] == learning["events"] > 0


def test_a_deadline_below_a_latency_that_comes_later(run_with: Run) -> None:
    change = '[[schedule.change]]\nframe = 15\nchannels = { learning = { latency = "2 ms" } }\n'
    outcome = run_with(change, "channels.learning.deadline=1 ms")
    (warning,) = warnings_of(outcome)
    assert "schedule.change[0].channels.learning" in warning and "nothing will ever arrive" in warning
    learning = outcome.json["channels"]["learning.1"]
    assert learning["late"] == learning["events"] // 2


@pytest.mark.parametrize("encoding", ["aer", "auto"])
def test_an_address_of_no_bits_is_told(run_with: Run, encoding: str) -> None:
    one = '[[model.layers]]\nkind = "dense"\nunits = 1\ntransfer = "tanh"\n'
    narrow = SMALL.replace("[[model.layers]]", one + "[[model.layers]]", 1)
    outcome = run_with("", f"channels.forward.encoding={encoding}", base=narrow)
    (warning,) = warnings_of(outcome)
    for words in ("channels.forward", f"encoding {encoding}", "0 bits", "header", "encoding dense"):
        assert words in warning
    forward = outcome.json["channels"]["forward.2"]
    assert forward["bits"] == 32 * forward["events"]  # nothing but the values


def test_a_queue_without_a_bandwidth_has_no_effect(run_with: Run) -> None:
    (warning,) = warnings_of(run_with("", "channels.forward.queue=3"))
    assert "channels.forward" in warning and "the queue has no effect" in warning


# --- a pipeline that cannot keep up -------------------------------------------------------------------------

# 10 samples a frame, each with an error of 62 bits: 62 us on a link of 10 Mbit/s.
PIPELINE = ["schedule.mode=pipelined", "training.epochs=2"]


def test_a_pipeline_that_keeps_up_is_not_warned_of(run_with: Run) -> None:
    outcome = run_with("", *PIPELINE, "schedule.interval=63 us")
    assert warnings_of(outcome) == []
    assert outcome.json["warnings"] == []
    assert outcome.json["channels"]["learning.1"]["utilisation"] == pytest.approx(62 / 63, abs=0.03)
    assert outcome.json["channels"]["learning.1"]["queue_max"] == 9


def test_a_link_that_cannot_keep_up_is_named(run_with: Run, here: Path) -> None:
    outcome = run_with("", *PIPELINE, "schedule.interval=31 us")
    (warning,) = warnings_of(outcome)
    for words in ("a frame every 31 us", "link learning.1", "2.0", "a queue of up to", "frames in flight"):
        assert words in warning
    # The warning while it runs speaks of the first epoch, the result of all of it.
    (last,) = outcome.json["warnings"]
    assert "link learning.1" in last
    learning = outcome.json["channels"]["learning.1"]
    assert learning["utilisation"] == pytest.approx(1.0, abs=0.02)
    assert 250 < learning["queue_max"] < 310  # half of the 600 messages wait when the last frame enters
    with Trace(here / "runs/small.h5") as trace:
        assert trace.channels("learning.1")["utilisation"][0] == pytest.approx(2.0, abs=0.1)


def test_too_many_frames_in_flight_stop_the_run(run_with: Run) -> None:
    outcome = run_with("", *PIPELINE, "schedule.interval=5 us", "schedule.max_in_flight=10")
    assert outcome.status == 1
    (error,) = [line for line in outcome.err.splitlines() if line.startswith("error: ")]
    for words in (
        "more than 10 frames are in flight",
        "link learning.1",
        "schedule.interval",
        "schedule.max_in_flight",
    ):
        assert words in error


def test_a_layer_that_cannot_keep_up_is_named(run_with: Run) -> None:
    outcome = run_with("", *PIPELINE, "schedule.interval=1 ms", "compute.forward=['150 us', 0]")
    early, late = warnings_of(outcome)
    assert "layer 1 computes 1.5 ms a frame" in early
    load = re.search(r"layer 1 is given at least (\S+) times", late)
    assert load and float(load[1]) == pytest.approx(1.5, abs=0.05)


def test_a_full_queue_is_told(run_with: Run) -> None:
    outcome = run_with("", *PIPELINE, "schedule.interval=31 us", "channels.learning.queue=20")
    (early,) = warnings_of(outcome)
    told, share, *_ = outcome.json["warnings"]
    learning = outcome.json["channels"]["learning.1"]
    assert learning["queue_max"] == 21
    assert 0.4 < learning["lost_messages"] / learning["messages"] < 0.55
    for words in (
        "link learning.1 cannot keep up",
        f"{learning['lost_messages']:,} of 600 messages found its queue full",
    ):
        assert words in told
    lost = f"{100 * learning['lost_messages'] / learning['messages']:.1f} % of learning.1"
    assert share.startswith(f"messages lost because they found a queue full: {lost}; ")
    assert early.startswith("warning: after epoch 1: messages lost because they found a queue full: ")


def test_a_frame_that_no_queue_holds_is_told_before_and_after(run_with: Run) -> None:
    outcome = run_with("", "channels.learning.queue=4")
    (before,) = warnings_of(outcome)
    assert "channels.learning: a layer hands over a frame's 10 messages at once" in before
    after = outcome.json["warnings"][0]
    assert "50.0 % of learning.1" in after


def test_the_table_says_how_often_more_than_all_of_the_time_it_is(run_with: Run) -> None:
    """300 messages of 62 bits or fewer at 1 kbit/s, of which layers await 40 us each frame."""
    slow = ("channels.learning.bandwidth=1 kbit/s", "channels.learning.deadline=40 us")
    shown = run_with("", *slow, as_json=False).out
    assert re.search(r"learning.1 +300 .* [\d,]+\.\d times *\n", shown)
    assert "links given more than they can send in the simulated time: learning.1" in shown.replace("\n", " ")


def test_the_table_shows_queues_where_links_take_time(run_with: Run) -> None:
    shown = run_with(as_json=False).out
    assert re.search(r"channel +messages +events +bits +dropped +late +entropy +queue +refused +busy *\n", shown)
    assert re.search(r"learning.1 +300 .* 9 +0 +75.61 % *\n", shown)
    assert "busy" not in run_with("", "channels.learning.bandwidth=none", as_json=False).out


def test_a_resumed_run_remembers_its_queue(run_with: Run, here: Path) -> None:
    whole = run_with("", *PIPELINE, "schedule.interval=31 us").json["channels"]["learning.1"]["queue_max"]
    with Trace(here / "runs/small.h5") as trace:
        assert trace.checkpoint()["run_queue_max"].max() == whole
