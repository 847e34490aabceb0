"""Which values, columns and samples of a matrix are not zero."""

from __future__ import annotations

import numpy as np

from channelsim.engine.compile.jit import inner
from channelsim.engine.kernels import simd

ZERO = np.float32(0.0)


@inner()
def is_any_active(values):
    """Whether any value is not zero."""
    return len(values) > 0 and (values[0] != ZERO or simd.count_events(values) > 0)


@inner()
def count_true(flags):
    """How many flags are set."""
    total = 0
    for i in range(len(flags)):
        total += flags[i]
    return total


@inner()
def active_columns(values, n, samples, touched):
    """How many columns of a (samples, n) matrix are not zero; `touched` tells which."""
    for j in range(n):
        touched[j] = False
    for b in range(samples):
        sample = values[b * n : b * n + n]
        for j in range(n):
            touched[j] |= sample[j] != ZERO
        if count_true(touched) == n:  # as a rule after the first sample, where errors are not sparse
            break
    return count_true(touched)


@inner()
def gather(values, n, wanted, samples, out):
    """Copies the wanted samples' rows, one after another."""
    k = 0
    for b in range(samples):
        if wanted[b]:
            simd.copy(values[b * n : b * n + n], out[k * n : k * n + n])
            k += 1


@inner()
def scale(values, factor, out):
    """out = factor * values."""
    for k in range(len(out)):
        out[k] = factor * values[k]


@inner(inlined=True)
def with_sign(magnitude, w):
    """The sign rule's entry of C: a fixed magnitude with the sign of a weight."""
    return magnitude * (np.float32(w > ZERO) - np.float32(w < ZERO))  # no branches: signs cannot be predicted


@inner()
def copy_with_signs(magnitudes, columns, weights, stride, out):
    """out = magnitudes with the signs of a matrix of so many columns whose rows start every `stride` values."""
    for r in range(len(magnitudes) // columns):
        there, own, signs = out[r * columns :], magnitudes[r * columns :], weights[r * stride :]
        for j in range(columns):
            there[j] = with_sign(own[j], signs[j])


@inner()
def total(values, count):
    """The sum of the first `count` values."""
    found = 0
    for i in range(count):
        found += values[i]
    return found
