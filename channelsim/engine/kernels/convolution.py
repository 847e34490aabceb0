"""Kernels of convolutional layers: one image at a time becomes its matrix of patches; the rest are matrix products.

`_parts` divides the work among threads: by samples, the gradient by rows of W. Each kernel does one part of it, and has
`room` for the patches of one image and the planes of one channel.
"""

from __future__ import annotations

import numpy as np

from channelsim.engine.compile.jit import inner
from channelsim.engine.kernels import activity, conv_counts, patch_matrix, simd, transfers
from channelsim.engine.tables.geometry import CHANNELS, COLUMNS, HEIGHT, MAPS, PITCH, ROWS, WIDTH

ZERO = np.float32(0.0)
ONE = np.float32(1.0)


@inner()
def forward(g, transfer, weights, stride, bias, x, count, out, macs, lo, hi, room):
    """out = f(W * x + b) for samples lo .. hi - 1; without b where `bias` is empty.

    macs[b] = products of active inputs with entries of W; count[b] as `conv_counts.operations` takes it.
    """
    below, maps, positions = g[CHANNELS] * g[HEIGHT] * g[WIDTH], g[MAPS], g[ROWS] * g[COLUMNS]
    n, rows = maps * positions, len(weights) // stride
    patches, planes = room[: rows * g[PITCH]], room[rows * g[PITCH] :]
    for b in range(lo, hi):
        image, part = x[b * below : b * below + below], out[b * n : b * n + n]
        macs[b] = conv_counts.operations(g, image, count[b], False, room)
        patch_matrix.unfold(g, image, 0, rows, planes, patches)
        for o in range(len(bias)):
            part[o * positions : o * positions + positions] = bias[o]
        add = np.int64(len(bias) > 0)
        simd.matmul(weights, 1, stride, patches, g[PITCH], maps, rows, positions, ONE, add, part, positions)
        transfers.layer(transfer, part, n)


@inner()
def through_transposed(g, matrix, stride, message, events, out, macs, lo, hi, room):
    """The error at the map below that messages lo .. hi - 1 make through W, or through a matrix shaped like it.

    macs[b] = products of the events of message b with entries of the matrix; events[b] as `conv_counts.operations`
    takes their number.
    """
    below, maps, positions = g[CHANNELS] * g[HEIGHT] * g[WIDTH], g[MAPS], g[ROWS] * g[COLUMNS]
    n, rows = maps * positions, len(matrix) // stride
    patches, planes = room[: rows * g[PITCH]], room[rows * g[PITCH] :]
    for b in range(lo, hi):
        errors, part = message[b * n : b * n + n], out[b * below : b * below + below]
        macs[b] = conv_counts.operations(g, errors, events[b], True, room)
        if events[b] == 0:
            part[:] = ZERO
        else:
            simd.matmul(matrix, stride, 1, errors, positions, rows, maps, positions, ONE, 0, patches, g[PITCH])
            patch_matrix.fold(g, patches, planes, part)


@inner()
def add_outer(g, target, stride, x, turned, learns, samples, scale, lo, hi, room):
    """Rows lo .. hi - 1 of target += scale * sum over samples that learn and positions of patch (x) R.

    target is shaped like W. `turned` holds R with the maps of each position side by side: (samples, positions, maps).
    """
    below, maps, positions = g[CHANNELS] * g[HEIGHT] * g[WIDTH], g[MAPS], g[ROWS] * g[COLUMNS]
    n, rows = maps * positions, len(target) // stride
    patches, planes = room[: rows * g[PITCH]], room[rows * g[PITCH] :]
    part = target[lo * stride : hi * stride]
    for b in range(samples):
        if learns[b]:
            patch_matrix.unfold(g, x[b * below : b * below + below], lo, hi, planes, patches)
            error = turned[b * n : b * n + n]
            simd.matmul(patches, g[PITCH], 1, error, maps, hi - lo, positions, maps, scale, 1, part, stride)


@inner()
def survey(g, x, count, signal, turned, learns, macs, sums, lo, hi, room):
    """What an update of samples lo .. hi - 1 takes.

    learns[b]; macs[b]; sums[b, o] = R summed over the positions of map o; and `turned` = R with the maps of each
    position side by side, (samples, positions, maps). count[b] inputs of sample b are active, or UNKNOWN.
    """
    maps, positions, area = g[MAPS], g[ROWS] * g[COLUMNS], g[HEIGHT] * g[WIDTH]
    below, n = g[CHANNELS] * area, maps * positions
    errors, seen = room[:positions], room[positions : positions + area]
    for b in range(lo, hi):
        there = turned[b * n : b * n + n]
        turn(signal[b * n : b * n + n], maps, positions, there)
        count_and_sum(there, errors, sums[b * maps : b * maps + maps])
        learns[b] = activity.is_any_active(errors)
        full = count[b] == below
        if not full:
            conv_counts.active_channels(x[b * below : b * below + below], g[CHANNELS], area, seen)
        macs[b] = conv_counts.pairs(g, errors, seen, full)


@inner()
def turn(matrix, rows, columns, out):
    """out = matrix.T; a block of rows of `out` at a time, so that its cache lines are written while they are near."""
    for first in range(0, columns, 16):
        last = min(first + 16, columns)
        block = out[first * rows : last * rows]
        for r in range(rows):
            row = matrix[r * columns + first : r * columns + last]
            for j in range(len(row)):
                block[j * rows + r] = row[j]


@inner()
def count_and_sum(turned, errors, sums):
    """errors[p] = how many maps have an error at position p; sums[o] = the errors of map o, summed."""
    maps = len(sums)
    sums[:] = ZERO
    for p in range(len(errors)):
        error = turned[p * maps : p * maps + maps]
        active = 0
        for o in range(maps):
            sums[o] += error[o]
            active += error[o] != ZERO
        errors[p] = active
