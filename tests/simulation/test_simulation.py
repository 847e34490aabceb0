"""A run as an object: stepped in any way, looked into, left and resumed, it is the run of `channelsim.run`."""

from __future__ import annotations

import math
import signal
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import channelsim as cs
from tests.networks import chain, conv, scenario
from tests.run.runs import PIPELINED, assert_same

FEW = {"name": "synthetic", "train": 37, "test": 11}
LOSSY = {"learning": {"quantize": {"kind": "log2", "bits": 4}, "drop": {"probability": 0.1}}}
TABLES: dict[str, dict[str, Any]] = {
    "online": {"training": {"batch": 1, "epochs": 2, "learning_rate": 0.02}, "learning": {"rule": "bp"}},
    "batch": {"training": {"batch": 5, "epochs": 3, "momentum": 0.5}, "learning": {"rule": "asrbp"}, "channels": LOSSY},
    "pipelined": {**PIPELINED, "training": {**PIPELINED["training"], "epochs": 3}},
    "conv": {"training": {"batch": 4, "epochs": 2}, "learning": {"rule": "rbp"}, "channels": LOSSY},
}
MAPS = [
    conv(2, 3, padding=1),
    {"kind": "maxpool", "size": 2},
    {"kind": "flatten"},
    {"kind": "dense", "units": 4, "transfer": "softmax"},
]


def wanted(kind: str, **more: Any) -> cs.Scenario:
    tables = {"data": FEW, "trace": {"events": "first 3 frames", "alignment": "epoch", "probe": 9}, **TABLES[kind]}
    if kind == "conv":
        return chain((1, 4, 4), MAPS, **{**tables, **more})
    return scenario([16, 12, 8, 4], **{**tables, **more})


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The trace of `channelsim.run`, made once of each kind."""
    folder, made = tmp_path_factory.mktemp("whole"), set[str]()

    def trace(kind: str) -> Path:
        path = folder / f"{kind}.h5"
        if kind not in made:
            cs.run(wanted(kind), path)
            made.add(kind)
        return path

    return trace


def look(sim: cs.Simulation) -> None:
    """Reads all that there is to be read."""
    assert len(sim.weights) and sim.channels and sim.backlog is not None and repr(sim)
    sim.biases, sim.feedback, sim.metrics, sim.result, sim.loss, sim.bits  # noqa: B018
    sim.activity(1), sim.error(sim.scenario.depth)


KINDS = pytest.mark.parametrize("kind", TABLES)
once = settings(max_examples=5, suppress_health_check=list(HealthCheck))


@KINDS
@once
@given(steps=st.lists(st.integers(0, 30), max_size=12), looks=st.booleans())
def test_stepped_in_any_chunks_it_is_the_same_run(
    whole: Callable[[str], Path], kind: str, steps: list[int], looks: bool
) -> None:
    with tempfile.TemporaryDirectory() as folder, cs.Simulation(wanted(kind), out=Path(folder) / "t.h5") as sim:
        for frames in steps:
            before = sim.frame
            assert sim.step(frames) == min(frames, sim.frames - before)
            if looks and sim.frame > 20:
                look(sim)
        for _ in sim.epochs():
            pass
        assert sim.done and sim.step(3) == 0
        assert_same(whole(kind), Path(folder) / "t.h5")


class Enough(Exception):
    pass


@KINDS
@once
@given(every=st.integers(1, 40), at=st.integers(1, 3), by_epoch=st.booleans())
def test_stopped_from_a_callback_and_resumed_it_is_the_same_run(
    whole: Callable[[str], Path], kind: str, every: int, at: int, by_epoch: bool
) -> None:
    left = at

    def stop(sim: cs.Simulation) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise Enough

    how: dict[str, Any] = {"on_epoch": stop} if by_epoch else {"on_frames": (every, stop)}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t.h5"
        try:
            cs.run(wanted(kind, trace={"events": "first 3 frames", "alignment": "epoch", "probe": 9}), path, **how)
        except Enough:
            with cs.Trace(path) as trace:
                assert trace.status == "interrupted" and trace.result is not None
                frames = trace.result["frames"] - 1  # at the last frame of an epoch: before that is judged
                assert len(trace.metrics("train")) == (at if by_epoch else frames // _per_epoch(kind))
            cs.run(resume=path)
        assert_same(whole(kind), path)


def _per_epoch(kind: str) -> int:
    return math.ceil(37 / TABLES[kind]["training"]["batch"])


@KINDS
def test_left_and_resumed_often(tmp_path: Path, whole: Callable[[str], Path], kind: str) -> None:
    path = tmp_path / "t.h5"
    with cs.Simulation(wanted(kind), out=path) as sim:
        sim.step(2)
    assert sim.status == "interrupted"
    for leave in (RuntimeError, KeyboardInterrupt, None):
        try:
            with cs.Simulation(resume=path) as sim:
                sim.step(3)
                if leave:
                    raise leave
        except (RuntimeError, KeyboardInterrupt):
            pass
    with cs.Simulation(resume=path) as sim:
        assert sim.frame == 11
        assert sim.run_until(lambda sim: sim.epoch == 1 + (sim.frame > 20), every=2) and not sim.run_until(
            lambda sim: False, every=50
        )
    assert sim.done and sim.result.status == "done"
    assert_same(whole(kind), path)


def test_ctrl_c_stops_a_step_between_two_chunks_and_the_run_may_go_on() -> None:
    with cs.Simulation(wanted("batch")) as sim:
        for event in sim.advance(3):
            assert event == cs.simulation.Event.CHUNK
        with pytest.raises(KeyboardInterrupt):
            for _ in sim.advance(sim.frames):
                signal.raise_signal(signal.SIGINT)
        assert sim.status == "running" and 3 < sim.frame < sim.frames
        for _ in sim.epochs():
            pass
        result = sim.result
    assert result.history == cs_run_history("batch") and result.trace == ""


def cs_run_history(kind: str) -> tuple[float, ...]:
    with cs.Simulation(wanted(kind), watch=False) as sim:
        sim.step(sim.frames)
        return tuple(metrics.test_accuracy for metrics in sim.history)


def test_what_is_told_of_an_epoch_is_no_more_work_after_many(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    made: list[int] = []

    def counted(*given: Any, epoch: int = 0, **more: Any) -> cs.simulation.Metrics:
        made.append(epoch)
        return cs.simulation.Metrics(*given, epoch=epoch, **more)

    monkeypatch.setattr("channelsim.simulation._simulation.Metrics", counted)
    cs.run(wanted("batch", **{"training": {**TABLES["batch"]["training"], "epochs": 9}}), tmp_path / "t.h5")
    assert made == list(range(1, 10))


# --- what is inside -----------------------------------------------------------------------------------------


def test_the_last_frame_is_what_the_formulas_say() -> None:
    """rbp over channels of few bits, from the weights before the frame."""
    tables = {
        "training": {"batch": 5, "epochs": 2},
        "learning": {"rule": "rbp"},
        "channels": {"forward": {"noise": {"sigma": 0.1}}, "learning": {"quantize": {"kind": "sign"}}},
        "data": FEW,
    }
    with cs.Simulation(scenario([16, 12, 4], **tables)) as sim:
        sim.step(4)
        weights, biases, feedback = sim.weights, sim.biases, sim.feedback
        sim.step(1)
        seen = sim.values("activity", 1)
        assert seen.frame == 4 and seen.images.shape == (5,) and seen.time_ps == sim.now
        data = sim.dataset
        np.testing.assert_array_equal(sim.sent(1), data.train_x[seen.images])
        assert not np.array_equal(sim.delivered(1), sim.sent("forward.1"))
        hidden = np.tanh(sim.delivered(1) @ weights["W_1"] + biases["b_1"])
        np.testing.assert_allclose(sim.activity(1), hidden, atol=1e-6)
        np.testing.assert_array_equal(sim.sent(2), sim.activity(1))
        scores = np.exp(sim.delivered(2) @ weights["W_2"] + biases["b_2"])
        np.testing.assert_allclose(sim.activity(2), scores / scores.sum(1, keepdims=True), atol=1e-6)
        np.testing.assert_array_equal(
            sim.error(2), np.eye(4, dtype=np.float32)[data.train_y[seen.images]] - sim.activity(2)
        )
        message = sim.delivered("learning.1")
        assert set(np.sign(message).ravel()) <= {-1, 1} and np.unique(np.abs(message[0])).size == 1
        np.testing.assert_array_equal(message, sim.sent("learning.1"))
        expected = (1 - sim.activity(1) ** 2) * (message @ feedback["C_1"])
        np.testing.assert_allclose(sim.error(1), expected, atol=1e-6)
        assert sim.weights.dims["W_1"] == ("input_1", "unit_1") and sim.feedback.dims["C_1"] == ("unit_2", "unit_1")


@KINDS
def test_weights_are_copies(kind: str) -> None:
    with cs.Simulation(wanted(kind)) as sim:
        sim.step(2)
        before = sim.weights
        sim.weights["W_1"][:] = np.nan
        sim.step(0)
        np.testing.assert_array_equal(sim.weights["W_1"], before["W_1"])


def test_in_a_pipeline_each_layer_has_its_own_last_frame() -> None:
    """A frame every 10 us, 15 us to each layer: before frame 6 enters at 60 us layer 1 has computed frame 4 (at 55 us),
    the top frame 3 (at 60 us: layers act before a frame enters), and the error of frame 1 has arrived (at 55 us)."""
    tables = {
        "training": {"batch": 1, "epochs": 2},
        "learning": {"rule": "rbp"},
        "channels": {name: {"latency": "15 us"} for name in ("forward", "learning")},
        "schedule": {"mode": "pipelined", "interval": "10 us"},
        "data": FEW,
    }
    with cs.Simulation(scenario([16, 12, 4], **tables)) as sim:
        with pytest.raises(
            cs.InputError, match=r"activity\(1\): no frame has been seen there yet; accepted: after a step"
        ):
            sim.activity(1)
        sim.step(6)
        assert sim.now == 60_000_000
        frames = [sim.values(*at).frame for at in (("sent", 1), ("activity", 1), ("activity", 2), ("error", 1))]
        assert frames == [5, 4, 3, 1]


@pytest.mark.parametrize(
    ("ask", "told"),
    [
        (lambda sim: sim.activity(0), r"activity\(0\): no such layer; accepted: 1, 2, 3$"),
        (lambda sim: sim.error("1"), r"error\('1'\): no such layer; accepted: 1, 2, 3$"),
        (lambda sim: sim.sent("up"), r"sent\('up'\): no such channel; accepted: forward.1, .*or a layer's number"),
        (lambda sim: sim.values("voltage", 1), r"no such values; accepted: activity, error, sent, delivered"),
        (lambda sim: sim.step(-1), r"step\(frames=-1\): accepted: 0 or more"),
        (lambda sim: sim.run_until(bool, every=0), r"every=0\): accepted: 1 or more frames"),
    ],
)
def test_what_is_not_there_is_refused(ask: Callable[[cs.Simulation], Any], told: str) -> None:
    with cs.Simulation(wanted("batch")) as sim, pytest.raises(cs.InputError, match=told):
        ask(sim)


def test_a_closed_simulation_can_be_read_and_not_stepped() -> None:
    with cs.Simulation(wanted("batch")) as sim:
        sim.step(2)
    assert sim.frame == 2 and sim.result.status == "interrupted" and np.isfinite(sim.weights["W_1"]).all()
    with pytest.raises(cs.InputError, match=r"this simulation is closed \(interrupted\)"):
        sim.step()


def test_weights_to_begin_with_are_part_of_what_the_trace_depends_on(tmp_path: Path) -> None:
    with cs.Simulation(wanted("batch")) as sim:
        begun = {**sim.weights, **sim.biases}
        begun["W_2"] = np.zeros_like(begun["W_2"])
    with cs.Simulation(wanted("batch"), init=begun, out=tmp_path / "t.h5") as sim:
        np.testing.assert_array_equal(sim.weights["W_2"], 0)
        np.testing.assert_array_equal(sim.weights["W_1"], begun["W_1"])
        sim.step(1)
    with cs.Trace(tmp_path / "t.h5") as trace:
        assert "init" in trace.inputs
    assert cs.run(resume=tmp_path / "t.h5").status == "done"
    with pytest.raises(cs.InputError, match=r"init: W_1 has shape \(2, 2\); accepted: \(16, 12\)"):
        cs.Simulation(wanted("batch"), init={**begun, "W_1": np.zeros((2, 2))})


def test_callbacks_get_the_simulation(tmp_path: Path) -> None:
    frames: list[int] = []
    epochs: list[float] = []

    def each(sim: cs.Simulation) -> None:
        frames.append(sim.frame)
        assert sim.activity(2).shape[1] == 8

    result = cs.run(
        wanted("batch"),
        tmp_path / "t.h5",
        on_epoch=lambda sim: epochs.append(sim.metrics.test_accuracy),
        on_frames=(5, each),
    )
    assert frames == list(range(5, result.frames + 1, 5)) and tuple(epochs) == result.history
    with pytest.raises(cs.InputError, match=r"on_frames = \(0, ...\); accepted: every 1 or more frames"):
        cs.run(wanted("batch"), tmp_path / "other.h5", on_frames=(0, each))


def test_values_that_are_not_wanted_take_no_memory_and_no_code() -> None:
    for watch in (False, True):
        with cs.Simulation(wanted("batch"), watch=watch) as sim:
            state = sim._course.state
            assert (state.memory.watched.size > 0) == watch
            assert ("recorded values" in state.demands) == watch
