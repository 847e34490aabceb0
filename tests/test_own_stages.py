"""Stages of the user's own: compiled for the engine, as they stand in the reference, and the same bits in both."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import channelsim as cs
from channelsim import engine, hashing, normals, parts, side_by_side
from channelsim.engine.channel import own_stages
from channelsim.engine.compile import own
from channelsim.errors import InputError, RunError
from channelsim.hashing import Stream
from channelsim.plan import OwnStage
from channelsim.reference.own import Own
from channelsim.sweeps import points
from tests import own_parts
from tests.laws import cases
from tests.networks import conv, dataset, dense_layers, plan_of_chain

FILE = own_parts.__file__


def use(name: str, **parameters: float) -> dict[str, Any]:
    return {"use": f"{FILE}:{name}", **parameters}


STAGES = {
    "value": use("saturate", gain=0.8, limit=1.0),
    "value without p": use("squash"),
    "value, two draws": use("jittered", sigma=0.1),
    "message": use("top_k", k=3),
    "message with a state": use("drift", keep=0.9, sigma=0.05),
    "message, two draws": use("shuffled"),
}


@pytest.mark.parametrize("name", STAGES)
def test_compiled_and_as_it_stands_have_the_same_bits(name: str) -> None:
    table = dict(STAGES[name])
    part = parts.part(table.pop("use"), table)
    note, n = parts.stage_of(part), 37
    rng = np.random.default_rng(0)
    stage = OwnStage(0, own_stages.PLACES.index(note.place), part, 1 << 40, 0, note.state * n)
    apart, state = Own((stage,), np.zeros(note.state * n)), np.zeros(note.state * n)
    for frame in range(3):
        values = rng.normal(size=n).astype(np.float32)
        values[rng.random(n) < (0.3, 0.0, 0.6)[frame]] = 0  # all active has a loop of its own
        expected = apart.apply(stage.place, 5, 0, frame, [2], torch.from_numpy(values[None].copy()))[0].numpy()
        key = np.int64(np.uint64(cs_key(5, frame, 2)).view(np.int64))
        beside = state if note.over == "message" else np.zeros(note.draws)
        assert called(part, values, key, stage.first_draw, beside) == own.WELL
        assert np.array_equal(values, expected)
        assert apart.state is not None and np.array_equal(state, apart.state)
    assert not note.state or state.any()


def cs_key(seed: int, frame: int, sample: int) -> int:
    return hashing.key(seed, Stream.OWN.of(0), frame, sample)


def called(part: parts.Part, values: Any, key: Any, first: int, state: Any) -> int:
    """The callback, from outside of the engine."""
    import ctypes

    import numba

    address, count = own_stages.address_of(part), own_stages.normals(part) * len(values)
    drawn = normals.normal32(hashing.bits(int(np.uint64(key)), first + np.arange(count)))
    if numba.config.DISABLE_JIT:
        return own.call(address, values, key, first, drawn, state)
    kinds = [ctypes.c_int64, ctypes.c_void_p, *[ctypes.c_int64] * 3, *[ctypes.c_void_p] * 2]
    given = (values.ctypes.data, len(values), int(key), first, drawn.ctypes.data, state.ctypes.data)
    return int(ctypes.CFUNCTYPE(*kinds)(address)(*given))


BATCHES: dict[str, dict[str, Any]] = {
    "online": {"training": {"batch": 1}},
    "batch": {"training": {"batch": 4, "momentum": 0.5}},
    "pipelined": {
        "training": {"batch": 2},
        "schedule": {"mode": "pipelined", "interval": "1 us", "stash": 3},
    },
}
CHANNELS: dict[str, dict[str, Any]] = {
    "on both": {
        "forward": {"stage": [STAGES["message with a state"], STAGES["value without p"]]},
        "learning": {"stage": [STAGES["message"], STAGES["value"]], "residual": "error_feedback"},
    },
    "beside every stage": {
        "forward": {
            "stage": [STAGES["message, two draws"], STAGES["value, two draws"]],
            "drop": {"probability": 0.2, "rescale": True},
            "noise": {"sigma": 0.05, "scale": "rms"},
        },
        "learning": {
            "stage": [STAGES["value"], STAGES["message, two draws"]],
            "threshold": {"value": 0.01},
            "quantize": {"kind": "uniform", "bits": 6},
            "bit_errors": {"probability": 0.01},
            "latency": "2 us",
            "bandwidth": "1 Gbit/s",
            "deadline": "3 us",
        },
    },
}


def network(batch: str, channels: str, maps: bool = False) -> tuple[Any, Any]:
    shape, layers = (9,), dense_layers([9, 7, 6, 3])
    if maps:
        shape, layers = (1, 6, 6), [conv(2, 3), {"kind": "maxpool", "size": 2}, *dense_layers([0, 3], ["softmax"])]
    tables = {"learning": {"rule": "rbp"}, "channels": CHANNELS[channels], **BATCHES[batch]}
    rng = np.random.default_rng(3)
    data = dataset(rng.uniform(-1, 1, (20, *shape)), rng.integers(3, size=20), 3)
    return plan_of_chain(shape, layers, 3, 20, **tables), data


@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize("batch", BATCHES)
def test_engine_and_reference_agree(batch: str, channels: str) -> None:
    result = side_by_side.compare(*network(batch, channels), 15)
    assert result.passed, result
    assert max(result.max_weight_difference) < 1e-5


def test_over_maps() -> None:
    assert side_by_side.compare(*network("batch", "on both", maps=True), 5).passed


def test_another_function_is_found_out() -> None:
    plan, data = network("batch", "on both")
    other = [STAGES["message"], use("saturate", gain=0.8, limit=1.01)]
    tables = {
        "channels": {**CHANNELS["on both"], "learning": {"stage": other, "residual": "error_feedback"}},
        "learning": {"rule": "rbp"},
        **BATCHES["batch"],
    }
    wrong = plan_of_chain((9,), dense_layers([9, 7, 6, 3]), 3, 20, **tables)
    assert not side_by_side.compare(plan, data, 5, reference_plan=wrong).passed


@pytest.mark.parametrize("batch", BATCHES)
def test_chunks_and_checkpoints_make_no_difference(batch: str) -> None:
    plan, data = network(batch, "on both")
    whole = cases.run(plan, data)
    state = engine.start(plan, data)
    for frame in range(0, plan.frames, 3):
        engine.advance(plan, state, frame)
        arrays = {name: array.copy() for name, array in engine.snapshot(state).items()}
        assert arrays["own_state"].any() == (frame > 0)
        state = engine.restore(plan, data, arrays)
    engine.advance(plan, state, plan.frames)
    assert cases.outcome(state).same(whole)


def test_an_evaluation_leaves_the_state_as_it_is() -> None:
    plan, data = network("batch", "on both")
    state = engine.start(plan, data)
    engine.advance(plan, state, 3)
    before = state.own_state.copy()
    first = engine.evaluate(state, data.train_x, data.train_y)
    assert np.array_equal(state.own_state, before) and before.any()
    assert engine.evaluate(state, data.train_x, data.train_y) == first


@pytest.mark.parametrize(
    ("name", "told"), [("raises", "raised an exception"), ("nan_above", "made a number that is not finite")]
)
def test_what_goes_wrong_in_a_run_is_told_with_file_and_line(name: str, told: str) -> None:
    plan = plan_of_chain((9,), dense_layers([9, 7, 3]), 3, 20, channels={"forward": {"stage": use(name, above=0.9)}})
    rng = np.random.default_rng(0)
    data = dataset(rng.uniform(-1, 1, (20, 9)), rng.integers(3, size=20), 3)
    state = engine.start(plan, data)
    with pytest.raises(RunError, match=rf"own_parts\.py:\d+: {name} {told}.*, on channel forward\.1"):
        engine.advance(plan, state, plan.frames)


def test_what_is_refused_before_a_run() -> None:
    def of(**keys: Any) -> Any:
        return plan_of_chain((9,), dense_layers([9, 7, 3]), 3, 20, channels={"forward": keys})

    with pytest.raises(InputError, match="'gain'"):
        of(stage=use("saturate", limit=1.0))
    with pytest.raises(InputError, match="takes no p"):
        of(stage=use("squash", gain=1.0))
    with pytest.raises(InputError, match='residual = "threshold"'):
        of(stage=use("top_k", k=2), threshold={"value": 0.1}, residual="threshold")
    with pytest.raises(InputError, match="keeps a state"):
        of(stage=STAGES["message with a state"], bandwidth="1 Mbit/s", queue=3)
    with pytest.raises(InputError, match=r"no part 'none'.*saturate"):
        of(stage=use("none"))


SCENARIO = """
name = "own"
[model]
name = "m"
input = [16]
layers = [{ kind = "dense", units = 6, transfer = "tanh" }, { kind = "dense", units = 4, transfer = "softmax" }]
[data]
name = "synthetic"
train = 60
test = 20
[training]
epochs = 2
batch = 3
[learning]
rule = "srbp"
[channels.learning]
stage = { use = "mine.py:saturate", gain = 0.8, limit = 1.0 }
"""


def written(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "mine.py").write_text(Path(FILE).read_text())
    (folder / "own.toml").write_text(SCENARIO)
    return folder / "own.toml"


def test_a_trace_knows_the_file_and_another_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path / "here")
    scenario = cs.load(path)
    result = cs.run(scenario, tmp_path / "own.h5")
    with cs.Trace(tmp_path / "own.h5") as trace:
        assert trace.inputs["mine.py"].endswith(parts.digest_of(str(path.parent / "mine.py")))
    longer = cs.run(resume=tmp_path / "own.h5", epochs=3)
    whole = cs.run(scenario.with_({"training.epochs": 3}), tmp_path / "whole.h5")
    assert longer.test_accuracy == whole.test_accuracy and longer.updates == whole.updates > result.updates
    (path.parent / "mine.py").write_text(Path(FILE).read_text() + "\n# changed\n")
    with pytest.raises(InputError, match=r"mine\.py"):
        cs.run(resume=tmp_path / "own.h5", epochs=4)


def test_files_elsewhere_need_trust(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path / "here")
    (path.parent / "mine.py").rename(tmp_path / "mine.py")
    path.write_text(SCENARIO.replace('"mine.py', '"../mine.py'))
    with pytest.raises(InputError, match=r"own\.toml: channels\.learning\.stage\.use .* --trust"):
        cs.load(path)
    scenario = cs.load(path, trust=True)
    cs.run(scenario, path.parent / "own.h5")
    assert scenario.with_({"seed": 2}).own_files() == (str(tmp_path / "mine.py"),)
    monkeypatch.chdir(path.parent)
    with pytest.raises(InputError, match=r"own\.h5: uses .*mine\.py.* --trust"):
        cs.run(resume="own.h5", epochs=3)
    cs.run(resume="own.h5", epochs=3, trust=True)


def test_a_sweep_sends_the_file(tmp_path: Path) -> None:
    key = "channels.learning.stage.gain"
    scenario = cs.load(written(tmp_path / "here"), set=[f"sweep.'{key}'=[0.5, 0.8]"])
    table = cs.sweep(scenario, tmp_path / "out", workers=2)
    assert list(table["status"]) == ["done", "done"]
    for gain, loss in zip(table[key], table["test_loss"], strict=True):
        alone = cs.run(scenario.with_({key: float(gain), "sweep": {}}), tmp_path / f"{gain}.h5")
        assert alone.test_loss == loss
    assert table["test_loss"].nunique() == 2


def test_parameters_are_keys_of_a_sweep(tmp_path: Path) -> None:
    path = written(tmp_path)
    scenario = cs.load(path, set=['sweep."channels.learning.stage.gain"=[0.5, 1.0]'])
    assert [point.scenario.channels["learning"].stage[0].parameters["gain"] for point in points(scenario)] == [0.5, 1.0]  # type: ignore[union-attr]
    assert cs.load(path, set=["channels.learning.stage.gain=2"]).channels["learning"].stage[0].parameters["gain"] == 2
