"""Layer kinds: what each asks of its synapses. A new kind is a file and a row in `KINDS`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace

import torch

from channelsim.plan.layout import Kind
from channelsim.reference import conv2d, dense, pool


@dataclass(frozen=True)
class LayerKind:
    """The operations of a kind.

    Attributes:
        shape: layer -> shape of its W, in the plan's layout.
        forward: (layer, W, b, x (B, fan_in)) -> S (B, n); b is empty where the layer has no biases.
        backward: (layer, W, m (B, n), x) -> the error at the layer below, (B, fan_in); W transposed, or a random
            bank in its place. x is what the layer received in that frame, as it is stashed, which may be fewer samples
            than there are in m; None: nothing is stashed, or the layer has synapses and needs none.
        gradient: (layer, x (B, fan_in), r (B, n)) -> sums over the samples of the steps of W and b.
    """

    shape: Callable[[SimpleNamespace], tuple[int, int]]
    forward: Callable[[SimpleNamespace, torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]
    backward: Callable[[SimpleNamespace, torch.Tensor, torch.Tensor, torch.Tensor | None], torch.Tensor]
    gradient: Callable[[SimpleNamespace, torch.Tensor, torch.Tensor], tuple[torch.Tensor, torch.Tensor]]


KINDS = {
    Kind.DENSE: LayerKind(dense.shape, dense.forward, dense.backward, dense.gradient),
    Kind.CONV2D: LayerKind(conv2d.shape, conv2d.forward, conv2d.backward, conv2d.gradient),
    Kind.MAXPOOL: LayerKind(pool.shape, pool.max_forward, pool.max_backward, pool.gradient),
    Kind.AVGPOOL: LayerKind(pool.shape, pool.average_forward, pool.average_backward, pool.gradient),
    Kind.FLATTEN: LayerKind(pool.shape, pool.same_forward, pool.same_backward, pool.gradient),
}


def kind_of(layer: SimpleNamespace) -> LayerKind:
    return KINDS[Kind(layer.kind)]
