"""The counter-based hash, compiled: the twin of `channelsim.hashing`, draw for draw."""

from __future__ import annotations

import math

import numpy as np

from channelsim import hashing
from channelsim.engine.compile.jit import inner
from channelsim.engine.kernels import elementary
from channelsim.hashing import Stream

GOLDEN, MUL_1, MUL_2 = (np.uint64(factor) for factor in (hashing.GOLDEN, hashing.MIX_1, hashing.MIX_2))
S30, S27, S31, S11 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(11)
S32, LOW_HALF = np.uint64(32), np.uint64(0xFFFFFFFF)
ONE = np.uint64(1)
PURPOSES = np.int64(16)  # roots that a channel has room for in `Net.roots`; more than the largest `Stream`
# what a stream is for
FEEDBACK = np.int64(Stream.FEEDBACK)
ROUNDING, NOISE, BIT_ERRORS = np.int64(Stream.ROUNDING), np.int64(Stream.NOISE), np.int64(Stream.BIT_ERRORS)
DROP, JITTER, ARRIVALS = np.int64(Stream.DROP), np.int64(Stream.JITTER), np.int64(Stream.ARRIVALS)
UPDATE_ROUNDING, WEIGHT_ROUNDING = np.int64(Stream.UPDATE_ROUNDING), np.int64(Stream.WEIGHT_ROUNDING)
AUGMENT = np.int64(Stream.AUGMENT)
OWN = np.int64(Stream.OWN)


@inner(inlined=True)
def mix(z):
    """SplitMix64's finalizer."""
    z = (z ^ (z >> S30)) * MUL_1
    z = (z ^ (z >> S27)) * MUL_2
    return z ^ (z >> S31)


@inner()
def key(seed, stream, frame, sample):
    """The key of one message's draws."""
    z = mix(np.uint64(seed) + GOLDEN)
    return key_of(mix(z + (np.uint64(stream) + ONE) * GOLDEN), frame, sample)


@inner(inlined=True)
def key_of(root, frame, sample):
    """The same, given the stream's root."""
    z = mix(np.uint64(root) + (np.uint64(frame) + ONE) * GOLDEN)
    return mix(z + (np.uint64(sample) + ONE) * GOLDEN)


@inner()
def keys_of(roots, frame, sample, out):
    """The keys of one message's draws, by purpose: all at once, because that is no more work than two of them."""
    for purpose in range(PURPOSES):  # a number that the compiler knows: it makes two vectors of them
        out[purpose] = np.int64(key_of(roots[purpose], frame, sample))


@inner(inlined=True)
def word(key, index):
    """64 random bits for one index."""
    return mix(key + (np.uint64(index) + ONE) * GOLDEN)


@inner(inlined=True)
def key_from(key, first):
    """The key whose draws 0, 1, ... are those of this key from an index on."""
    return np.int64(np.uint64(key) + np.uint64(first) * GOLDEN)


@inner(inlined=True)
def uniform(word):
    """Uniform on [0, 1) with 53 bits."""
    return np.float64(np.int64(word >> S11)) * 2.0**-53


@inner()
def normal(word):
    """Standard normal, by Box and Muller from the two halves of a word."""
    u = (np.float64(np.int64(word >> S32)) + 0.5) * 2.0**-32
    v = np.float64(np.int64(word & LOW_HALF)) * 2.0**-32
    return math.sqrt(-2.0 * elementary.log(u)) * elementary.cos_of_turn(v)


@inner(inlined=True)
def bound(probability):
    """What `is_below` compares with: uniform(word) < probability where is_below(word, bound(probability))."""
    return np.int64(math.ceil(probability * 2.0**53))


@inner(inlined=True)
def is_below(word, bound):
    """Whether a word's uniform number is less than a probability, compared as whole numbers."""
    return np.int64(word >> S11) < bound
