"""What a type checker sees of the package in a user's script: types, and no `Any` for a public name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import channelsim as cs

api = pytest.importorskip("mypy.api")

SCRIPT = """
import numpy as np
from numpy.typing import NDArray

import channelsim as cs
import channelsim.extend as cx

scenario = cs.load("mine.toml").with_({"learning.rule": "srbp"})
with cs.Simulation(scenario, out="runs/mine.h5") as sim:
    for each in sim.epochs():
        weights = each.weights["W_1"] + each.error(1).std()
        if each.metrics.test_accuracy > 0.97:
            break
result: cs.Result = cs.run(scenario, on_epoch=lambda sim: print(sim.now))
accuracy: float = result.test_accuracy
data = cs.Dataset.from_arrays(train=(weights, weights))
with cs.Trace(result.trace) as trace:
    rows = trace.metrics("test")


@cx.metric(sets=["test"])
def worst(outputs: NDArray[np.float32], targets: NDArray[np.int32]) -> float:
    return float((outputs.argmax(axis=1) == targets).mean())


@cx.dataset
def blobs() -> tuple[tuple[NDArray[np.float64], list[int]], ...]:
    return ((np.eye(2), [0, 1]),)


share: float = result.own_metrics["test_worst"] + worst(np.eye(2, dtype=np.float32), np.arange(2, dtype=np.int32))
arrays: tuple[tuple[NDArray[np.float64], list[int]], ...] = blobs()
@cx.transfer(derivative=lambda o: 1.0, of="O")
def same(s: float) -> float:
    return s


@cx.loss(error=lambda o, t: t - o)
def squared(o: float, t: float) -> float:
    return 0.5 * (t - o) ** 2


half: float = squared(same(1.0), 0.0)
"""


@pytest.mark.slow
def test_a_users_script_is_typed(tmp_path: Path) -> None:
    names = [name for name in cs.__all__ if name != "__version__"]
    script = tmp_path / "mine.py"
    script.write_text(SCRIPT + "".join(f"reveal_type(cs.{name})\n" for name in names))
    config = tmp_path / "mypy.ini"
    config.write_text("[mypy]\nfollow_imports = silent\n")
    told, errors, _ = api.run([str(script), "--strict", "--config-file", str(config)])
    revealed = re.findall(r'Revealed type is "(.*)"', told)
    assert len(revealed) == len(names), told + errors
    assert "error:" not in told, told
    assert [
        name for name, kind in zip(names, revealed, strict=True) if kind in ("Any", "def (*Any, **Any) -> Any")
    ] == []
