"""Multiply and add with one rounding.

Left to itself a compiler fuses a multiplication and an addition or not, as the processor allows. `fma` is fused on
every processor: by an instruction, or, where there is none, by the C library, which rounds alike and is slow.
"""

from __future__ import annotations

import ctypes
import os

import numpy as np
from llvmlite import binding
from numba import types
from numba.extending import intrinsic, overload


def _provide() -> None:
    """Names the C library's functions to compiled code, which calls them without an instruction for it."""
    library = ctypes.CDLL("ucrtbase" if os.name == "nt" else None)
    for name in ("fma", "fmaf"):
        binding.add_symbol(name, ctypes.cast(getattr(library, name), ctypes.c_void_p).value)


def fma(x, y, z):
    """x y + z of float32, rounded once."""
    product, z = float(x) * float(y), float(z)  # exact
    total = product + z
    part = total - product
    error = (product - (total - part)) + (z - part)  # of this sum (Knuth's two-sum)
    word = np.float64(total).view(np.int64)
    # Rounded to odd instead, the sum may be rounded again: Boldo & Melquiond, IEEE Trans. Computers 57 (2008).
    if abs(error) > 0.0 and word % 2 == 0:
        word += 1 if (error > 0.0) == (total > 0.0) else -1
    return np.float32(word.view(np.float64))


@intrinsic
def _fma(typing_context, x, y, z):
    def generate(context, builder, signature, arguments):
        return builder.fma(*arguments)

    return types.float32(types.float32, types.float32, types.float32), generate


@overload(fma)
def _(x, y, z):
    return lambda x, y, z: _fma(x, y, z)


_provide()
