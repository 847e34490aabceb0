"""C drawn anew for each frame: its errors pass the C of their own frame, whenever they come."""

from __future__ import annotations

import math

import numpy as np

from channelsim.engine.compile.jit import inner
from channelsim.engine.compile.units import INT, NOTHING, REDRAWN, unit
from channelsim.engine.kernels import counter_hash
from channelsim.engine.tables.handles import MEMORY, NET
from channelsim.plan import Distribution, Wiring

F = np.float32
ZERO, ONE = F(0.0), F(1.0)
NORMAL, UNIFORM, SIGNS = int(Distribution.NORMAL), int(Distribution.UNIFORM), int(Distribution.SIGN)
SPARSE, SIGN, SPARSE_SIGN = int(Wiring.SPARSE), int(Wiring.SIGN), int(Wiring.SPARSE_SIGN)
TOP = np.uint64(63)
SQRT_3 = math.sqrt(3.0)


@inner()
def renew(net, mem, c, slot):
    """C of channel c is that of the frame in the slot, where it is drawn for each. A probe takes C as it is."""
    frame = mem.slots[slot].frame
    if net.channels[c].redrawn and mem.feedback_frames[c] != frame and not net.config.frozen:
        _draw(net, mem, c, frame)


@unit(NOTHING, NET, MEMORY, INT, INT, needed_by=(REDRAWN,))
def _draw(net, mem, c, frame):
    """The C of a frame: as `channelsim.plan.draws` draws that of frame 0."""
    channel = net.channels[c]
    key = counter_hash.key(net.config.seed, counter_hash.FEEDBACK + 64 * c, frame, np.int64(0))
    values = mem.feedback[channel.c_offset : channel.c_offset + channel.c_size]
    unit = mem.feedback_units[c]
    if channel.wiring == SPARSE or channel.wiring == SPARSE_SIGN:
        senders, n_target = net.layers[channel.source].n, net.layers[channel.target].n
        targets = net.c_index[channel.c_offset : channel.c_offset + channel.c_size]
        start = net.c_start[channel.start_offset : channel.start_offset + senders + 1]
        for j in range(senders):
            for k in range(start[j], start[j + 1]):
                values[k] = _number(channel, unit, counter_hash.word(key, j * n_target + targets[k]))
    else:
        for k in range(len(values)):
            values[k] = _number(channel, unit, counter_hash.word(key, k))
    mem.feedback_frames[c] = frame


@inner()
def _number(channel, unit, word):
    """One number of C; as a multiple of the unit, if that is not 0."""
    if channel.distribution == NORMAL:
        drawn = counter_hash.normal(word)
    elif channel.distribution == UNIFORM:
        drawn = SQRT_3 * (2.0 * counter_hash.uniform(word) - 1.0)
    elif channel.distribution == SIGNS:
        drawn = 2.0 * np.float64(word >> TOP) - 1.0
    else:
        drawn = np.float64(word >> TOP)
    value = F(drawn) if unit != ZERO else F(channel.deviation * drawn)
    if channel.mean != ZERO:
        value += channel.mean
    is_magnitude = channel.wiring == SIGN or channel.wiring == SPARSE_SIGN
    return abs(value) if is_magnitude else value
