"""Training images mirrored and moved as they enter, by draws of their own for every frame and sample."""

from __future__ import annotations

import math

import numpy as np

from channelsim.engine.compile.jit import inner
from channelsim.engine.kernels import counter_hash

ZERO = np.float32(0.0)


@inner()
def draws(seed, frame, sample, flip, shift):
    """(mirrored, dy, dx) of one sample."""
    key = counter_hash.key(seed, counter_hash.AUGMENT, frame, sample)
    mirrored = flip and counter_hash.uniform(counter_hash.word(key, np.int64(0))) < 0.5
    places = 2 * shift + 1
    dy = np.int64(math.floor(counter_hash.uniform(counter_hash.word(key, np.int64(1))) * places)) - shift
    dx = np.int64(math.floor(counter_hash.uniform(counter_hash.word(key, np.int64(2))) * places)) - shift
    return mirrored, dy, dx


@inner()
def place(image, out, height, width, mirrored, dy, dx):
    """out[c, y, x] = image[c, y - dy, x - dx], of the mirrored image if so; zeros come in from beyond the edge."""
    for r in range(len(image) // width):  # rows of all channels
        y = r % height - dy
        row = out[r * width : r * width + width]
        if y < 0 or y >= height:
            row[:] = ZERO
            continue
        source = image[(r - dy) * width : (r - dy) * width + width]
        for x in range(width):
            u = x - dx
            if u < 0 or u >= width:
                row[x] = ZERO
            else:
                row[x] = source[width - 1 - u if mirrored else u]
