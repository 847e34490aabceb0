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

from channelsim.plan import Kind
from channelsim.reference.layers import KINDS
from tests import naive

POOLS = [Kind.MAXPOOL, Kind.AVGPOOL]


@st.composite
def layers(draw: st.DrawFn, kind: Kind) -> SimpleNamespace:
    """A layer that fits onto the map below it."""
    stride = draw(st.integers(1, 3))
    padding = draw(st.integers(0, 2)) if kind == Kind.CONV2D else 0
    height, width = draw(st.integers(1, 7)), draw(st.integers(1, 7))
    kernel = draw(st.integers(1, min(height, width, 5) + 2 * padding))
    channels = draw(st.integers(1, 3))
    layer = SimpleNamespace(kind=kind, in_channels=channels, in_height=height, in_width=width)
    layer.kernel, layer.stride, layer.padding = kernel, stride, padding
    layer.out_channels = draw(st.integers(1, 3)) if kind == Kind.CONV2D else channels
    layer.out_height = (height + 2 * padding - kernel) // stride + 1
    layer.out_width = (width + 2 * padding - kernel) // stride + 1
    layer.fan_in = channels * height * width
    layer.n = layer.out_channels * layer.out_height * layer.out_width
    return layer


def numbers(layer: SimpleNamespace, samples: int, seed: int) -> tuple[Any, ...]:
    """W, b, x and m at random."""
    torch.manual_seed(seed)
    rows, columns = KINDS[layer.kind].shape(layer)
    x, m = torch.randn(samples, layer.fan_in), torch.randn(samples, layer.n)
    return torch.randn(rows, columns), torch.randn(columns), x, m


def check(layer: SimpleNamespace, samples: int, seed: int) -> None:
    """S is the loops', and what goes back is its gradient."""
    kind = KINDS[layer.kind]
    w, b, x, m = numbers(layer, samples, seed)
    leaves = [part.clone().requires_grad_() for part in (w, b, x)]
    s = kind.forward(layer, *leaves)
    assert s.shape == (samples, layer.n)
    slow = [naive.layer_forward(layer, w.numpy(), b.numpy(), row) for row in x.numpy()]
    assert np.allclose(s.detach(), slow, atol=1e-4)
    used = leaves if w.numel() else leaves[2:]
    *synapses, at_x = torch.autograd.grad(s, used, m)
    assert torch.allclose(kind.backward(layer, w, m, x), at_x, atol=1e-4)
    for found, expected in zip(kind.gradient(layer, x, m), synapses, strict=False):
        assert torch.allclose(found, expected, atol=1e-3)


@settings(deadline=None, max_examples=150, derandomize=True)
@given(layers(Kind.CONV2D), st.integers(1, 3), st.integers(0, 999))
def test_convolution(layer: SimpleNamespace, samples: int, seed: int) -> None:
    check(layer, samples, seed)


@pytest.mark.parametrize("kind", POOLS)
@settings(deadline=None, max_examples=60, derandomize=True)
@given(st.data())
def test_pools(kind: Kind, data: st.DataObject) -> None:
    check(data.draw(layers(kind)), data.draw(st.integers(1, 3)), data.draw(st.integers(0, 999)))


@settings(deadline=None, max_examples=60, derandomize=True)
@given(layers(Kind.MAXPOOL), st.integers(0, 999))
def test_of_equals_the_first_is_the_largest(layer: SimpleNamespace, seed: int) -> None:
    """Values of three sizes, so that windows have several largest ones; by rows."""
    _, _, x, m = numbers(layer, 2, seed)
    x = x.round().clamp(-1, 1)
    expected = [naive.maxpool_error(layer, row, said) for row, said in zip(x.numpy(), m.numpy(), strict=True)]
    assert np.allclose(KINDS[Kind.MAXPOOL].backward(layer, x, m, x), expected, atol=1e-5)


def test_what_is_forgotten_has_no_error() -> None:
    """maxpool's error for the samples of which it remembers the input, and nothing for the others."""
    layer = SimpleNamespace(in_channels=1, in_height=2, in_width=2, out_channels=1, out_height=1, out_width=1)
    layer.kernel, layer.stride, layer.padding = 2, 2, 0
    backward = KINDS[Kind.MAXPOOL].backward
    x, m, none = torch.tensor([[0.0, 3.0, 1.0, 3.0]]), torch.tensor([[5.0], [7.0]]), torch.empty(0, 0)
    assert backward(layer, none, m, x).tolist() == [[0, 5, 0, 0], [0, 0, 0, 0]]
    assert backward(layer, none, m, None).tolist() == [[0] * 4] * 2


def test_not_a_number_passes() -> None:
    layer = SimpleNamespace(in_channels=1, in_height=1, in_width=2, out_channels=1, out_height=1, out_width=2)
    layer.kernel, layer.stride, layer.padding = 1, 1, 0
    x = torch.tensor([[float("nan"), 1.0]])
    none = torch.empty(0)
    for kind in (*POOLS, Kind.FLATTEN):
        s = KINDS[kind].forward(layer, none, none, x)
        assert s.isnan().tolist() == [[True, False]]
