"""Kernels of dense layers for mini-batches: products of matrices, which skip the zeros where activity is sparse.

Samples (forward) or rows of W (updates, and sums over many rows of which few count) are divided among threads. A sum,
or a part of it over so many rows of W, is made by one thread and in the same order, so the number of threads does not
show in the result.
"""

from __future__ import annotations

import numpy as np

from channelsim.engine import sizes
from channelsim.engine.compile.jit import inner
from channelsim.engine.compile.thread_pool import in_parts
from channelsim.engine.config import GROUP, GROUPS, PAIR, SPAN
from channelsim.engine.kernels import multiples, simd, transfers

ZERO, ONE = np.float32(0.0), np.float32(1.0)
parts, row_parts = inner(inlined=True)(sizes.parts), inner(inlined=True)(sizes.row_parts)


@inner(inlined=True)
def _room_of(lists, piece, pieces):
    """One part's share of the lists."""
    room = len(lists) // pieces
    return lists[piece * room : (piece + 1) * room]


@inner()
def forward(sparse, transfer, weights, stride, bias, images, chosen, x, out, samples, events, partial, lists):
    """out = f(W x + b) for a mini-batch `x`, (samples, fan-in), into which the chosen images, if any, are copied first.

    events[b] becomes the number of each sample's values of `out` that are not zero. `partial` is room for
    `partial_room` sums; `lists` is room, as in all that follow.
    """
    pieces, n = parts(samples), len(bias)
    row_pieces = row_parts(pieces, len(weights) // stride)
    if sparse and row_pieces > 1:
        in_parts(_sum_rows, row_pieces, (weights, stride, bias, images, chosen, x, out, samples, partial, lists))
        in_parts(_join, pieces, (transfer, n, out, samples, events, partial, row_pieces))
    else:
        given = sparse, transfer, weights, stride, bias, images, chosen, x, out, samples, events, lists
        in_parts(forward_part, pieces, given)


@inner()
def forward_part(
    sparse, transfer, weights, stride, bias, images, chosen, x, out, samples, events, lists, piece, pieces
):
    """The same for one part of the samples, which needs no sums over parts of the rows."""
    lo, hi = samples * piece // pieces, samples * (piece + 1) // pieces
    fan_in, n = len(weights) // stride, len(bias)
    inputs, part = x[lo * fan_in :], out[lo * n : hi * n]
    fill_bias(bias, part, hi - lo)
    copy_images(images, chosen[lo:hi], chosen[lo + 1 : hi], fan_in, 0, fan_in, inputs)
    if sparse:
        add_sparse(inputs, fan_in, hi - lo, fan_in, weights, stride, n, part, _room_of(lists, piece, pieces))
    else:
        matmul(inputs, fan_in, 1, weights, stride, hi - lo, fan_in, n, ONE, 1, part, n)
    transfers.layer(transfer, part, n)
    count_each(part, n, events[lo:hi])


@inner()
def _sum_rows(weights, stride, bias, images, chosen, x, out, samples, partial, lists, piece, pieces):
    """What one part of the rows of W adds to all samples: the first part in `out`, the others in `partial`."""
    fan_in, n = len(weights) // stride, len(bias)
    lo, hi = fan_in * piece // pieces, fan_in * (piece + 1) // pieces
    if piece == 0:
        sums = out[: samples * n]
        fill_bias(bias, sums, samples)
    else:
        sums = partial[(piece - 1) * samples * n : piece * samples * n]
        sums[:] = ZERO
    for first in range(0, samples, PAIR):  # a pair's images are listed while they are in the nearest cache
        last, pair = min(first + PAIR, samples), x[first * fan_in :]
        copy_images(images, chosen[first:last], chosen[last : last + PAIR], fan_in, lo, hi, pair)
        add_sparse(
            pair[lo:], fan_in, last - first, hi - lo, weights[lo * stride :], stride, n, sums[first * n : last * n],
            _room_of(lists, piece, pieces),
        )  # fmt: skip


@inner()
def _join(transfer, n, out, samples, events, partial, row_pieces, piece, pieces):
    """out = f(the sum of all parts of the rows), for one part of the samples."""
    lo, hi = samples * piece // pieces, samples * (piece + 1) // pieces
    part = out[lo * n : hi * n]
    for k in range(row_pieces - 1):
        more = partial[(k * samples + lo) * n : (k * samples + hi) * n]
        for i in range(len(part)):
            part[i] += more[i]
    transfers.layer(transfer, part, n)
    count_each(part, n, events[lo:hi])


@inner()
def count_each(values, n, events):
    """events[b] = how many of n values are not zero, sample after sample."""
    for b in range(len(events)):
        events[b] = simd.count_events(values[b * n : b * n + n])


@inner()
def copy_images(images, chosen, ahead, n, lo, hi, x):
    """x[b, lo:hi] = images[chosen[b], lo:hi], of n values each; ahead[b] is prefetched meanwhile."""
    for b in range(len(chosen)):
        if b < len(ahead):
            following = ahead[b] * n
            simd.prefetch(images[following + lo : following + hi])
        image = chosen[b] * n
        simd.copy(images[image + lo : image + hi], x[b * n + lo : b * n + hi])


@inner()
def add_sparse(x, x_stride, rows, inner, b, b_stride, n, out, lists):
    """out += x b for matrices (rows, inner) and (inner, n) whose rows start every x_stride and b_stride values."""
    for first in range(0, rows, PAIR):
        pair, height = x[first * x_stride :], min(PAIR, rows - first)
        count = simd.list_columns(pair, x_stride, inner, height, lists)
        simd.add_listed(lists[:count], pair, x_stride, 1, b, b_stride, height, n, out[first * n :], n)


@inner()
def add_outer_sparse(target, stride, n, x, signal, samples, learning, lists):
    """target += x.T signal for `learning` samples, as `add_outer_matrix`. Returns how many rows of x.T are not zero."""
    pieces = parts(samples)
    in_parts(_add_outer_sparse, pieces, (target, stride, n, x, signal, learning, lists))
    rows = 0
    for piece in range(pieces):
        rows += _room_of(lists, piece, pieces)[0]
    return rows


@inner()
def _add_outer_sparse(target, stride, n, x, signal, learning, lists, piece, pieces):
    """Leaves the number of rows that are not zero at the start of its room."""
    rows = len(target) // stride
    lo, hi = rows * piece // pieces, rows * (piece + 1) // pieces
    room = _room_of(lists, piece, pieces)
    listed = room[1:]
    active = 0
    for first in range(lo, hi, SPAN):
        columns = min(SPAN, hi - first)
        active += simd.list_rows(x[first:], rows, learning, columns, listed)
        for g in range((columns + GROUP - 1) // GROUP):
            row, begin = first + g * GROUP, g * learning
            samples = listed[begin : begin + listed[GROUPS * learning + g]]
            height = min(GROUP, hi - row)
            simd.add_listed(samples, x[row:], 1, rows, signal, n, height, n, target[row * stride :], stride)
    room[0] = active


@inner()
def add_outer_matrix(target, stride, n, x, signal, samples, learning, scale):
    """target += scale * x.T signal for `learning` samples: (rows, n) += (learning, rows).T (learning, n)."""
    in_parts(_add_outer_matrix, parts(samples), (target, stride, n, x, signal, learning, scale))


@inner()
def _add_outer_matrix(target, stride, n, x, signal, learning, scale, piece, pieces):
    rows = len(target) // stride
    lo, hi = rows * piece // pieces, rows * (piece + 1) // pieces
    part = target[lo * stride : hi * stride]
    matmul(x[lo:], 1, rows, signal, n, hi - lo, learning, n, scale, 1, part, stride)


@inner()
def survey(signal, n, samples, events, totals):
    """events[b] = how many of the n values of each sample of R are not zero; totals[:n] = R summed over the samples.

    Behind it is room for n values of each other part. Returns whether all values are finite.
    """
    pieces = parts(samples)
    in_parts(_survey, pieces, (signal, n, samples, events, totals))
    finite = True
    for piece in range(pieces):
        finite &= events[samples * piece // pieces] >= 0
        if piece > 0:
            for j in range(n):
                totals[j] += totals[piece * n + j]
    return finite


@inner()
def _survey(signal, n, samples, events, totals, piece, pieces):
    """The first of the part's numbers of events is -1 where a value is not finite."""
    lo, hi = samples * piece // pieces, samples * (piece + 1) // pieces
    total = totals[piece * n : piece * n + n]
    total[:] = ZERO
    for b in range(lo, hi):
        values = signal[b * n : b * n + n]
        for j in range(n):
            total[j] += values[j]
    count_each(signal[lo * n : hi * n], n, events[lo:hi])
    if not simd.are_finite(signal[lo * n : hi * n]):
        events[lo] = -1


@inner()
def make_error(message, n, feedback, n_target, unit, units, transfer, output, error, samples):
    """error = message feedback for matrices (samples, n) and (n, n_target), times f'(S) as far as `output` goes.

    They are multiples of `units` and of `unit`, if that is not 0.
    """
    given = message, n, feedback, n_target, unit, units, transfer, output, error, samples
    in_parts(_make_error, parts(samples), given)


@inner()
def _make_error(message, n, feedback, n_target, unit, units, transfer, output, error, samples, piece, pieces):
    _through(n_target, n, message, error, samples, feedback, piece, pieces)
    first, last = samples * piece // pieces, samples * (piece + 1) // pieces
    lo, hi = first * n_target, last * n_target
    if unit != ZERO:
        multiples.finish(error[lo:hi], n_target, unit, units[first:last])
    end = max(lo, min(hi, len(output)))
    transfers.times_derivative(transfer, error[lo:end], output[lo:end])


@inner()
def take_error(made, transfer, output, error, samples):
    """error = made, times f'(S) as far as `output` goes."""
    in_parts(_take_error, parts(samples), (made, transfer, output, error, samples))


@inner()
def _take_error(made, transfer, output, error, samples, piece, pieces):
    n = len(error) // samples
    lo, hi = samples * piece // pieces * n, samples * (piece + 1) // pieces * n
    simd.copy(made[lo:hi], error[lo:hi])
    end = max(lo, min(hi, len(output)))
    transfers.times_derivative(transfer, error[lo:end], output[lo:end])


@inner()
def through_transposed(matrix, stride, n, message, out, samples, turned):
    """out = message matrix.T for a (rows, n) matrix: (samples, n) -> (samples, rows). `turned` is room for matrix.T."""
    rows, pieces = len(matrix) // stride, parts(samples)
    in_parts(_transpose, pieces, (matrix, stride, rows, n, turned))
    in_parts(_through, pieces, (rows, n, message, out, samples, turned))


@inner()
def _through(rows, n, message, out, samples, turned, piece, pieces):
    lo, hi = samples * piece // pieces, samples * (piece + 1) // pieces
    part = out[lo * rows : hi * rows]
    matmul(message[lo * n :], n, 1, turned, rows, hi - lo, n, rows, ONE, 0, part, rows)


@inner()
def _transpose(matrix, stride, rows, n, out, piece, pieces):
    """out = matrix.T, (n, rows): one part of the rows, those that the thread has updated."""
    lo, hi = rows * piece // pieces, rows * (piece + 1) // pieces
    simd.transpose(matrix[lo * stride :], stride, hi - lo, n, out[lo:], rows)


@inner()
def hand_over(source, n, samples, out, events):
    """out = source, and events[b] = how many of the n values of each sample are not zero."""
    in_parts(_hand_over, parts(samples), (source, n, samples, out, events))


@inner()
def _hand_over(source, n, samples, out, events, piece, pieces):
    lo, hi = samples * piece // pieces, samples * (piece + 1) // pieces
    simd.copy(source[lo * n : hi * n], out[lo * n : hi * n])
    count_each(out[lo * n : hi * n], n, events[lo:hi])


@inner()
def matmul(a, row_step, step, b, b_stride, rows, inner, columns, scale, add, c, c_stride):
    """c[i, j] = scale * sum_k a[i * row_step + k * step] * b[k, j], plus what c holds if `add`."""
    simd.matmul(a, row_step, step, b, b_stride, rows, inner, columns, scale, add, c, c_stride)


@inner()
def fill_bias(bias, out, samples):
    """out[s] = bias for every sample."""
    n = len(bias)
    for s in range(samples):
        simd.copy(bias, out[s * n : s * n + n])
