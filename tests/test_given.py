"""Weights that are given: files and numbers in, files and modules of PyTorch out."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import channelsim as cs
from channelsim import InputError, Scenario, Trace, reference
from channelsim import given as files
from channelsim.data import dataset_of
from channelsim.plan import build, tables
from channelsim.reference.evaluate import predict
from channelsim.sweeps._grid import points
from tests.cli.process import SMALL, assert_one_error_line, channelsim
from tests.networks import chain, conv, dense_layers
from tests.run.runs import Stopping

Arrays = dict[str, NDArray[Any]]
DENSE = dense_layers([64, 9, 7, 10])
MAPS = [
    conv(3, 3, padding=1, stride=2, transfer="tanh", bias=False),
    {"kind": "maxpool", "size": 2},
    conv(4, 2, transfer="logistic"),
    *dense_layers([4, 10]),
]
POOLED = [{"kind": "avgpool", "size": 2}, conv(4, 2, padding=1, transfer="relu"), {"kind": "flatten"}]
POOLED += dense_layers([100, 8, 10], ["relu", "linear"])
ON_MAPS_TO_THE_TOP = [conv(10, 8, transfer="softmax")]
NETWORKS = {
    "dense": ([64], DENSE),
    "dense on an image": ([1, 8, 8], DENSE),
    "maps": ([1, 8, 8], MAPS),
    "pooled": ([1, 8, 8], POOLED),
    "a convolution at the top": ([1, 8, 8], ON_MAPS_TO_THE_TOP),
}


def digits(name: str = "dense", **keys: Any) -> Scenario:
    """A network on a few digits."""
    shape, layers = NETWORKS[name]
    data = {"name": "digits", "train": 60, "test": 20}
    keys.setdefault("training", {"epochs": 2, "batch": 7})
    return chain(shape, layers, data=data, **keys).with_({"trace.events": "none"})


def plan_of(scenario: Scenario) -> Any:
    data = dataset_of(scenario)
    found = tables(scenario, data.shape, data.classes)
    return build(scenario, data.shape, data.classes, len(data.train_y), given=files.load(scenario, found))


def same(a: Any, b: Any) -> bool:
    return all(np.array_equal(getattr(a, part), getattr(b, part)) for part in ("weights", "biases", "feedback"))


def state_of(name: str = "dense", **changes: Any) -> Arrays:
    """Arrays that fit a network, with `changes` (None: without that array)."""
    rng = np.random.default_rng(5)
    sizes = [64, 9, 7, 10]
    arrays: Arrays = {}
    for h in (1, 2, 3):
        arrays[f"W_{h}"] = rng.normal(size=(sizes[h - 1], sizes[h])).astype(np.float32)
        arrays[f"b_{h}"] = rng.normal(size=sizes[h]).astype(np.float32)
    arrays |= changes
    return {name: array for name, array in arrays.items() if array is not None}


def reading(path: Path, rule: str = "rbp", **keys: Any) -> Scenario:
    return digits(learning={"rule": rule}, weights={"from": str(path), **keys})


# --- in and out -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NETWORKS)
def test_modules_compute_the_same_outputs_and_can_be_read_again(name: str, tmp_path: Path) -> None:
    scenario = digits(name)
    cs.run(scenario, out=tmp_path / "a.h5")
    data = dataset_of(scenario)
    with Trace(tmp_path / "a.h5") as trace:
        for epoch in (1, None):
            modules = trace.to_torch(epoch)
            again = scenario.with_({"model.weights": {"from": str(tmp_path / "a.h5"), "epoch": epoch or "none"}})
            state = reference.start(plan_of(again), data)
            expected = predict(state, torch.from_numpy(data.test_x).flatten(1))
            with torch.no_grad():
                for x in (data.test_x, data.test_x.reshape(len(data.test_x), -1)):
                    np.testing.assert_allclose(modules(torch.from_numpy(x)), expected, rtol=0, atol=1e-6)
    torch.save(modules.state_dict(), tmp_path / "a.pt")
    from_torch = scenario.with_({"model.weights": {"from": str(tmp_path / "a.pt")}})
    assert same(plan_of(from_torch), plan_of(again)) and not same(plan_of(again), plan_of(scenario))


@pytest.mark.parametrize("rule", ["rbp", "srbp", "arbp", "asrbp", "drtp"])
def test_a_trace_its_export_and_numbers_are_one_start(rule: str, tmp_path: Path) -> None:
    scenario = digits(learning={"rule": rule})
    cs.run(scenario, out=tmp_path / "a.h5")
    with Trace(tmp_path / "a.h5") as trace:
        trace.export_weights(tmp_path / "a.npz", epoch=1)
        w = trace.weights(1)
    from_trace = plan_of(scenario.with_({"model.weights": {"from": str(tmp_path / "a.h5"), "epoch": 1}}))
    assert same(from_trace, plan_of(scenario.with_({"model.weights": {"from": str(tmp_path / "a.npz")}})))
    numbers = {f"model.layers.{h - 1}.{key}": w[f"{key}_{h}"] for h in (1, 2, 3) for key in "Wb"}
    matrices = {name[2:]: array for name, array in w.items() if name.startswith("C_")}
    assert len(matrices) == 2
    assert same(from_trace, plan_of(scenario.with_({**numbers, "learning.feedback.C": matrices})))
    alone = {"learning.feedback": {"from": str(tmp_path / "a.npz")}}
    assert np.array_equal(plan_of(scenario.with_(alone)).feedback, from_trace.feedback)
    assert np.array_equal(plan_of(scenario.with_(alone)).weights, plan_of(scenario).weights)
    drawn = plan_of(scenario.with_({"model.weights": {"from": str(tmp_path / "a.npz"), "feedback": False}}))
    assert np.array_equal(drawn.feedback, plan_of(scenario).feedback) and np.array_equal(
        drawn.weights, from_trace.weights
    )


@pytest.mark.parametrize(
    "learning",
    [
        {"rule": "srbp", "feedback": {"rank": 2}},
        {"rule": "srbp", "feedback": {"copies": 2}},
        {"rule": "rbp", "route": "cascade"},
        {"rule": "asrbp", "feedback": {"connections": 3}},
    ],
    ids=str,
)
def test_w_and_b_are_read_whatever_c_is_beside_them(learning: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    cs.run(digits(learning=learning), out=path)
    with Trace(path) as trace:
        kept = trace.weights()
    start = plan_of(reading(path, "bp", feedback=False))
    assert np.array_equal(start.weights, np.concatenate([kept[f"W_{h}"].ravel() for h in (1, 2, 3)]))
    assert np.array_equal(start.biases, np.concatenate([kept[f"b_{h}"] for h in (1, 2, 3)]))


def test_engine_and_reference_agree_from_given_weights(tmp_path: Path) -> None:
    np.savez(tmp_path / "w.npz", **state_of(C_1=np.eye(7, 9), C_2=np.ones((10, 7))))
    for rule in ("rbp", "arbp"):
        training = {"batch": 4, "momentum": 0.5, "learning_rate": {"default": 0.02, "2": 0}}
        found = cs.verify(reading(tmp_path / "w.npz", rule).with_({"training": training}), updates=8)
        assert found.passed, found


def test_bits_round_a_given_c_as_a_drawn_one() -> None:
    c = np.linspace(-1, 1, 90).reshape(10, 9)
    scenario = chain([64], dense_layers([64, 9, 10]), data={"name": "digits"}, learning={
        "rule": "rbp", "feedback": {"C": {"1": c.tolist()}, "bits": 2}})  # fmt: skip
    assert set(plan_of(scenario).feedback.tolist()) == {-1.0, 0.0, 1.0}


def test_a_plan_is_not_made_without_the_files_that_are_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"channelsim\.given\.load"):
        build(reading(tmp_path / "w.npz"), (64,), 10, 60)


# --- mistakes ---------------------------------------------------------------------------------------------

SPOILT = [
    ({"W_2": None}, "W_2 is missing; accepted: (9, 7), inputs and units of layer 2 (there is W_1, W_3, b_1, b_2, b_3)"),
    ({"b_1": None}, "b_1 is missing; accepted: (9,)"),
    ({"W_2": np.zeros((7, 9))}, "W_2 has shape (7, 9); accepted: (9, 7)"),
    ({"W_2": np.zeros((9, 7), complex)}, "W_2 is of type complex128; accepted: floats or integers"),
    ({"W_2": np.full((9, 7), "x")}, "W_2 is of type <U1; accepted: floats"),
    ({"b_3": np.full(10, np.nan)}, "b_3 has nan at (0,); accepted: finite float32 values"),
    ({"b_3": np.full(10, 1e300)}, "b_3 has 1e+300 at (0,); accepted: finite float32 values"),
    ({"W_4": np.zeros((10, 10))}, "W_4 is nothing that this network has; accepted: W_1, b_1"),
    ({"weights": np.zeros(3)}, "weights is nothing that this network has"),
    ({"C_1": np.zeros((7, 9))}, "C_2 is missing; accepted: (10, 7)"),
    ({"C_1": np.zeros((9, 7)), "C_2": np.zeros((10, 7))}, "C_1 has shape (9, 7); accepted: (7, 9), units of layer 2"),
]


@pytest.mark.parametrize(("changes", "told"), SPOILT)
def test_arrays_that_do_not_fit(changes: dict[str, Any], told: str, tmp_path: Path) -> None:
    path = tmp_path / "w.npz"
    np.savez(path, **state_of(**changes))  # type: ignore[arg-type]
    for look in (cs.check, plan_of):
        with pytest.raises(InputError) as caught:
            look(reading(path))  # type: ignore[operator]
        assert f"{path}: {told}" in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("rule", "keys", "told"),
    [
        ("bp", {}, "C_1 is of no learning channel with a C here; accepted: no C, or C that is drawn"),
        ("sign", {}, "C of learning.2 is made of magnitudes with the signs of W here"),
        ("rbp", {"learning.feedback.connections": 3}, "C of learning.2 is a list of wires here"),
    ],
)
def test_c_of_a_file_where_it_is_no_matrix(rule: str, keys: dict[str, Any], told: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "w.npz", **state_of(C_1=np.zeros((7, 9)), C_2=np.zeros((10, 7))))
    scenario = reading(tmp_path / "w.npz", rule).with_(keys)
    with pytest.raises(InputError, match=f"{told}.*weights.feedback = false"):
        plan_of(scenario)
    plan_of(scenario.with_({"model.weights.feedback": False}))


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"learning": {"rule": "bp", "feedback": {"C": {"1": [[1]]}}}}, "C is given, but the rule bp has no C"),
        ({"learning": {"rule": "top", "feedback": {"from": "c.npz"}}}, "from is given, but the rule top has no C"),
        ({"learning": {"rule": "sign", "feedback": {"C": {"1": [[1]]}}}}, "has magnitudes with the signs of W"),
        ({"learning": {"rule": "rbp", "feedback": {"C": {"1": [[1]]}}}}, "C.1 is 1 x 1; accepted: 7 x 9, a row"),
        ({"learning": {"rule": "rbp", "feedback": {"C": {"3": [[1]]}}}}, "C.3: no layer that receives errors"),
        ({"learning": {"rule": "rbp", "feedback": {"C": {"1": [["a"]]}}}}, "learning.feedback.C.1[0][0] = 'a'"),
        ({"learning": {"rule": "rbp", "feedback": {"from": "c.npz", "scale": "he"}}}, "scale is not used, as C is"),
        ({"learning": {"rule": "rbp", "feedback": {"epoch": 3}}}, "epoch = 3 is one of a trace"),
        ({"model.weights": {"from": "w.csv"}}, "no file of weights; accepted: a trace (.h5), an .npz"),
        ({"model.weights": {"from": "w.npz", "epoch": 2}}, "epoch = 2 is one of a trace; accepted: with from"),
        ({"model.weights": {"from": "w.npz", "scale": "he"}}, "scale is not used, as the weights are read from a file"),
        ({"model.weights": {"form": "w.npz"}}, "model.weights.form is unknown (did you mean from?)"),
        ({"model.layers.0.W": [[1, 2], [3]]}, "layers[0].W is rows of 1 to 2 numbers; accepted: 64 x 9"),
        ({"model.layers.0.b": [1, 2]}, "layers[0].b has 2 numbers; accepted: 9, one for each unit"),
        ({"model.layers.0.b": [0] * 9, "model.layers.0.bias": False}, "but the layer has no biases"),
        ({"model.layers.0.b": [0] * 9, "model.weights": {"from": "w.npz"}}, "is given, but so is weights.from"),
    ],
)  # fmt: skip
def test_keys_that_do_not_go_together(keys: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError) as caught:
        digits().with_(keys)
    assert told in str(caught.value) and "\n" not in str(caught.value)


def test_a_bank_of_kernels_is_not_given() -> None:
    scenario = digits("maps", learning={"rule": "rbp"})
    with pytest.raises(InputError, match=r"C\.2: layer 3, a conv2d, sends errors to layer 2 through a bank of kernels"):
        scenario.with_({"learning.feedback.C": {"2": [[1.0]]}})


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x93NUMPY", b"text"])
@pytest.mark.parametrize("name", ["w.npz", "w.pt", "w.h5"])
def test_files_that_are_none(name: str, content: bytes, tmp_path: Path) -> None:
    path = tmp_path / name
    for there in (False, True):
        if there:
            path.write_bytes(content)
        with pytest.raises(InputError) as caught:
            plan_of(reading(path))
        assert str(path) in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("state", "told"),
    [
        (torch.nn.Linear(64, 10).state_dict(), "has 1 layers with weights; accepted: 3"),
        ({"0.weight": torch.zeros(9, 64), "1.weight": torch.zeros(7, 9), "2.s": torch.zeros(1)}, "2.s is neither"),
        ({f"{h}.weight": torch.zeros(9, 64) for h in range(3)}, r"1.weight has shape \(9, 64\); accepted: \(7, 9\)"),
        ([torch.zeros(3)], "holds no state dict, but a list"),
        (torch.nn.Linear(2, 2), "cannot be read as a state dict"),
    ],
)  # fmt: skip
def test_state_dicts_that_do_not_fit(state: Any, told: str, tmp_path: Path) -> None:
    torch.save(state, tmp_path / "w.pt")
    with pytest.raises(InputError, match=told) as caught:
        plan_of(reading(tmp_path / "w.pt"))
    assert "\n" not in str(caught.value)


names = st.sampled_from(["W_1", "W_2", "W_3", "b_1", "b_2", "b_3", "C_1", "C_2", "C_9", "W_01", "x"])
shapes = st.sampled_from([(64, 9), (9, 7), (7, 10), (9,), (7,), (10,), (7, 9), (10, 7), (), (0,), (1, 2, 3)])
dtypes = st.sampled_from(["f4", "f8", "f2", "i8", "u1", "?", "c8", "U2", "M8[s]"])
values = st.sampled_from([0, 1, 3])


@settings(max_examples=60)
@given(st.dictionaries(names, st.tuples(shapes, dtypes, values), max_size=3))
def test_an_npz_is_read_or_refused_in_one_line(found: dict[str, Any]) -> None:
    changes = {name: np.full(shape, value).astype(dtype) for name, (shape, dtype, value) in found.items()}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "w.npz"
        arrays = state_of(**changes)
        np.savez(path, **arrays)  # type: ignore[arg-type]
        try:
            plan = plan_of(reading(path))
        except InputError as error:
            assert str(path) in str(error) and "accepted: " in str(error) and "\n" not in str(error)
        else:
            assert np.array_equal(plan.weights[: 64 * 9], arrays["W_1"].astype(np.float32).ravel())


numbers = st.one_of(st.floats(), st.integers(), st.booleans(), st.text(max_size=2), st.none())
nested = st.recursive(
    numbers, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=2)
)


@settings(max_examples=150)
@given(st.sampled_from(["W", "b", "C"]), nested)
def test_numbers_are_read_or_refused_in_one_line(key: str, value: Any) -> None:
    layers = [{"kind": "dense", "units": 1, "transfer": "linear"} for _ in range(2)]
    feedback = {}
    if key == "C":
        feedback = {"C": value}
    else:
        layers[0][key] = value
    model = {"name": "m", "input": [1], "layers": layers}
    document = {
        "name": "s",
        "model": model,
        "data": {"name": "digits"},
        "learning": {"rule": "rbp", "feedback": feedback},
    }
    try:
        scenario = Scenario(**document)
    except InputError as error:
        assert "\n" not in str(error) and key in str(error)
    else:
        assert Scenario(**scenario.resolved) == scenario


# --- paths, digests, resumption, sweeps -------------------------------------------------------------------


def test_paths_are_relative_to_the_file_that_names_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "scenarios").mkdir()
    layers = '[[layers]]\nkind = "dense"\nunits = 2\ntransfer = "tanh"\nrepeat = 2\n'
    model = f'name = "m"\ninput = [4]\nweights = {{ from = "w.npz" }}\n{layers}'
    (tmp_path / "models/m.toml").write_text(model)
    text = 'name = "s"\nmodel = "../models/m.toml"\n[data]\nname = "synthetic"\n'
    (tmp_path / "scenarios/s.toml").write_text(text)
    monkeypatch.chdir(tmp_path)
    beside_the_model, beside_the_scenario = str(tmp_path / "models/w.npz"), str(tmp_path / "scenarios/v.npz")
    scenario = cs.load("scenarios/s.toml")
    assert Path(str(scenario.model.weights.file)).resolve() == Path(beside_the_model)
    assert scenario.with_(seed=3).model.weights.file == scenario.model.weights.file
    assert cs.load("scenarios/s.toml", set=["seed=3", "model.name=x"]).model.weights.file == scenario.model.weights.file
    assert cs.load("scenarios/s.toml", set=["model.weights.from=v.npz"]).model.weights.file == beside_the_scenario
    found = cs.load("scenarios/s.toml", set=["learning.rule=rbp", "learning.feedback.from=v.npz"])
    assert found.learning.feedback.file == beside_the_scenario


def test_a_run_resumes_on_the_same_file_only(tmp_path: Path) -> None:
    path, trace, whole = tmp_path / "w.npz", tmp_path / "a.h5", tmp_path / "whole.h5"
    np.savez(path, **state_of())
    scenario = reading(path)
    cs.run(scenario, out=whole)
    with pytest.raises(KeyboardInterrupt):
        cs.run(scenario, out=trace, progress=Stopping(9))
    shutil.copy(path, tmp_path / "kept.npz")
    np.savez(path, **state_of(b_1=np.ones(9)))
    with pytest.raises(InputError, match=r"model\.weights\.from has other values|model\.weights\.from was") as caught:
        cs.run(resume=trace)
    assert f"model.weights.from = '{path}'" in str(caught.value) and "\n" not in str(caught.value)
    path.unlink()
    with pytest.raises(InputError, match=r"w\.npz: No such file"):
        cs.run(resume=trace)
    shutil.copy(tmp_path / "kept.npz", path)
    assert cs.run(resume=trace).status == "done"
    with Trace(trace) as resumed, Trace(whole) as straight:
        assert resumed.inputs == straight.inputs and "model.weights.from" in resumed.inputs
        for name, array in straight.weights().items():
            assert np.array_equal(array, resumed.weights()[name]), name


def test_a_sweep_refuses_another_file(tmp_path: Path) -> None:
    path = tmp_path / "w.npz"
    np.savez(path, **state_of())
    scenario = reading(path, "bp").with_({"sweep": {"training.learning_rate.2": [0, 0.1]}, "training.epochs": 1})
    before = [point.name for point in points(scenario)]
    table = cs.sweep(scenario, out=tmp_path / "out", workers=1)
    assert list(table["status"]) == ["done", "done"] and sorted(table["point"]) == sorted(before)
    assert list(table["training.learning_rate.2"]) == [0, 0.1]
    np.savez(path, **state_of(b_1=np.ones(9)))
    assert not {point.name for point in points(scenario)} & set(before)
    with pytest.raises(InputError, match=r"computed on other data \(model\.weights\.from = .*w\.npz'\)"):
        cs.sweep(scenario, out=tmp_path / "out", workers=1)


# --- the command line -------------------------------------------------------------------------------------


def test_the_way_out_and_in_by_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "small.toml").write_text(SMALL)
    assert channelsim("run", "small.toml", "--quiet", "--set", "training.learning_rate.2=0", cwd=tmp_path).status == 0
    exported = channelsim("trace", "export", "runs/small.h5", "--weights", "w.npz", "--epoch", "1", cwd=tmp_path)
    assert (exported.status, exported.err) == (0, "")
    with np.load(tmp_path / "w.npz") as arrays, Trace(tmp_path / "runs/small.h5") as trace:
        assert sorted(arrays) == ["C_1", "W_1", "W_2", "b_1", "b_2"]
        assert all(np.array_equal(arrays[name], array) for name, array in trace.weights(1).items())
    given = ("--set", "model.weights.from=w.npz")
    assert channelsim("check", "small.toml", *given, cwd=tmp_path).status == 0
    assert channelsim("verify", "small.toml", *given, "--updates", "3", cwd=tmp_path).status == 0
    assert channelsim("run", "small.toml", *given, "--quiet", "--out", "b.h5", cwd=tmp_path).status == 0
    for wrong, words in (
        (["run", "small.toml", *given, "--set", "model.layers.0.units=13"], ["w.npz: W_1 has shape (64, 12)"]),
        (["run", "small.toml", "--set", "model.weights.from=runs/none.h5"], ["none.h5"]),
        (["trace", "export", "runs/small.h5", "--weights", "w.csv"], ["w.csv", "ends in .npz"]),
        (
            ["trace", "export", "runs/small.h5", "--weights", "w.npz", "--epoch", "7"],
            ["no weights of epoch 7", "1, 2"],
        ),
        (["trace", "export", "runs/small.h5", "--weights", "no/w.npz"], ["no/w.npz: No such file"]),
    ):
        assert_one_error_line(channelsim(*wrong, cwd=tmp_path), *words)
