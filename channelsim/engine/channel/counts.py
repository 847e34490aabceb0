"""How often the units of a channel sent what: silence, or a magnitude with a sign. Their entropy is made of it."""

from __future__ import annotations

import numpy as np

from channelsim.engine.channel import quantizers
from channelsim.engine.compile.jit import inner
from channelsim.engine.compile.pointers import as_words, head
from channelsim.plan import units_counted

F = np.float32
ZERO, HALF, ONE = F(0.0), F(0.5), F(1.0)
SMALLEST, LARGEST = F(2.0**-80), F(2.0**80)  # scales between which no level and no step comes near a limit
EXPONENT, FIELD = np.int32(23), np.int32(0xFF)
units_counted = inner(inlined=True)(units_counted)


@inner(inlined=True)
def is_counted(net, mem, ch, slot, b):
    """Whether the message about a sample is one of those that are counted."""
    number = mem.slots[slot].frame * net.config.batch + b
    return ch.levels > 0 and number & (net.config.count_every - 1) == 0


@inner()
def count(mem, ch):
    """Counts the units of mem.message, as it is sent, in the order that `plan.units_counted` gives."""
    m = mem.message
    a, step = m.scale, m.scale
    counts = mem.unit_counts[ch.count_offset : ch.count_offset + units_counted(ch.levels)]
    value = head(mem.message_value, m.entries)
    counts[0] += ch.n - m.entries
    if ch.quantizer == quantizers.UNIFORM:
        step /= F(ch.levels)
    if a < SMALLEST or a > LARGEST:  # where floats round or overflow: one by one, as slowly as that is
        for i in range(m.entries):
            magnitude = np.int64(0)
            if value[i] != ZERO:
                magnitude = quantizers.magnitude(ch.quantizer, ch.levels, a, value[i])
            counts[2 * magnitude - np.int64(value[i] < ZERO)] += 1
    elif ch.quantizer == quantizers.LOG2:
        _count_powers(mem, ch, value, counts)
    else:
        steps = ONE / step
        for i in range(m.entries):
            level = abs(value[i] * steps)
            level = level if level <= F(ch.levels) else F(ch.levels)  # rounded, or of a run that diverges
            counts[2 * np.int64(level + HALF) - np.int64(value[i] < ZERO)] += 1


@inner(inlined=True)
def within(magnitude, levels):
    """A magnitude that there is a count of. In a run that diverges scales and values may be infinite or NaN."""
    return min(max(magnitude, np.int64(1)), np.int64(levels))


@inner()
def _count_powers(mem, ch, value, counts):
    """The same of `log2`, whose levels are the exponents of floats."""
    words = as_words(value)
    mem.word[0] = mem.message.scale
    lowest = ((as_words(mem.word)[0] >> EXPONENT) & FIELD) - np.int32(ch.levels)
    for i in range(len(value)):
        magnitude = np.int64(0)
        if value[i] != ZERO:
            magnitude = within(np.int64(((words[i] >> EXPONENT) & FIELD) - lowest), ch.levels)
        counts[2 * magnitude - np.int64(value[i] < ZERO)] += 1  # -0 is silence
