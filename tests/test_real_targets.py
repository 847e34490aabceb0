"""Regression and autoencoders: what a run with real targets learns, reports, keeps and resumes."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import channelsim as cs
from channelsim import engine
from channelsim._verify import compare, loss_tolerance
from channelsim.data import Dataset
from channelsim.progress import Silent
from channelsim.rules import RULES
from tests import networks
from tests.networks import conv, dense_layers, plan_of_chain, scenario
from tests.run.runs import assert_same

ROWS = 40
OUTPUTS = 3
UPDATES = 12  # into the second epoch, of mini-batches of 4


def teacher(shape: tuple[int, ...] = (6,), outputs: int = OUTPUTS, samples: int = ROWS) -> Dataset:
    """Targets that a random tanh network makes of inputs, some of which are 0."""
    rng = np.random.default_rng([samples, outputs, *shape])
    x = rng.uniform(-1, 1, (samples, *shape)).astype(np.float32)
    x[rng.random(x.shape) < 0.3] = 0
    flat = x.reshape(samples, -1)
    hidden = np.tanh(flat @ rng.normal(size=(flat.shape[1], 8)))
    return networks.dataset(x, hidden @ rng.normal(size=(8, outputs)) / 2, 0)


# --- engine and reference -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch", [1, 4, "all"])
@pytest.mark.parametrize("rule", RULES)
def test_every_rule_agrees_with_the_reference(rule: str, batch: int | str) -> None:
    training = {"batch": batch, "epochs": UPDATES if batch == "all" else 2, "learning_rate": 0.1, "momentum": 0.5}
    tables = {"learning": {"rule": rule}, "training": training}
    top = dense_layers([6, 5, 5, OUTPUTS], ["tanh", "relu", "linear"])
    found = compare(plan_of_chain((6,), top, OUTPUTS, ROWS, real=True, **tables), teacher(), UPDATES)
    assert found.passed, found
    assert len(found.max_weight_difference) == UPDATES


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_agrees_from_given_weights_without_biases_and_with_a_frozen_layer(rule: str) -> None:
    units, rng = [6, 5, 5, OUTPUTS], np.random.default_rng(5)
    layers = [
        {**layer, "bias": False, "W": rng.normal(size=(below, layer["units"])).tolist()}
        for layer, below in zip(dense_layers(units, ["tanh", "relu", "linear"]), units, strict=False)
    ]
    training = {"batch": 4, "epochs": 2, "learning_rate": {"default": 0.05, "2": 0.0}}
    plan = plan_of_chain((6,), layers, OUTPUTS, ROWS, real=True, learning={"rule": rule}, training=training)
    found = compare(plan, teacher(), UPDATES)
    assert found.passed, found
    assert plan.biases.size == 0 and np.array_equal(plan.weights[:30], np.ravel(layers[0]["W"]).astype(np.float32))


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule != "sbp"])  # whose errors pass dense layers only
def test_every_rule_agrees_with_the_reference_on_maps(rule: str) -> None:
    layers = [
        conv(3, 3, padding=1, transfer="tanh"),
        {"kind": "maxpool", "size": 2},
        *dense_layers([0, 5, 2], ["tanh", "linear"]),
    ]
    tables = {"learning": {"rule": rule}, "training": {"batch": 4, "epochs": 2, "learning_rate": 0.05}}
    found = compare(plan_of_chain((2, 6, 6), layers, 2, ROWS, real=True, **tables), teacher((2, 6, 6), 2), UPDATES)
    assert found.passed, found


@pytest.mark.parametrize("top", ["linear", "tanh", "logistic", "relu"])
def test_a_map_as_target(top: str) -> None:
    """A convolution at the top, whose target is a map as a vector: with every transfer function that may be there."""
    layers = [conv(2, 3, padding=1, transfer="tanh"), conv(1, 3, padding=1, transfer=top)]
    tables = {"learning": {"rule": "bp"}, "training": {"batch": 5, "learning_rate": 0.02}}
    found = compare(plan_of_chain((1, 4, 4), layers, 16, ROWS, real=True, **tables), teacher((1, 4, 4), 16), UPDATES)
    assert found.passed, found


def test_one_hot_targets_and_class_labels_are_the_same_bits() -> None:
    """Class labels are the one-hot case."""
    rng = np.random.default_rng(1)
    x, labels = rng.uniform(-1, 1, (ROWS, 6)), rng.integers(OUTPUTS, size=ROWS)
    layers = dense_layers([6, 5, OUTPUTS], ["tanh", "linear"])
    for rule in ("bp", "drtp"):
        for batch in (1, 7):
            tables = {"learning": {"rule": rule}, "training": {"batch": batch}}
            ends = []
            for real, y in ((False, labels), (True, np.eye(OUTPUTS)[labels])):
                plan = plan_of_chain((6,), layers, OUTPUTS, ROWS, real=real, **tables)
                state, rows = networks.run(plan, x, y)
                ends.append((state.weights, state.biases, rows.tolist(), engine.tally(state).loss))
            for one, other in zip(*ends, strict=True):
                np.testing.assert_array_equal(one, other)


def test_a_linear_chain_of_one_sample_is_its_recursion() -> None:
    """Two weights, by hand: w += eta e b, with the other weight (bp) or a fixed C (rbp) before the lower one."""
    for rule in ("bp", "rbp"):
        training = {"epochs": 30, "batch": "all", "learning_rate": 0.1}
        plan = plan_of_chain((1,), dense_layers([1, 1, 1], ["linear"] * 2), 1, 1, real=True,
                             learning={"rule": rule}, training=training)  # fmt: skip
        data = networks.dataset([[1.5]], [[-0.75]], 0)
        state = engine.start(plan, data)
        engine.advance(plan, state, plan.frames)
        engine.settle(state)
        (w1, w2), (b1, b2) = plan.weights.astype(float), (0.0, 0.0)
        for _ in range(30):
            o1 = 1.5 * w1 + b1
            e = -0.75 - (o1 * w2 + b2)
            r = e * (w2 if rule == "bp" else float(plan.feedback[0]))
            w2, b2, w1, b1 = w2 + 0.1 * e * o1, b2 + 0.1 * e, w1 + 0.1 * r * 1.5, b1 + 0.1 * r
        np.testing.assert_allclose(state.weights, [w1, w2], atol=1e-6)
        np.testing.assert_allclose(state.biases, [b1, b2], atol=1e-6)


def test_loss_tolerance_has_a_floor() -> None:
    assert loss_tolerance(np.array([[3.0, 4.0]])) == pytest.approx(0.01 * 12.5)
    assert loss_tolerance(np.zeros((4, 2))) > 0


# --- runs -------------------------------------------------------------------------------------------------------------


def regression(tmp_path: Path, **tables: Any) -> cs.Scenario:
    """A regression on an .npz of its own, 3 values from 6."""
    x, y = (getattr(teacher(samples=160), f"train_{side}") for side in "xy")
    np.savez(tmp_path / "own.npz", train_x=x[:100], train_y=y[:100], test_x=x[100:130], test_y=y[100:130],
             validation_x=x[130:], validation_y=y[130:])  # fmt: skip
    given: dict[str, Any] = {
        "data": {"name": str(tmp_path / "own.npz")},
        "training": {"epochs": 4, "batch": 5, "learning_rate": 0.1, "loss": "squared"},
        "learning": {"rule": "srbp"},
    }
    return scenario([6, 12, OUTPUTS], ["tanh", "linear"], **{**given, **tables})


def outputs(trace: cs.Trace, x: NDArray[np.float32]) -> NDArray[np.float64]:
    """What the last weights of a tanh network with a linear top make of x."""
    kept = trace.weights()
    o = x.astype(np.float64)
    for h in range(1, 3):
        o = o @ kept[f"W_{h}"].astype(np.float64) + kept[f"b_{h}"]
        o = np.tanh(o) if h == 1 else o
    return o


def r2_of(o: NDArray[np.float64], t: NDArray[np.float64]) -> float:
    return 1 - ((t - o) ** 2).sum() / ((t - t.mean(axis=0)) ** 2).sum()


def test_r2_and_loss_are_those_of_numpy(tmp_path: Path) -> None:
    wanted = regression(tmp_path)
    result = cs.run(wanted, out=tmp_path / "r.h5")
    with np.load(tmp_path / "own.npz") as own, cs.Trace(tmp_path / "r.h5") as trace:
        for part in ("test", "validation"):
            o, t = outputs(trace, own[f"{part}_x"]), own[f"{part}_y"].astype(float)
            assert getattr(result, f"{part}_r2") == pytest.approx(r2_of(o, t), abs=1e-5)
            assert getattr(result, f"{part}_loss") == pytest.approx(0.5 * ((t - o) ** 2).sum(axis=1).mean(), rel=1e-5)
        train, test = trace.metrics("train"), trace.metrics("test")
        assert test["r2"][-1] == result.test_r2 and train["r2"][-1] == result.train_r2
        assert np.isnan(test["accuracy"]).all() and np.isnan(train["accuracy"]).all()
        variance = own["train_y"].astype(float).var(axis=0).sum()
        np.testing.assert_allclose(train["r2"], 1 - 2 * train["loss"] / variance, rtol=1e-6)
        assert f"R^2 {result.test_r2:.4g}, loss {result.test_loss:.4g}" in str(trace)
        assert f"R^2 {result.test_r2:.4g}" in trace._repr_html_() and trace.joules_to(0.0) is None
    assert 0.5 < result.test_r2 < 1 and math.isnan(result.test_accuracy) and result.warnings == ()
    told = result.to_json()
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    assert (told["test_accuracy"], told["train_accuracy"]) == (None, None)
    assert (told["test_r2"], told["train_r2"], told["validation_r2"]) == (
        result.test_r2, result.train_r2, result.validation_r2,
    )  # fmt: skip
    for text in (repr(result), result._repr_html_()):
        assert "accuracy" not in text and "test R^2" in text and "test loss" in text and "train R^2" in text


def test_verify_compares_losses(tmp_path: Path) -> None:
    found = cs.verify(regression(tmp_path), train=True)
    assert found.passed and found.test_accuracy is None and found.loss is not None, found
    assert found.loss["engine"] == pytest.approx(found.loss["reference"], rel=1e-3)
    assert found.to_json()["loss"] == found.loss
    assert "  loss      " in repr(found) and "accuracy" not in repr(found)
    assert found.loss["engine"] == pytest.approx(
        cs.run(regression(tmp_path), out=tmp_path / "r.h5").test_loss, rel=1e-3
    )


def test_a_wrong_loss_is_seen_by_verify(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from channelsim import _verify

    def doubled(ref: Any, x: Any, y: Any, calls: list[int] = []) -> tuple[float, float]:  # noqa: B006
        calls.append(0)
        return float(len(calls)), math.nan

    monkeypatch.setattr(_verify.reference, "evaluate", doubled)
    assert not cs.verify(regression(tmp_path).with_({"training.epochs": 1}), updates=2, train=True).passed


class Stopping(Silent):
    """Ctrl-C after so many epochs."""

    def __init__(self, epochs: int) -> None:
        self.left = epochs

    def epoch(self, row: Any) -> None:
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


@pytest.mark.parametrize("batch", [1, 5, "all"])
def test_a_regression_is_resumed_bit_for_bit(tmp_path: Path, batch: int | str) -> None:
    wanted = regression(tmp_path, training={"epochs": 5, "batch": batch}, learning={"rule": "asrbp"},
                        trace={"checkpoint": "1 ns", "alignment": "epoch", "probe": 20})  # fmt: skip
    whole = cs.run(wanted, out=tmp_path / "whole.h5")
    with pytest.raises(KeyboardInterrupt):
        cs.run(wanted, out=tmp_path / "parts.h5", progress=Stopping(2))
    result = cs.run(resume=tmp_path / "parts.h5")
    assert (result.test_r2, result.train_loss) == (whole.test_r2, whole.train_loss)
    assert_same(tmp_path / "whole.h5", tmp_path / "parts.h5")


def test_a_regression_is_not_resumed_on_other_targets(tmp_path: Path) -> None:
    wanted = regression(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        cs.run(wanted, out=tmp_path / "parts.h5", progress=Stopping(1))
    with np.load(tmp_path / "own.npz") as own:
        np.savez(tmp_path / "own.npz", **{**own, "train_y": own["train_y"] + np.float32(0.5)})
    with pytest.raises(cs.InputError, match="begun with other data: train_y has other values"):
        cs.run(resume=tmp_path / "parts.h5")


def test_alignment_of_a_regression(tmp_path: Path) -> None:
    wanted = regression(tmp_path, learning={"rule": "bp"}, trace={"alignment": "epoch"})
    cs.run(wanted, out=tmp_path / "r.h5")
    with cs.Trace(tmp_path / "r.h5") as trace:
        np.testing.assert_allclose(trace.alignment("1")["cosine"], 1, atol=1e-6)


def test_as_deployed_real_targets_have_r2(tmp_path: Path) -> None:
    channels = {"forward": {"threshold": {"value": 0.3}, "residual": "threshold"}}
    result = cs.run(regression(tmp_path, channels=channels), out=tmp_path / "r.h5")
    assert result.test_r2_deployed < 1 and result.test_r2_deployed != result.test_r2
    assert math.isnan(result.test_accuracy_deployed)
    assert f"{result.test_r2_deployed:.4g} as deployed" in repr(result)
    with cs.Trace(tmp_path / "r.h5") as trace:
        assert trace.metrics("test_deployed")["r2"][-1] == result.test_r2_deployed
    assert result.to_json().keys() >= {"test_r2_deployed", "test_loss_deployed"}


def test_targets_out_of_reach_are_warned_about(tmp_path: Path) -> None:
    y = {"train_y": [0.5, 3.0], "train_x": [[1.0], [2.0]]}
    result = cs.run(scenario([1, 1], ["tanh"], data=y), out=tmp_path / "r.h5")
    told = "targets go from 0.5 to 3, but the top layer is tanh, which reaches only -1..1"
    assert result.warnings[0] == told
    assert told in cs.check(scenario([1, 1], ["tanh"], data=y)).advice


# --- autoencoders -------------------------------------------------------------------------------------------------


def test_an_autoencoder_learns_its_input(tmp_path: Path) -> None:
    wanted = scenario([64, 16, 64], ["tanh", "linear"], data={"name": "digits", "target": "input", "train": 500},
                      training={"epochs": 6, "batch": 10, "learning_rate": 0.05}, learning={"rule": "bp"})  # fmt: skip
    result = cs.run(wanted, out=tmp_path / "a.h5")
    data = cs.data.dataset_of(wanted)
    assert data.test_y is data.test_x and (data.real, data.outputs) == (True, 64)
    with cs.Trace(tmp_path / "a.h5") as trace:
        o = outputs(trace, data.test_x)
        assert result.test_r2 == pytest.approx(r2_of(o, data.test_x.astype(float)), abs=1e-5)
        assert trace.inputs["train_y"].startswith("float32 (500, 64)")
    assert result.test_r2 > 0.5
    assert cs.verify(wanted).passed


def test_an_autoencoder_of_an_npz_needs_no_labels(tmp_path: Path) -> None:
    x = np.random.default_rng(1).integers(0, 256, (30, 1, 3, 3), dtype=np.uint8)
    np.savez(tmp_path / "own.npz", train_x=x[:20], test_x=x[20:])
    data = cs.data.load_dataset(name=str(tmp_path / "own.npz"), target="input")
    assert data.train_y is data.train_x and data.outputs == 9
    np.testing.assert_array_equal(data.test_y, x[20:].reshape(10, 9).astype(np.float32) / np.float32(255))
    wanted = networks.chain((1, 3, 3), [conv(2, 3, padding=1), *dense_layers([0, 9], ["linear"])],
                            data={"name": str(tmp_path / "own.npz"), "target": "input"})  # fmt: skip
    assert cs.verify(wanted.with_({"training.epochs": 1}), updates=5, train=True).passed


# --- without a test set, and all samples at once -----------------------------------------------------------------


def test_without_a_test_set_nothing_is_tested(tmp_path: Path) -> None:
    data = {"train_x": [[1.0, 0.0], [0.5, 1.0], [0.0, 2.0]], "train_y": [[0.5], [0.0], [-1.0]]}
    told: list[dict[str, Any]] = []

    class Listening(Silent):
        def epoch(self, row: Any) -> None:
            told.append(dict(row))

    wanted = scenario([2, 4, 1], ["tanh", "linear"], data=data, training={"epochs": 3, "batch": "all"})
    result = cs.run(wanted, out=tmp_path / "t.h5", progress=Listening())
    assert all(math.isnan(row[f"test_{name}"]) for row in told for name in ("loss", "accuracy", "r2"))
    assert math.isnan(result.test_loss) and result.train_r2 < 1 and "test loss" not in repr(result)
    with cs.Trace(tmp_path / "t.h5") as trace:
        assert len(trace.metrics("test")) == 0 and len(trace.metrics("train")) == 3
        assert trace.info()["test"] == {} and "test" not in trace._file["metrics"]
        assert cs.plot(trace, tmp_path / "t.svg").axes[0].get_ylabel() == "train R$^2$"
    assert result.to_json()["test_loss"] is None
    classes = scenario([2, 2], ["softmax"], data={"train_x": data["train_x"], "train_y": [0, 1, 0]})
    result = cs.run(classes, out=tmp_path / "c.h5")
    assert result.train_accuracy >= 0 and "test accuracy" not in repr(result)
    assert cs.verify(classes, updates=5, train=True).test_accuracy is not None


def test_a_batch_of_all_is_a_batch_of_as_many(tmp_path: Path) -> None:
    """Bit for bit; check shows the figure."""
    one = regression(tmp_path, training={"epochs": 5, "batch": "all", "learning_rate": 0.2})
    other = regression(tmp_path, training={"epochs": 5, "batch": 100, "learning_rate": 0.2})
    assert "1 frames of 100 per epoch, 5 epochs" in repr(cs.check(one))
    assert cs.check(one).batch == 100 and cs.check(one).operations == cs.check(other).operations
    results = [cs.run(each, out=tmp_path / f"{i}.h5") for i, each in enumerate((one, other))]
    assert (results[0].frames, results[0].updates, results[0].test_loss) == (5, 5, results[1].test_loss)
    with cs.Trace(tmp_path / "0.h5") as ours, cs.Trace(tmp_path / "1.h5") as theirs:
        for name, values in ours.weights().items():
            np.testing.assert_array_equal(values, theirs.weights()[name])


# --- pictures ---------------------------------------------------------------------------------------------------------


def test_pictures_have_a_row_for_each_figure_that_there_is(tmp_path: Path) -> None:
    paths = []
    for name, tables in {
        "classes": {"data": {"name": "synthetic", "train": 60, "test": 20}},
        "real": {"data": {"name": "synthetic", "train": 60, "test": 20, "target": "input"}},
    }.items():
        top = ("softmax", 4) if name == "classes" else ("linear", 16)
        paths.append(tmp_path / f"{name}.h5")
        cs.run(scenario([16, 4, top[1]], ["tanh", top[0]], training={"epochs": 2}, **tables), out=paths[-1])
    rows = [
        [axis.get_ylabel() for axis in cs.plot(drawn).axes[::2]] for drawn in (paths[0], paths[1], paths)
    ]  # fmt: skip
    assert rows == [
        ["test accuracy (%)", "test loss"],
        ["test R$^2$", "test loss"],
        ["test accuracy (%)", "test R$^2$", "test loss"],
    ]
