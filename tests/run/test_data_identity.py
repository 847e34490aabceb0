"""The trace knows the data that a run was begun with: it goes on with these only."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import channelsim as cs
from tests.run.runs import ONLINE, Stopping, small


@pytest.fixture
def stopped(tmp_path: Path) -> tuple[Path, dict[str, np.ndarray]]:
    """The trace of a run that was interrupted, and the arrays of its own.npz."""
    rng = np.random.default_rng(1)
    x, y = rng.uniform(size=(200, 16)).astype(np.float32), np.arange(200) % 4
    arrays = {"train_x": x, "train_y": y, "test_x": x[:50], "test_y": y[:50]}
    np.savez(tmp_path / "own.npz", **arrays)
    with pytest.raises(KeyboardInterrupt):
        cs.run(small(ONLINE, data={"name": str(tmp_path / "own.npz")}), tmp_path / "t.h5", progress=Stopping(150))
    return tmp_path / "t.h5", arrays


def permuted(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {"train_y": np.random.default_rng(2).permutation(arrays["train_y"])}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (permuted, "train_y has other values"),
        (lambda arrays: {"test_x": arrays["test_x"] + np.float32(1e-7)}, "test_x has other values"),
        (lambda arrays: {"train_x": arrays["train_x"][:90], "train_y": arrays["train_y"][:90]},
         r"train_x was float32 \(200, 16\) .*, now it is float32 \(90, 16\) .*; train_y was int32 \(200,\), now it is"),
        (lambda arrays: {"train_x": (255 * arrays["train_x"]).astype(np.uint8)},
         r"train_x was float32 \(200, 16\) \(float32 .* used as they are\), now .* \(uint8 0\.\.254, divided by 255\)"),
        (lambda arrays: {"validation_x": arrays["test_x"], "validation_y": arrays["test_y"]},
         r"validation_x was float32 \(0, 16\), now it is float32 \(50, 16\); validation_y"),
    ],
)  # fmt: skip
def test_a_run_is_not_resumed_on_other_data(
    stopped: tuple[Path, dict[str, np.ndarray]], change: Callable[[dict[str, np.ndarray]], Any], words: str
) -> None:
    path, arrays = stopped
    before = path.read_bytes()
    np.savez(path.parent / "own.npz", **arrays | change(arrays))
    with pytest.raises(cs.InputError, match=rf"t\.h5: begun with other data: {words}") as caught:
        cs.run(resume=path)
    assert "\n" not in str(caught.value) and "own.npz" in str(caught.value)
    assert path.read_bytes() == before
    np.savez(path.parent / "own.npz", **arrays)
    assert cs.run(resume=path).status == "done"


def test_a_run_is_resumed_on_the_same_values_in_other_types(stopped: tuple[Path, dict[str, np.ndarray]]) -> None:
    path, arrays = stopped
    np.savez(path.parent / "own.npz", **{key: array.astype(np.float64) for key, array in arrays.items()})
    assert cs.run(resume=path).status == "done"


def test_the_trace_names_all_that_the_result_depends_on(stopped: tuple[Path, dict[str, np.ndarray]]) -> None:
    path, arrays = stopped
    with cs.Trace(path) as trace:
        inputs, resolved = trace.inputs, trace.resolved
    parts = [f"{part}_{side}" for part in ("train", "test", "validation") for side in "xy"]
    assert list(inputs) == ["scenario", *parts]
    assert inputs["scenario"] == cs.Scenario(**resolved).digest()
    expected = hashlib.sha256(b"int32 (200,)" + arrays["train_y"].astype("<i4").tobytes()).hexdigest()
    assert inputs["train_y"] == f"int32 (200,): {expected}"
