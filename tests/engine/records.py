"""Records for calling kernels by hand."""

from __future__ import annotations

from typing import Any

import numpy as np

from channelsim.plan import CHANNEL, Encoding, Quantizer, Scale
from channelsim.plan.settings import FLOAT_BITS, VALUE_BITS, bit_error_fields


def record(dtype: np.dtype[Any], **fields: Any) -> Any:
    """One record of a table, its fields zero but for those given."""
    table = np.zeros(1, dtype)
    for name, value in fields.items():
        table[name] = value
    return table.view(np.recarray)[0]


def channel(n: int, quantizer: Quantizer = Quantizer.NONE, bits: int = 0, **fields: Any) -> Any:
    """A channel of n neurons whose code is worked out from its quantizer."""
    defaults: dict[str, Any] = {
        "n": n,
        "quantizer": quantizer,
        "bits": bits,
        "scale_kind": Scale.MAX,
        "scale": 1.0,
        "deadline": -1,
        "encoding": Encoding.DENSE,
        "address_bits": max(n - 1, 0).bit_length(),
        "value_bits": VALUE_BITS.get(quantizer, bits),
        "scale_bits": FLOAT_BITS if quantizer != Quantizer.NONE else 0,
        "silence_bits": quantizer == Quantizer.SIGN or (quantizer == Quantizer.LOG2 and bits <= 2),
    }
    row = record(CHANNEL, **{**defaults, **fields})
    bit_error_fields(row)
    return row
