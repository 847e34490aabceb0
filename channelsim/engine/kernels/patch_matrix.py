"""An image as the matrix of its patches, and back.

The patch matrix of an image has a row for each row (c, i, j) of W and a column for each position of the output map:
row (c, i, j) is channel c, moved by (i, j). All rows of one (c, j) are cut out of one *plane*, the channel moved
sideways by j with zeros around it, where they are contiguous if the stride is 1.
"""

from __future__ import annotations

import numpy as np

from channelsim.engine.compile.jit import inner
from channelsim.engine.tables.geometry import CHANNELS, COLUMNS, HEIGHT, KERNEL, PADDING, PITCH, ROWS, STRIDE, WIDTH

ZERO = np.float32(0.0)


@inner()
def plane_size(g):
    """Values of one plane: as many rows as the windows reach over, as many columns as the output map."""
    return ((g[ROWS] - 1) * g[STRIDE] + g[KERNEL]) * g[COLUMNS]


@inner()
def _reach(g, j):
    """First and last + 1 column of a plane whose column j + x stride lies in the image."""
    stride, left = g[STRIDE], g[PADDING] - j
    first = max(0, (left + stride - 1) // stride)
    return first, max(first, min(g[COLUMNS], (g[WIDTH] - 1 + left) // stride + 1))


@inner()
def _move(g, channel, j, plane):
    """plane[r, x] = channel[r - padding, x stride + j - padding]; zero outside."""
    height, width, columns, stride, padding = g[HEIGHT], g[WIDTH], g[COLUMNS], g[STRIDE], g[PADDING]
    shift = j - padding
    if stride == 1 and columns == width:  # the whole channel moves in one piece; then the columns that wrapped are cut
        size = height * width
        plane[: padding * width] = ZERO
        body = plane[padding * width : padding * width + size]
        first, last = max(0, -shift), max(0, -shift, size - max(0, shift))
        there, here = body[first:last], channel[first + shift : last + shift]
        for t in range(len(there)):
            there[t] = here[t]
        _cut(body, height, width, shift)
        plane[padding * width + size :] = ZERO
        return
    first, last = _reach(g, j)
    for r in range(len(plane) // columns):
        row, y = plane[r * columns : r * columns + columns], r - padding
        if y < 0 or y >= height:
            row[:] = ZERO
            continue
        source = channel[y * width : y * width + width]
        row[:first] = ZERO
        for x in range(first, last):
            row[x] = source[x * stride + shift]
        row[last:] = ZERO


@inner()
def _cut(body, height, width, shift):
    """Zero in the columns that come from beyond the edge of an image moved sideways by `shift`."""
    first = 0 if shift < 0 else max(0, width - shift)
    last = min(width, -shift) if shift < 0 else width
    for y in range(height):
        for x in range(first, last):
            body[y * width + x] = ZERO


@inner()
def unfold(g, image, lo, hi, planes, patches):
    """Rows lo .. hi - 1 of an image's patch matrix."""
    k, stride, columns, positions = g[KERNEL], g[STRIDE], g[COLUMNS], g[ROWS] * g[COLUMNS]
    area, size = g[HEIGHT] * g[WIDTH], plane_size(g)
    for c in range(lo // (k * k), (hi + k * k - 1) // (k * k)):
        channel = image[c * area : c * area + area]
        for j in range(k):
            _move(g, channel, j, planes[j * size : j * size + size])
        for r in range(max(lo, c * k * k), min(hi, c * k * k + k * k)):
            i, j = (r - c * k * k) // k, r % k
            plane = planes[j * size : j * size + size]
            row = patches[(r - lo) * g[PITCH] : (r - lo) * g[PITCH] + positions]
            if stride == 1:
                source = plane[i * columns : i * columns + positions]
                for t in range(positions):
                    row[t] = source[t]
            else:
                for y in range(g[ROWS]):
                    there = row[y * columns : y * columns + columns]
                    here = plane[(y * stride + i) * columns : (y * stride + i + 1) * columns]
                    for x in range(columns):
                        there[x] = here[x]


@inner()
def fold(g, patches, planes, image):
    """The transpose of `unfold`: each entry of a patch matrix is added to the pixel that it came from."""
    k, stride, columns, positions = g[KERNEL], g[STRIDE], g[COLUMNS], g[ROWS] * g[COLUMNS]
    area, size = g[HEIGHT] * g[WIDTH], plane_size(g)
    for c in range(g[CHANNELS]):
        channel = image[c * area : c * area + area]
        channel[:] = ZERO
        for j in range(k):
            plane = planes[:size]
            plane[:] = ZERO
            for i in range(k):
                first = (c * k * k + i * k + j) * g[PITCH]
                row = patches[first : first + positions]
                if stride == 1:
                    there = plane[i * columns : i * columns + positions]
                    for t in range(positions):
                        there[t] += row[t]
                else:
                    for y in range(g[ROWS]):
                        here = row[y * columns : y * columns + columns]
                        there = plane[(y * stride + i) * columns : (y * stride + i + 1) * columns]
                        for x in range(columns):
                            there[x] += here[x]
            _move_back(g, plane, j, channel)


@inner()
def _move_back(g, plane, j, channel):
    """The transpose of `_move`: channel[r - padding, x stride + j - padding] += plane[r, x]. `plane` is used up."""
    height, width, columns, stride, padding = g[HEIGHT], g[WIDTH], g[COLUMNS], g[STRIDE], g[PADDING]
    shift = j - padding
    if stride == 1 and columns == width:
        size = height * width
        body = plane[padding * width : padding * width + size]
        _cut(body, height, width, shift)
        first, last = max(0, -shift), max(0, -shift, size - max(0, shift))
        here, there = body[first:last], channel[first + shift : last + shift]
        for t in range(len(here)):
            there[t] += here[t]
        return
    first, last = _reach(g, j)
    for r in range(padding, min(padding + height, len(plane) // columns)):
        row, target = plane[r * columns : r * columns + columns], channel[(r - padding) * width :]
        for x in range(first, last):
            target[x * stride + shift] += row[x]
