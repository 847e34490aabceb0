"""Layers without synapses: max and average pooling, and the map that becomes a vector.

They have no W, so the error at the layer below comes from where the layer's input came from.
"""

from __future__ import annotations

from types import SimpleNamespace

import torch
from torch.nn import functional

from channelsim.reference.conv2d import maps, maps_below, rest


def shape(layer: SimpleNamespace) -> tuple[int, int]:
    return 0, 0


def max_forward(layer: SimpleNamespace, w: torch.Tensor, b: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    return functional.max_pool2d(maps_below(layer, x), layer.kernel, layer.stride).flatten(1)


def max_backward(layer: SimpleNamespace, w: torch.Tensor, m: torch.Tensor, x: torch.Tensor | None) -> torch.Tensor:
    """The error goes to the first largest value of each window of x; nothing where x is forgotten."""
    error = torch.zeros(len(m), layer.in_channels, layer.in_height * layer.in_width)
    if x is not None:
        _, largest = functional.max_pool2d(maps_below(layer, x), layer.kernel, layer.stride, return_indices=True)
        error[: len(x)].scatter_add_(2, largest.flatten(2), maps(layer, m[: len(x)]).flatten(2))
    return error.flatten(1)


def average_forward(layer: SimpleNamespace, w: torch.Tensor, b: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    return functional.avg_pool2d(maps_below(layer, x), layer.kernel, layer.stride).flatten(1)


def average_backward(layer: SimpleNamespace, w: torch.Tensor, m: torch.Tensor, x: torch.Tensor | None) -> torch.Tensor:
    """Each value of a window has an even share of the error."""
    each = torch.ones(layer.out_channels, 1, layer.kernel, layer.kernel)
    error = functional.conv_transpose2d(
        maps(layer, m), each, None, layer.stride, 0, rest(layer), groups=layer.out_channels
    )
    return error.flatten(1) * layer.kernel**-2


def same_forward(layer: SimpleNamespace, w: torch.Tensor, b: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    return x


def same_backward(layer: SimpleNamespace, w: torch.Tensor, m: torch.Tensor, x: torch.Tensor | None) -> torch.Tensor:
    return m


def gradient(layer: SimpleNamespace, x: torch.Tensor, r: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.zeros(0, 0), torch.zeros(0)
