"""Whether the top layer fits what it has to learn."""

from __future__ import annotations

import numpy as np
import pytest

from channelsim import plan
from channelsim.errors import InputError
from tests.networks import scenario


@pytest.mark.parametrize(
    ("top", "units", "outputs", "real", "message"),
    [
        ("softmax", 3, 3, True, "is a softmax, whose loss is the cross-entropy of class labels, but the data set 'syn"),
        ("softmax", 3, 4, False, "the top layer has 3 units, but the data set 'synthetic' has 4 classes$"),
        ("linear", 3, 4, True, "the top layer has 3 units, but the data set 'synthetic' has targets of 4 values$"),
        ("linear", 3, 1, True, "the top layer has 3 units, but the data set 'synthetic' has targets of 1 value$"),
        (
            "linear",
            1,
            4,
            False,
            '1 units, but .* has 4 classes; accepted: as many units, or data.target = "real" where',
        ),
    ],
)
def test_a_top_that_does_not_fit_is_refused(top: str, units: int, outputs: int, real: bool, message: str) -> None:
    with pytest.raises(InputError, match=rf"^model: layers: .*{message}"):
        plan.build(scenario([5, 4, units], ["tanh", top]), (5,), outputs, 10, real)


@pytest.mark.parametrize("top", ["linear", "tanh", "logistic", "relu"])
def test_real_targets_of_any_width(top: str) -> None:
    made = plan.build(scenario([5, 4, 7], ["tanh", top]), (5,), 7, 10, True)
    assert (made.classes, made.layers["n"][-1]) == (0, 7)
    assert plan.build(scenario([5, 4, 7], ["tanh", top]), (5,), 7, 10).classes == 7


@pytest.mark.parametrize(
    ("top", "low", "high", "told"),
    [
        ("linear", -9, 9, None), ("tanh", -1, 1, None), ("logistic", 0, 1, None), ("relu", 0, 9, None),
        ("tanh", -1, 1.5, "targets go from -1 to 1.5, but the top layer is tanh, which reaches only -1..1"),
        ("logistic", -0.5, 1, "targets go from -0.5 to 1, but the top layer is logistic, which reaches only 0..1"),
        ("relu", -0.5, 9, "targets go from -0.5 to 9, but the top layer is relu, which reaches nothing below 0"),
    ],
)  # fmt: skip
def test_targets_out_of_reach_are_told(top: str, low: float, high: float, told: str | None) -> None:
    described = scenario([5, 2], [top])
    assert plan.unreachable(described, np.array([[low, high]], np.float32)) == ([told] if told else [])
    assert plan.unreachable(described, np.arange(5, dtype=np.int32)) == []


@pytest.mark.parametrize(("samples", "frames"), [(1, 3), (10, 3), (1000, 3)])
def test_a_batch_of_all_is_one_frame_an_epoch(samples: int, frames: int) -> None:
    made = plan.build(scenario([5, 2], training={"batch": "all", "epochs": 3}), (5,), 2, samples)
    assert (made.batch, made.frames_per_epoch, made.frames) == (samples, 1, frames)
