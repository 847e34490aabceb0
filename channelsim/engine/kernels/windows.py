"""Kernels of layers without synapses: largest or mean value of a window, values passed on, and the errors back."""

from __future__ import annotations

import numpy as np

from channelsim.engine.compile.jit import inner
from channelsim.engine.tables.geometry import CHANNELS, COLUMNS, HEIGHT, KERNEL, ROWS, STRIDE, WIDTH
from channelsim.plan import Kind

AVGPOOL, FLATTEN = int(Kind.AVGPOOL), int(Kind.FLATTEN)
ZERO = np.float32(0.0)
ONE, TWO = np.uint64(1), np.uint64(2)  # unsigned, so that an index cannot wrap around and the loop vectorizes


@inner()
def forward(kind, g, x, out, lo, hi):
    """The output maps of samples lo .. hi - 1."""
    area, positions = g[HEIGHT] * g[WIDTH], g[ROWS] * g[COLUMNS]
    maps = g[CHANNELS]
    for m in range(maps * lo, maps * hi):
        here, there = x[m * area : m * area + area], out[m * positions : m * positions + positions]
        if kind == FLATTEN:
            for p in range(positions):
                there[p] = here[p]
        elif kind == AVGPOOL:
            mean(g, here, there)
        elif g[KERNEL] == 2 and g[STRIDE] == 2:
            largest_of_four(g, here, there)
        else:
            largest(g, here, there)


@inner()
def backward(kind, g, x, message, events, out, recalled, lo, hi):
    """The error that messages lo .. hi - 1 make at the map below, whose values are x.

    Of samples from `recalled` on there are none left: there is no error.
    """
    area, positions = g[HEIGHT] * g[WIDTH], g[ROWS] * g[COLUMNS]
    maps = g[CHANNELS]
    for m in range(maps * lo, maps * hi):
        here, there = message[m * positions : m * positions + positions], out[m * area : m * area + area]
        b = m // maps
        if events[b] == 0 or b >= recalled:
            there[:] = ZERO
        elif kind == FLATTEN:
            for p in range(positions):
                there[p] = here[p]
        elif kind == AVGPOOL:
            share(g, here, there)
        elif g[KERNEL] == 2 and g[STRIDE] == 2:
            to_largest_of_four(g, x[m * area : m * area + area], here, there)
        else:
            to_largest(g, x[m * area : m * area + area], here, there)


@inner()
def _place(g, channel, y, x):
    """Where the largest value of a window is, the first of several; a NaN is larger than any."""
    width, k, stride = g[WIDTH], g[KERNEL], g[STRIDE]
    place = y * stride * width + x * stride
    top = channel[place]
    for i in range(k):
        for j in range(k):
            at = (y * stride + i) * width + x * stride + j
            v = channel[at]
            if v > top or v != v:
                place, top = at, v
    return place


@inner()
def largest(g, channel, out):
    """out = the largest value of each window."""
    for y in range(g[ROWS]):
        for x in range(g[COLUMNS]):
            out[y * g[COLUMNS] + x] = channel[_place(g, channel, y, x)]


@inner()
def to_largest(g, channel, error, out):
    """Each window's error goes to its largest value."""
    out[:] = ZERO
    for y in range(g[ROWS]):
        for x in range(g[COLUMNS]):
            out[_place(g, channel, y, x)] += error[y * g[COLUMNS] + x]


@inner()
def largest_of_four(g, channel, out):
    """`largest` for windows of 2 x 2 side by side."""
    width, columns = g[WIDTH], g[COLUMNS]
    for y in range(g[ROWS]):
        first = channel[2 * y * width : 2 * y * width + width]
        second = channel[(2 * y + 1) * width : (2 * y + 2) * width]
        row = out[y * columns : y * columns + columns]
        for x in range(columns):
            i = TWO * np.uint64(x)
            a, b, c, d = first[i], first[i + ONE], second[i], second[i + ONE]
            top = b if (b > a) | (b != b) else a
            low = d if (d > c) | (d != d) else c
            row[x] = low if (low > top) | (low != low) else top


@inner()
def to_largest_of_four(g, channel, error, out):
    """`to_largest` for windows of 2 x 2 side by side."""
    width, columns, rows = g[WIDTH], g[COLUMNS], g[ROWS]
    if width > 2 * columns or g[HEIGHT] > 2 * rows:
        out[:] = ZERO
    for y in range(rows):
        first = channel[2 * y * width : 2 * y * width + width]
        second = channel[(2 * y + 1) * width : (2 * y + 2) * width]
        above = out[2 * y * width : 2 * y * width + width]
        below = out[(2 * y + 1) * width : (2 * y + 2) * width]
        row = error[y * columns : y * columns + columns]
        for x in range(columns):
            i = TWO * np.uint64(x)
            a, b, c, d, e = first[i], first[i + ONE], second[i], second[i + ONE], row[x]
            right, right_below = (b > a) | (b != b), (d > c) | (d != d)
            top, low = b if right else a, d if right_below else c
            lower = (low > top) | (low != low)
            upper_error, lower_error = ZERO if lower else e, e if lower else ZERO
            above[i] = ZERO if right else upper_error
            above[i + ONE] = upper_error if right else ZERO
            below[i] = ZERO if right_below else lower_error
            below[i + ONE] = lower_error if right_below else ZERO


@inner()
def mean(g, channel, out):
    """out = the mean of each window."""
    width, k, stride, columns = g[WIDTH], g[KERNEL], g[STRIDE], g[COLUMNS]
    part = np.float32(1.0 / (k * k))
    for y in range(g[ROWS]):
        for x in range(columns):
            total = ZERO
            for i in range(k):
                first = (y * stride + i) * width + x * stride
                for j in range(k):
                    total += channel[first + j]
            out[y * columns + x] = total * part


@inner()
def share(g, error, out):
    """Each window's error is shared evenly."""
    width, k, stride, columns = g[WIDTH], g[KERNEL], g[STRIDE], g[COLUMNS]
    part = np.float32(1.0 / (k * k))
    out[:] = ZERO
    for y in range(g[ROWS]):
        for x in range(columns):
            e = error[y * columns + x]
            for i in range(k):
                first = (y * stride + i) * width + x * stride
                for j in range(k):
                    out[first + j] += e
    for i in range(len(out)):
        out[i] *= part
