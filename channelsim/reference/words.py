"""Code words: what a bit error hits. The alphabets are those of the table in `channelsim.codes`."""

from __future__ import annotations

from types import SimpleNamespace

import torch

from channelsim.plan.layout import Quantizer


def encode(channel: SimpleNamespace, sent: torch.Tensor, a: torch.Tensor) -> torch.Tensor:
    """The code of each quantized value; int64, shape (B, n). Only the codes of nonzero values mean anything."""
    kind, levels = channel.quantizer, channel.levels
    minus = (sent < 0).long()
    a = torch.where(a > 0, a, 1.0)
    if kind == Quantizer.LOG2:
        magnitude = torch.where(sent == 0, a, sent.abs())
        return minus * levels - (magnitude / a).log2().round().long()
    if kind == Quantizer.UNIFORM:
        return (sent / (a / levels)).round().long() + levels
    if kind == Quantizer.SIGN:
        return minus
    if kind == Quantizer.TERNARY:
        return torch.where(sent == 0, 0, 1 + minus)
    return sent.contiguous().view(torch.int32).long() & 0xFFFFFFFF


def units(channel: SimpleNamespace, sent: torch.Tensor, a: torch.Tensor) -> torch.Tensor:
    """Each value by the number of its magnitude, from 1 (the smallest), with its sign; 0: no event. int64 (B, n)."""
    code, levels = encode(channel, sent, a), channel.levels
    number = torch.ones_like(code)
    if channel.quantizer == Quantizer.LOG2:
        number = levels - code % levels
    elif channel.quantizer == Quantizer.UNIFORM:
        number = (code - levels).abs()
    return number * sent.sign().long()


def silence(channel: SimpleNamespace) -> int:
    """The word of an inactive unit in a dense message; the code of no event where words are one bit longer for it."""
    kind, levels = channel.quantizer, channel.levels
    if channel.silence_bits:
        return 1 << channel.value_bits
    return {Quantizer.LOG2: 2 * levels, Quantizer.UNIFORM: levels}.get(kind, 0)


def decode(channel: SimpleNamespace, code: torch.Tensor, a: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """What the receiver reads: values (float32) and which words mean anything (bool), both (B, n)."""
    kind, levels = channel.quantizer, channel.levels
    if kind == Quantizer.LOG2:
        powers = torch.tensor([2.0**-level for level in range(levels)])
        value = torch.where(code >= levels, -1.0, 1.0) * a * powers[code % levels]
        return value, code < 2 * levels
    if kind == Quantizer.UNIFORM:
        return a / levels * (code - levels), code <= 2 * levels
    if kind == Quantizer.SIGN:
        return torch.where(code == 0, a, -a), torch.ones_like(code, dtype=torch.bool)
    if kind == Quantizer.TERNARY:
        return a * torch.tensor([0.0, 1.0, -1.0, 0.0])[code], code < 3
    signed = torch.where(code >= 2**31, code - 2**32, code).int()
    value = signed.view(torch.float32)
    return value, value.isfinite()
