"""How a layer's input is held, so that forward pass and update read it the same way.

Of one sample:
FULL    everybody speaks: the activities themselves, with the identity as event list
LIST    events in the slot
DATA    events of the data set, where the input arrives as it is
Of a mini-batch, and of every layer that is not dense:
MATRIX  a dense matrix
SPARSE  the same, with few who speak
"""

from __future__ import annotations

from channelsim.engine.channel import stages
from channelsim.engine.compile.jit import inner, kernel
from channelsim.engine.kernels import minibatch, simd
from channelsim.engine.tables.handles import (
    configs,
    f4,
    f4_rows,
    flags,
    i4,
    i4_rows,
    i8,
    i8_planes,
    i8_rows,
    layers,
    slots,
)
from channelsim.plan import Kind

FULL, LIST, DATA, MATRIX, SPARSE = 0, 1, 2, 3, 4
DENSE = int(Kind.DENSE)


@kernel()
def count_events(images, counts):
    """counts = how many events each image (N, n) has."""
    for i in range(len(images)):
        counts[i] = stages.count_speaking(images[i])


@kernel()
def list_events(images, start, index, value):
    """The events of all images (N, n), one list after another: image i's begin at start[i]. Both have room behind."""
    for i in range(len(images)):
        first = start[i]
        stages.compact(images[i], index[first : first + images.shape[1]], value[first : first + images.shape[1]])


@inner(inline="always")
def activities(net, mem, h, slot):
    """The dense activities delivered to layer h, sample after sample: a flat view."""
    batch = configs(net.config)[0].batch
    size = batch * layers(net.layers)[h].fan_in
    shared = flags(net.ideal)[h - 1] and h > 1
    buffer = f4_rows(mem.outputs)[slot] if shared else f4_rows(mem.inputs)[slot]
    first = (layers(net.layers)[h - 1].unit_offset if shared else layers(net.layers)[h].input_offset) * batch
    return buffer[first : first + size]


@inner(inline="always")
def outputs(net, mem, h, slot, samples):
    """O of layer h for the samples of a slot, one after another."""
    first = layers(net.layers)[h].unit_offset * configs(net.config)[0].batch
    return f4_rows(mem.outputs)[slot, first : first + samples * layers(net.layers)[h].n]


@inner(inline="always")
def is_from_data(net, h):
    """Whether layer h reads the images as they are in the data set."""
    return h == 1 and flags(net.ideal)[0] and not configs(net.config)[0].augmented


@inner(inline="always")
def to_copy(net, mem, h, slot):
    """The images of a mini-batch that the forward pass of dense layer h has to copy into its input, if any."""
    count = slots(mem.slots)[slot].samples if configs(net.config)[0].batch > 1 and is_from_data(net, h) else 0
    return i8_rows(mem.sample)[slot, :count]


@inner()
def hold(net, mem, h, slot):
    """Chooses the form in which layer h holds this frame's input, and brings it there, but for `to_copy`."""
    config = configs(net.config)[0]
    batch = config.batch
    n = layers(net.layers)[h].fan_in
    samples = slots(mem.slots)[slot].samples
    count = i8_planes(mem.counts)[slot, h]
    from_data = is_from_data(net, h)
    if batch > 1 or layers(net.layers)[h].kind != DENSE:
        events = 0
        for b in range(samples):
            events += count[b]
        is_sparse = events < minibatch.SPARSE_BELOW * samples * n
        i8_rows(mem.forms)[slot, h] = SPARSE if is_sparse else MATRIX
        if from_data and layers(net.layers)[h].kind != DENSE:
            chosen = i8_rows(mem.sample)[slot, :samples]
            minibatch.copy_images(f4(net.images), chosen, chosen[1:], n, 0, n, f4_rows(mem.inputs)[slot])
        return
    if from_data:
        i8_rows(mem.forms)[slot, h] = DATA
        i8_rows(mem.starts)[slot, h] = i8(net.event_start)[i8_rows(mem.sample)[slot, 0]]
        return
    if count[0] == n:
        i8_rows(mem.forms)[slot, h] = FULL
        return
    i8_rows(mem.forms)[slot, h] = LIST
    first = i8(net.list_offset)[h]
    i8_rows(mem.starts)[slot, h] = first
    index, value = i4_rows(mem.event_index)[slot], f4_rows(mem.event_value)[slot]
    x = activities(net, mem, h, slot)
    count[0] = stages.compact(x[:n], index[first : first + n], value[first : first + n])


@inner()
def fetch_ahead(net, sample):
    """Asks memory for the next image, or for its events, while this one, a single sample, is at work.

    Images come in random order, far apart in memory: the first look at one that nobody asked for is a long wait.
    """
    order, start = i8(net.order), i8(net.event_start)
    if sample + 2 < len(order):
        simd.prefetch(start[order[sample + 2] : order[sample + 2] + 2])
    if sample + 1 < len(order):
        image, n = order[sample + 1], layers(net.layers)[0].n
        simd.prefetch(i4(net.labels)[image : image + 1])
        if flags(net.ideal)[0] and layers(net.layers)[1].kind == DENSE:
            simd.prefetch(i4(net.event_index)[start[image] : start[image + 1]])
            simd.prefetch(f4(net.event_value)[start[image] : start[image + 1]])
        else:
            simd.prefetch(f4(net.images)[image * n : image * n + n])


@inner()
def fetch_next(net, first, samples):
    """Asks memory for what is looked up of each sample of a mini-batch that enters next, from place `first` on."""
    order, start, labels = i8(net.order), i8(net.event_start), i4(net.labels)
    for k in range(first, min(first + samples, len(order))):
        simd.prefetch(start[order[k] : order[k] + 2])
        simd.prefetch(labels[order[k] : order[k] + 1])


@inner(inline="always")
def events(net, mem, h, slot):
    """(indices, values) of the events of layer h in this slot, of a frame of one sample."""
    if i8_rows(mem.forms)[slot, h] == FULL:
        n = layers(net.layers)[h].fan_in
        return i4(net.iota)[:n], activities(net, mem, h, slot)[:n]
    first = i8_rows(mem.starts)[slot, h]
    last = first + i8_planes(mem.counts)[slot, h, 0]
    if i8_rows(mem.forms)[slot, h] == DATA:
        return i4(net.event_index)[first:last], f4(net.event_value)[first:last]
    return i4_rows(mem.event_index)[slot][first:last], f4_rows(mem.event_value)[slot][first:last]
