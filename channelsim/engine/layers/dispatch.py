"""What the loop asks of a layer, whatever its kind. External symbols, so that the loop does not compile them again."""

from __future__ import annotations

from channelsim.engine.compile.jit import inner
from channelsim.engine.compile.units import EVERY_RUN, FLOAT, INT, NOTHING, unit
from channelsim.engine.kernels import activity, simd
from channelsim.engine.layers import conv, dense, inputs, pooling
from channelsim.engine.tables.handles import MEMORY, NET, synapses
from channelsim.plan import Kind

DENSE, CONV2D = int(Kind.DENSE), int(Kind.CONV2D)  # the others have no synapses


@unit(INT, NET, MEMORY, INT, INT, needed_by=EVERY_RUN)
def forward(net, mem, h, slot):
    """O of layer h for every sample of the frame. Returns the multiply-accumulates."""
    kind, samples = net.layers[h].kind, mem.slots[slot].samples
    out = inputs.outputs(net, mem, h, slot, samples)
    if kind == DENSE:
        return dense.forward(net, mem, h, slot, out)
    x = inputs.activities(net, mem, h, slot)
    if kind == CONV2D:
        conv.set_counts(net, mem, h - 1, mem.input_events[slot, h], samples)
        return conv.forward(net, mem, h, x, out, samples)
    pooling.forward(net, mem, h, x, out, samples)
    return 0


@unit(NOTHING, NET, MEMORY, INT, INT, INT, INT, needed_by=EVERY_RUN)
def transposed(net, mem, c, slot, seen, recalled):
    """The error that messages delivered over channel c make through their sender: through W, or back through a pool.

    The messages are in mem.unprojected, and the error goes to mem.messages. Counted. `seen` is the slot that the sender
    learned from, with `recalled` samples.
    """
    channel, message = net.channels[c], mem.unprojected
    source, out = net.layers[channel.source], mem.messages[slot, channel.message_offset * net.config.batch :]
    if source.kind == DENSE:
        samples, events = mem.slots[slot].samples, mem.message_events[slot, c]
        dense.transposed(net, mem, channel.source, samples, message, events, out)
        mem.counters[c].macs += activity.total(events, samples) * source.fan_in
    elif source.kind == CONV2D:
        conv.through(net, mem, c, slot, synapses(mem.weights, source), source.row_stride, message, out)
    else:
        pooling.transposed(net, mem, c, slot, seen, recalled, message, out)


@inner()
def is_finite(net, mem, h, samples):
    """Whether R, in mem.signal, is finite. What else is found is for `update_macs` and `accumulate`."""
    layer = net.layers[h]
    if layer.kind == DENSE:
        return dense.is_finite(net, mem, h, samples)
    return simd.are_finite(mem.signal[: samples * layer.n]) != 0


@unit(INT, NET, MEMORY, INT, INT, INT, needed_by=EVERY_RUN)
def update_macs(net, mem, h, slot, samples):
    """The multiply-accumulates of an update, with R in mem.signal, after `is_finite`.

    mem.signal_sums[:b_size] = R summed over all that shares a bias.
    """
    layer = net.layers[h]
    if layer.kind == DENSE:
        return dense.update_macs(mem, mem.input_events[slot, h], samples)
    x, signal = inputs.activities(net, mem, h, slot), mem.signal[: samples * layer.n]
    conv.set_counts(net, mem, h - 1, mem.input_events[slot, h], samples)
    return conv.survey(net, mem, h, x, signal, samples)


@unit(INT, NET, MEMORY, INT, INT, INT, FLOAT, INT, needed_by=EVERY_RUN)
def accumulate(net, mem, h, slot, samples, scale, whole):
    """W, or mem.whole_step if `whole`, += scale * the sum that W learns by, with R in mem.signal, after `update_macs`.

    Returns the synapses written.
    """
    layer = net.layers[h]
    target = mem.whole_step[: layer.w_size] if whole else synapses(mem.weights, layer)
    if layer.kind == DENSE:
        return dense.accumulate(net, mem, h, slot, samples, scale, target)
    x, signal = inputs.activities(net, mem, h, slot), mem.signal[: samples * layer.n]
    return conv.accumulate(net, mem, h, x, signal, samples, scale, target, layer.row_stride)


@unit(NOTHING, NET, MEMORY, INT, INT, needed_by=EVERY_RUN)
def through_signs(net, mem, c, slot):
    """As `transposed`, of a convolution whose W lends its signs to the magnitudes of C."""
    channel = net.channels[c]
    maps = net.layers[channel.source].out_channels
    out = mem.messages[slot, channel.message_offset * net.config.batch :]
    conv.sign(net, mem, c)
    conv.through(net, mem, c, slot, mem.signed_bank[: channel.c_size], maps, mem.unprojected, out)


@unit(NOTHING, NET, MEMORY, INT, INT, needed_by=EVERY_RUN)
def through_bank(net, mem, c, slot):
    """mem.signal = the error that messages of a convolution make through C, which is shaped like its W. Counted."""
    channel = net.channels[c]
    maps = net.layers[channel.source].out_channels
    message = mem.messages[slot, channel.message_offset * net.config.batch :]
    feedback = mem.feedback[channel.c_offset : channel.c_offset + channel.c_size]
    conv.through(net, mem, c, slot, feedback, maps, message, mem.signal)


@unit(NOTHING, NET, MEMORY, INT, INT, INT, INT, FLOAT, needed_by=EVERY_RUN)
def adapt_bank(net, mem, c, slot, seen, samples, scale):
    """Such a C, or with momentum its velocity, += scale * the sum of patch (x) message. Counted.

    The patches are of the target's O in slot `seen`.
    """
    channel, counter = net.channels[c], mem.counters[c]
    n, maps = channel.n, net.layers[channel.source].out_channels
    first = channel.message_offset * net.config.batch
    message = mem.messages[slot, first : first + samples * n]
    own = inputs.outputs(net, mem, channel.target, seen, samples)
    buffer = mem.feedback if net.config.momentum == 0.0 else mem.feedback_velocity
    into = buffer[channel.c_offset : channel.c_offset + channel.c_size]
    conv.clear_counts(mem)
    counter.update_macs += conv.survey(net, mem, channel.source, own, message, samples)
    counter.writes += conv.accumulate(net, mem, channel.source, own, message, samples, scale, into, maps)
