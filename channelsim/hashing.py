"""The one source of randomness: a counter-based hash, in plain NumPy.

Every random number of a run is a pure function of `(seed, stream, frame, sample, index)`. Nothing is drawn
from a sequence, so results cannot depend on the order of events, on chunking, on threads or on workers, and the
PyTorch reference can draw the very same drops, noise and jitter. The compiled twin is
`channelsim.engine.kernels.counter_hash`.

The mixing function is the finalizer of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014), applied along a chain:
each counter is added to the state with an odd constant and mixed before the next one enters.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from channelsim import elementary

GOLDEN = 0x9E3779B97F4A7C15
MIX_1, MIX_2 = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
MASK = 0xFFFFFFFFFFFFFFFF
NORMALS_AT_ONCE = 2**13  # so that what is made on the way stays in the cache


class Stream(IntEnum):
    """What a number is drawn for. A stream's id is `purpose + 64 * index`, with the index of a layer or channel."""

    WEIGHTS = 0
    FEEDBACK = 1
    CONNECTIONS = 2
    ORDER = 3
    ROUNDING = 4
    NOISE = 5
    BIT_ERRORS = 6
    DROP = 7
    JITTER = 8
    ARRIVALS = 9
    UPDATE_ROUNDING = 10
    WEIGHT_ROUNDING = 11
    DATA = 12
    AUGMENT = 13
    SWEEP = 14
    OWN = 15

    def of(self, index: int = 0) -> int:
        """The stream id of this purpose for layer or channel `index`."""
        return int(self) + 64 * index


def _mix(z: int) -> int:
    z = ((z ^ (z >> 30)) * MIX_1) & MASK
    z = ((z ^ (z >> 27)) * MIX_2) & MASK
    return z ^ (z >> 31)


def key(seed: int, stream: int, frame: int = 0, sample: int = 0) -> int:
    """The 64-bit key under which the draws of one message (or matrix) are made."""
    z = root(seed, stream)
    for counter in (frame, sample):
        z = _mix((z + (counter + 1) * GOLDEN) & MASK)
    return z


def root(seed: int, stream: int) -> int:
    """What all keys of one stream have in common."""
    return _mix((_mix((seed + GOLDEN) & MASK) + (stream + 1) * GOLDEN) & MASK)


def roots(seed: int, streams: NDArray[np.int64]) -> NDArray[np.uint64]:
    """`root` of many streams."""
    return bits(_mix((seed + GOLDEN) & MASK), streams)


def bits(key: int, indices: int | NDArray[np.int64]) -> NDArray[np.uint64]:
    """64 random bits for each index: an int `n` stands for the indices 0..n-1. Shape as `indices`."""
    index = np.arange(indices) if isinstance(indices, int) else np.asarray(indices)
    with np.errstate(over="ignore"):
        z = np.uint64(key) + (index.astype(np.uint64) + np.uint64(1)) * np.uint64(GOLDEN)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(MIX_1)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(MIX_2)
    return z ^ (z >> np.uint64(31))


def uniform(word: NDArray[np.uint64]) -> NDArray[np.float64]:
    """Uniform on [0, 1): the upper 53 bits."""
    return (word >> np.uint64(11)).astype(np.float64) * 2.0**-53


def uniform32(word: NDArray[np.uint64]) -> NDArray[np.float32]:
    """Uniform on [0, 1) in float32: the upper 24 bits, exact in both precisions."""
    return (word >> np.uint64(40)).astype(np.float32) * np.float32(2.0**-24)


def normal(word: NDArray[np.uint64]) -> NDArray[np.float64]:
    """Standard normal by Box and Muller from the two halves of one word (largest possible value: 6.7)."""
    flat = word.ravel()
    drawn = np.empty(flat.shape)
    for first in range(0, len(flat), NORMALS_AT_ONCE):
        drawn[first : first + NORMALS_AT_ONCE] = _normal(flat[first : first + NORMALS_AT_ONCE])
    return drawn.reshape(word.shape)


def _normal(word: NDArray[np.uint64]) -> NDArray[np.float64]:
    u = ((word >> np.uint64(32)).astype(np.float64) + 0.5) * 2.0**-32
    v = (word & np.uint64(0xFFFFFFFF)).astype(np.float64) * 2.0**-32
    radius: NDArray[np.float64] = np.sqrt(-2.0 * elementary.log(u))
    return radius * elementary.cos_of_turn(v)


def permutation(key: int, n: int) -> NDArray[np.int64]:
    """A random order of 0..n-1: the indices sorted by their draws, no two equal (the mix is one to one)."""
    return np.argsort(bits(key, n))
