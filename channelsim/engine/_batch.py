"""Kernels of dense layers for mini-batches: matrix products where activity is dense, event lists where it is sparse.

Samples (forward) or rows of W (updates) are divided among threads. Every sum is made whole by one thread and in the
same order, so the number of threads does not show in the result. One thread starts no loop for threads: that takes
half a microsecond, a dozen times a frame. But it multiplies matrices in the same parts: how a product goes about its
last rows and columns shows in the last digits.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from channelsim.engine import _dense, _transfer, _vector_memory, _vector_products
from channelsim.engine._jit import kernel, threads_in_use

MOST_PARTS, PART_SAMPLES = 16, 50  # a part has at least so many samples
SPARSE_BELOW = 0.22  # share of events under which event lists are used; a matrix product multiplies the zeros, too
ONE = np.float32(1.0)


@kernel(inline="always")
def parts(samples):
    """Into how many parts the work on a mini-batch is divided: by its size alone, never by the number of threads."""
    return max(1, min(MOST_PARTS, samples // PART_SAMPLES))


@kernel(inline="always")
def is_alone(pieces):
    """Whether one thread does all parts."""
    return pieces == 1 or threads_in_use() == 1


@kernel()
def forward(sparse, transfer, weights, pitch, bias, start, index, value, count, x, out, samples):
    """out = f(W x + b) for a mini-batch: event lists (`start`, `count`, `index`, `value`) or a matrix `x`."""
    pieces = parts(samples)
    if is_alone(pieces):
        for piece in range(pieces):
            _forward(sparse, transfer, weights, pitch, bias, start, index, value, count, x, out, samples, piece, pieces)
    else:
        _forward_shared(sparse, transfer, weights, pitch, bias, start, index, value, count, x, out, samples, pieces)


@kernel(parallel=True)
def _forward_shared(sparse, transfer, weights, pitch, bias, start, index, value, count, x, out, samples, pieces):
    for piece in prange(pieces):
        _forward(sparse, transfer, weights, pitch, bias, start, index, value, count, x, out, samples, piece, pieces)


@kernel()
def _forward(sparse, transfer, weights, pitch, bias, start, index, value, count, x, out, samples, piece, pieces):
    lo, hi = samples * piece // pieces, samples * (piece + 1) // pieces
    n = len(bias)
    fan_in = len(weights) // pitch
    part = out[lo * n : hi * n]
    fill_bias(bias, part, hi - lo)
    if sparse:
        for b in range(lo, hi):
            if b + 1 < hi:  # lists of a data set lie far apart: the next one comes while this one is at work
                first, last = start[b + 1], start[b + 1] + count[b + 1]
                _vector_memory.fetch(index[first:last])
                _vector_memory.fetch(value[first:last])
            first, last = start[b], start[b] + count[b]
            _dense.add_rows(weights, pitch, index[first:last], value[first:last], out[b * n : b * n + n])
    else:
        matmul(x[lo * fan_in :], fan_in, 1, weights, pitch, hi - lo, fan_in, n, ONE, 1, part, n)
    _transfer.layer(transfer, part, n)


@kernel()
def add_outer_events(target, pitch, n, start, index, value, count, signal, samples):
    """target[r] += sum_b x_rb signal[b] for every row r of a (rows, n) matrix; each sample's events in order."""
    pieces = parts(samples)
    if is_alone(pieces):
        for b in range(samples):
            first, last = start[b], start[b] + count[b]
            _dense.grow_rows(target, pitch, index[first:last], value[first:last], signal[b * n : b * n + n])
    else:
        _add_outer_events_shared(target, pitch, n, start, index, value, count, signal, samples, pieces)


@kernel(parallel=True)
def _add_outer_events_shared(target, pitch, n, start, index, value, count, signal, samples, pieces):
    rows = len(target) // pitch
    for piece in prange(pieces):
        lo, hi = rows * piece // pieces, rows * (piece + 1) // pieces
        for b in range(samples):
            events = index[start[b] : start[b] + count[b]]
            first = start[b] + (_below(events, lo) if lo > 0 else 0)
            last = start[b] + (_below(events, hi) if hi < rows else len(events))
            _dense.grow_rows(target, pitch, index[first:last], value[first:last], signal[b * n : b * n + n])


@kernel()
def _below(index, bound):
    """How many of the indices, in rising order, are below a bound."""
    first, last = 0, len(index)
    while first < last:
        middle = (first + last) // 2
        if index[middle] < bound:
            first = middle + 1
        else:
            last = middle
    return first


@kernel()
def add_outer_matrix(target, pitch, n, x, signal, samples, learning, scale):
    """target += scale * x.T signal for `learning` samples: (rows, n) += (learning, rows).T (learning, n)."""
    pieces = parts(samples)
    if is_alone(pieces):
        for piece in range(pieces):
            _add_outer_matrix(target, pitch, n, x, signal, learning, scale, piece, pieces)
    else:
        _add_outer_matrix_shared(target, pitch, n, x, signal, learning, scale, pieces)


@kernel(parallel=True)
def _add_outer_matrix_shared(target, pitch, n, x, signal, learning, scale, pieces):
    for piece in prange(pieces):
        _add_outer_matrix(target, pitch, n, x, signal, learning, scale, piece, pieces)


@kernel()
def _add_outer_matrix(target, pitch, n, x, signal, learning, scale, piece, pieces):
    rows = len(target) // pitch
    lo, hi = rows * piece // pieces, rows * (piece + 1) // pieces
    part = target[lo * pitch : hi * pitch]
    matmul(x[lo:], 1, rows, signal, n, hi - lo, learning, n, scale, 1, part, pitch)


@kernel()
def through_transposed(matrix, pitch, n, message, out, samples, turned):
    """out = message matrix.T for a (rows, n) matrix: (samples, n) -> (samples, rows). `turned` is room for matrix.T."""
    rows = len(matrix) // pitch
    transpose(matrix, pitch, rows, n, turned)
    pieces = parts(samples)
    if is_alone(pieces):
        for piece in range(pieces):
            _through(rows, n, message, out, samples, turned, piece, pieces)
    else:
        _through_shared(rows, n, message, out, samples, turned, pieces)


@kernel(parallel=True)
def _through_shared(rows, n, message, out, samples, turned, pieces):
    for piece in prange(pieces):
        _through(rows, n, message, out, samples, turned, piece, pieces)


@kernel()
def _through(rows, n, message, out, samples, turned, piece, pieces):
    lo, hi = samples * piece // pieces, samples * (piece + 1) // pieces
    part = out[lo * rows : hi * rows]
    matmul(message[lo * n :], n, 1, turned, rows, hi - lo, n, rows, ONE, 0, part, rows)


@kernel()
def transpose(matrix, pitch, rows, n, out):
    """out = matrix.T, (n, rows)."""
    _vector_memory.transpose(matrix, pitch, rows, n, out)


@kernel()
def matmul(a, row_step, step, b, b_pitch, rows, inner, columns, scale, add, c, c_pitch):
    """c[i, j] = scale * sum_k a[i * row_step + k * step] * b[k, j], plus what c holds if `add`."""
    _vector_products.matmul(a, row_step, step, b, b_pitch, rows, inner, columns, scale, add, c, c_pitch)


@kernel()
def fill_bias(bias, out, samples):
    """out[s] = bias for every sample."""
    n = len(bias)
    for s in range(samples):
        _vector_memory.copy(bias, out[s * n : s * n + n])
