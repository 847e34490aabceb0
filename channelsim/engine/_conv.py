"""Kernels of convolutional layers: one image at a time becomes its matrix of patches; the rest are matrix products.

The patch matrix of an image has a row for each row (c, i, j) of W and a column for each position of the output map:
row (c, i, j) is channel c, moved by (i, j). All rows of one (c, j) are cut out of one *plane*, the channel moved
sideways by j with zeros around it, where they are contiguous if the stride is 1.

`_parts` divides the work among threads: by samples, the gradient by rows of W. Each kernel does one part of it, and has
`room` for the patches of one image and the planes of one channel.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from channelsim.engine import _stages, _transfer, _vector_products
from channelsim.engine._jit import kernel
from channelsim.plan import Kind
from channelsim.plan.sizes import patch_pitch, patch_values

# A row of `Net.geometry`: the map below, the map of this layer, the window that moves over the one to make the other,
# how far apart the rows of a patch matrix lie, and how many values of room a part needs.
CHANNELS, HEIGHT, WIDTH, MAPS, ROWS, COLUMNS, KERNEL, STRIDE, PADDING, PITCH, ROOM = 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
ZERO = np.float32(0.0)
ONE = np.float32(1.0)
FIELDS = ("in_channels", "in_height", "in_width", "out_channels", "out_height", "out_width", "kernel", "stride",
          "padding")  # fmt: skip


def geometry(layers: NDArray[Any]) -> NDArray[np.int64]:
    """`Net.geometry`: a row for each layer. `flatten` sees one long row."""
    table = np.zeros((len(layers), ROOM + 1), np.int64)
    for row, layer in zip(table, layers, strict=True):
        row[: len(FIELDS)] = [layer[field] for field in FIELDS]
        if layer["kind"] == Kind.FLATTEN:
            row[:] = (1, 1, layer["n"], 1, 1, layer["n"], 1, 1, 0, 0, 0)
        elif layer["kind"] == Kind.CONV2D:
            row[PITCH], row[ROOM] = patch_pitch(layer), patch_values(layer)
    return table


@kernel()
def plane_size(g):
    """Values of one plane: as many rows as the windows reach over, as many columns as the output map."""
    return ((g[ROWS] - 1) * g[STRIDE] + g[KERNEL]) * g[COLUMNS]


# --- patches ------------------------------------------------------------------------------------------


@kernel()
def _reach(g, j):
    """First and last + 1 column of a plane whose column j + x stride lies in the image."""
    stride, left = g[STRIDE], g[PADDING] - j
    first = max(0, (left + stride - 1) // stride)
    return first, max(first, min(g[COLUMNS], (g[WIDTH] - 1 + left) // stride + 1))


@kernel()
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


@kernel()
def _cut(body, height, width, shift):
    """Zero in the columns that come from beyond the edge of an image moved sideways by `shift`."""
    first = 0 if shift < 0 else max(0, width - shift)
    last = min(width, -shift) if shift < 0 else width
    for y in range(height):
        for x in range(first, last):
            body[y * width + x] = ZERO


@kernel()
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


@kernel()
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


@kernel()
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


# --- products -----------------------------------------------------------------------------------------


@kernel()
def forward(g, transfer, weights, pitch, bias, x, count, out, macs, lo, hi, room):
    """out = f(W * x + b) for samples lo .. hi - 1.

    macs[b] = products of inputs that speak with entries of W. count[b] inputs of sample b speak; -1 where that is not
    known.
    """
    below, maps, positions = g[CHANNELS] * g[HEIGHT] * g[WIDTH], g[MAPS], g[ROWS] * g[COLUMNS]
    n, rows = maps * positions, len(weights) // pitch
    patches, planes = room[: rows * g[PITCH]], room[rows * g[PITCH] :]
    for b in range(lo, hi):
        image, part = x[b * below : b * below + below], out[b * n : b * n + n]
        macs[b] = input_operations(g, image, count[b], room)
        unfold(g, image, 0, rows, planes, patches)
        for o in range(maps):
            part[o * positions : o * positions + positions] = bias[o]
        _vector_products.matmul(weights, 1, pitch, patches, g[PITCH], maps, rows, positions, ONE, 1, part, positions)
        _transfer.layer(transfer, part, n)


@kernel()
def through_transposed(g, matrix, pitch, message, heard, out, macs, lo, hi, room):
    """The error at the map below that messages lo .. hi - 1 make through W, or through a matrix shaped like it.

    macs[b] = products of the events of message b with entries of the matrix; heard[b] is their number.
    """
    below, maps, positions = g[CHANNELS] * g[HEIGHT] * g[WIDTH], g[MAPS], g[ROWS] * g[COLUMNS]
    n, rows = maps * positions, len(matrix) // pitch
    patches, planes = room[: rows * g[PITCH]], room[rows * g[PITCH] :]
    for b in range(lo, hi):
        said, part = message[b * n : b * n + n], out[b * below : b * below + below]
        macs[b] = output_operations(g, said, heard[b], room)
        if heard[b] == 0:
            part[:] = ZERO
        else:
            _vector_products.matmul(matrix, pitch, 1, said, positions, rows, maps, positions, ONE, 0, patches, g[PITCH])
            fold(g, patches, planes, part)


@kernel()
def add_outer(g, target, pitch, x, turned, learns, samples, scale, lo, hi, room):
    """Rows lo .. hi - 1 of target += scale * sum over samples that learn and positions of patch (x) R.

    target is shaped like W. `turned` holds R with the maps of each position side by side: (samples, positions, maps).
    """
    below, maps, positions = g[CHANNELS] * g[HEIGHT] * g[WIDTH], g[MAPS], g[ROWS] * g[COLUMNS]
    n, rows = maps * positions, len(target) // pitch
    patches, planes = room[: rows * g[PITCH]], room[rows * g[PITCH] :]
    part = target[lo * pitch : hi * pitch]
    for b in range(samples):
        if learns[b]:
            unfold(g, x[b * below : b * below + below], lo, hi, planes, patches)
            error = turned[b * n : b * n + n]
            _vector_products.matmul(patches, g[PITCH], 1, error, maps, hi - lo, positions, maps, scale, 1, part, pitch)


# --- counts -------------------------------------------------------------------------------------------


@kernel()
def speaking(values, channels, positions, at):
    """at[p] = how many channels speak at position p of a map."""
    at[:positions] = ZERO
    for c in range(channels):
        channel = values[c * positions : c * positions + positions]
        for p in range(positions):
            at[p] += ONE if channel[p] != ZERO else ZERO


@kernel()
def taps(g, y, length):
    """How many of a window's rows (columns) lie in the image when it is at position y of a map."""
    first = y * g[STRIDE] - g[PADDING]
    return max(0, min(g[KERNEL], length - first) - max(0, -first))


@kernel()
def uses(g, y, rows):
    """How many of a map's rows (columns) have a window that reaches over row (column) y of the image."""
    last = min(rows - 1, (y + g[PADDING]) // g[STRIDE])
    first = max(0, (y + g[PADDING] - g[KERNEL]) // g[STRIDE] + 1)
    return max(0, last - first + 1)


@kernel()
def all_taps(g):
    """Pairs of a position and a tap of its window that lies in the image."""
    down = across = 0
    for y in range(g[ROWS]):
        down += taps(g, y, g[HEIGHT])
    for x in range(g[COLUMNS]):
        across += taps(g, x, g[WIDTH])
    return down * across


@kernel()
def input_operations(g, x, count, room):
    """Products of an image's events, `count` of them (-1: unknown), with entries of W."""
    height, width = g[HEIGHT], g[WIDTH]
    if count == g[CHANNELS] * height * width:
        return g[MAPS] * g[CHANNELS] * all_taps(g)
    at = room[: height * width]
    speaking(x, g[CHANNELS], height * width, at)
    total = 0
    for y in range(height):
        line = 0
        for j in range(width):
            line += np.int64(at[y * width + j]) * uses(g, j, g[COLUMNS])
        total += line * uses(g, y, g[ROWS])
    return total * g[MAPS]


@kernel()
def output_operations(g, message, heard, room):
    """Products of a message's events, `heard` of them, with entries of W on their way back through it."""
    rows, columns = g[ROWS], g[COLUMNS]
    if heard == g[MAPS] * rows * columns:
        return g[MAPS] * g[CHANNELS] * all_taps(g)
    if heard == 0:
        return 0
    at = room[: rows * columns]
    speaking(message, g[MAPS], rows * columns, at)
    total = 0
    for y in range(rows):
        line = 0
        for j in range(columns):
            line += np.int64(at[y * columns + j]) * taps(g, j, g[WIDTH])
        total += line * taps(g, y, g[HEIGHT])
    return total * g[CHANNELS]


@kernel()
def survey(g, x, count, signal, turned, learns, macs, sums, lo, hi, room):
    """What an update of samples lo .. hi - 1 takes.

    learns[b]; macs[b]; sums[b, o] = R summed over the positions of map o; and `turned` = R with the maps of each
    position side by side, (samples, positions, maps). count[b] inputs of sample b speak, -1 if unknown.
    """
    maps, positions, area = g[MAPS], g[ROWS] * g[COLUMNS], g[HEIGHT] * g[WIDTH]
    below, n = g[CHANNELS] * area, maps * positions
    said, seen = room[:positions], room[positions : positions + area]
    for b in range(lo, hi):
        there = turned[b * n : b * n + n]
        turn(signal[b * n : b * n + n], maps, positions, there)
        count_and_sum(there, said, sums[b * maps : b * maps + maps])
        learns[b] = _stages.any_speaks(said)
        full = count[b] == below
        if not full:
            speaking(x[b * below : b * below + below], g[CHANNELS], area, seen)
        macs[b] = _pairs(g, said, seen, full)


@kernel()
def turn(matrix, rows, columns, out):
    """out = matrix.T; a block of rows of `out` at a time, so that its cache lines are written while they are near."""
    for first in range(0, columns, 16):
        last = min(first + 16, columns)
        block = out[first * rows : last * rows]
        for r in range(rows):
            row = matrix[r * columns + first : r * columns + last]
            for j in range(len(row)):
                block[j * rows + r] = row[j]


@kernel()
def count_and_sum(turned, said, sums):
    """said[p] = how many maps have an error at position p; sums[o] = the errors of map o, summed."""
    maps = len(sums)
    sums[:] = ZERO
    for p in range(len(said)):
        error = turned[p * maps : p * maps + maps]
        speak = 0
        for o in range(maps):
            sums[o] += error[o]
            speak += error[o] != ZERO
        said[p] = speak


@kernel()
def _pairs(g, said, seen, full):
    """Products of an input and an error in the same window; `said` and `seen` of them speak at each position."""
    k, stride, padding = g[KERNEL], g[STRIDE], g[PADDING]
    height, width, columns = g[HEIGHT], g[WIDTH], g[COLUMNS]
    total = 0
    for y in range(g[ROWS]):
        top = y * stride - padding
        for x in range(columns):
            errors = np.int64(said[y * columns + x])
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


@kernel()
def rows_at_work(g, x, learns, samples, touched):
    """How many rows of W see an input that speaks, at some position of some sample that learns."""
    area = g[HEIGHT] * g[WIDTH]
    below = g[CHANNELS] * area
    for i in range(below):
        touched[i] = False
    for b in range(samples):
        if learns[b]:
            sample = x[b * below : b * below + below]
            for i in range(below):
                touched[i] |= sample[i] != ZERO
            if _stages.count_true(touched) == below:
                break
    found = 0
    for c in range(g[CHANNELS]):
        for i in range(g[KERNEL]):
            for j in range(g[KERNEL]):
                found += _is_seen(g, touched[c * area : c * area + area], i, j)
    return found


@kernel()
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


@kernel()
def maps_at_work(signal, maps, positions, samples):
    """How many maps have an error that is not zero, at some position of some sample."""
    found = 0
    for o in range(maps):
        for b in range(samples):
            first = (b * maps + o) * positions
            if _stages.any_speaks(signal[first : first + positions]):
                found += 1
                break
    return found
