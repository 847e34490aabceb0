"""How a layer's input is held, so that forward pass and update read it the same way.

Of one sample:
FULL    all units active: the activities themselves, with the identity as event list
LIST    events in the slot
DATA    events of the data set, where the input arrives as it is
Of a mini-batch, and of every layer that is not dense:
MATRIX  a dense matrix
SPARSE  the same, with few active units
"""

from __future__ import annotations

import numpy as np

from channelsim.engine.channel import stages
from channelsim.engine.compile.jit import inner
from channelsim.engine.compile.units import INT, NOTHING, ONE_SAMPLE, unit
from channelsim.engine.compile.views import view_of
from channelsim.engine.config import SPARSE_BELOW
from channelsim.engine.kernels import activity, minibatch, simd
from channelsim.engine.layers import targets
from channelsim.plan import Kind

ZERO = np.float32(0.0)
FULL, LIST, DATA, MATRIX, SPARSE = 0, 1, 2, 3, 4
DENSE = int(Kind.DENSE)


@unit(NOTHING, view_of("f4"), INT, view_of("i8"), needed_by=())
def count_events(images, n, counts):
    """counts = how many events each image of n values has."""
    for i in range(len(counts)):
        counts[i] = simd.count_events(images[i * n : i * n + n])


@unit(NOTHING, view_of("f4"), INT, view_of("i8"), view_of("i4"), view_of("f4"), needed_by=(ONE_SAMPLE,))
def list_events(images, n, start, index, value):
    """The events of images of n values, one list after another: image i's begin at start[i]. Both have room behind."""
    for i in range(len(images) // n):
        first = start[i]
        simd.compact(images[i * n : i * n + n], index[first : first + n], value[first : first + n])


@inner()
def units_of(net, mem, c, slot):
    """mem.units = of what the values of each of the frame's messages on channel c are multiples; 0: of nothing."""
    units = mem.units[: mem.slots[slot].samples]
    for b in range(len(units)):
        units[b] = ZERO if net.ideal[c] else mem.message_units[slot, c, b]
    return units


@inner(inlined=True)
def activities(net, mem, h, slot):
    """The dense activities delivered to layer h, sample after sample: a flat view."""
    batch = net.config.batch
    size = batch * net.layers[h].fan_in
    shared = net.ideal[h - 1] and h > 1
    buffer = mem.outputs[slot] if shared else mem.inputs[slot]
    first = (net.layers[h - 1].unit_offset if shared else net.layers[h].input_offset) * batch
    return buffer[first : first + size]


@inner(inlined=True)
def outputs(net, mem, h, slot, samples):
    """O of layer h for the samples of a slot, one after another."""
    first = net.layers[h].unit_offset * net.config.batch
    return mem.outputs[slot, first : first + samples * net.layers[h].n]


@inner(inlined=True)
def is_from_data(net, h):
    """Whether layer h reads the images as they are in the data set."""
    return h == 1 and net.ideal[0] and not net.config.augmented


@inner(inlined=True)
def to_copy(net, mem, h, slot):
    """The images of a mini-batch that the forward pass of dense layer h has to copy into its input, if any."""
    count = mem.slots[slot].samples if net.config.batch > 1 and is_from_data(net, h) else 0
    return mem.sample[slot, :count]


@inner()
def hold(net, mem, h, slot):
    """Chooses the form in which layer h holds this frame's input, and brings it there, but for `to_copy`.

    Returns how many events were delivered. From here on mem.input_events counts those of them that are not 0, as only
    these make a product in an update.
    """
    config = net.config
    batch = config.batch
    n = net.layers[h].fan_in
    samples = mem.slots[slot].samples
    count = mem.input_events[slot, h]
    delivered = activity.total(count, samples)
    from_data = is_from_data(net, h)
    if stages.makes_zeros(net.channels[h - 1]):
        x = activities(net, mem, h, slot)
        for b in range(samples):
            count[b] = simd.count_events(x[b * n : b * n + n])
    if batch > 1 or net.layers[h].kind != DENSE:
        is_sparse = activity.total(count, samples) < SPARSE_BELOW * samples * n
        mem.input_form[slot, h] = SPARSE if is_sparse else MATRIX
        if from_data and net.layers[h].kind != DENSE:
            chosen = mem.sample[slot, :samples]
            minibatch.copy_images(net.images, chosen, chosen[1:], n, 0, n, mem.inputs[slot])
        return delivered
    if from_data:
        mem.input_form[slot, h] = DATA
        mem.list_start[slot, h] = net.event_start[mem.sample[slot, 0]]
        return delivered
    if count[0] == n:
        mem.input_form[slot, h] = FULL
        return delivered
    mem.input_form[slot, h] = LIST
    first = net.list_offset[h]
    mem.list_start[slot, h] = first
    index, value = mem.list_index[slot], mem.list_value[slot]
    x = activities(net, mem, h, slot)
    count[0] = simd.compact(x[:n], index[first : first + n], value[first : first + n])
    return delivered


@inner()
def prefetch_ahead(net, sample):
    """Prefetches the next image, or its events, while this one, a single sample, is at work.

    Images come in random order, far apart in memory: a non-prefetched image is a cache miss.
    """
    order, start = net.order, net.event_start
    if sample + 2 < len(order):
        simd.prefetch(start[order[sample + 2] : order[sample + 2] + 2])
    if sample + 1 < len(order):
        image, n = order[sample + 1], net.layers[0].n
        targets.prefetch(net, image)
        if net.ideal[0] and net.layers[1].kind == DENSE:
            simd.prefetch(net.event_index[start[image] : start[image + 1]])
            simd.prefetch(net.event_value[start[image] : start[image + 1]])
        else:
            simd.prefetch(net.images[image * n : image * n + n])


@inner()
def prefetch_next(net, first, samples):
    """Prefetches what is looked up of each sample of a mini-batch that enters next, from place `first` on."""
    order, start = net.order, net.event_start
    for k in range(first, min(first + samples, len(order))):
        simd.prefetch(start[order[k] : order[k] + 2])
        targets.prefetch(net, order[k])


@inner(inlined=True)
def events(net, mem, h, slot):
    """(indices, values) of the events of layer h in this slot, of a frame of one sample."""
    if mem.input_form[slot, h] == FULL:
        n = net.layers[h].fan_in
        return net.identity[:n], activities(net, mem, h, slot)[:n]
    first = mem.list_start[slot, h]
    last = first + mem.input_events[slot, h, 0]
    if mem.input_form[slot, h] == DATA:
        return net.event_index[first:last], net.event_value[first:last]
    return mem.list_index[slot][first:last], mem.list_value[slot][first:last]
