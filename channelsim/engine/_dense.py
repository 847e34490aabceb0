"""Kernels of dense layers, one sample at a time: whole rows of W, addressed by events.

A layer's input is a list of events (index, value). W has the layout (fan-in, units), so that an event reads, and an update
writes, one contiguous row. Rows are taken four at a time, which quarters the traffic on the accumulator; every
product is added by one fused multiply-add in the order of the events, so the grouping does not show in the result.
"""

from __future__ import annotations

import numpy as np

from channelsim.engine._jit import kernel

CONTRACT = {"contract"}
REDUCE = {"contract", "reassoc"}
ZERO = np.float32(0.0)


@kernel(fastmath=CONTRACT)
def add_rows(weights, w, n, index, i, value, v, count, out, o):
    """out += sum of value * row over `count` events; out is out[o : o + n], rows start at weights[w]."""
    k = 0
    while k + 4 <= count:
        r0 = w + index[i + k] * n
        r1 = w + index[i + k + 1] * n
        r2 = w + index[i + k + 2] * n
        r3 = w + index[i + k + 3] * n
        x0, x1, x2, x3 = value[v + k], value[v + k + 1], value[v + k + 2], value[v + k + 3]
        for j in range(n):
            out[o + j] = (
                out[o + j]
                + x0 * weights[r0 + j]
                + x1 * weights[r1 + j]
                + x2 * weights[r2 + j]
                + x3 * weights[r3 + j]
            )
        k += 4
    while k < count:
        r0 = w + index[i + k] * n
        x0 = value[v + k]
        for j in range(n):
            out[o + j] += x0 * weights[r0 + j]
        k += 1


@kernel(fastmath=CONTRACT)
def update_and_add_rows(weights, w, n, index, i, value, v, count, step, s, old, p, out, o):
    """The last frame's update and this frame's sum in one pass over each row that both touch.

    Row r first grows by old[p + r] * step, then counts in `out`. `old` is left at zero for the rows done.
    """
    k = 0
    while k + 4 <= count:
        i0, i1, i2, i3 = index[i + k], index[i + k + 1], index[i + k + 2], index[i + k + 3]
        r0, r1, r2, r3 = w + i0 * n, w + i1 * n, w + i2 * n, w + i3 * n
        x0, x1, x2, x3 = value[v + k], value[v + k + 1], value[v + k + 2], value[v + k + 3]
        y0, y1, y2, y3 = old[p + i0], old[p + i1], old[p + i2], old[p + i3]
        old[p + i0] = ZERO
        old[p + i1] = ZERO
        old[p + i2] = ZERO
        old[p + i3] = ZERO
        for j in range(n):
            g = step[s + j]
            w0 = weights[r0 + j] + y0 * g
            w1 = weights[r1 + j] + y1 * g
            w2 = weights[r2 + j] + y2 * g
            w3 = weights[r3 + j] + y3 * g
            weights[r0 + j] = w0
            weights[r1 + j] = w1
            weights[r2 + j] = w2
            weights[r3 + j] = w3
            out[o + j] = out[o + j] + x0 * w0 + x1 * w1 + x2 * w2 + x3 * w3
        k += 4
    while k < count:
        i0 = index[i + k]
        r0 = w + i0 * n
        x0 = value[v + k]
        y0 = old[p + i0]
        old[p + i0] = ZERO
        for j in range(n):
            w0 = weights[r0 + j] + y0 * step[s + j]
            weights[r0 + j] = w0
            out[o + j] += x0 * w0
        k += 1


@kernel(fastmath=CONTRACT)
def update_rows(weights, w, n, index, i, count, step, s, old, p):
    """Rows grow by old[p + r] * step for the `count` rows r of the list that are not done; `old` is left at zero."""
    for k in range(count):
        r = index[i + k]
        y = old[p + r]
        if y != ZERO:
            old[p + r] = ZERO
            row = w + r * n
            for j in range(n):
                weights[row + j] += y * step[s + j]


@kernel(fastmath=REDUCE)
def dot_rows(weights, w, n, rows, message, m, out, o):
    """out[r] = sum_j W[r, j] message[j]: the transposed wiring of bp. out is overwritten."""
    r = 0
    while r + 4 <= rows:
        a = w + r * n
        b = a + n
        c = b + n
        d = c + n
        s0 = s1 = s2 = s3 = ZERO
        for j in range(n):
            x = message[m + j]
            s0 += weights[a + j] * x
            s1 += weights[b + j] * x
            s2 += weights[c + j] * x
            s3 += weights[d + j] * x
        out[o + r] = s0
        out[o + r + 1] = s1
        out[o + r + 2] = s2
        out[o + r + 3] = s3
        r += 4
    while r < rows:
        a = w + r * n
        s0 = ZERO
        for j in range(n):
            s0 += weights[a + j] * message[m + j]
        out[o + r] = s0
        r += 1
