"""C = P Q of a low rank: the sender makes of its values as many as the rank is, and these travel."""

from __future__ import annotations

import numpy as np

from channelsim.engine.compile.jit import inner
from channelsim.engine.compile.pointers import head
from channelsim.engine.compile.units import INT, LOW_RANK, NOTHING, unit
from channelsim.engine.kernels import simd
from channelsim.engine.tables.handles import MEMORY, NET
from channelsim.plan import Message

ZERO = np.float32(0.0)
TARGET = int(Message.TARGET)


@inner()
def _values(mem, channel):
    """What the sender has of all samples."""
    return mem.targets if channel.message == TARGET else mem.signal


@unit(NOTHING, NET, MEMORY, INT, INT, needed_by=(LOW_RANK,))
def reduce(net, mem, c, slot):
    """mem.reduced = the values that layer `source` has for channel c, (B, units), times P: (B, rank). Counted."""
    channel = net.channels[c]
    n, rank = net.layers[channel.source].n, channel.rank
    values, matrix = _values(mem, channel), mem.feedback[channel.p_offset : channel.p_offset + n * rank]
    for b in range(mem.slots[slot].samples):
        made = mem.reduced[b * rank : b * rank + rank]
        for i in range(rank):
            made[i] = ZERO
        count = simd.compact(values[b * n : b * n + n], mem.row_index, mem.row_value)
        simd.add_rows(matrix, rank, head(mem.row_index, count), head(mem.row_value, count), made)
        mem.counters[c].macs += count * rank
