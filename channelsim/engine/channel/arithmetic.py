"""The adaptive arithmetic code of a message, that of `channelsim.arithmetic` to the last bit: its length and bits."""

from __future__ import annotations

import numpy as np

from channelsim import arithmetic
from channelsim.engine.channel import quantizers
from channelsim.engine.compile.jit import inner
from channelsim.engine.compile.pointers import head
from channelsim.engine.compile.units import ENTROPY_CODED, INT, unit
from channelsim.engine.tables.handles import MEMORY, NET

ZERO = np.float32(0.0)
NOTHING, EVERYTHING, HALF, QUARTER = np.int64(0), np.int64(arithmetic.TOP), arithmetic.HALF, arithmetic.QUARTER
SENDS, SIGN, LONGER, DIGITS = arithmetic.SENDS, arithmetic.SIGN, arithmetic.LONGER, arithmetic.DIGITS
OF_A_SIGN = arithmetic.OF_A_SIGN
FAIR, CONTEXTS, MOST = arithmetic.FAIR, arithmetic.CONTEXTS, arithmetic.MOST


@unit(INT, NET, MEMORY, INT, needed_by=(ENTROPY_CODED,))
def length(net, mem, c):
    """Bits on the link of mem.message, as channel c sends it."""
    ch, m = net.channels[c], mem.message
    index = head(mem.message_index, m.entries if m.entries < ch.n else 0)
    nowhere = head(mem.contexts, 0)
    first = ch.header_bits + ch.scale_bits
    return encode(ch, m.scale, index, head(mem.message_value, m.entries), mem.contexts, nowhere, first)


@inner()
def encode(ch, a, index, value, counts, out, at):
    """The code of the units of a message of scale `a`, from bit `at` of `out` on, whose bits are 0. Returns its end.

    `value` is a list of events, of the units `index`, or where that is empty of all units; 0 is no event. Nothing is
    written where `out` is empty. `counts` is scratch memory of 2 * CONTEXTS numbers.
    """
    for k in range(len(counts)):
        counts[k] = 1
    low, high, pending, coded = NOTHING, EVERYTHING, NOTHING, NOTHING
    for k in range(len(value)):
        if value[k] == ZERO:
            continue
        sender = np.int64(index[k]) if len(index) > 0 else np.int64(k)
        for _ in range(sender - coded):
            low, high, at, pending = _decide(low, high, at, pending, counts, SENDS, 0, out)
        coded = sender + 1
        magnitude, minus = quantizers.magnitude(ch.quantizer, ch.levels, a, value[k]), np.int64(value[k] < ZERO)
        low, high, at, pending = _decide(low, high, at, pending, counts, SENDS, 1, out)
        low, high, at, pending = _decide(low, high, at, pending, counts, SIGN, minus, out)
        low, high, at, pending = _decide_magnitude(low, high, at, pending, counts, minus, magnitude, ch.levels, out)
    for _ in range(ch.n - coded):
        low, high, at, pending = _decide(low, high, at, pending, counts, SENDS, 0, out)
    if low > 0 and high < EVERYTHING:
        return _put(np.int64(low >= QUARTER), pending + 1, out, at)
    return _put(np.int64(low > 0), pending, out, at) if low > 0 or high < EVERYTHING or pending > 0 else at


@inner()
def _decide_magnitude(low, high, at, pending, counts, minus, magnitude, levels, out):
    """The number of digits of a magnitude, one by one, and then the digits after the leading 1."""
    digits, longest, own = _digits(magnitude), _digits(levels), OF_A_SIGN * minus
    for length in range(1, min(digits + 1, longest)):
        longer = np.int64(length < digits)
        low, high, at, pending = _decide(low, high, at, pending, counts, LONGER + own + length - 1, longer, out)
    for below in range(digits - 1):
        place = digits - 2 - below
        before = magnitude >> (place + 1)
        if (2 * before + 1) << place > levels:
            continue
        context = DIGITS + own + 3 * (digits - 2) + before - 1 if before < 4 else np.int64(FAIR)
        low, high, at, pending = _decide(low, high, at, pending, counts, context, (magnitude >> place) & 1, out)
    return low, high, at, pending


@inner()
def _digits(number):
    """Binary digits of a number above 0."""
    digits = np.int64(0)
    while number >> digits:
        digits += 1
    return digits


@inner()
def _decide(low, high, at, pending, counts, context, bit, out):
    """One decision: narrows the interval, and writes what is then certain. Returns (low, high, at, pending)."""
    zeros = ones = np.int64(1)
    if context != FAIR:
        zeros, ones = counts[2 * context], counts[2 * context + 1]
        counts[2 * context + bit] += 2
        if zeros + ones + 2 > MOST:
            counts[2 * context] = (counts[2 * context] + 1) >> 1
            counts[2 * context + 1] = (counts[2 * context + 1] + 1) >> 1
    middle = low + (high - low + 1) * zeros // (zeros + ones) - 1
    if bit:
        low = middle + 1
    else:
        high = middle
    while True:
        if high < HALF:
            at, pending = _put(np.int64(0), pending, out, at), NOTHING
        elif low >= HALF:
            at, pending = _put(np.int64(1), pending, out, at), NOTHING
            low, high = low - HALF, high - HALF
        elif low >= QUARTER and high < HALF + QUARTER:
            pending += 1
            low, high = low - QUARTER, high - QUARTER
        else:
            return low, high, at, pending
        low, high = 2 * low, 2 * high + 1


@inner()
def _put(bit, pending, out, at):
    """Writes a bit, and `pending` times the other one. Returns the place behind them."""
    if len(out) > 0:
        for place in range(at, at + 1 + pending):
            if bit if place == at else 1 - bit:
                out[place >> 3] |= 128 >> (place & 7)
    return at + 1 + pending
