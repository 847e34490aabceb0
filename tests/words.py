"""Quantizers and their code words in plain Python, value by value: sections 3 and 4 of docs/design.md."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from channelsim.plan import Quantizer, Scale

F = np.float32
OF_MESSAGES = [kind for kind in Quantizer if kind != Quantizer.ABS]
TINY = 2.0**-126  # the smallest unit
Values = Mapping[int, np.float32]
"""Neuron -> value, of the neurons that send an event."""


@dataclass(frozen=True)
class Quantized:
    """A message as it is sent: its scale, and the value and code word of each event.

    unclear: values so near to a boundary that the last digits of a sum decide.
    """

    scale: float
    values: dict[int, np.float32]
    words: dict[int, int]
    unclear: int


def scale_of(kind: int, fixed: float, values: Values) -> np.float32:
    """a: the fixed number, or max or rms of the values that pass the threshold; 0 if none does."""
    if kind == Scale.FIXED:
        return F(fixed)
    magnitudes = [abs(float(v)) for v in values.values()]
    if kind == Scale.MAX:
        return F(max(magnitudes, default=0.0))
    return F(math.sqrt(sum(m * m for m in magnitudes) / max(len(magnitudes), 1)))


def quantized(
    kind: int, levels: int, scale_kind: int, fixed: float, values: Values, draws: Values | None, doubt: float
) -> Quantized:
    """The quantizer stage. `draws` is u of stochastic rounding; `doubt` by how much a value may be off."""
    if kind == Quantizer.NONE:
        return Quantized(float(fixed), dict(values), {j: int(v.view(np.uint32)) for j, v in values.items()}, 0)
    a = scale_of(scale_kind, fixed, values)
    sent: dict[int, np.float32] = {}
    words: dict[int, int] = {}
    unclear = 0
    for j, v in values.items():
        u = None if draws is None else draws[j]
        word = word_of(kind, levels, a, v, u)
        if doubt and not (scale_kind == Scale.MAX and abs(v) == a and u is None):
            slack = F(doubt)
            unclear += len({word_of(kind, levels, a, near, u) for near in (v - slack, v, v + slack)}) > 1
        value = decoded(kind, levels, float(a), word)
        assert value is not None
        if value != 0:
            sent[j], words[j] = value, word
    return Quantized(float(a), sent, words, unclear)


def unit_of(record: Any, a: float) -> float:
    """What all that arrives of a message of this scale is whole multiples of; 0: of nothing."""
    kind, levels = int(record["quantizer"]), int(record["levels"])
    rescaled = bool(record["rescale"] and record["drop"] > 0)
    level_by_level = kind == Quantizer.UNIFORM and levels > 1 and rescaled
    if kind == Quantizer.NONE or record["noise"] > 0 or level_by_level:
        return 0.0
    unit = F(a)
    if kind == Quantizer.UNIFORM:
        unit = F(a) / F(levels)
    if kind == Quantizer.LOG2:
        unit = F(a) * F(2.0 ** (1 - levels))
    if rescaled and record["drop"] < 1:
        unit = unit / F(1.0 - record["drop"])
    return float(unit) if unit >= TINY else 0.0


def word_of(kind: int, levels: int, a: np.float32, v: np.float32, u: np.float32 | None) -> int:
    """The code word of Q(v)."""
    minus = int(v < 0)
    if kind == Quantizer.LOG2:
        exponent = math.log2(abs(float(v / a))) if v else -math.inf
        return minus * levels - round(min(max(exponent, 1 - levels), 0))
    if kind == Quantizer.SIGN:
        return minus
    if kind == Quantizer.TERNARY:
        return 1 + minus if abs(v) >= a / F(2) else 0
    steps = v * F(levels) / a
    q = round(float(steps)) if u is None else math.floor(steps + u)
    return min(max(q, -levels), levels) + levels


def decoded(kind: int, levels: int, scale: float, word: int) -> np.float32 | None:
    """The value that a code word stands for; None where it stands for none."""
    a = F(scale)
    if kind == Quantizer.NONE:
        value = np.array(word, np.uint32).view(np.float32)[()]
        return value if np.isfinite(value) else None
    if kind == Quantizer.LOG2:
        level = a * F(2.0 ** -(word % levels))
        return None if word >= 2 * levels else (-level if word >= levels else level)
    if kind == Quantizer.SIGN:
        return -a if word else a
    if kind == Quantizer.TERNARY:
        return (F(0), a, -a, None)[word]
    return None if word > 2 * levels else (a / F(levels)) * F(word - levels)


def unit_number(kind: int, levels: int, word: int) -> int:
    """Of an event's word the number of its magnitude, from the smallest on, with its sign."""
    if kind == Quantizer.LOG2:
        return levels - word if word < levels else word - 2 * levels
    if kind == Quantizer.UNIFORM:
        return word - levels
    minus = word == (1 if kind == Quantizer.SIGN else 2)
    return -1 if minus else 1


def silence_of(record: Any) -> int | None:
    """The word of silence in a dense message; None where words are one bit longer for it."""
    if record["silence_bits"]:
        return None
    kind, levels = int(record["quantizer"]), int(record["levels"])
    return {Quantizer.LOG2: 2 * levels, Quantizer.UNIFORM: levels}.get(Quantizer(kind), 0)


def flipped(uniforms: list[float], probability: float, width: int) -> int:
    """Which bits of a word flip, as a mask: the gaps between them, from the least significant on, are geometric."""
    if probability == 1:
        return 2**width - 1
    mask, position = 0, -1
    for u in uniforms:
        position += 1 + math.floor(math.log1p(-u) / math.log1p(-probability))
        if position >= width:
            return mask
        mask |= 1 << position
    return mask
