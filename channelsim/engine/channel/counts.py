"""How often the units of a channel sent what: silence, or a magnitude with a sign. Their entropy is made of it."""

from __future__ import annotations

import numpy as np

from channelsim.engine.channel import quantizers
from channelsim.engine.compile.jit import inner
from channelsim.engine.compile.pointers import as_words, head
from channelsim.plan import units_counted

ZERO = np.float32(0.0)
EXPONENT, FIELD = np.int32(23), np.int32(0xFF)
units_counted = inner(inlined=True)(units_counted)


@inner()
def count(mem, ch):
    """Counts the units of mem.message, as it is sent, in the order that `plan.units_counted` gives."""
    m = mem.message
    counts = mem.unit_counts[ch.count_offset : ch.count_offset + units_counted(ch.levels)]
    value = head(mem.message_value, m.entries)
    counts[0] += ch.n - m.events
    if ch.levels == 1:
        plus = np.int64(0)
        for i in range(m.entries):
            plus += np.int64(value[i] > ZERO)
        counts[1] += m.events - plus
        counts[2] += plus
    elif ch.quantizer == quantizers.LOG2:
        _count_powers(mem, ch, value, counts)
    else:
        for i in range(m.entries):
            if value[i] != ZERO:
                magnitude = quantizers.magnitude(ch.quantizer, ch.levels, m.scale, value[i])
                counts[2 * magnitude - np.int64(value[i] < ZERO)] += 1


@inner()
def _count_powers(mem, ch, value, counts):
    """The same of `log2`: its levels are the exponents of floats, unless they reach below the smallest normal one."""
    a, words = mem.message.scale, as_words(value)
    mem.word[0] = a
    highest = (as_words(mem.word)[0] >> EXPONENT) & FIELD
    if highest < ch.levels or highest == FIELD:
        for i in range(len(value)):
            if value[i] != ZERO:
                magnitude = quantizers.magnitude(ch.quantizer, ch.levels, a, value[i])
                counts[2 * magnitude - np.int64(value[i] < ZERO)] += 1
        return
    lowest = highest - np.int32(ch.levels)
    for i in range(len(value)):
        if value[i] != ZERO:
            magnitude = np.int64(((words[i] >> EXPONENT) & FIELD) - lowest)
            counts[2 * magnitude - np.int64(words[i] < 0)] += 1
