"""The convolution: W (in_channels * kernel * kernel, out_channels); units in the order channel, row, column."""

from __future__ import annotations

from types import SimpleNamespace

import torch
from torch.nn import functional


def shape(layer: SimpleNamespace) -> tuple[int, int]:
    return layer.in_channels * layer.kernel**2, layer.out_channels


def maps_below(layer: SimpleNamespace, x: torch.Tensor) -> torch.Tensor:
    """What a layer receives, (B, fan_in), as maps (B, channels, height, width)."""
    return x.reshape(-1, layer.in_channels, layer.in_height, layer.in_width)


def maps(layer: SimpleNamespace, o: torch.Tensor) -> torch.Tensor:
    """What a layer sends, (B, n), as maps (B, channels, height, width)."""
    return o.reshape(-1, layer.out_channels, layer.out_height, layer.out_width)


def kernels(layer: SimpleNamespace, w: torch.Tensor) -> torch.Tensor:
    """W as PyTorch has it: (out_channels, in_channels, kernel, kernel)."""
    return w.T.reshape(layer.out_channels, layer.in_channels, layer.kernel, layer.kernel)


def forward(layer: SimpleNamespace, w: torch.Tensor, b: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    bias = b if len(b) else None
    s = functional.conv2d(maps_below(layer, x), kernels(layer, w), bias, layer.stride, layer.padding)
    return s.flatten(1)


def backward(layer: SimpleNamespace, w: torch.Tensor, m: torch.Tensor, x: torch.Tensor | None) -> torch.Tensor:
    height, width = rest(layer)
    error = functional.conv_transpose2d(
        maps(layer, m), kernels(layer, w), None, layer.stride, layer.padding, (height, width)
    )
    return error.flatten(1)


def gradient(layer: SimpleNamespace, x: torch.Tensor, r: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    patches = functional.unfold(maps_below(layer, x), layer.kernel, 1, layer.padding, layer.stride)
    signals = maps(layer, r).flatten(2)  # (B, out_channels, positions), as patches are (B, rows of W, positions)
    return torch.einsum("brp,bop->ro", patches, signals), signals.sum((0, 2))


def rest(layer: SimpleNamespace) -> tuple[int, int]:
    """Rows and columns of the map below (padding included) that no kernel reaches, beyond its last position."""
    height = layer.in_height + 2 * layer.padding - layer.kernel
    width = layer.in_width + 2 * layer.padding - layer.kernel
    return height % layer.stride, width % layer.stride
