"""The contestants of the benchmark do the same work: from the same start, the same weights."""

from __future__ import annotations

from importlib import import_module

import numpy as np
import pytest

from benchmarks import work
from benchmarks.peers.engine import Engine
from channelsim import tolerances
from channelsim.data import load_dataset

PEERS = {
    "torch_eager": "TorchEager",
    "torch_compiled": "TorchCompiled",
    "jax_scan": "JaxScan",
    "plain_numba": "PlainNumba",
    "biotorch_library": "BioTorch",
}
LIBRARIES = {
    "torch_eager": "torch",
    "torch_compiled": "torch",
    "jax_scan": "jax",
    "plain_numba": "numba",
    "biotorch_library": "biotorch",
}
SLOW = {"torch_compiled": pytest.mark.slow}  # Inductor takes a quarter of a minute for each


@pytest.mark.filterwarnings("ignore:.*backward_hook.*:FutureWarning")
@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")  # Inductor imports what PyTorch deprecates
@pytest.mark.parametrize("rule", ["srbp", "bp"])
@pytest.mark.parametrize("batch", [1, 100])
@pytest.mark.parametrize("module", [pytest.param(name, marks=SLOW.get(name, ())) for name in PEERS])
def test_peers_make_the_engines_weights(module, batch, rule):
    if module == "plain_numba" and batch > 1:
        pytest.skip("online only")
    pytest.importorskip(LIBRARIES[module])
    dataset = load_dataset(name="digits", train=400)
    plan = work.plan_of(work.scenario(rule, batch, model=work.dense_model([64, 30, 20, 10])), dataset)
    task = work.task_of(plan, dataset, rule)
    engine = Engine(plan, dataset)
    assert engine.train(task.order) == 400 // batch
    peer = getattr(import_module(f"benchmarks.peers.{module}"), PEERS[module])(task)
    assert peer.train(task.order) == 400 // batch
    for ours, theirs in zip(engine.weights(), peer.weights(), strict=True):
        for one, other in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(other, one, rtol=0, atol=tolerances.WEIGHTS)
