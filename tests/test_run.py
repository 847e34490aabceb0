"""A run as a whole: the same bits however it is chunked, stopped, killed and resumed; what it tells and keeps."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import channelsim as cs
from channelsim import simulation
from channelsim.progress import Silent
from channelsim.simulation import _course, _recorder, _simulation
from channelsim.trace import _seal
from tests.cli.process import ROOT, environment
from tests.networks import scenario

UNITS = [16, 12, 8, 4]

SEQUENTIAL: dict[str, Any] = {
    "training": {"batch": 10, "epochs": 4},
    "learning": {"rule": "asrbp"},
    "channels": {"learning": {"quantize": {"kind": "log2", "exponents": 4}, "drop": {"probability": 0.1}}},
}
PIPELINED: dict[str, Any] = {
    "training": {"batch": 7, "epochs": 4, "momentum": 0.5, "learning_rate": 0.02},
    "learning": {"rule": "rbp"},
    "channels": {
        "forward": {"latency": "30 us"},
        "learning": {
            "threshold": {"value": 0.05},
            "residual": "threshold",
            "latency": "100 us",
            "jitter": "40 us",
            "bandwidth": "30 Mbit/s",
            "bit_errors": {"probability": 0.001},
        },
    },
    "schedule": {"mode": "pipelined", "interval": "20 us", "stash": 4, "arrivals": "poisson"},
}
ONLINE: dict[str, Any] = {"training": {"batch": 1, "epochs": 2, "learning_rate": 0.01}, "learning": {"rule": "bp"}}
KINDS = pytest.mark.parametrize("tables", [SEQUENTIAL, PIPELINED, ONLINE], ids=["sequential", "pipelined", "online"])


def small(tables: Mapping[str, Any], **more: Any) -> cs.Scenario:
    trace = {"events": "first 30 frames", "alignment": "epoch", "probe": 20}
    return scenario(
        UNITS, **{"data": {"name": "synthetic", "train": 203, "test": 50}, "trace": trace, **tables, **more}
    )


TOLD_ONCE = ("checkpoint", "provenance", "result")  # differ from sitting to sitting, or are compared in part
STATE = ("weights", "biases", "feedback", "counters", "clock", "ages", "misses", "residuals", "epoch_rows")


def contents(path: Path) -> dict[str, Any]:
    """All datasets of a trace but wall times and provenance, and of the checkpoint what is no scratch."""
    found: dict[str, Any] = {}

    def keep(name: str, item: h5py.Group | h5py.Dataset) -> None:
        if isinstance(item, h5py.Dataset) and not name.startswith(TOLD_ONCE) and not name.endswith("wall_time"):
            found[name] = item[()]

    with h5py.File(path, "r") as file:
        file.visititems(keep)
        found |= {name: file["checkpoint"][name][()] for name in STATE}
    return found


def assert_same(one: Path, other: Path) -> None:
    expected, found = contents(one), contents(other)
    assert expected.keys() == found.keys()
    for name, values in expected.items():
        np.testing.assert_array_equal(values, found[name], err_msg=name)


class Stopping(Silent):
    """Presses Ctrl-C once, when so many frames are done."""

    def __init__(self, at: int) -> None:
        self.at = at

    def chunk(self, frames_done: int, *_: Any) -> None:
        if 0 <= self.at <= frames_done:
            self.at = -1
            signal.raise_signal(signal.SIGINT)


@KINDS
def test_the_same_bits_from_run_to_run(tmp_path: Path, tables: dict[str, Any]) -> None:
    for name in ("one.h5", "two.h5"):
        cs.run(small(tables), tmp_path / name)
    assert_same(tmp_path / "one.h5", tmp_path / "two.h5")


@KINDS
def test_chunks_do_not_show(tmp_path: Path, tables: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    cs.run(small(tables), tmp_path / "long.h5")
    monkeypatch.setattr(_simulation, "CHUNK_SECONDS", 0.0)  # a chunk is one frame
    cs.run(small(tables), tmp_path / "short.h5")
    assert_same(tmp_path / "long.h5", tmp_path / "short.h5")


@KINDS
def test_stopped_and_resumed_often_is_as_if_never_stopped(
    tmp_path: Path, tables: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, parts = tmp_path / "whole.h5", tmp_path / "parts.h5"
    frames = cs.run(small(tables), whole).frames
    monkeypatch.setattr(_simulation, "FIRST_CHUNK", 1)
    monkeypatch.setattr(_simulation, "CHUNK_SECONDS", 0.0)
    instants = sorted(random.Random(1).sample(range(1, frames), 5))
    with pytest.raises(KeyboardInterrupt):
        cs.run(small(tables), parts, progress=Stopping(instants[0]))
    for at in instants[1:]:
        with cs.Trace(parts) as trace:
            assert trace.status == "interrupted"
        with pytest.raises(KeyboardInterrupt):
            cs.run(resume=parts, progress=Stopping(at))
    assert cs.run(resume=parts).status == "done"
    assert_same(whole, parts)


def test_a_long_simulated_time_is_resumed_exactly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond 2^53 ps a float has gaps, in which the beginning of an epoch would lie."""
    slow = {
        "training": {"batch": 29, "epochs": 3},
        "channels": {"forward": {"latency": "4321.987654321013 s", "bandwidth": "0.7 Mbit/s"}},
    }
    whole, parts = tmp_path / "whole.h5", tmp_path / "parts.h5"
    frames = cs.run(small(slow), whole).frames
    monkeypatch.setattr(_simulation, "FIRST_CHUNK", 1)
    monkeypatch.setattr(_simulation, "CHUNK_SECONDS", 0.0)
    with pytest.raises(KeyboardInterrupt):
        cs.run(small(slow), parts, progress=Stopping(frames // 3 + 2))
    with cs.Trace(parts) as trace:
        ended = trace.metrics("train")["simulated_time"]
        assert trace.checkpoint()["epoch_start"] == ended[-1] > 2**54
        assert int(float(ended[-1])) != ended[-1]
    result = cs.run(resume=parts)
    assert_same(whole, parts)
    with cs.Trace(parts) as trace:
        assert result.simulated_time_ps == trace.metrics("train")["simulated_time"][-1]


SITTING = """
import json, sys, time
from pathlib import Path
import channelsim as cs
from channelsim.progress import Silent
from channelsim.simulation import _simulation
from channelsim.trace import _seal
from channelsim.trace import _writer

class Ready(Silent):
    def start(self, *_):
        print("ready", flush=True)

    def chunk(self, *_):
        time.sleep(float(sys.argv[3]))

_simulation.CHUNK_SECONDS = 0.0
_writer._SHARE = 0.5  # checkpoints may take half of the time
path, document = Path(sys.argv[1]), json.loads(sys.argv[2])
if path.exists():
    cs.run(resume=path, progress=Ready())
else:
    cs.run(cs.Scenario(**document), path, progress=Ready())
"""


def killed(path: Path, wanted: cs.Scenario, delay: float | None) -> int:
    """Runs or resumes in a process that is killed so many seconds after it began to learn; its exit status."""
    pause = "0" if delay is None else "0.002"  # a frame, so that the run is still going on when the signal comes
    command = [sys.executable, "-c", SITTING, str(path), json.dumps(wanted.resolved), pause]
    with subprocess.Popen(command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        if delay is not None:
            time.sleep(delay)
            process.kill()
    return process.returncode


def test_killed_at_random_instants_and_resumed_is_as_if_never_stopped(tmp_path: Path) -> None:
    often = {"events": "first 30 frames", "checkpoint": "1 ms"}
    wanted = small(PIPELINED, training={**PIPELINED["training"], "epochs": 40}, trace=often)
    whole, parts = tmp_path / "whole.h5", tmp_path / "parts.h5"
    cs.run(wanted, whole)
    instants = random.Random(2)
    reached = []
    for longest in (0.5, 0.5, 0.5, 1, 2, 4, 8):  # on a busy machine it takes long to the first checkpoint
        if len(reached) >= 3 and reached[-1] > 0:
            break
        assert killed(parts, wanted, instants.uniform(0, longest)) == -signal.SIGKILL
        with cs.Trace(parts) as trace:
            assert trace.status == "running"
            reached.append(int(trace.checkpoint()["clock"]["next_frame"][0]))
    assert reached == sorted(reached) and reached[-1] > 0
    assert killed(parts, wanted, None) == 0
    assert_same(whole, parts)


def test_a_run_on_an_npz_is_resumed_from_another_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.random((90, 5), np.float32), (np.arange(90) % 3).astype(np.int32)
    np.savez(tmp_path / "own.npz", train_x=x, train_y=y, test_x=x[:9], test_y=y[:9])
    (tmp_path / "own.toml").write_text(
        """
name = "own"
[model]
name = "own"
input = [5]
layers = [{ kind = "dense", units = 4, transfer = "tanh" }, { kind = "dense", units = 3, transfer = "softmax" }]
[data]
name = "own.npz"
[training]
batch = 5
"""
    )
    monkeypatch.setattr(_simulation, "CHUNK_SECONDS", 0.0)
    monkeypatch.chdir(tmp_path)
    cs.run(cs.load("own.toml"), "whole.h5")
    with pytest.raises(KeyboardInterrupt):
        cs.run(cs.load("own.toml"), "parts.h5", progress=Stopping(20))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    cs.run(resume=tmp_path / "parts.h5")
    assert_same(tmp_path / "whole.h5", tmp_path / "parts.h5")


def test_a_trace_that_exists_is_overwritten_only_by_force(tmp_path: Path) -> None:
    out = tmp_path / "run.h5"
    cs.run(small(ONLINE), out)
    before = out.read_bytes()
    with pytest.raises(cs.InputError, match=r"run\.h5: this trace exists; .*--force"):
        cs.run(small(SEQUENTIAL), out)
    with pytest.raises(cs.InputError, match="this run is done"):
        cs.run(resume=out)
    assert out.read_bytes() == before
    assert cs.run(small(SEQUENTIAL), out, force=True).status == "done"
    with cs.Trace(out) as trace:
        assert trace.resolved["learning"]["rule"] == "asrbp"


FEW_BITS: dict[str, Any] = {
    "forward": {"quantize": {"kind": "uniform", "bits": 8}},
    "learning": {"quantize": {"kind": "log2", "exponents": 4}},
}


@pytest.mark.parametrize("batch", [1, 10])
@pytest.mark.parametrize("channels", [{}, FEW_BITS], ids=["ideal", "few bits"])
def test_weights_without_bound_stop_the_run_and_leave_the_trace_whole(
    tmp_path: Path, batch: int, channels: dict[str, Any]
) -> None:
    wild = small(SEQUENTIAL, training={"batch": batch, "epochs": 9, "learning_rate": 1e25}, learning={"rule": "bp"})
    wild = wild.with_({"model.layers.0.transfer": "linear", "model.layers.1.transfer": "linear", "channels": channels})
    out = tmp_path / "wild.h5"
    with pytest.raises(
        cs.RunError, match=r"small: .* no longer finite at update \d+ .*a smaller training\.learning_rate"
    ):
        cs.run(wild, out)
    with cs.Trace(out) as trace:
        assert trace.status == "diverged"
        assert trace.result is not None and trace.result["status"] == "diverged"
    with pytest.raises(cs.InputError, match="this run is diverged"):
        cs.run(resume=out)


def test_messages_before_a_change_are_written_as_they_were_sent(tmp_path: Path) -> None:
    more = {"learning": {"quantize": {"kind": "uniform", "bits": 8}, "header": 24}}
    cs.run(small(SEQUENTIAL, schedule={"change": [{"frame": 5, "channels": more}]}), tmp_path / "run.h5")
    with h5py.File(tmp_path / "run.h5", "r") as file:
        frame, bits, size = (file["events"][name][()] for name in ("frame", "bits", "payload_size"))
    assert (frame < 5).any() and (frame >= 5).any()
    np.testing.assert_array_equal(size, -(-bits // 8))


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


def test_check_refuses_a_change_at_a_frame_that_never_comes(tmp_path: Path) -> None:
    change = {"change": [{"frame": 84, "channels": {"learning": {"latency": "1 us"}}}]}
    for refuse in (cs.check, lambda late: cs.run(late, tmp_path / "late.h5")):
        with pytest.raises(cs.InputError, match=r"schedule.change\[0\].frame = 84 never comes; accepted: 0 to 83"):
            refuse(small(SEQUENTIAL, schedule=change))


class Listening(Silent):
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, Any]] = []

    def note(self, text: str) -> None:
        self.told.append(("note", text))

    def start(self, *arguments: Any) -> None:
        self.told.append(("start", arguments))

    def chunk(self, *arguments: Any) -> None:
        self.told.append(("chunk", arguments))

    def epoch(self, row: Mapping[str, Any]) -> None:
        self.told.append(("epoch", dict(row)))

    def finish(self, result: cs.Result) -> None:
        self.told.append(("finish", result))


def test_a_listener_hears_the_run_in_order(tmp_path: Path) -> None:
    listener = Listening()
    result = cs.run(small(SEQUENTIAL), tmp_path / "run.h5", progress=listener)
    told = [(word, what) for word, what in listener.told if word != "note"]
    words = [word for word, _ in told]
    assert told[0] == ("start", ("small", 4, 21, 0))
    assert words.count("epoch") == 4 and words[-2:] == ["epoch", "finish"]
    assert told[-1][1] is result
    chunks = [what for word, what in told if word == "chunk"]
    assert [chunk[0] for chunk in chunks] == sorted({chunk[0] for chunk in chunks})
    assert chunks[-1][0] == result.frames == 84
    assert chunks[-1][4] == result.bits
    epochs = [what for word, what in told if word == "epoch"]
    assert [row["epoch"] for row in epochs] == [1, 2, 3, 4]
    assert epochs[-1]["test_accuracy"] == result.test_accuracy
    assert epochs[-1]["bits"] == result.bits


class Refusing(Silent):
    def chunk(self, *_: Any) -> None:
        raise LookupError("not today")


def test_a_listener_that_raises_stops_the_run_and_leaves_the_trace_whole(tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole.h5", tmp_path / "parts.h5"
    cs.run(small(PIPELINED), whole)
    with pytest.raises(LookupError, match="not today"):
        cs.run(small(PIPELINED), parts, progress=Refusing())
    with cs.Trace(parts) as trace:
        assert trace.status == "interrupted"
    cs.run(resume=parts)
    assert_same(whole, parts)


class RefusingAt(Silent):
    """Raises in a method, the n-th time that it is called."""

    def __init__(self, method: str, n: int) -> None:
        self.left = n
        setattr(self, method, self.refuse)

    def refuse(self, *_: Any) -> None:
        self.left -= 1
        if self.left == 0:
            raise cs.InputError("not today")  # of whatever kind


@KINDS
@pytest.mark.parametrize(("method", "n", "rows"), [("epoch", 2, 2), ("start", 1, 0), ("note", 1, 0), ("chunk", 3, 0)])
def test_a_listener_that_raises_loses_nothing(
    tmp_path: Path, tables: dict[str, Any], method: str, n: int, rows: int
) -> None:
    whole, parts = tmp_path / "whole.h5", tmp_path / "parts.h5"
    seldom = {**tables, "trace": {"checkpoint": "1 h"}}
    cs.run(small({}, **seldom), whole)
    listener = RefusingAt(method, n)
    with pytest.raises(cs.InputError, match="not today"):
        cs.run(small({}, **seldom), parts, progress=listener)
    with cs.Trace(parts) as trace:
        assert trace.status == "interrupted"
        found = len(trace.metrics("train"))
        assert found == rows if method == "epoch" else found >= rows
        assert int(trace.checkpoint()["clock"]["next_frame"][0]) > 0 or method in ("start", "note")
    cs.run(resume=parts)
    assert_same(whole, parts)


FULL: dict[str, Any] = {**SEQUENTIAL, "training": {**SEQUENTIAL["training"], "batch": "all"}}


@pytest.mark.parametrize("tables", [SEQUENTIAL, ONLINE, FULL], ids=["sequential", "online", "full"])
def test_a_run_that_is_done_goes_on_with_more_epochs(tmp_path: Path, tables: dict[str, Any]) -> None:
    whole, parts = tmp_path / "whole.h5", tmp_path / "parts.h5"
    training = {**tables["training"], "learning_rate_decay": 1e-4}
    expected = cs.run(small(tables, training={**training, "epochs": 5}), whole)
    cs.run(small(tables, training={**training, "epochs": 2}), parts)
    with pytest.raises(cs.InputError, match=r"parts.h5: this run is done; accepted: more epochs \(--epochs N\)"):
        cs.run(resume=parts)
    with pytest.raises(cs.InputError, match=r"--epochs 2: its run has 2; accepted: 3 or more"):
        cs.run(resume=parts, epochs=2)
    result = cs.run(resume=parts, epochs=5)
    assert result.history == expected.history and result.energy_j == expected.energy_j
    with cs.Trace(parts) as trace, cs.Trace(whole) as other:
        assert trace.status == "done" and trace.inputs == other.inputs and trace.resolved == other.resolved
        assert list(trace.metrics("train")["epoch"]) == [1, 2, 3, 4, 5]
    assert_same(whole, parts)


def test_a_pipeline_that_has_run_dry_does_not_go_on(tmp_path: Path) -> None:
    whole, parts, half = (tmp_path / f"{name}.h5" for name in ("whole", "parts", "half"))
    short = {**PIPELINED["training"], "epochs": 3}
    cs.run(small(PIPELINED), whole)
    cs.run(small(PIPELINED, training=short), parts)
    with pytest.raises(cs.InputError, match=r"--epochs 4: the last frames have left its pipeline"):
        cs.run(resume=parts, epochs=4)
    with pytest.raises(LookupError):
        cs.run(small(PIPELINED, training=short), half, progress=Refusing())
    with pytest.raises(cs.InputError, match=r"--epochs 2: its run has 3; accepted: 3 or more"):
        cs.run(resume=half, epochs=2)
    cs.run(resume=half, epochs=4)
    assert_same(whole, half)


def test_epochs_go_with_resume(tmp_path: Path) -> None:
    with pytest.raises(cs.InputError, match=r"epochs goes with resume=TRACE; accepted: training.epochs"):
        cs.run(small(SEQUENTIAL), tmp_path / "run.h5", epochs=3)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_a_script_with_its_trace_whole_and_released(tmp_path: Path, number: int) -> None:
    code = f"""
import json, os, sys, channelsim as cs
from channelsim.progress import Silent
class Ending(Silent):
    def epoch(self, row):
        if row["epoch"] == 2:
            os.kill(os.getpid(), {int(number)})
cs.run(cs.Scenario(**json.loads(sys.argv[1])), {str(tmp_path / "run.h5")!r}, progress=Ending())
"""
    wanted = small(SEQUENTIAL, trace={"checkpoint": "1 h"})
    command = [sys.executable, "-c", code, json.dumps(wanted.resolved)]
    done = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == -number, done.stderr
    with cs.Trace(tmp_path / "run.h5") as trace:
        assert trace.status == "interrupted" and len(trace.metrics("train")) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["run.h5"]


def test_a_ctrl_c_that_compilation_swallows_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """LLVM calls back for the object that it has made: an interrupt there came out as "no compiled object yet"."""

    def compiling(*_: Any) -> None:
        with contextlib.suppress(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
        raise ValueError("no compiled object yet for <Library>")

    whole, parts = tmp_path / "whole.h5", tmp_path / "parts.h5"
    with monkeypatch.context() as patch:
        patch.setattr(_course.engine, "advance", compiling)
        with pytest.raises(KeyboardInterrupt):
            cs.run(small(SEQUENTIAL), parts)
    cs.run(small(SEQUENTIAL), whole)
    cs.run(resume=parts)
    assert_same(whole, parts)


def test_training_time_leaves_compilation_out(tmp_path: Path) -> None:
    code = f"""
import json, sys, channelsim as cs
result = cs.run(cs.Scenario(**json.loads(sys.argv[1])), {str(tmp_path / "run.h5")!r})
print(result.training_time_s, result.wall_time_s)
"""
    command = [sys.executable, "-c", code, json.dumps(small(SEQUENTIAL, trace={"events": "none"}).resolved)]
    done = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=True)
    training, wall = map(float, done.stdout.split())
    assert 10 * training < wall  # loading the compiled engine alone takes longer


@pytest.fixture
def aligned(tmp_path: Path) -> Iterator[Any]:
    def measure(**tables: Any) -> dict[str, np.ndarray]:
        training = {"batch": 10, "epochs": 2}
        traced = {"alignment": "epoch", "probe": 30}
        cs.run(small({}, training=training, trace=traced, **tables), tmp_path / "run.h5", force=True)
        with cs.Trace(tmp_path / "run.h5") as trace:
            return {layer: trace.alignment(layer) for layer in ("1", "2")}

    yield measure


def test_backpropagation_over_ideal_channels_is_the_gradient(aligned: Any) -> None:
    for rows in aligned(learning={"rule": "bp"}).values():
        np.testing.assert_allclose(rows["cosine"], 1.0, atol=1e-6)
        np.testing.assert_array_equal(rows["sign_agreement"], 1.0)
        assert (rows["feedback_cosine"] == 1).all() and (rows["feedback_sign_agreement"] == 1).all()


def test_alignment_tells_rules_and_channels_apart(aligned: Any) -> None:
    noisy = aligned(learning={"rule": "bp"}, channels={"learning": {"noise": {"sigma": 0.3, "scale": "rms"}}})
    random_feedback = aligned(learning={"rule": "srbp"})
    for layer in ("1", "2"):
        assert (noisy[layer]["cosine"] > 0.5).all() and (noisy[layer]["cosine"] < 0.999).all()
        assert (np.abs(random_feedback[layer]["cosine"]) < 0.99).all()
        assert (np.abs(random_feedback[layer]["feedback_cosine"]) < 0.9).all()


def test_sign_symmetric_feedback_has_the_signs_of_the_weights(aligned: Any) -> None:
    rows = aligned(learning={"rule": "sign"})
    for layer in ("1", "2"):
        assert (rows[layer]["cosine"] > 0.3).all()
        assert (rows[layer]["feedback_cosine"] > 0.3).all() and (rows[layer]["feedback_sign_agreement"] == 1).all()
    assert (rows["2"]["sign_agreement"] > 0.55).all()


KEPT = [("none", []), ("last", [4]), ("epoch", [1, 2, 3, 4]), ("every 3 epochs", [3])]


@pytest.mark.parametrize(("weights", "epochs"), KEPT, ids=[weights for weights, _ in KEPT])
def test_weights_are_kept_as_often_as_asked(tmp_path: Path, weights: str, epochs: list[int]) -> None:
    cs.run(small(SEQUENTIAL, trace={"weights": weights}), tmp_path / "run.h5")
    with cs.Trace(tmp_path / "run.h5") as trace:
        assert trace.epochs == epochs
        if epochs and epochs[-1] == 4:
            kept = np.concatenate([trace.weights(4)[f"W_{h}"].ravel() for h in (1, 2, 3)])
            np.testing.assert_array_equal(kept, trace.checkpoint()["weights"])


def test_checkpoints_come_as_often_as_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[float] = []
    monkeypatch.setattr(_recorder.trace.Writer, "due", lambda self, interval: asked.append(interval))
    cs.run(small(SEQUENTIAL, trace={"checkpoint": "250 ms"}), tmp_path / "run.h5")
    assert set(asked) == {0.25}


MEMORY = """
import json, resource, sys
import channelsim as cs
from channelsim.progress import Silent
from channelsim.trace import _seal

class Peak(Silent):
    def epoch(self, row):
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)

cs.run(cs.Scenario(**json.loads(sys.argv[1])), sys.argv[2], progress=Peak())
"""


def peaks(wanted: cs.Scenario, out: Path) -> list[float]:
    """Largest resident memory after each epoch, MiB."""
    command = [sys.executable, "-c", MEMORY, json.dumps(wanted.resolved), str(out)]
    done = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=True)
    return [int(line) / 1024 for line in done.stdout.split()]


def test_memory_is_flat_over_epochs(tmp_path: Path) -> None:
    wanted = small(PIPELINED, training={**PIPELINED["training"], "epochs": 40}, trace={"weights": "none"})
    used = peaks(wanted, tmp_path / "run.h5")
    assert used[-1] - used[5] < 8


def test_what_was_found_in_the_data_is_told_as_it_begins_and_in_the_result(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    x, y = rng.integers(0, 17, (40, 16)).astype(np.uint8), np.arange(40) % 4
    np.savez(tmp_path / "grey.npz", train_x=x, train_y=y, test_x=x, test_y=y)
    wanted = small(ONLINE, data={"name": str(tmp_path / "grey.npz")})
    notes: list[str] = []

    class Listening(Silent):
        def note(self, text: str) -> None:
            notes.append(text)

    result = cs.run(wanted, tmp_path / "grey.h5", progress=Listening())
    warning, nothing_learned = result.warnings
    assert warning.startswith("inputs reach 16 (train_x: uint8 0..16, used as they are)")
    assert "chance level" in nothing_learned  # there is nothing to learn in random numbers
    assert notes[:2] == ["data: uint8 0..16, used as they are", f"warning: {warning}"]
    assert result.to_json()["warnings"] == [warning, nothing_learned] and warning in repr(result)
    scaled = cs.run(wanted.with_({"data.scale": 16}), tmp_path / "scaled.h5")
    assert not any("inputs" in text for text in scaled.warnings)


@pytest.fixture
def stopped(tmp_path: Path) -> tuple[Path, dict[str, np.ndarray]]:
    """The trace of a run that was interrupted, and the arrays of its own.npz."""
    rng = np.random.default_rng(1)
    x, y = rng.uniform(size=(200, 16)).astype(np.float32), np.arange(200) % 4
    arrays = {"train_x": x, "train_y": y, "test_x": x[:50], "test_y": y[:50]}
    np.savez(tmp_path / "own.npz", **arrays)
    with pytest.raises(KeyboardInterrupt):
        cs.run(small(ONLINE, data={"name": str(tmp_path / "own.npz")}), tmp_path / "t.h5", progress=Stopping(150))
    return tmp_path / "t.h5", arrays


def permuted(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {"train_y": np.random.default_rng(2).permutation(arrays["train_y"])}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (permuted, "train_y has other values"),
        (lambda arrays: {"test_x": arrays["test_x"] + np.float32(1e-7)}, "test_x has other values"),
        (lambda arrays: {"train_x": arrays["train_x"][:90], "train_y": arrays["train_y"][:90]},
         r"train_x was float32 \(200, 16\) .*, now it is float32 \(90, 16\) .*; train_y was int32 \(200,\), now it is"),
        (lambda arrays: {"train_x": (255 * arrays["train_x"]).astype(np.uint8)},
         r"train_x was float32 \(200, 16\) \(float32 .* used as they are\), now .* \(uint8 0\.\.254, divided by 255\)"),
        (lambda arrays: {"validation_x": arrays["test_x"], "validation_y": arrays["test_y"]},
         r"validation_x was float32 \(0, 16\), now it is float32 \(50, 16\); validation_y"),
    ],
)  # fmt: skip
def test_a_run_is_not_resumed_on_other_data(
    stopped: tuple[Path, dict[str, np.ndarray]], change: Callable[[dict[str, np.ndarray]], Any], words: str
) -> None:
    path, arrays = stopped
    before = path.read_bytes()
    np.savez(path.parent / "own.npz", **arrays | change(arrays))
    with pytest.raises(cs.InputError, match=rf"t\.h5: begun with other data: {words}") as caught:
        cs.run(resume=path)
    assert "\n" not in str(caught.value) and "own.npz" in str(caught.value)
    assert path.read_bytes() == before
    np.savez(path.parent / "own.npz", **arrays)
    assert cs.run(resume=path).status == "done"


def test_a_run_is_resumed_on_the_same_values_in_other_types(stopped: tuple[Path, dict[str, np.ndarray]]) -> None:
    path, arrays = stopped
    np.savez(path.parent / "own.npz", **{key: array.astype(np.float64) for key, array in arrays.items()})
    assert cs.run(resume=path).status == "done"


def test_the_trace_names_all_that_the_result_depends_on(stopped: tuple[Path, dict[str, np.ndarray]]) -> None:
    path, arrays = stopped
    with cs.Trace(path) as trace:
        inputs, resolved = trace.inputs, trace.resolved
    parts = [f"{part}_{side}" for part in ("train", "test", "validation") for side in "xy"]
    assert list(inputs) == ["scenario", *parts]
    assert inputs["scenario"] == cs.Scenario(**resolved).digest()
    expected = hashlib.sha256(b"int32 (200,)" + arrays["train_y"].astype("<i4").tobytes()).hexdigest()
    assert inputs["train_y"] == f"int32 (200,): {expected}"


def test_training_accuracy_is_the_mean_of_samples_as_they_pass(tmp_path: Path) -> None:
    """Each with the weights before its own frame's update: here the first of two frames decides how the second goes."""
    x = np.eye(16, dtype=np.float32)[np.repeat([0, 1], 10)]
    y = np.repeat([0, 1], 10)
    np.savez(tmp_path / "own.npz", train_x=x, train_y=y, test_x=x, test_y=y)
    tables = {
        "training": {"batch": 10, "epochs": 1, "shuffle": False, "learning_rate": 5.0},
        "learning": {"rule": "bp"},
    }
    wanted = scenario([16, 2], data={"name": str(tmp_path / "own.npz")}, **tables)
    result = cs.run(wanted, tmp_path / "t.h5")
    with cs.Trace(tmp_path / "t.h5") as trace:
        assert trace.metrics("train")["accuracy"].tolist() == [result.train_accuracy]
    w = cs.plan.build(wanted, (16,), 2, 20).weights.reshape(16, 2).astype(np.float64)

    def output(row: int, b: np.ndarray) -> np.ndarray:
        e = np.exp(w[row] + b)
        return e / e.sum()

    first = output(0, np.zeros(2))
    second = output(1, 5.0 * (np.array([1, 0]) - first))
    assert result.train_loss == pytest.approx(-(np.log(first[0]) + np.log(second[1])) / 2, rel=1e-5)
    assert result.train_accuracy == (int(first[0] > first[1]) + int(second[1] > second[0])) / 2


class Lines(Silent):
    """Keeps the losses that are shown during epochs, and after them."""

    def __init__(self) -> None:
        self.during: list[float] = []
        self.after: list[float] = []

    def chunk(self, *shown: Any) -> None:
        self.during.append(shown[-1])

    def epoch(self, row: Mapping[str, Any]) -> None:
        self.after.append(row["train_loss"])


def test_an_epoch_in_which_no_sample_reaches_the_top_has_no_loss(tmp_path: Path) -> None:
    """9 frames an epoch every 10 us, twice 100 us on their way to the top: frame k learns at 10 k + 200 us."""
    tables = {
        "data": {"name": "synthetic", "train": 9, "test": 20},
        "training": {"batch": 1, "epochs": 4},
        "learning": {"rule": "srbp"},
        "channels": {"forward": {"latency": "100 us"}},
        "schedule": {"mode": "pipelined", "interval": "10 us"},
    }
    lines = Lines()
    result = cs.run(scenario([16, 5, 4], **tables), tmp_path / "t.h5", progress=lines)
    with cs.Trace(tmp_path / "t.h5") as trace:
        rows = trace.metrics("train")
    assert rows["updates"].tolist() == [0, 0, 8, 36]
    assert rows["frames"].tolist() == [9, 18, 27, 36] and result.updates == result.frames == 36
    for found in (rows["loss"], rows["accuracy"], lines.after):
        assert np.isnan(found).tolist() == [True, True, False, False]
    assert math.isnan(lines.during[0]) and not math.isnan(lines.during[-1])


def test_a_run_without_a_sample_at_the_top_tells_null_and_draws(tmp_path: Path) -> None:
    """Interrupted after two such epochs."""
    tables = {
        "data": {"name": "synthetic", "train": 9, "test": 20},
        "training": {"batch": 1, "epochs": 4},
        "channels": {"forward": {"latency": "100 us"}},
        "schedule": {"mode": "pipelined", "interval": "10 us"},
    }
    with pytest.raises(KeyboardInterrupt):
        cs.run(scenario([16, 5, 4], **tables), tmp_path / "t.h5", progress=Stopping(18))
    with cs.Trace(tmp_path / "t.h5") as trace:
        told = trace.result
        assert trace.info()["updates"] == 0
        assert "train      loss - (means" in str(trace)
    assert told is not None
    assert told["updates"] == 0
    assert told["train_loss"] is told["train_accuracy"] is told["bits_per_update"] is None
    cs.plot(tmp_path / "t.h5", out=tmp_path / "t.png")
    assert cs.run(resume=tmp_path / "t.h5").updates == 36


# --- what a run is not resumed from -----------------------------------------------------------------------


def changed(path: Path, change: Callable[[h5py.File], None]) -> Path:
    """The trace with a change, and a checksum that is right again."""
    with h5py.File(path, "r+") as file:
        change(file)
    _seal.reseal(path)
    return path


def half(path: Path, tables: dict[str, Any]) -> Path:
    with pytest.raises(KeyboardInterrupt):
        cs.run(small(tables), path, progress=Stopping(30))
    return path


def with_text(old: str, new: str) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        text = file["scenario/json"].asstr()[()]
        assert old in text
        del file["scenario/json"]
        file["scenario/json"] = text.replace(old, new)

    return change


def test_a_run_of_another_version_is_not_resumed(tmp_path: Path) -> None:
    path = changed(
        half(tmp_path / "run.h5", SEQUENTIAL), lambda file: file["provenance"].attrs.modify("channelsim", "0.0.9")
    )
    words = (
        r"run\.h5: begun with channelsim 0\.0\.9, this is .*; accepted: to go on with that version, or the whole run"
    )
    with pytest.raises(cs.InputError, match=words):
        cs.run(resume=path)
    with cs.Trace(path) as trace:  # what has been recorded can be read
        assert trace.status == "interrupted"


def test_a_checkpoint_is_bound_to_its_scenario(tmp_path: Path) -> None:
    for tables, old, new in (
        (ONLINE, '"momentum": 0.0', '"momentum": 0.9'),
        (SEQUENTIAL, '"epochs": 4', '"epochs": 5'),
        (PIPELINED, '"stash": 4', '"stash": 40'),
    ):
        path = half(tmp_path / f"{old[1:4]}.h5", tables)
        changed(path, with_text(old, new))
        with pytest.raises(
            cs.InputError, match=r"damaged \(/scenario/json is not the scenario that it was begun with\)"
        ):
            cs.run(resume=path)


def test_a_checkpoint_of_another_run_is_not_taken(tmp_path: Path) -> None:
    one, other = half(tmp_path / "one.h5", SEQUENTIAL), half(tmp_path / "other.h5", ONLINE)

    def exchange(file: h5py.File) -> None:
        del file["checkpoint"]
        with h5py.File(other) as source:
            source.copy("checkpoint", file)

    with pytest.raises(cs.InputError, match=r"one\.h5: damaged \(/checkpoint: .*\); accepted: a whole trace"):
        cs.run(resume=changed(one, exchange))


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("epoch_rows", np.zeros((3, len(simulation.ROW))), "epoch_rows has 3 epochs, and [0-9]+ frames have entered"),
        ("epoch_rows", np.zeros((1, 9)), "epoch_rows is not of the type and shape"),
        ("epoch_start", np.array(-1), "epoch_start is out of range"),
        ("wall_times", None, "wall_times is missing"),
        ("more", np.zeros(3), "more is not part of one"),
    ],
)
def test_what_a_run_adds_to_a_checkpoint_is_held_against_it(
    tmp_path: Path, name: str, value: np.ndarray | None, told: str
) -> None:
    def change(file: h5py.File) -> None:
        if name in file["checkpoint"]:
            del file["checkpoint"][name]
        if value is not None:
            file["checkpoint"][name] = value

    with pytest.raises(cs.InputError, match=rf"damaged \(/checkpoint: {told}"):
        cs.run(resume=changed(half(tmp_path / "run.h5", SEQUENTIAL), change))


def test_a_batch_larger_than_the_data_set(tmp_path: Path) -> None:
    """It has the samples of an epoch, and takes the memory of so many; the same bits as a batch of just these."""
    found = []
    for name, batch in (("all.h5", 203), ("more.h5", 1 << 24)):
        cs.run(small({**SEQUENTIAL, "training": {"batch": batch, "epochs": 2}}), tmp_path / name)
        found.append(
            {key: value for key, value in contents(tmp_path / name).items() if not key.startswith("scenario/")}
        )
        with cs.Trace(tmp_path / name) as trace:
            assert max(array.nbytes for array in trace.checkpoint().values()) < 1 << 20
    for key, values in found[0].items():
        np.testing.assert_array_equal(values, found[1][key], err_msg=key)
