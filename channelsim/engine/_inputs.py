"""How a layer's input is held, so that forward pass and update read it the same way.

FULL    one sample, everybody speaks: the activities themselves, with the identity as event list
LIST    events in the slot
DATA    events of the data set, where the input arrives as it is
MATRIX  a mini-batch as a dense matrix
"""

from __future__ import annotations

import numpy as np

from channelsim.engine import _batch
from channelsim.engine._jit import inner, kernel

FULL, LIST, DATA, MATRIX = 0, 1, 2, 3
ZERO = np.float32(0.0)


@inner()
def activities(net, mem, h, slot):
    """(buffer, offset) of the dense activities delivered to layer h, sample after sample."""
    batch = net.config[0].batch
    if net.ideal[h - 1] and h > 1:
        return mem.outputs[slot], net.layers[h - 1].unit_offset * batch
    return mem.inputs[slot], net.layers[h].input_offset * batch


@inner()
def hold(net, mem, h, slot):
    """Chooses the form in which layer h holds this frame's input, and brings it there."""
    config = net.config[0]
    batch = config.batch
    n = net.layers[h].fan_in
    samples = mem.slots[slot].samples
    count = mem.counts[slot, h]
    start = mem.starts[slot, h]
    from_data = h == 1 and net.ideal[0]
    if batch == 1 and not from_data and count[0] == n:
        mem.forms[slot, h] = FULL
        return
    if batch > 1:
        total = 0
        for b in range(samples):
            total += count[b]
        if total >= _batch.SPARSE_BELOW * samples * n:
            mem.forms[slot, h] = MATRIX
            if from_data:
                _copy_images(net, mem, slot, samples, n)
            return
    if from_data:
        mem.forms[slot, h] = DATA
        for b in range(samples):
            start[b] = net.event_start[mem.sample[slot, b]]
        return
    mem.forms[slot, h] = LIST
    x, o = activities(net, mem, h, slot)
    index, value = mem.event_index[slot], mem.event_value[slot]
    base = net.layers[h].input_offset * batch
    for b in range(samples):
        start[b] = base + b * n
        compact(x, o + b * n, n, index, value, start[b])


@kernel()
def compact(x, o, n, index, value, start):
    """Writes the events of x[o : o + n] as a list."""
    k = start
    for i in range(n):
        v = x[o + i]
        if v != ZERO:
            index[k] = i
            value[k] = v
            k += 1


@inner()
def _copy_images(net, mem, slot, samples, n):
    x = mem.inputs[slot]
    for b in range(samples):
        image = mem.sample[slot, b] * n
        for i in range(n):
            x[b * n + i] = net.images[image + i]


@inner()
def events(net, mem, h, slot):
    """(indices, values) of the event lists of layer h in this slot; `starts` and `counts` tell where."""
    if mem.forms[slot, h] == DATA:
        return net.event_index, net.event_value
    return mem.event_index[slot], mem.event_value[slot]
