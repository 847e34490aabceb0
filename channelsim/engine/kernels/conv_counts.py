"""What a convolution costs: multiply-accumulates and synapses written, counted from where units are active."""

from __future__ import annotations

import numpy as np

from channelsim.engine.compile.jit import inner
from channelsim.engine.compile.pointers import as_words
from channelsim.engine.kernels import activity
from channelsim.engine.tables.geometry import CHANNELS, COLUMNS, HEIGHT, KERNEL, MAPS, PADDING, ROWS, STRIDE, WIDTH

ZERO = np.float32(0.0)
ONE = np.float32(1.0)
UNKNOWN = np.int64(-1)  # how many values are not 0
AS_MARKED = np.int64(-2)  # how many are events: those that are not 0, and of the zeros those that are -0.0


@inner()
def active_channels(values, channels, positions, at):
    """at[p] = how many channels are active at position p of a map."""
    at[:positions] = ZERO
    for c in range(channels):
        channel = values[c * positions : c * positions + positions]
        for p in range(positions):
            at[p] += ONE if channel[p] != ZERO else ZERO


@inner()
def marked_channels(values, channels, positions, at):
    """at[p] = how many channels have an event at position p of a map, those that are -0.0 among them."""
    at[:positions] = ZERO
    words = as_words(values)
    for c in range(channels):
        channel = words[c * positions : c * positions + positions]
        for p in range(positions):
            at[p] += ONE if channel[p] != 0 else ZERO


@inner()
def taps(g, y, length):
    """How many of a window's rows (columns) lie in the image when it is at position y of a map."""
    first = y * g[STRIDE] - g[PADDING]
    return max(0, min(g[KERNEL], length - first) - max(0, -first))


@inner()
def uses(g, y, rows):
    """How many of a map's rows (columns) have a window that reaches over row (column) y of the image."""
    last = min(rows - 1, (y + g[PADDING]) // g[STRIDE])
    first = max(0, (y + g[PADDING] - g[KERNEL]) // g[STRIDE] + 1)
    return max(0, last - first + 1)


@inner()
def all_taps(g):
    """Pairs of a position and a tap of its window that lies in the image."""
    down = across = 0
    for y in range(g[ROWS]):
        down += taps(g, y, g[HEIGHT])
    for x in range(g[COLUMNS]):
        across += taps(g, x, g[WIDTH])
    return down * across


@inner()
def operations(g, values, count, back, room):
    """Products of an image's events with entries of W; with `back`, of a message's events on their way back through it.

    `count` values are events, or UNKNOWN or AS_MARKED.
    """
    channels, height, width = g[CHANNELS], g[HEIGHT], g[WIDTH]
    others = g[MAPS]
    if back:
        channels, height, width = g[MAPS], g[ROWS], g[COLUMNS]
        others = g[CHANNELS]
    if count == channels * height * width:
        return channels * others * all_taps(g)
    if count == 0:
        return 0
    at = room[: height * width]
    if count == AS_MARKED:
        marked_channels(values, channels, height * width, at)
    else:
        active_channels(values, channels, height * width, at)
    total = 0
    for y in range(height):
        line = 0
        for x in range(width):
            line += np.int64(at[y * width + x]) * (taps(g, x, g[WIDTH]) if back else uses(g, x, g[COLUMNS]))
        total += line * (taps(g, y, g[HEIGHT]) if back else uses(g, y, g[ROWS]))
    return total * others


@inner()
def pairs(g, sent, seen, full):
    """Products of an input and an error in the same window; `sent` and `seen` of them are active at each position."""
    k, stride, padding = g[KERNEL], g[STRIDE], g[PADDING]
    height, width, columns = g[HEIGHT], g[WIDTH], g[COLUMNS]
    total = 0
    for y in range(g[ROWS]):
        top = y * stride - padding
        for x in range(columns):
            errors = np.int64(sent[y * columns + x])
            if errors == 0:
                continue
            left = x * stride - padding
            if full:
                total += errors * g[CHANNELS] * taps(g, y, height) * taps(g, x, width)
                continue
            inputs = 0
            for v in range(max(0, top), min(height, top + k)):
                for u in range(max(0, left), min(width, left + k)):
                    inputs += np.int64(seen[v * width + u])
            total += errors * inputs
    return total


@inner()
def rows_at_work(g, x, learns, samples, touched):
    """How many rows of W see an active input, at some position of some sample that learns."""
    area = g[HEIGHT] * g[WIDTH]
    below = g[CHANNELS] * area
    for i in range(below):
        touched[i] = False
    for b in range(samples):
        if learns[b]:
            sample = x[b * below : b * below + below]
            for i in range(below):
                touched[i] |= sample[i] != ZERO
            if activity.count_true(touched) == below:
                break
    found = 0
    for c in range(g[CHANNELS]):
        for i in range(g[KERNEL]):
            for j in range(g[KERNEL]):
                found += _is_seen(g, touched[c * area : c * area + area], i, j)
    return found


@inner()
def _is_seen(g, touched, i, j):
    for y in range(g[ROWS]):
        v = y * g[STRIDE] + i - g[PADDING]
        if v < 0 or v >= g[HEIGHT]:
            continue
        for x in range(g[COLUMNS]):
            u = x * g[STRIDE] + j - g[PADDING]
            if 0 <= u < g[WIDTH] and touched[v * g[WIDTH] + u]:
                return True
    return False


@inner()
def maps_at_work(signal, maps, positions, samples):
    """How many maps have an error that is not zero, at some position of some sample."""
    found = 0
    for o in range(maps):
        for b in range(samples):
            first = (b * maps + o) * positions
            if activity.is_any_active(signal[first : first + positions]):
                found += 1
                break
    return found
