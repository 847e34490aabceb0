"""Evaluations of dense networks against plain NumPy, on inputs of which many or few speak, by one thread and by two."""

from __future__ import annotations

import numpy as np
import pytest

from channelsim import engine
from tests import naive
from tests.networks import dataset, plan_of_chain

UNITS, KINDS = [290, 60, 50, 10], ["tanh", "relu", "softmax"]


@pytest.mark.parametrize("silent", [0.0, 0.8], ids=["matrix", "events"])
@pytest.mark.parametrize("batch", [1, 100])
@pytest.mark.parametrize("count", [1, 70, 620])
def test_loss_and_accuracy(count: int, batch: int, silent: float) -> None:
    """Fewer samples than are divided, as many as are evaluated at once, and more, the last of them fewer."""
    rng = np.random.default_rng(count)
    x = rng.normal(size=(count, UNITS[0])).astype(np.float32)
    x[rng.random(x.shape) < silent] = 0
    labels = rng.integers(10, size=count)
    layers = [{"kind": "dense", "units": n, "transfer": kind} for n, kind in zip(UNITS[1:], KINDS, strict=True)]
    plan = plan_of_chain(UNITS[:1], layers, 10, count, training={"batch": batch})
    state = engine.start(plan, dataset(x, labels, 10))
    found = []
    for threads in (1, 2):
        with engine.threads(threads):
            found.append(engine.evaluate(state, x, labels.astype(np.int32)))
    said = x.astype(np.float64)
    for layer, kind in zip(plan.layers[1:], KINDS, strict=True):
        w = plan.weights[layer["w_offset"] : layer["w_offset"] + layer["w_size"]].reshape(-1, int(layer["n"]))
        b = plan.biases[layer["b_offset"] : layer["b_offset"] + layer["b_size"]]
        said = np.array([naive.transfer(kind, sums) for sums in b + said @ w])
    loss, accuracy = -np.log(said[np.arange(count), labels]).mean(), (said.argmax(axis=1) == labels).mean()
    assert found[0] == found[1]
    np.testing.assert_allclose(found[0], (loss, accuracy), rtol=1e-5)
