"""Every way to learn and to send, through every command that has to do with a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from channelsim.cli import main

SCENARIO = Path(__file__).parents[2] / "scenarios" / "digits-srbp.toml"
SMALL = [
    "training.epochs=2",
    "training.batch=10",
    "data.train=100",
    'compute={ forward = "1 us", learning = "1 us" }',
    'trace.events="first 3 frames"',
]
RECORDED = ("weights", "biases", "feedback", "activity", "error", "sent", "delivered")
OPTIONS = {
    "cascade": 'learning={ rule = "arbp", route = "cascade" }',
    "several sources": 'learning={ rule = "rbp", route = ["from 2, 3", "layered"] }',
    "copies": "learning={ rule = 'asrbp', feedback = { copies = 2 } }",
    "low rank": "learning={ rule = 'asrbp', feedback = { rank = 3 } }",
    "errors of synapses": "learning={ rule = 'srbp', feedback = { per = 'synapse' } }",
    "drawn anew": "learning={ rule = 'srbp', feedback = { redraw = 'frame' } }",
    "signs, drawn anew": "learning={ rule = 'sign', feedback = { redraw = 'frame' } }",
    "congruent": "learning={ rule = 'srbp', feedback = { congruent = true } }",
    "skipped backpropagation": "learning={ rule = 'sbp' }",
    "a synonym": "learning={ rule = 'frsf' }",
    "entropy codes": 'channels.learning={ quantize = { kind = "log2", bits = 4 }, encoding = "entropy" }',
    "receiver": 'channels.learning={ quantize = { kind = "log2", bits = 4, at = "receiver" }, encoding = "aer" }',
    "updates of samples": 'synapses={ update = { kind = "log2", bits = 3, scale = 0.015625, per = "sample" } }',
    "absolute updates": 'synapses={ update = { kind = "abs" } }',
    "a frozen layer": 'training.learning_rate={ default = 0.1, "1" = 0 }',
    "another decay": 'training.learning_rate_decay={ per_update = 0.001, form = "linear" }',
}
# In which what is recorded or kept is not as in other scenarios; the rest is slow.
BY_DEFAULT = ("cascade", "low rank", "entropy codes", "receiver", "absolute updates")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in BY_DEFAULT else [pytest.mark.slow]) for name in OPTIONS]
)
def test_every_command_takes_it(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    records = ", ".join(f'{{ what = "{what}", every = "7 frames" }}' for what in RECORDED)
    alignment = "none" if name == "errors of synapses" else "epoch"
    keys = [*SMALL, f"trace.record=[{records}]", f"trace.alignment={alignment}", OPTIONS[name]]
    scenario = [str(SCENARIO), *(part for key in keys for part in ("--set", key))]
    run = str(tmp_path / "run.h5")
    for command in (
        ["check", *scenario],
        ["check", *scenario, "--json"],
        ["run", *scenario, "--quiet", "--out", run],
        ["verify", *scenario, "--updates", "3"],
        ["trace", "info", run],
        ["trace", "info", run, "--json"],
        ["trace", "export", run, "--weights", str(tmp_path / "w.npz")],
        ["plot", run, "--out", str(tmp_path / "curves.svg")],
        ["plot", run, "--breakdown", "--out", str(tmp_path / "parts.svg")],
        ["timeline", run, "--out", str(tmp_path / "timeline.svg")],
        ["timeline", run, "--out", str(tmp_path / "timeline.vcd")],
        ["report", run, "--out", str(tmp_path / "report.html")],
        ["run", "--resume", run, "--epochs", "3", "--quiet"],
    ):
        status = main(command)
        assert status == 0, (command[0], capsys.readouterr().err)
