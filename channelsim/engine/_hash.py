"""The counter-based hash, compiled: the twin of `channelsim.hashing`, draw for draw."""

from __future__ import annotations

import math

import numpy as np

from channelsim.engine._jit import kernel
from channelsim.hashing import Stream

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
MUL_1 = np.uint64(0xBF58476D1CE4E5B9)
MUL_2 = np.uint64(0x94D049BB133111EB)
S30, S27, S31, S11 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(11)
S32, S40 = np.uint64(32), np.uint64(40)
LOW = np.uint64(0xFFFFFFFF)
EXPONENT, BIAS = np.int64(52), np.int64(1022)  # of a float64 that is written as m 2^e with 1/2 <= m < 1
MANTISSA, HALF = np.int64(0xFFFFFFFFFFFFF), np.int64(0x3FE0000000000000)
LN2, SQRT_HALF, TWO_PI = math.log(2.0), math.sqrt(0.5), 2.0 * math.pi
ONE = np.uint64(1)
PURPOSES = np.int64(16)  # roots that a channel has room for in `Net.roots`, one for each purpose of a stream
# what a stream is for
ROUNDING, NOISE, BIT_ERRORS = np.int64(Stream.ROUNDING), np.int64(Stream.NOISE), np.int64(Stream.BIT_ERRORS)
DROP, JITTER, ARRIVALS = np.int64(Stream.DROP), np.int64(Stream.JITTER), np.int64(Stream.ARRIVALS)
UPDATE_ROUNDING, WEIGHT_ROUNDING = np.int64(Stream.UPDATE_ROUNDING), np.int64(Stream.WEIGHT_ROUNDING)
AUGMENT = np.int64(Stream.AUGMENT)


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
    return key_of(mix(z + (np.uint64(stream) + ONE) * GOLDEN), frame, sample)


@kernel(inline="always")
def key_of(root, frame, sample):
    """The same, given the stream's root."""
    z = mix(np.uint64(root) + (np.uint64(frame) + ONE) * GOLDEN)
    return mix(z + (np.uint64(sample) + ONE) * GOLDEN)


@kernel()
def keys_of(roots, frame, sample, out):
    """The keys of one message's draws, by purpose: all at once, because that is no more work than two of them."""
    for purpose in range(PURPOSES):  # a number that the compiler knows: it makes two vectors of them
        out[purpose] = np.int64(key_of(roots[purpose], frame, sample))


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


@kernel(inline="always")
def bound(probability):
    """What `is_below` compares with: uniform(word) < probability where is_below(word, bound(probability))."""
    return np.int64(math.ceil(probability * 2.0**53))


@kernel(inline="always")
def is_below(word, bound):
    """Whether a word's uniform number is less than a probability, compared as whole numbers."""
    return np.int64(word >> S11) < bound


@kernel(fastmath={"contract"})
def normals(key, index, out, bits, exponent, angle):
    """Standard normals for some indices: Box and Muller from the two halves of one word.

    `bits` is the memory of `out` seen as int64, `exponent` and `angle` (int64) room for as many. Logarithm and cosine
    are series that vectorize (largest error 1e-10, below float32 by far): ln m = 2 artanh((m - 1) / (m + 1)) with m
    within a factor sqrt(2) of 1, cos(2 pi v) = sin(2 pi (1/4 - |v - 1/2|)) negated.
    """
    for i in range(len(out)):
        w = word(key, index[i])
        out[i] = (np.float64(np.int64(w >> S32)) + 0.5) * 2.0**-32
        angle[i] = np.int64(w & LOW)
    for i in range(len(out)):
        exponent[i] = (bits[i] >> EXPONENT) - BIAS
        bits[i] = (bits[i] & MANTISSA) | HALF
    for i in range(len(out)):
        m = out[i]
        low = m < SQRT_HALF
        m = m + m if low else m
        e = np.float64(exponent[i] - np.int64(low))
        z = (m - 1.0) / (m + 1.0)
        y = z * z
        s = 1.0 / 13.0
        s = s * y + 1.0 / 11.0
        s = s * y + 1.0 / 9.0
        s = s * y + 1.0 / 7.0
        s = s * y + 1.0 / 5.0
        s = s * y + 1.0 / 3.0
        s = s * y + 1.0
        log = e * LN2 + 2.0 * z * s
        v = np.float64(angle[i]) * 2.0**-32 - 0.5
        t = TWO_PI * (0.25 - abs(v))
        q = t * t
        c = -1.0 / 1307674368000.0
        c = c * q + 1.0 / 6227020800.0
        c = c * q - 1.0 / 39916800.0
        c = c * q + 1.0 / 362880.0
        c = c * q - 1.0 / 5040.0
        c = c * q + 1.0 / 120.0
        c = c * q - 1.0 / 6.0
        c = c * q + 1.0
        out[i] = -math.sqrt(max(-2.0 * log, 0.0)) * t * c
