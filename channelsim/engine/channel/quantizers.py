"""Quantizers as passes over one message, and their code words.

`values` holds the values of events, and 0 where there is none. docs/design.md, sections 3 and 4, gives
the formulas; the passes are written without branches inside the loops so that they vectorize.
"""

from __future__ import annotations

import math

import numpy as np

from channelsim.engine.compile.jit import inner
from channelsim.engine.kernels import counter_hash, simd
from channelsim.plan import Quantizer, Scale

NONE, LOG2, UNIFORM, SIGN, TERNARY, ABS = (int(kind) for kind in Quantizer)
FIXED, MAX, RMS = (int(kind) for kind in Scale)
F = np.float32
ZERO, HALF, ONE = F(0.0), F(0.5), F(1.0)
ROUND = F(12582912.0)  # 1.5 * 2^23: adding and subtracting it rounds a small float32 half to even
SQRT2_MANTISSA = np.int32(0x3504F3)  # of the float32 just below the square root of 2
EXPONENT, MANTISSA = np.int32(23), np.int32(0x7FFFFF)
MAGNITUDE, TOP_BIT = np.int32(0x7FFFFFFF), np.int32(-0x80000000)
INVALID = F(np.nan)
NO_WORD = np.int64(-1)


@inner()
def measure(kind, fixed, values, events):
    """The scale `a`: the fixed number, or max or rms over the values that are not zero, `events` in number.

    It is 0 where there are no events.
    """
    if kind == FIXED:
        return fixed
    if kind == MAX:
        return simd.largest(values)
    return F(math.sqrt(simd.sum_of_squares(values) / events)) if events > 0 else ZERO


@inner()
def quantize(kind, levels, a, stochastic, key, index, values, words):
    """Quantizes values in place; `words` is the same memory seen as int32, `a` the scale, `levels` as in CHANNEL.

    Stochastic rounding draws for the values' indices: `index`, or where that is empty 0, 1, ...
    """
    count = len(values)
    if a == ZERO:
        for i in range(count):
            values[i] = ZERO
    elif kind == LOG2:
        floor = _part(levels - 1)
        for i in range(count):
            v = values[i] / a
            y = abs(v)
            y = ONE if y > ONE else (floor if y < floor else y)
            values[i] = y if v > ZERO else (-y if v < ZERO else ZERO)
        for i in range(count):
            word = words[i]
            rounded = ((word & MAGNITUDE) >> EXPONENT) + np.int32((word & MANTISSA) > SQRT2_MANTISSA)
            words[i] = (word & TOP_BIT) | (rounded << EXPONENT)
        for i in range(count):
            values[i] *= a
    elif kind == SIGN:
        for i in range(count):
            v = values[i]
            values[i] = a if v > ZERO else (-a if v < ZERO else ZERO)
    elif kind == TERNARY:
        half = HALF * a
        for i in range(count):
            v = values[i]
            values[i] = a if v >= half else (-a if v <= -half else ZERO)
    elif kind == UNIFORM:
        top = F(levels)
        step = a / top
        if stochastic:
            simd.round_randomly(np.int64(key), index, a, top, values)
        else:
            for i in range(count):
                q = (values[i] * top / a + ROUND) - ROUND
                q = top if q > top else (-top if q < -top else q)
                values[i] = q * step
    elif kind == ABS:
        for i in range(count):
            values[i] = abs(values[i])


@inner()
def unit(kind, levels, a):
    """What all values of scale `a` are whole multiples of: a, a / K of `uniform`, the smallest level of `log2`."""
    if kind == UNIFORM:
        return a / F(levels)
    return a * _part(levels - 1) if kind == LOG2 else a


@inner()
def magnitude(kind, levels, a, value):
    """Which of the magnitudes of a quantizer a sent value has, from 1, the smallest, to `levels`."""
    size, which = abs(value), np.int64(levels)
    if kind == LOG2:
        while which > 1 and a * _part(levels - which) > size:
            which -= 1
        return which
    if kind == UNIFORM:
        steps = size / (a / F(levels))
        which = np.int64(steps + HALF) if steps < F(levels) else which
        return which if which > 1 else np.int64(1)
    return np.int64(1)


@inner(inlined=True)
def _part(level):
    """2^-level, for level < 63."""
    return ONE / F(np.int64(1) << np.int64(level))


@inner()
def flip(kind, levels, a, value_bits, silence, value, key, neuron, keep, below, scratch, scratch_words):
    """One event's word with each bit as it is with probability `keep`, else flipped, from the least significant on.

    The gaps between flipped bits are geometric; `below` is the `bound` of the probability that one is shorter than a
    word. Returns (value decoded at the receiver, flipped bits); the value is NaN where the word means nothing, as the
    word `silence` does.
    """
    word = encode(kind, levels, a, value, scratch, scratch_words)
    flips = 0
    position = -1
    t = 0
    while True:
        if keep > 0.0:
            drawn = counter_hash.word(key, neuron * 64 + t)
            if not counter_hash.is_below(drawn, below):
                break
            left, whole = 1.0 - counter_hash.uniform(drawn), 1.0
            while True:  # floor(log(left) / log(keep)) bits stay as they are
                position += 1
                whole *= keep
                if whole < left:
                    break
        else:
            position += 1
        if position >= value_bits:
            break
        word ^= np.int64(1) << np.int64(position)
        flips += 1
        t += 1
    return INVALID if word == silence else decode(kind, levels, a, word, scratch, scratch_words), flips


@inner()
def silence_word(ch):
    """The word that stands for no event in a dense message, as `channelsim.codes.silence_word`."""
    if ch.silence_bits > 0:
        return np.int64(1) << ch.value_bits
    if ch.quantizer == LOG2:
        return 2 * ch.levels
    return np.int64(ch.levels) if ch.quantizer == UNIFORM else np.int64(0)


@inner()
def encode(kind, levels, a, value, scratch, scratch_words):
    """The code word of one sent value, as `channelsim.codes` packs it."""
    if kind == NONE:
        scratch[0] = value
        return np.int64(scratch_words[0]) & np.int64(0xFFFFFFFF)
    if kind == SIGN:
        return np.int64(value < ZERO)
    if kind == TERNARY:
        return np.int64(1) if value > ZERO else np.int64(2)
    if kind == LOG2:
        level = np.int64(0)
        while level < levels - 1 and a * _part(level) > abs(value):
            level += 1
        return level + (np.int64(levels) if value < ZERO else np.int64(0))
    return np.int64(round(value / (a / F(levels)))) + np.int64(levels)


@inner()
def decode(kind, levels, a, word, scratch, scratch_words):
    """The value that a code word stands for; NaN where it stands for none."""
    if kind == NONE:
        scratch_words[0] = np.int32(word if word < 2147483648 else word - 4294967296)
        value = scratch[0]
        return value if abs(value) < F(np.inf) else INVALID
    if kind == SIGN:
        return -a if word == 1 else a
    if kind == TERNARY:
        if word == 1:
            return a
        if word == 2:
            return -a
        return ZERO if word == 0 else INVALID
    if kind == LOG2:
        if word >= 2 * levels:
            return INVALID
        level = word if word < levels else word - levels
        y = a * _part(level)
        return y if word < levels else -y
    if word > 2 * levels:
        return INVALID
    return F(word - levels) * (a / F(levels))
