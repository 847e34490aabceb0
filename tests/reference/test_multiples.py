"""What values are whole multiples of: messages, and W."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from channelsim.plan import Quantizer
from channelsim.reference import multiples

A = torch.tensor([[0.5], [0.0], [3.0]])


def channel(kind: Quantizer, levels: int, **keys: Any) -> SimpleNamespace:
    return SimpleNamespace(
        quantizer=kind, levels=levels, **{"noise": 0.0, "own_after": 0, "drop": 0.0, "rescale": False, **keys}
    )


@pytest.mark.parametrize(
    ("kind", "levels", "keys", "expected"),
    [
        (Quantizer.SIGN, 0, {}, 1.0),
        (Quantizer.TERNARY, 0, {"drop": 0.5, "rescale": True}, 2.0),
        (Quantizer.TERNARY, 0, {"drop": 0.5}, 1.0),
        (Quantizer.UNIFORM, 7, {}, 1 / 7),
        (Quantizer.UNIFORM, 7, {"drop": 0.5, "rescale": True}, 0.0),
        (Quantizer.LOG2, 3, {}, 0.25),
        (Quantizer.LOG2, 3, {"noise": 0.1}, 0.0),
        (Quantizer.NONE, 0, {}, 0.0),
    ],
)
def test_units_of_messages(kind: Quantizer, levels: int, keys: dict[str, Any], expected: float) -> None:
    torch.testing.assert_close(multiples.message_unit(channel(kind, levels, **keys), A), A * expected)


def test_units_of_w() -> None:
    none, sign, uniform = (SimpleNamespace(weight_levels=levels) for levels in (0, 1, 127))
    w = torch.tensor([[0.3, -0.3], [0.0, 0.3]])
    assert multiples.weight_unit(sign, w, learns=True) == multiples.weight_unit(none, w, learns=False) == w[0, 0]
    assert multiples.weight_unit(none, w, learns=True) == multiples.weight_unit(uniform, w, learns=True) == 0
    assert multiples.weight_unit(sign, w + 0.1, learns=True) == multiples.weight_unit(sign, 0 * w, learns=True) == 0


def test_sums_of_multiples() -> None:
    x, unit = torch.tensor([[0.4, -0.4, 0.4], [0.1, 0.2, 0.25]]), torch.tensor([[0.4], [0.0]])
    counts = multiples.in_units(x, unit)
    assert counts[0].tolist() == [1, -1, 1] and torch.equal(counts[1], x[1])
    torch.testing.assert_close(multiples.of_units(counts, 0.5, unit), 0.5 * x)
