"""Losses of the user's own: the loss and its error e, in the engine and as they stand in the reference."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import channelsim as cs
from channelsim import engine, own_losses, reference, side_by_side
from channelsim.errors import InputError, RunError
from tests.laws import cases
from tests.networks import conv, dataset, dense_layers, plan_of_chain
from tests.own.files import FUNCTIONS, use, written
from tests.own.small import part_of

HUBER, SMOOTHED, GELU = use("huber", delta=0.3), use("smoothed", smooth=0.1), f"{FUNCTIONS}:gelu"
CLASSES = np.random.default_rng(3).integers(3, size=20)
REAL = np.random.default_rng(4).normal(size=(20, 3))
PIPELINED = {"mode": "pipelined", "interval": "1 us", "stash": 2}
NETWORKS: dict[str, Any] = {  # loss, f of the top, targets, tables
    "values, online, classes": (HUBER, "linear", CLASSES, {"training": {"batch": 1}}),
    "values, own top": (HUBER, GELU, CLASSES, {"training": {"batch": 4, "momentum": 0.5}}),
    "values, pipelined, real": (HUBER, "tanh", REAL, {"training": {"batch": 3}, "schedule": PIPELINED}),
    "sample of S, softmax": (SMOOTHED, "softmax", CLASSES, {"training": {"batch": 4}}),
    "sample of S, own top, online": (SMOOTHED, GELU, CLASSES, {"training": {"batch": 1}}),
}


def network(name: str, loss: dict[str, Any] | None = None) -> tuple[Any, Any]:
    its, top, targets, tables = NETWORKS[name]
    tables = {"learning": {"rule": "rbp"}, **tables, "training": {**tables["training"], "loss": loss or its}}
    real = targets.ndim == 2
    data = dataset(np.random.default_rng(5).uniform(-1, 1, (20, 9)), targets, 0 if real else 3)
    layers = dense_layers([9, 7, 6, 3], [GELU, "tanh", top])
    return plan_of_chain((9,), layers, 3, 20, real, **tables), data


@pytest.mark.parametrize("name", NETWORKS)
def test_engine_and_reference_agree(name: str) -> None:
    plan, data = network(name)
    result = side_by_side.compare(plan, data, 12)
    assert result.passed, result
    assert max(result.max_weight_difference) < 1e-5
    there = reference.evaluate(reference.start(plan, data), data.test_x, data.test_y)
    here = engine.evaluate(engine.start(plan, data), data.test_x, data.test_y)
    assert here == pytest.approx(there, rel=1e-5, nan_ok=True)


def test_over_maps() -> None:
    layers = [conv(2, 3), {**conv(2, 4), "transfer": "softmax"}]  # the top is a map of 2 x 1 x 1
    data = dataset(np.random.default_rng(0).uniform(-1, 1, (20, 1, 6, 6)), CLASSES % 2, 2)
    plan = plan_of_chain((1, 6, 6), layers, 2, 20, training={"batch": 4, "loss": SMOOTHED}, learning={"rule": "bp"})
    assert side_by_side.compare(plan, data, 5).passed


def test_another_loss_is_found_out() -> None:
    plan, data = network("values, own top")
    wrong, _ = network("values, own top", {**HUBER, "delta": 0.31})
    assert not side_by_side.compare(plan, data, 5, reference_plan=wrong).passed


def test_losses_and_errors_are_those_of_the_literature() -> None:
    torch = pytest.importorskip("torch")
    o, target = (
        torch.linspace(-2, 2, 5, dtype=torch.float64, requires_grad=True),
        torch.tensor([0.0, 0, 1, 0, 0]).double(),
    )
    huber = torch.nn.functional.huber_loss(o, target, delta=0.3, reduction="sum")
    smoothed = torch.nn.functional.cross_entropy(o[None], torch.tensor([2]), label_smoothing=0.1)
    for loss, table in ((huber, HUBER), (smoothed, SMOOTHED)):
        [gradient] = torch.autograd.grad(loss, o)
        part = part_of(table)
        found, e = own_losses.of_sample(part, o.detach().float().numpy(), target.float().numpy())
        assert found == pytest.approx(loss.item(), rel=1e-6)
        np.testing.assert_allclose(e, -gradient.numpy(), atol=1e-6)


def test_a_squared_loss_of_ones_own_has_the_bits_of_the_one_built_in() -> None:
    plan, data = network("values, pipelined, real", use("loss_raises", above=1e9))
    other = plan_of_chain(
        (9,), dense_layers([9, 7, 6, 3], [GELU, "tanh", "tanh"]), 3, 20, True,
        learning={"rule": "rbp"}, training={"batch": 3}, schedule=PIPELINED,
    )  # fmt: skip
    assert np.array_equal(cases.run(plan, data).weights, cases.run(other, data).weights)


def test_chunks_and_checkpoints_make_no_difference() -> None:
    plan, data = network("values, pipelined, real")
    assert cases.resumed(plan, data, 3).same(cases.run(plan, data))


@pytest.mark.parametrize("name", ["error_is_nan", "loss_raises"])
def test_what_goes_wrong_in_a_run_is_told_with_file_and_line(name: str) -> None:
    told = "raised an exception" if name == "loss_raises" else "made a number that is not finite"
    layers = dense_layers([9, 7, 3], ["tanh", "linear"])
    loss = use(name, above=0.6)
    plan = plan_of_chain((9,), layers, 3, 20, training={"batch": 2, "loss": loss}, learning={"rule": "bp"})
    data = dataset(np.random.default_rng(0).uniform(-9, 9, (20, 9)), CLASSES, 3)
    with pytest.raises(RunError, match=rf"functions\.py:\d+: {name} {told}.*, at the top near frame"):
        engine.advance(plan, engine.start(plan, data), plan.frames)


@pytest.mark.parametrize(
    ("decorator", "f", "told"),
    [
        ("loss(error=max)", "(o, t):\n return o", r"mine\.py:2: ValueError: loss: error"),
        ("loss(error=lambda o, t: t - o, over='x')", "(o, t):\n return o", r"accepted: 'value', 'sample'"),
        ("loss(error=lambda o, t: t - o)", "(o):\n return o", r"takes \(o\); accepted: \(o, t\) or \(o, t, p\)"),
        ("loss(error=lambda o, t: t / (o - 0.5))", "(o, t):\n return o", r"<lambda> returns (nan|inf) of 0\.5"),
        ("loss(error=lambda o, t: 1.0, over='sample')", "(o, t):\n return 1.0", r"shape \(\); accepted: \(3,\)"),
        ("loss(error=lambda o, t: t - o, over='sample')", "(o, t):\n return o", r"returns an array of shape \(3,\)"),
        ("transfer(derivative=lambda o: 1.0, of='O')", "(s):\n return s", r"is no loss; accepted: .*@cx\.loss"),
    ],
)  # fmt: skip
def test_what_is_refused_before_a_run(tmp_path: Path, decorator: str, f: str, told: str) -> None:
    (tmp_path / "mine.py").write_text(f"import channelsim.extend as cx\n@cx.{decorator}\ndef mine{f}\n")
    with pytest.raises(InputError, match=r"training\.loss: .*" + told):
        plan_of_chain((9,), dense_layers([9, 3]), 3, 20, training={"loss": f"{tmp_path}/mine.py:mine"})


def test_it_is_a_part_of_what_is_computed_and_of_its_memory(tmp_path: Path) -> None:
    scenario = cs.load(written(tmp_path, "loss"))
    assert scenario.with_({"training.loss.delta": 0.2}).digest() != scenario.digest()
    of_s = scenario.with_({"training.loss": {"use": "mine.py:smoothed", "smooth": 0.1}})
    assert cs.check(of_s).memory["frame"] - cs.check(scenario).memory["frame"] == 3 * 4 * 4


def test_r2_is_not_worked_out_from_another_loss(tmp_path: Path) -> None:
    model = {"name": "m", "input": [64], "layers": dense_layers([64, 3, 64], ["tanh", "linear"])}
    data = {"name": "synthetic.sparse", "target": "input", "train": 30, "test": 10}

    def of(**training: Any) -> cs.Result:
        tables: Any = {"model": model, "data": data, "training": {"epochs": 1, **training}}
        return cs.run(cs.Scenario(name="m", **tables), tmp_path / "m.h5", force=True)

    squared, own = of(), of(loss=HUBER)
    assert math.isfinite(squared.test_r2) and math.isnan(own.test_r2) and math.isfinite(own.test_loss)
