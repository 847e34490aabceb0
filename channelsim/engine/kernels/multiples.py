"""Values as whole multiples of a unit, and sums of multiples as values again.

Sums of whole numbers are exact in float32 up to 2^24: as many 1 as -1 add up to 0, which as many 0.4 as -0.4 times 0.3
need not, as the sums in between are rounded. Samples follow one another; a unit of 0 says that a sample's values are
multiples of nothing.
"""

from __future__ import annotations

import numpy as np

from channelsim.engine.compile.fused import fma
from channelsim.engine.compile.jit import inner

F = np.float32
ZERO, ONE = F(0.0), F(1.0)
ROUND = F(12582912.0)  # 1.5 * 2^23: adding and subtracting it rounds a small float32 half to even


@inner()
def divide(values, n, units):
    """values[b] = how often they hold units[b], for samples of n values each. -0.0 stays what it is."""
    for b in range(len(units)):
        unit = units[b]
        if unit != ZERO:
            divide_all(values[b * n : b * n + n], unit)


@inner()
def divide_all(values, unit):
    """values = how often they hold the unit."""
    for i in range(len(values)):
        value = values[i]
        multiple = (value / unit + ROUND) - ROUND
        values[i] = multiple if value != ZERO else value


@inner()
def multiply(values, n, units):
    """Undoes `divide`."""
    for b in range(len(units)):
        unit = units[b]
        if unit != ZERO:
            multiply_all(values[b * n : b * n + n], unit)


@inner()
def multiply_all(values, unit):
    """values *= unit."""
    for i in range(len(values)):
        values[i] *= unit


@inner()
def finish(sums, n, unit, units):
    """Sums over wires of this unit of messages of those units, as values: sums[b] times the one, then the other."""
    for b in range(len(units)):
        part = sums[b * n : b * n + n]
        multiply_all(part, unit)
        if units[b] != ZERO:
            multiply_all(part, units[b])


@inner()
def finish_with_bias(sums, n, unit, units, bias):
    """The same plus the bias, which n / len(bias) units side by side share."""
    shared = n // len(bias)
    for b in range(len(units)):
        of_message = units[b] if units[b] != ZERO else ONE
        for o in range(len(bias)):
            part, added = sums[b * n + o * shared : b * n + (o + 1) * shared], bias[o]
            for i in range(shared):
                part[i] = fma(of_message, unit * part[i], added)
