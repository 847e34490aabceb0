"""Kernels of dense layers for mini-batches: BLAS where activity is dense, event lists where it is sparse.

Samples (forward) or rows of W (updates) are divided among threads. Every sum is made whole by one thread and in the
same order, so the number of threads does not show in the result.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from channelsim.engine import _blas, _dense, _transfer
from channelsim.engine._jit import kernel

UNIT, NIL = np.ones(1, np.float32), np.zeros(1, np.float32)  # BLAS takes alpha and beta by address
SPARSE_BELOW = 0.3  # share of events under which event lists are used; BLAS multiplies the zeros, too


@kernel(inline="always")
def parts(samples):
    """Into how many parts the work on a mini-batch is divided: by its size alone, never by the number of threads."""
    return max(1, min(16, samples // 50))


@kernel(parallel=True)
def forward(sparse, transfer, weights, bias, start, index, value, count, x, out, samples):
    """out = f(W x + b) for a mini-batch: event lists (`start`, `count`, `index`, `value`) or a matrix `x`."""
    n = len(bias)
    fan_in = len(weights) // n
    pieces = parts(samples)
    for piece in prange(pieces):
        lo, hi = samples * piece // pieces, samples * (piece + 1) // pieces
        part = out[lo * n : hi * n]
        fill_bias(bias, part, hi - lo)
        if sparse:
            for b in range(lo, hi):
                first, last = start[b], start[b] + count[b]
                _dense.add_rows(weights, n, index[first:last], value[first:last], out[b * n : b * n + n])
        else:
            multiply(
                UNIT,
                x[lo * fan_in : hi * fan_in].reshape(hi - lo, fan_in),
                weights.reshape(fan_in, n),
                UNIT,
                part.reshape(hi - lo, n),
            )
        _transfer.layer(transfer, part, n)


@kernel()
def by_row(start, index, value, count, samples, rows, columns, column_sample, column_value):
    """Sorts a mini-batch's events by row (a counting sort): row r's are columns[r] .. columns[r + 1]."""
    for r in range(rows + 1):
        columns[r] = 0
    for b in range(samples):
        for k in range(start[b], start[b] + count[b]):
            columns[index[k] + 1] += 1
    for r in range(rows):
        columns[r + 1] += columns[r]
    for b in range(samples):
        for k in range(start[b], start[b] + count[b]):
            r = index[k]
            at = columns[r]
            columns[r] = at + 1
            column_sample[at] = b
            column_value[at] = value[k]
    for r in range(rows, 0, -1):
        columns[r] = columns[r - 1]
    columns[0] = 0


@kernel(parallel=True)
def add_outer_events(target, n, columns, column_sample, column_value, signal, samples):
    """target[r] += sum_b x_rb signal[b] for every row r of (rows, n), the x sorted by row."""
    rows = len(target) // n
    pieces = parts(samples)
    for piece in prange(pieces):
        for r in range(rows * piece // pieces, rows * (piece + 1) // pieces):
            first, last = columns[r], columns[r + 1]
            _dense.add_rows(signal, n, column_sample[first:last], column_value[first:last], target[r * n : r * n + n])


@kernel(parallel=True)
def add_outer_matrix(target, n, x, signal, samples, learning, scale):
    """target += scale[0] * x.T signal for `learning` samples: (rows, n) += (learning, rows).T (learning, n)."""
    rows = len(target) // n
    activity = x[: learning * rows].reshape(learning, rows)
    errors = signal[: learning * n].reshape(learning, n)
    pieces = parts(samples)
    for piece in prange(pieces):
        lo, hi = rows * piece // pieces, rows * (piece + 1) // pieces
        part = target[lo * n : hi * n].reshape(hi - lo, n)
        multiply_first_transposed(scale, activity[:, lo:hi], errors, UNIT, part)


@kernel(parallel=True)
def through_transposed(matrix, n, message, out, samples):
    """out = message matrix.T for a flat (rows, n) matrix: (samples, n) -> (samples, rows)."""
    rows = len(matrix) // n
    pieces = parts(samples)
    for piece in prange(pieces):
        lo, hi = samples * piece // pieces, samples * (piece + 1) // pieces
        multiply_second_transposed(
            UNIT,
            message[lo * n : hi * n].reshape(hi - lo, n),
            matrix.reshape(rows, n),
            NIL,
            out[lo * rows : hi * rows].reshape(hi - lo, rows),
        )


@kernel()
def fill_bias(bias, out, samples):
    """out[s] = bias for every sample."""
    n = len(bias)
    for s in range(samples):
        row = out[s * n : s * n + n]
        for j in range(n):
            row[j] = bias[j]


@kernel()
def multiply(scale, a, b, beta, c):
    """c = scale[0] a b + beta[0] c."""
    _blas.gemm(scale, beta, a, False, b, False, c)


@kernel()
def multiply_first_transposed(scale, a, b, beta, c):
    """c = scale[0] a.T b + beta[0] c."""
    _blas.gemm(scale, beta, a, True, b, False, c)


@kernel()
def multiply_second_transposed(scale, a, b, beta, c):
    """c = scale[0] a b.T + beta[0] c."""
    _blas.gemm(scale, beta, a, False, b, True, c)
