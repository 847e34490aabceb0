"""Kernels of dense layers, one sample at a time: whole rows of W, addressed by events.

A layer's input is a list of events (index, value). W has the layout (fan-in, units), so that an event reads, and an
update writes, one contiguous row. Rows are taken four or eight at a time, which divides the traffic on the
accumulator; every product is added by one fused multiply-add in the order of the events, so the grouping does not
show in the result.

Kernels take views that start where the data starts: an index with an offset in it does not vectorize, because it
might be negative and would then have to wrap around.
"""

from __future__ import annotations

import numpy as np

from channelsim.engine._jit import kernel

CONTRACT = {"contract"}
REDUCE = {"contract", "reassoc"}
ZERO = np.float32(0.0)


@kernel(inline="always")
def row(matrix, r, n):
    """Row r of a flat matrix with n columns."""
    return matrix[r * n : r * n + n]


@kernel(fastmath=CONTRACT)
def add_rows(matrix, n, index, value, out):
    """out += sum_k value[k] * row(index[k]) of a flat matrix with n columns."""
    count = len(index)
    k = 0
    while k + 8 <= count:
        w0, w1 = row(matrix, index[k], n), row(matrix, index[k + 1], n)
        w2, w3 = row(matrix, index[k + 2], n), row(matrix, index[k + 3], n)
        w4, w5 = row(matrix, index[k + 4], n), row(matrix, index[k + 5], n)
        w6, w7 = row(matrix, index[k + 6], n), row(matrix, index[k + 7], n)
        x0, x1, x2, x3 = value[k], value[k + 1], value[k + 2], value[k + 3]
        x4, x5, x6, x7 = value[k + 4], value[k + 5], value[k + 6], value[k + 7]
        for j in range(n):
            near = out[j] + x0 * w0[j] + x1 * w1[j] + x2 * w2[j] + x3 * w3[j]
            out[j] = near + x4 * w4[j] + x5 * w5[j] + x6 * w6[j] + x7 * w7[j]
        k += 8
    while k + 4 <= count:
        w0, w1 = row(matrix, index[k], n), row(matrix, index[k + 1], n)
        w2, w3 = row(matrix, index[k + 2], n), row(matrix, index[k + 3], n)
        x0, x1, x2, x3 = value[k], value[k + 1], value[k + 2], value[k + 3]
        for j in range(n):
            out[j] = out[j] + x0 * w0[j] + x1 * w1[j] + x2 * w2[j] + x3 * w3[j]
        k += 4
    while k < count:
        w0, x0 = row(matrix, index[k], n), value[k]
        for j in range(n):
            out[j] += x0 * w0[j]
        k += 1


@kernel(fastmath=CONTRACT)
def update_and_add_rows(matrix, n, index, value, step, old, out):
    """The last frame's update and this frame's sum in one pass over each row that both touch.

    Row r first grows by old[r] * step, then counts in `out`. `old` is left at zero for the rows done.
    """
    count = len(index)
    k = 0
    while k + 4 <= count:
        i0, i1, i2, i3 = index[k], index[k + 1], index[k + 2], index[k + 3]
        w0, w1, w2, w3 = row(matrix, i0, n), row(matrix, i1, n), row(matrix, i2, n), row(matrix, i3, n)
        x0, x1, x2, x3 = value[k], value[k + 1], value[k + 2], value[k + 3]
        y0, y1, y2, y3 = old[i0], old[i1], old[i2], old[i3]
        old[i0] = ZERO
        old[i1] = ZERO
        old[i2] = ZERO
        old[i3] = ZERO
        for j in range(n):
            g = step[j]
            a = w0[j] + y0 * g
            b = w1[j] + y1 * g
            c = w2[j] + y2 * g
            d = w3[j] + y3 * g
            w0[j] = a
            w1[j] = b
            w2[j] = c
            w3[j] = d
            out[j] = out[j] + x0 * a + x1 * b + x2 * c + x3 * d
        k += 4
    while k < count:
        i0 = index[k]
        w0, x0, y0 = row(matrix, i0, n), value[k], old[i0]
        old[i0] = ZERO
        for j in range(n):
            a = w0[j] + y0 * step[j]
            w0[j] = a
            out[j] += x0 * a
        k += 1


@kernel(fastmath=CONTRACT)
def update_rows(matrix, n, index, step, old):
    """Rows grow by old[r] * step for the rows r of the list that are not done; `old` is left at zero."""
    for k in range(len(index)):
        r = index[k]
        y = old[r]
        if y != ZERO:
            old[r] = ZERO
            w = row(matrix, r, n)
            for j in range(n):
                w[j] += y * step[j]


@kernel(fastmath=CONTRACT)
def add_scaled(x, values, out):
    """out += x * values."""
    for j in range(len(out)):
        out[j] += x * values[j]


@kernel(fastmath=REDUCE)
def dot_rows(matrix, n, message, out):
    """out[r] = sum_j W[r, j] message[j] for every row: the transposed wiring of bp."""
    rows = len(out)
    r = 0
    while r + 4 <= rows:
        w0, w1, w2, w3 = row(matrix, r, n), row(matrix, r + 1, n), row(matrix, r + 2, n), row(matrix, r + 3, n)
        s0 = s1 = s2 = s3 = ZERO
        for j in range(n):
            x = message[j]
            s0 += w0[j] * x
            s1 += w1[j] * x
            s2 += w2[j] * x
            s3 += w3[j] * x
        out[r], out[r + 1], out[r + 2], out[r + 3] = s0, s1, s2, s3
        r += 4
    while r < rows:
        w0 = row(matrix, r, n)
        s0 = ZERO
        for j in range(n):
            s0 += w0[j] * message[j]
        out[r] = s0
        r += 1
