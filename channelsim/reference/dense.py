"""The dense layer: W of shape (fan_in, n), every unit receives from every unit below."""

from __future__ import annotations

from types import SimpleNamespace

import torch


def shape(layer: SimpleNamespace) -> tuple[int, int]:
    return layer.fan_in, layer.n


def forward(layer: SimpleNamespace, w: torch.Tensor, b: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    return x @ w + b if len(b) else x @ w


def backward(layer: SimpleNamespace, w: torch.Tensor, m: torch.Tensor, x: torch.Tensor | None) -> torch.Tensor:
    return m @ w.T


def gradient(layer: SimpleNamespace, x: torch.Tensor, r: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return x.T @ r, r.sum(0)
