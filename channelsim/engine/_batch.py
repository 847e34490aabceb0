"""Kernels of dense layers for mini-batches: BLAS where activity is dense, event lists where it is sparse.

Samples (forward) or rows of W (updates) are divided among threads. Every sum is made whole by one thread and in the same
order, so the number of threads does not show in the result.
"""

from __future__ import annotations

import numpy as np

from channelsim.engine import _blas, _dense
from channelsim.engine._jit import kernel

CONTRACT = {"contract"}
ZERO, ONE = np.float32(0.0), np.float32(1.0)
UNIT, NIL = np.ones(1, np.float32), np.zeros(1, np.float32)  # BLAS takes alpha and beta by address
SPARSE_BELOW = 0.3  # share of events under which event lists beat BLAS (measured: docs/performance.md)


@kernel()
def forward_events(matrix, n, start, index, value, count, out, lo, hi):
    """out[b] += x_b W for samples lo..hi-1; sample b's events are count[b] entries from start[b]."""
    for b in range(lo, hi):
        first, last = start[b], start[b] + count[b]
        _dense.add_rows(matrix, n, index[first:last], value[first:last], out[b * n : b * n + n])


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


@kernel()
def update_events(matrix, n, columns, column_sample, column_value, signal, lo, hi):
    """W[r] += sum_b x_rb signal[b] for rows lo..hi-1 (signal already holds eta R / B)."""
    for r in range(lo, hi):
        first, last = columns[r], columns[r + 1]
        _dense.add_rows(signal, n, column_sample[first:last], column_value[first:last], matrix[r * n : r * n + n])


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
