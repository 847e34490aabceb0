"""The quantizers, for messages (one row a message) and for weight matrices (one row in all)."""

from __future__ import annotations

import torch

from channelsim.plan.layout import Quantizer, Scale


def scale_of(kind: int, fixed: float, v: torch.Tensor, active: torch.Tensor) -> torch.Tensor:
    """The scale a of each row of v over the active values, float32 (rows, 1); 0 if there are none."""
    if kind == Scale.FIXED:
        return torch.full((len(v), 1), fixed)
    received = torch.where(active, v, 0.0)
    if kind == Scale.MAX:
        return received.abs().amax(1, keepdim=True)
    squares = received.double().square().sum(1, keepdim=True)
    return (squares / active.sum(1, keepdim=True).clamp(min=1)).sqrt().float()


def quantize(kind: int, levels: int, v: torch.Tensor, a: torch.Tensor, u: torch.Tensor | None = None) -> torch.Tensor:
    """Q(v) with scale a, all float32; zeros stay zeros (docs/design.md, section 3).

    Arguments:
        kind: a `Quantizer`.
        levels: exponents of log2, whose values are a 2^-k with k = 0..levels - 1; K of uniform, k a/K with k = -K..K.
        v: values, shape (rows, n).
        a: scales, shape (rows, 1), positive in each row that has a nonzero value.
        u: uniform draws like v where `uniform` rounds stochastically, else None.
    """
    if kind == Quantizer.NONE:
        return v
    if kind == Quantizer.ABS:
        return v.abs()
    a = torch.where(a > 0, a, 1.0)
    if kind == Quantizer.SIGN:
        return a * v.sign()
    if kind == Quantizer.TERNARY:
        return torch.where(v.abs() >= a / 2, a * v.sign(), 0.0)
    if kind == Quantizer.LOG2:
        exponent = (v / a).abs().log2().clamp(1 - levels, 0).round()
        powers = torch.tensor([2.0**-level for level in range(levels)])  # exact, which exp2 need not be
        return a * v.sign() * powers[-exponent.long()]
    steps = v * levels / a
    steps = steps.round() if u is None else (steps + u).floor()
    return a / levels * steps.clamp(-levels, levels)
