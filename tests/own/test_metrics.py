"""Metrics of the user's own: of the outputs of a set after each epoch, wherever loss and accuracy are."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import channelsim as cs
from channelsim import engine, metrics, reference
from channelsim.errors import InputError
from channelsim.extend import SETS
from channelsim.lines import epoch_line
from channelsim.reference.evaluate import predict
from channelsim.scenario import _own
from channelsim.sweeps import read_table
from channelsim.sweeps.plots import plot_sweep
from channelsim.trace import _layout
from tests.networks import conv, dataset, dense_layers, plan_of_chain
from tests.own.files import written


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return written(tmp_path, "metric", "data set")


NETWORKS: dict[str, Any] = {
    "one layer": ((9,), dense_layers([9, 3], ["softmax"]), {}),
    "two layers": (
        (9,),
        dense_layers([9, 7, 3]),
        {"forward": {"quantize": {"kind": "uniform", "bits": 3}}},
    ),
    "maps": ((1, 6, 6), [conv(2, 3), {"kind": "maxpool", "size": 2}, *dense_layers([0, 3], ["softmax"])], {}),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_outputs_are_what_the_reference_predicts(name: str) -> None:
    shape, layers, channels = NETWORKS[name]
    rng = np.random.default_rng(3)
    data = dataset(rng.uniform(-1, 1, (1700, *shape)), rng.integers(3, size=1700), 3)  # more than is evaluated at once
    plan = plan_of_chain(shape, layers, 3, len(data.train_y), channels=channels)
    state, ref = engine.start(plan, data), reference.start(plan, data)
    outputs = np.zeros((len(data.train_y), 3), np.float32)
    loss, accuracy = engine.evaluate(state, data.train_x, data.train_y, outputs)
    assert (loss, accuracy) == engine.evaluate(state, data.train_x, data.train_y)
    assert accuracy == (outputs.argmax(axis=1) == data.train_y).mean()
    expected = predict(ref, torch.from_numpy(data.train_x)).numpy()
    np.testing.assert_allclose(outputs, expected, atol=1e-6)


def test_they_are_in_trace_result_and_simulation(path: Path, tmp_path: Path) -> None:
    result = cs.run(cs.load(path), tmp_path / "own.h5")
    names = ["validation_correct", "test_correct", "train_top2", "test_top2"]
    assert list(result.own_metrics) == names
    assert result.own_metrics["test_correct"] == result.test_accuracy
    assert result.own_history["test_correct"] == result.history
    assert result.to_json()["own_metrics"] == dict(result.own_metrics)
    assert ("test top2", f"{result.own_metrics['test_top2']:.4g}") in result.figures()
    with cs.Trace(tmp_path / "own.h5") as trace:
        assert sorted(trace.own_metrics) == sorted(names)
        assert tuple(trace.metrics("test")["top2"]) == result.own_history["test_top2"]
        assert "correct" not in (trace.metrics("train").dtype.names or ())
        assert "top2" in trace.frame("metrics/train")
    figure = cs.plot(tmp_path / "own.h5", y="test_top2")
    assert list(figure.axes[0].lines[0].get_ydata()) == list(result.own_history["test_top2"])
    with cs.Simulation(cs.load(path)) as simulation:
        simulation.run_until(lambda sim: sim.epoch == 1)
        assert simulation.metrics.own["test_top2"] == result.own_history["test_top2"][0]
    row = {**vars(simulation.metrics), "simulated_time_s": 0.0, "bits": 0, "frames_per_second": 1.0}
    assert "test top2 0." in epoch_line(row, 2)


def test_a_sweep_has_columns_of_them(path: Path, tmp_path: Path) -> None:
    scenario = cs.load(path, set=['sweep."metrics.top2.k"=[1, 4]', "training.epochs=1"])
    table = cs.sweep(scenario, tmp_path / "out", workers=2)
    assert list(table["metrics.top2.k"]) == [1, 4] and list(table["status"]) == ["done", "done"]
    assert table["test_top2"][0] == table["test_accuracy"][0] and table["test_top2"][1] == 1
    assert list(read_table(tmp_path / "out")["train_top2"]) == list(table["train_top2"])
    figure = plot_sweep(table, "metrics.top2.k", "test_top2")
    assert figure.axes[0].get_ylabel() == "test top2"


@pytest.mark.parametrize(
    ("metric", "told"),
    [
        ("mine.py:broken", r"^metrics\.f1: .*mine\.py:23: broken returns an array of shape \(10, 4\); accepted: a num"),
        ("mine.py:top_k", r"^metrics\.f1: .*mine\.py:19: top_k: AttributeError"),
        ("mine.py:none", r"has no part 'none'"),
    ],
)
def test_what_is_told_before_a_run(path: Path, metric: str, told: str) -> None:
    scenario = cs.load(path).with_({"metrics": {"f1": {"use": f"{path.parent}/{metric}"}}})
    for tried in (cs.check, cs.Simulation):
        with pytest.raises(InputError, match=told):
            tried(scenario)


def test_a_metric_needs_samples(path: Path) -> None:
    scenario = cs.load(path, set=["data.validation=0"])
    data = cs.Dataset.from_arrays(train=(np.ones((8, 16)), np.arange(8) % 4))
    with pytest.raises(
        InputError, match=r"computed on validation and test samples, and there are none; accepted: data"
    ):
        cs.check(scenario, data)


@pytest.mark.parametrize("name", ["loss", "F1", "f1_deployed", "test-f1"])
def test_names_are_columns(path: Path, name: str) -> None:
    with pytest.raises(InputError, match=rf"metrics.*{name}.* is .*accepted: small letters"):
        cs.load(path).with_({"metrics": {name: {"use": f"{path.parent}/mine.py:correct"}}})


def test_names_that_are_taken_are_those_of_the_trace() -> None:
    assert {"epoch", *(column.name for column in _layout.METRICS)} == _own._TAKEN


def test_own_measures_are_told_from_others() -> None:
    assert metrics.is_own("test_f1") and metrics.is_own("train_top2")
    assert not any(map(metrics.is_own, ("test_accuracy", "test_r2_deployed", "loss", "training.batch", "seed")))


def test_values_that_are_no_numbers_are_nan(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "import channelsim.extend as cx\n\n@cx.metric\ndef f(o, t):\n    return o.sum() * 1e999\n"
    )
    use = cs.Data(dataset={"use": f"{tmp_path}/mine.py:f"}).dataset  # type: ignore[arg-type]
    assert use is not None
    targets = {split: np.zeros(4, np.int32) for split in SETS}
    assert [one.measure for one in metrics.own({"f": use}, targets, 3)] == ["validation_f", "test_f"]
    part = metrics.own({"f": use}, targets, 3)[0].part
    assert math.isnan(metrics.value(part, np.zeros((4, 3), np.float32), targets["test"]))
