"""The hash draws of all messages of a frame at once: one row for each sample, one column for each neuron."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from channelsim import elementary, hashing, normals
from channelsim.hashing import Stream
from channelsim.plan.layout import Distribution


def words(
    seed: int, stream: Stream, index: int, frame: int, samples: Sequence[int], columns: NDArray[np.int64]
) -> NDArray[np.uint64]:
    """64 random bits for each (sample, column); uint64, shape (len(samples), len(columns))."""
    keys = [hashing.key(seed, stream.of(index), frame, sample) for sample in samples]
    return np.stack([hashing.bits(key, columns) for key in keys])


def uniform32(seed: int, stream: Stream, index: int, frame: int, samples: Sequence[int], n: int) -> torch.Tensor:
    """Uniform on [0, 1), float32, shape (len(samples), n)."""
    return torch.from_numpy(hashing.uniform32(words(seed, stream, index, frame, samples, np.arange(n))))


def uniform(seed: int, stream: Stream, index: int, frame: int, samples: Sequence[int], n: int) -> torch.Tensor:
    """Uniform on [0, 1), float64, shape (len(samples), n)."""
    return torch.from_numpy(hashing.uniform(words(seed, stream, index, frame, samples, np.arange(n))))


def normal32(seed: int, stream: Stream, index: int, frame: int, samples: Sequence[int], n: int) -> torch.Tensor:
    """Standard normal, float32, shape (len(samples), n)."""
    return torch.from_numpy(normals.normal32(words(seed, stream, index, frame, samples, np.arange(n))))


def flipped_bits(
    seed: int, index: int, frame: int, samples: Sequence[int], n: int, probability: float, width: int
) -> torch.Tensor:
    """Which bits of each neuron's code word the link flips: int64 masks, shape (len(samples), n).

    Each of the `width` bits flips with `probability`. The gaps between flipped bits are geometric, so that
    rare errors cost one draw a word: the t-th gap of a neuron is drawn at index 64 * neuron + t.
    """
    mask = np.zeros((len(samples), n), np.int64)
    position = np.full(mask.shape, -1, np.int64)
    log_stay = elementary.log(1.0 - probability)  # -inf with probability 1, where every gap is 0
    for t in range(width):
        u = hashing.uniform(words(seed, Stream.BIT_ERRORS, index, frame, samples, np.arange(n) * 64 + t))
        gap = np.minimum(np.floor(elementary.log(1.0 - u) / log_stay), width)
        position += gap.astype(np.int64) + 1
        inside = position < width
        if not inside.any():
            break
        mask[inside] |= np.left_shift(1, position[inside])
    return torch.from_numpy(mask)


def feedback(
    seed: int, index: int, frame: int, distribution: int, deviation: float, entries: torch.Tensor
) -> torch.Tensor:
    """The numbers at these places of the C that channel `index` has in a frame, float32, without its mean."""
    drawn = hashing.bits(hashing.key(seed, Stream.FEEDBACK.of(index), frame), entries.numpy())
    upper = (drawn >> np.uint64(63)).astype(np.float64)
    values = {
        Distribution.NORMAL: lambda: hashing.normal(drawn),
        Distribution.UNIFORM: lambda: math.sqrt(3.0) * (2.0 * hashing.uniform(drawn) - 1.0),
        Distribution.SIGN: lambda: 2.0 * upper - 1.0,
        Distribution.BINARY: lambda: upper,
    }[Distribution(distribution)]()
    return torch.from_numpy((deviation * values).astype(np.float32))
