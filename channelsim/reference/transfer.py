"""Transfer functions f, their derivatives f' as functions of O = f(S), and the losses."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import torch

from channelsim import own_losses, own_transfers
from channelsim.parts import Part
from channelsim.plan.layout import Transfer

SMALLEST = 1e-38  # what a smaller O counts as in a loss
SATURATED = 9.01  # from here on tanh is 1


def transfer(kind: int, s: torch.Tensor) -> torch.Tensor:
    """O = f(S), shape (B, n); softmax over each row."""
    if kind == Transfer.TANH:
        return torch.where(s.abs() >= SATURATED, s.sign(), s.tanh())
    if kind == Transfer.LOGISTIC:
        return s.double().sigmoid().float()
    if kind == Transfer.RELU:
        return s.relu()
    if kind == Transfer.SOFTMAX:
        return s.softmax(1)
    return s.clone()


def derivative(kind: int, o: torch.Tensor) -> torch.Tensor:
    """f'(S) where O = f(S), shape (B, n). Of hidden layers, so not of softmax."""
    if kind == Transfer.TANH:
        return 1 - o * o
    if kind == Transfer.LOGISTIC:
        return o * (1 - o)
    if kind == Transfer.RELU:
        return (o > 0).float()
    return torch.ones_like(o)


def activity(layer: SimpleNamespace, s: torch.Tensor) -> torch.Tensor:
    """O of a layer, of S, (B, n): as it has a transfer function, perhaps one of the user's."""
    if layer.own is None:
        return transfer(layer.transfer, s)
    f, _ = own_transfers.functions(layer.own)
    return torch.from_numpy(own_transfers.mapped(layer.own, f, s.numpy()))


def slope(layer: SimpleNamespace, known: torch.Tensor) -> torch.Tensor:
    """f' of a layer, (B, n), from what it keeps for that: O, or S where a function of the user's is given it."""
    if layer.own is None:
        return derivative(layer.transfer, known)
    _, of = own_transfers.functions(layer.own)
    return torch.from_numpy(own_transfers.mapped(layer.own, of, known.numpy()))


def loss(kind: int, o: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Loss of each sample, shape (B,): cross-entropy for softmax, else half the squared error."""
    if kind == Transfer.SOFTMAX:
        return -(target * o.double().clamp(min=SMALLEST).log()).sum(1)
    return 0.5 * (target - o).square().sum(1)


def own_loss(part: Part, known: torch.Tensor, target: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """A loss of the user's own of each sample, float64 (B,), and e, (B, n), from O or S of the top, (B, n)."""
    found = [own_losses.of_sample(part, *pair) for pair in zip(known.numpy(), target.numpy(), strict=True)]
    losses = torch.tensor([loss for loss, _ in found], dtype=torch.float64)
    return losses, torch.from_numpy(np.stack([e for _, e in found]))
