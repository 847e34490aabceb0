"""Networks of PyTorch in and out: the same outputs, to 1e-6, and one line for what has no place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import channelsim as cs
from channelsim.data import Dataset

torch = pytest.importorskip("torch")
nn = torch.nn


def dense() -> Any:
    return nn.Sequential(
        nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 4, bias=False), nn.ReLU(), nn.Linear(4, 3), nn.Softmax(1)
    )


def maps() -> Any:
    return nn.Sequential(
        nn.Conv2d(2, 3, 3, padding=1),
        nn.Sigmoid(),
        nn.MaxPool2d(2),
        nn.Conv2d(3, 4, 2, stride=2),
        nn.Tanh(),
        nn.Flatten(),
        nn.Linear(4 * 1 * 2, 3),
    )


NETWORKS = pytest.mark.parametrize(("made", "shape"), [(dense, [6]), (maps, [2, 4, 8])], ids=["dense", "conv"])


@NETWORKS
def test_outputs_are_the_same_there_and_back(tmp_path: Path, made: Any, shape: list[int]) -> None:
    torch.manual_seed(1)
    network = made()
    model, init = cs.from_torch(network, input=shape)
    x = np.random.default_rng(2).normal(size=(20, *shape)).astype(np.float32)
    y = (np.arange(20) % 3).astype(np.int32)
    flat, target = x.reshape(20, -1), y if made is dense else np.eye(3, dtype=np.float32)[y]
    data = Dataset("given", flat, target, flat, target, flat[:0], target[:0], tuple(shape), 3 if made is dense else 0)
    run = cs.Scenario(
        name="given",
        model=model,
        training={"batch": 20, "epochs": 1, "shuffle": False, "learning_rate": 1e-3},
        data={"name": "synthetic"},
    )
    with cs.Simulation(run, data, init=init, out=tmp_path / "t.h5") as sim:
        assert {**sim.weights, **sim.biases}.keys() == init.keys()
        sim.step(1)
        outputs = sim.activity(run.depth)
        for _ in sim.epochs():
            pass
    with torch.no_grad():
        np.testing.assert_allclose(outputs, network(torch.from_numpy(x)).numpy(), atol=1e-6)
        with cs.Trace(tmp_path / "t.h5") as trace:
            back = trace.to_torch()
            weights = trace.weights()
        again, learned = cs.from_torch(back, input=shape)
        assert again == model.model_copy(update={"name": "torch"}) or str(again) == str(model)
        for name, array in learned.items():
            np.testing.assert_array_equal(array, weights[name])


@pytest.mark.parametrize(
    ("modules", "told"),
    [
        ([nn.GELU()], r"module 0, GELU\(.*a model has no such layer; accepted: Linear, Conv2d"),
        ([nn.Tanh()], "stands behind no layer with weights"),
        ([nn.Conv2d(1, 1, (2, 3))], r"kernel_size = \(2, 3\); accepted: a number, the same down and across"),
        ([nn.Conv2d(2, 2, 3, groups=2)], "accepted: groups = 1"),
        ([nn.Conv2d(2, 2, 3)], r"input is missing; accepted: \[channels, height, width\]"),
        ([nn.Linear(3, 2), nn.Linear(2, 2), nn.Softmax(1), nn.Linear(2, 2)], "softmax' below the top"),
        ([nn.Linear(3, 2), nn.Softmax(0)], r"not over the units; accepted: Softmax\(1\)"),
        ([nn.AvgPool2d(2, divisor_override=3)], "no mean of a window; accepted: divisor_override = None"),
        ([nn.Linear(3, 2), nn.Flatten(2)], r"not all of a sample as one vector; accepted: Flatten\(\)"),
        ([], "the network has no layers"),
    ],
)
def test_what_a_model_has_no_place_for_is_refused(modules: list[Any], told: str) -> None:
    with pytest.raises(cs.InputError, match=told):
        cs.from_torch(nn.Sequential(*modules))
