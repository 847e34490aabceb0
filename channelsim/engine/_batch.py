"""Kernels of dense layers for mini-batches: products of matrices, which skip the zeros where activity is sparse.

Samples (forward) or rows of W (updates) are divided among threads. Every sum is made whole by one thread and in the
same order, so the number of threads does not show in the result. One thread starts no loop for threads: that takes
half a microsecond, a dozen times a frame. But it multiplies matrices in the same parts: how a product goes about its
last rows and columns shows in the last digits.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from channelsim.engine import _transfer, _vector_groups, _vector_memory, _vector_products
from channelsim.engine._jit import kernel, threads_in_use

MOST_PARTS, PART_SAMPLES = 16, 50  # a part has at least so many samples
SPARSE_BELOW = 0.33  # share of events under which zeros are skipped; finding them pays only where there are many
LANES, GROUP, GROUPS = _vector_groups.LANES, _vector_groups.GROUP, _vector_groups.GROUPS
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
def list_room(samples, widest):
    """int32 values that the lists of a mini-batch take: for each part one more than the longest have."""
    return parts(samples) * (1 + max(widest, GROUPS * (samples + 1)))


@kernel(inline="always")
def _room_of(lists, piece, pieces):
    """One part's share of the lists."""
    room = len(lists) // pieces
    return lists[piece * room : (piece + 1) * room]


@kernel()
def forward(sparse, transfer, weights, pitch, bias, images, chosen, x, out, samples, lists):
    """out = f(W x + b) for a mini-batch `x`, (samples, fan-in), into which the chosen images, if any, are copied first.

    `lists` is room, as in all that follow.
    """
    pieces = parts(samples)
    if is_alone(pieces):
        for piece in range(pieces):
            _forward(sparse, transfer, weights, pitch, bias, images, chosen, x, out, samples, lists, piece, pieces)
    else:
        _forward_shared(sparse, transfer, weights, pitch, bias, images, chosen, x, out, samples, lists, pieces)


@kernel(parallel=True)
def _forward_shared(sparse, transfer, weights, pitch, bias, images, chosen, x, out, samples, lists, pieces):
    for piece in prange(pieces):
        _forward(sparse, transfer, weights, pitch, bias, images, chosen, x, out, samples, lists, piece, pieces)


@kernel()
def _forward(sparse, transfer, weights, pitch, bias, images, chosen, x, out, samples, lists, piece, pieces):
    lo, hi = samples * piece // pieces, samples * (piece + 1) // pieces
    n = len(bias)
    fan_in = len(weights) // pitch
    part = out[lo * n : hi * n]
    fill_bias(bias, part, hi - lo)
    if sparse:
        for first in range(lo, hi, GROUP):  # a group's images are listed while they are in the nearest cache
            last, group = min(first + GROUP, hi), x[first * fan_in :]
            copy_images(images, chosen[first:last], fan_in, group)
            room = _room_of(lists, piece, pieces)
            add_sparse(group, last - first, fan_in, weights, pitch, n, out[first * n : last * n], room)
    else:
        copy_images(images, chosen[lo:hi], fan_in, x[lo * fan_in :])
        matmul(x[lo * fan_in :], fan_in, 1, weights, pitch, hi - lo, fan_in, n, ONE, 1, part, n)
    _transfer.layer(transfer, part, n)


@kernel()
def copy_images(images, chosen, n, x):
    """x[b] = images[chosen[b]], of n values each. Memory is asked for the next one while one is copied."""
    for b in range(len(chosen)):
        first = chosen[b] * n
        if b + 1 < len(chosen):
            following = chosen[b + 1] * n
            _vector_memory.fetch(images[following : following + n])
        _vector_memory.copy(images[first : first + n], x[b * n : b * n + n])


@kernel()
def add_sparse(x, rows, inner, b, b_pitch, n, out, lists):
    """out += x b for matrices (rows, inner) and (inner, n), of which b has rows that start every b_pitch values."""
    for first in range(0, rows, GROUP):
        group, height = x[first * inner :], min(GROUP, rows - first)
        count = _vector_groups.list_columns(group, inner, height, lists)
        _vector_groups.add_listed(lists[:count], group, inner, 1, b, b_pitch, height, n, out[first * n :], n)


@kernel()
def add_outer_sparse(target, pitch, n, x, signal, samples, learning, lists):
    """target += x.T signal for `learning` samples, as `add_outer_matrix`. Returns how many rows of x.T are not zero."""
    pieces = parts(samples)
    if is_alone(pieces):
        for piece in range(pieces):
            _add_outer_sparse(target, pitch, n, x, signal, learning, lists, piece, pieces)
    else:
        _add_outer_sparse_shared(target, pitch, n, x, signal, learning, lists, pieces)
    rows = 0
    for piece in range(pieces):
        rows += _room_of(lists, piece, pieces)[0]
    return rows


@kernel(parallel=True)
def _add_outer_sparse_shared(target, pitch, n, x, signal, learning, lists, pieces):
    for piece in prange(pieces):
        _add_outer_sparse(target, pitch, n, x, signal, learning, lists, piece, pieces)


@kernel()
def _add_outer_sparse(target, pitch, n, x, signal, learning, lists, piece, pieces):
    """Leaves the number of rows that are not zero at the start of its room."""
    rows = len(target) // pitch
    lo, hi = rows * piece // pieces, rows * (piece + 1) // pieces
    room = _room_of(lists, piece, pieces)
    listed = room[1:]
    active = 0
    for first in range(lo, hi, LANES):
        columns = min(LANES, hi - first)
        active += _vector_groups.list_rows(x[first:], rows, learning, columns, listed)
        for g in range((columns + GROUP - 1) // GROUP):
            row, begin = first + g * GROUP, g * learning
            samples = listed[begin : begin + listed[GROUPS * learning + g]]
            height = min(GROUP, hi - row)
            _vector_groups.add_listed(samples, x[row:], 1, rows, signal, n, height, n, target[row * pitch :], pitch)
    room[0] = active


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
