"""Sums over wires of one magnitude, or of few bits: whole multiples are summed, exactly; the units come after that."""

from __future__ import annotations

from types import SimpleNamespace

import torch

from channelsim.plan import SMALLEST_UNIT, Quantizer


def message_unit(channel: SimpleNamespace, a: torch.Tensor) -> torch.Tensor:
    """What the delivered values of messages of these scales, (B, 1), are whole multiples of; 0: of nothing."""
    kind = channel.quantizer
    rescaled = channel.drop > 0 and channel.rescale
    rounded_by_level = kind == Quantizer.UNIFORM and channel.levels > 1 and rescaled
    if kind == Quantizer.NONE or channel.noise > 0 or channel.own_after or rounded_by_level:
        return torch.zeros_like(a)
    unit = a
    if kind == Quantizer.UNIFORM:
        unit = a / channel.levels
    elif kind == Quantizer.LOG2:
        unit = a * 2.0 ** (1 - channel.levels)
    if rescaled and channel.drop < 1:
        unit = unit / (1 - channel.drop)
    return torch.where(unit >= float(SMALLEST_UNIT), unit, 0.0)


def weight_unit(layer: SimpleNamespace, w: torch.Tensor, learns: bool) -> float:
    """The one magnitude of a layer's W; 0: it has several, or learns without a quantizer that would give it one."""
    if learns and layer.weight_levels != 1:
        return 0.0
    unit = float(w.abs().max())
    return unit if unit >= SMALLEST_UNIT and ((w == 0) | (w.abs() == unit)).all() else 0.0


def in_units(values: torch.Tensor, unit: torch.Tensor | float) -> torch.Tensor:
    """How often values hold their units; those of unit 0 as they are."""
    unit = torch.as_tensor(unit, dtype=torch.float32)
    return torch.where(unit > 0, (values / torch.where(unit > 0, unit, 1.0)).round(), values)


def of_units(sums: torch.Tensor, unit: float, message_unit: torch.Tensor) -> torch.Tensor:
    """Sums of such multiples as values: times the wires' unit, then times the message's, (B, 1)."""
    return sums * unit * torch.where(message_unit > 0, message_unit, 1.0)
