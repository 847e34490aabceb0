"""The counter-based hash, compiled: the twin of `channelsim.hashing`, draw for draw."""

from __future__ import annotations

import math

import numpy as np

from channelsim.engine._jit import kernel

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
MUL_1 = np.uint64(0xBF58476D1CE4E5B9)
MUL_2 = np.uint64(0x94D049BB133111EB)
S30, S27, S31, S11 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(11)
S32, S40 = np.uint64(32), np.uint64(40)
LOW = np.uint64(0xFFFFFFFF)
ONE = np.uint64(1)
# what a stream is for, as in hashing.Stream
ROUNDING, NOISE, BIT_ERRORS, DROP = np.int64(4), np.int64(5), np.int64(6), np.int64(7)
JITTER, ARRIVALS = np.int64(8), np.int64(9)
UPDATE_ROUNDING, WEIGHT_ROUNDING = np.int64(10), np.int64(11)


@kernel(inline="always")
def mix(z):
    """SplitMix64's finalizer."""
    z = (z ^ (z >> S30)) * MUL_1
    z = (z ^ (z >> S27)) * MUL_2
    return z ^ (z >> S31)


@kernel()
def key(seed, stream, frame, sample):
    """The key of one message's draws."""
    z = mix(np.uint64(seed) + GOLDEN)
    z = mix(z + (np.uint64(stream) + ONE) * GOLDEN)
    z = mix(z + (np.uint64(frame) + ONE) * GOLDEN)
    return mix(z + (np.uint64(sample) + ONE) * GOLDEN)


@kernel(inline="always")
def word(key, index):
    """64 random bits for one index."""
    return mix(key + (np.uint64(index) + ONE) * GOLDEN)


@kernel(inline="always")
def uniform(word):
    """Uniform on [0, 1) with 53 bits."""
    return np.float64(np.int64(word >> S11)) * 2.0**-53


@kernel(inline="always")
def uniform32(word):
    """Uniform on [0, 1) with 24 bits, float32."""
    return np.float32(np.int32(word >> S40)) * np.float32(2.0**-24)


@kernel()
def normal(word):
    """Standard normal by Box and Muller from the two halves of one word."""
    u = (np.float64(np.int64(word >> S32)) + 0.5) * 2.0**-32
    v = np.float64(np.int64(word & LOW)) * 2.0**-32
    return math.sqrt(-2.0 * math.log(u)) * math.cos(2.0 * math.pi * v)
