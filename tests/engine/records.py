"""Records for calling kernels by hand."""

from __future__ import annotations

from typing import Any

import numpy as np

from channelsim.plan import CHANNEL, Encoding, Quantizer, Scale
from channelsim.plan.settings import FLOAT_BITS, bit_error_fields


def record(dtype: np.dtype[Any], **fields: Any) -> Any:
    """One record of a table, its fields zero but for those given."""
    table = np.zeros(1, dtype)
    for name, value in fields.items():
        table[name] = value
    return table.view(np.recarray)[0]


def word_bits(quantizer: Quantizer, levels: int) -> int:
    """Bits of the shortest words for the values that a quantizer makes: no fewer than so many have them all."""
    values = {Quantizer.UNIFORM: 2 * levels + 1, Quantizer.LOG2: 2 * levels, Quantizer.SIGN: 2, Quantizer.TERNARY: 3}
    return next(w for w in range(64) if 2**w >= values[quantizer]) if quantizer else FLOAT_BITS


def channel(n: int, quantizer: Quantizer = Quantizer.NONE, levels: int = 0, **fields: Any) -> Any:
    """A channel of n neurons whose code is worked out from its quantizer."""
    width = word_bits(quantizer, levels)
    defaults: dict[str, Any] = {
        "n": n,
        "quantizer": quantizer,
        "levels": 1 if quantizer in (Quantizer.SIGN, Quantizer.TERNARY) else levels,
        "scale_kind": Scale.MAX,
        "scale": 1.0,
        "deadline": -1,
        "encoding": Encoding.DENSE,
        "address_bits": max(n - 1, 0).bit_length(),
        "value_bits": width,
        "scale_bits": FLOAT_BITS if quantizer != Quantizer.NONE else 0,
        "silence_bits": quantizer == Quantizer.SIGN or (quantizer == Quantizer.LOG2 and 2 * levels == 2**width),
    }
    row = record(CHANNEL, **{**defaults, **fields})
    bit_error_fields(row)
    return row
