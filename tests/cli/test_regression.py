"""Scenarios with real targets, as their users run them: figures without accuracy, nulls, tables, pictures, mistakes."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from channelsim.sweeps import read_table
from tests.cli.process import assert_one_error_line, channelsim

CHAIN = """
name = "chain"
[model]
name = "chain"
input = [1]
layers = [{ kind = "dense", units = 1, transfer = "linear", repeat = 3 }]
[data]
train_x = [[1.0]]
train_y = [[0.5]]
[training]
epochs = 20
batch = "all"
loss = "squared"
learning_rate = 0.1
[learning]
rule = "rbp"
"""

REGRESSION = """
name = "regression"
[model]
name = "regression"
input = [6]
layers = [{ kind = "dense", units = 8, transfer = "tanh" }, { kind = "dense", units = 2, transfer = "linear" }]
[data]
name = "own.npz"
[training]
epochs = 3
batch = 5
loss = "squared"
learning_rate = 0.1
[learning]
rule = "srbp"
"""


@pytest.fixture
def here(tmp_path: Path) -> Path:
    rng = np.random.default_rng(2)
    x = rng.uniform(-1, 1, (90, 6))
    y = np.tanh(x @ rng.normal(size=(6, 2)))
    np.savez(tmp_path / "own.npz", train_x=x[:60], train_y=y[:60], test_x=x[60:], test_y=y[60:])
    (tmp_path / "chain.toml").write_text(CHAIN)
    (tmp_path / "regression.toml").write_text(REGRESSION)
    return tmp_path


def test_a_regression_is_run_with_r2(here: Path) -> None:
    outcome = channelsim("run", "regression.toml", cwd=here)
    assert (outcome.status, outcome.err) == (0, "")
    assert len(re.findall(r"^epoch \d/3  test R\^2 -?[\d.]+  train R\^2 -?[\d.]+  loss ", outcome.out, re.M)) == 3
    assert re.search(r"^test R\^2 +0\.\d+ *$", outcome.out, re.M) and "accuracy" not in outcome.out
    info = channelsim("trace", "info", "runs/regression.h5", "--json", cwd=here).json
    assert info["test"]["accuracy"] is None and 0 < info["test"]["r2"] < 1
    assert "R^2" in channelsim("trace", "info", "runs/regression.h5", cwd=here).out
    assert channelsim("plot", "runs/regression.h5", "--out", "r.svg", cwd=here).status == 0
    assert "accuracy" not in (here / "r.svg").read_text()


def test_json_has_null_and_not_nan(here: Path) -> None:
    outcome = channelsim("run", "regression.toml", "--json", cwd=here)
    assert outcome.status == 0 and "NaN" not in outcome.out
    result = outcome.json
    assert (result["test_accuracy"], result["train_accuracy"]) == (None, None)
    assert 0 < result["test_r2"] < 1 and result["test_loss"] > 0
    result = channelsim("run", "chain.toml", "--json", cwd=here).json
    nulls = {key for key, value in result.items() if value is None}
    assert nulls == {"test_accuracy", "test_loss", "test_r2", "train_accuracy", "train_r2", "learning_entropy"}
    assert result["train_loss"] < 0.1


def test_a_chain_in_the_scenario_itself(here: Path) -> None:
    found = channelsim("check", "chain.toml", cwd=here)
    assert "inline, 1 training samples, real targets of 1 value; 1 frames of 1 per epoch, 20 epochs" in found.out
    told = channelsim("check", "chain.toml", "--json", cwd=here).json
    assert (told["batch"], told["frames_per_epoch"], told["classes"], told["outputs"]) == (1, 1, 0, 1)
    outcome = channelsim("run", "chain.toml", cwd=here)
    assert (outcome.status, outcome.err) == (0, "")
    assert "test" not in outcome.out and "accuracy" not in outcome.out and "nan" not in outcome.out.lower()
    outcome = channelsim("verify", "chain.toml", "--train", cwd=here)
    assert outcome.status == 0 and "engine and reference agree" in outcome.out
    assert re.search(r"^  loss +\S+ and \S+ after 20 epochs", outcome.out, re.M)
    assert channelsim("verify", "regression.toml", "--json", cwd=here).json["test_accuracy"] is None


def test_a_sweep_of_a_regression(here: Path) -> None:
    grid = '\n[sweep]\n"learning.rule" = ["bp", "srbp"]\n"training.batch" = [5, "all"]\nseed = [1, 2]\n'
    (here / "grid.toml").write_text(REGRESSION + grid)
    outcome = channelsim("sweep", "grid.toml", "--workers", "1", cwd=here)
    assert outcome.status == 0, outcome.err
    assert len(re.findall(r"test R\^2 -?[\d.]+", outcome.out)) == 8
    table = read_table(here / "runs" / "regression")
    assert table["test_r2"].between(-10, 1).all()
    assert table["train_r2"].notna().all() and table["train_loss"].notna().all()
    assert table["test_accuracy"].isna().all() and set(table["training.batch"]) == {"5", "all"}
    drawn = ["plot", "runs/regression", "--x", "training.batch", "--by", "learning.rule", "--out", "s.svg"]
    assert channelsim(*drawn, cwd=here).status == 0
    assert "test R" in (here / "s.svg").read_text()
    grid = '\n[sweep]\n"training.learning_rate" = [0.05, 0.1]\n'
    (here / "chains.toml").write_text(CHAIN + grid)
    outcome = channelsim("sweep", "chains.toml", "--workers", "1", cwd=here)
    assert outcome.status == 0 and len(re.findall(r"train loss [\d.]+", outcome.out)) == 2
    drawn = ["plot", "runs/chain", "--x", "training.learning_rate", "--out", "c.svg"]
    assert channelsim(*drawn, cwd=here).status == 0


@pytest.mark.parametrize(
    ("name", "setting", "words"),
    [
        ("chain", 'training.loss="cross-entropy"', "chain.toml: training.loss = 'cross-entropy', but the top"),
        ("regression", "model.layers.1.transfer=softmax", "training.loss = 'squared', but the top layer is a softmax"),
        ("regression", 'training={loss="cross-entropy"}', "training.loss = 'cross-entropy', but the top"),
        ("regression", "model.layers.1.units=3", "has 3 units, but the data set"),
        ("regression", "data.target=classes", "own.npz: train_y is of type float64 and shape (60, 2), and its"),
        ("regression", "data.target=inputs", "data.target = 'inputs'"),
        ("regression", "data.train_x=[[1.0]]", "data.train_x is given, and so is name = "),
        ("chain", "data.train_y=[[1.0],[2.0]]", "data.train_y has 2 targets for the 1 samples of train_x"),
        ("chain", "data.train_y=[-1]", "data.train_y[0] = -1 is no class number"),
        ("chain", "data.train_y=[3]", 'has 4 classes; accepted: as many units, or data.target = "real"'),
        ("chain", "training.batch=some", "training.batch = 'some'; accepted: an integer of at least 1"),
    ],
)  # fmt: skip
def test_mistakes_are_one_line_and_status_2(here: Path, name: str, setting: str, words: str) -> None:
    outcome = channelsim("run", f"{name}.toml", "--set", setting, cwd=here)
    assert_one_error_line(outcome, words)


def test_real_targets_with_cross_entropy_are_refused(here: Path) -> None:
    text = REGRESSION.replace('loss = "squared"', "").replace('"linear"', '"softmax"')
    (here / "soft.toml").write_text(text)
    for command in ("run", "check", "verify"):
        outcome = channelsim(command, "soft.toml", cwd=here)
        assert_one_error_line(outcome, "the top layer is a softmax, whose loss is the cross-entropy of class labels")
