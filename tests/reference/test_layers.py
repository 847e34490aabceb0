"""Each layer kind against plain loops and torch.autograd: any kernel, stride, padding, odd sizes, one channel, one
pixel."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from channelsim.plan import LAYER, Kind
from channelsim.reference import state as tables
from channelsim.reference.layers import KINDS, kind_of
from tests import naive

POOLS = [Kind.MAXPOOL, Kind.AVGPOOL]


@st.composite
def records(draw: st.DrawFn, kind: Kind) -> Any:
    """A LAYER record that fits onto the map below it."""
    stride = draw(st.integers(1, 3))
    padding = draw(st.integers(0, 2)) if kind == Kind.CONV2D else 0
    height, width = draw(st.integers(1, 7)), draw(st.integers(1, 7))
    kernel = draw(st.integers(1, min(height, width, 5) + 2 * padding))
    channels = draw(st.integers(1, 3))
    return record(kind, (channels, height, width), kernel, stride, padding, draw(st.integers(1, 3)))


def record(
    kind: Kind, below: tuple[int, int, int], kernel: int, stride: int = 1, padding: int = 0, channels: int = 1
) -> Any:
    """A LAYER record for this map below; `channels` are a convolution's."""
    layer = np.zeros(1, LAYER)[0]
    height, width = ((side + 2 * padding - kernel) // stride + 1 for side in below[1:])
    above = channels if kind == Kind.CONV2D else below[0], height, width
    for side, sizes in (("in", below), ("out", above)):
        layer[f"{side}_channels"], layer[f"{side}_height"], layer[f"{side}_width"] = sizes
    layer["kind"], layer["kernel"], layer["stride"], layer["padding"] = kind, kernel, stride, padding
    layer["fan_in"], layer["n"] = np.prod(below), np.prod(above)
    return layer


def numbers(layer: Any, samples: int, seed: int) -> tuple[torch.Tensor, ...]:
    """W, b, x and m at random."""
    torch.manual_seed(seed)
    row = plain(layer)
    rows, columns = kind_of(row).shape(row)
    x, m = torch.randn(samples, row.fan_in), torch.randn(samples, row.n)
    return torch.randn(rows, columns), torch.randn(columns), x, m


def plain(layer: Any) -> SimpleNamespace:
    """A LAYER record as the reference has it."""
    return tables.records(np.array([layer]))[0]


def check(layer: Any, samples: int, seed: int) -> None:
    """S is the loops', and what goes back is its gradient."""
    row = plain(layer)
    kind = kind_of(row)
    w, b, x, m = numbers(layer, samples, seed)
    leaves = [part.clone().requires_grad_() for part in (w, b, x)]
    s = kind.forward(row, *leaves)
    assert s.shape == (samples, row.n)
    slow = [naive.layer_forward(layer, w.numpy(), b.numpy(), image) for image in x.numpy()]
    assert np.allclose(s.detach(), slow, atol=1e-4)
    used = leaves if w.numel() else leaves[2:]
    *synapses, at_x = torch.autograd.grad(s, used, m)
    assert torch.allclose(kind.backward(row, w, m, x), at_x, atol=1e-4)
    for found, expected in zip(kind.gradient(row, x, m), synapses, strict=False):
        assert torch.allclose(found, expected, atol=1e-3)


@settings(max_examples=150)
@given(records(Kind.CONV2D), st.integers(1, 3), st.integers(0, 999))
def test_convolution(layer: Any, samples: int, seed: int) -> None:
    check(layer, samples, seed)


@pytest.mark.parametrize("kind", POOLS)
@settings(max_examples=60)
@given(st.data())
def test_pools(kind: Kind, data: st.DataObject) -> None:
    check(data.draw(records(kind)), data.draw(st.integers(1, 3)), data.draw(st.integers(0, 999)))


@settings(max_examples=60)
@given(records(Kind.MAXPOOL), st.integers(0, 999))
def test_of_equals_the_first_is_the_largest(layer: Any, seed: int) -> None:
    """Values of three sizes, so that windows have several largest ones; by rows."""
    w, _, x, m = numbers(layer, 2, seed)
    x = x.round().clamp(-1, 1)
    expected = [naive.maxpool_error(layer, row, said) for row, said in zip(x.numpy(), m.numpy(), strict=True)]
    assert np.allclose(KINDS[Kind.MAXPOOL].backward(plain(layer), w, m, x), expected, atol=1e-5)


def test_what_is_forgotten_has_no_error() -> None:
    """maxpool's error for the samples of which it remembers the input, and nothing for the others."""
    layer = plain(record(Kind.MAXPOOL, (1, 2, 2), 2))
    backward = KINDS[Kind.MAXPOOL].backward
    x, m, none = torch.tensor([[0.0, 3.0, 1.0, 3.0]]), torch.tensor([[5.0], [7.0]]), torch.empty(0, 0)
    assert backward(layer, none, m, x).tolist() == [[0, 5, 0, 0], [0, 0, 0, 0]]
    assert backward(layer, none, m, None).tolist() == [[0] * 4] * 2


def test_not_a_number_passes() -> None:
    x, none = torch.tensor([[float("nan"), 1.0]]), torch.empty(0)
    for kind in (*POOLS, Kind.FLATTEN):
        s = KINDS[kind].forward(plain(record(kind, (1, 1, 2), 1)), none, none, x)
        assert s.isnan().tolist() == [[True, False]]
