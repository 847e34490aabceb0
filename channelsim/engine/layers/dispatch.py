"""What the loop asks of a layer, whatever its kind. What works on maps are units, which only such networks need."""

from __future__ import annotations

from channelsim.engine.compile.jit import inner
from channelsim.engine.compile.units import ADAPTIVE, FLOAT, INT, MAPS, NOTHING, SIGNS, TRANSPOSED, unit
from channelsim.engine.kernels import activity, simd
from channelsim.engine.layers import conv, deferred, dense, inputs, own_transfers, pooling
from channelsim.engine.tables.handles import MEMORY, NET, synapses
from channelsim.plan import Kind

DENSE, CONV2D = int(Kind.DENSE), int(Kind.CONV2D)  # the others have no synapses


@inner()
def forward(net, mem, h, slot, delivered):
    """O of layer h for every sample of the frame, to which so many events were delivered, as `inputs.hold` found.

    Returns the multiply-accumulates.
    """
    if net.layers[h].kind == DENSE:
        dense.forward(net, mem, h, slot)
        macs = delivered * net.layers[h].n
    else:
        macs = _forward_on_maps(net, mem, h, slot)
    if net.layers[h].transfer == own_transfers.OWN:
        own_transfers.forward(net, mem, h, slot, mem.slots[slot].samples)
    return macs


@unit(INT, NET, MEMORY, INT, INT, needed_by=(MAPS,))
def _forward_on_maps(net, mem, h, slot):
    samples = mem.slots[slot].samples
    x, out = inputs.activities(net, mem, h, slot), inputs.outputs(net, mem, h, slot, samples)
    units = inputs.units_of(net, mem, h - 1, slot)
    if net.layers[h].kind == CONV2D:
        conv.set_counts(net, mem, h - 1, mem.input_events[slot, h], samples)
        return conv.forward(net, mem, h, x, units, out, samples)
    pooling.forward(net, mem, h, x, units, out, samples)
    return 0


@inner()
def transposed(net, mem, c, slot, seen, recalled):
    """The error that messages delivered over channel c make through their sender: through W, or back through a pool.

    The messages are in mem.unprojected, and the error goes to mem.messages. Counted. `seen` is the slot that the sender
    learned from, with `recalled` samples.
    """
    if net.layers[net.channels[c].source].kind == DENSE:
        dense.transposed(net, mem, c, slot)
    else:
        _transposed_on_maps(net, mem, c, slot, seen, recalled)


@unit(NOTHING, NET, MEMORY, INT, INT, INT, INT, needed_by=(TRANSPOSED, MAPS))
def _transposed_on_maps(net, mem, c, slot, seen, recalled):
    channel, message = net.channels[c], mem.unprojected
    source, out = net.layers[channel.source], mem.messages[slot, channel.message_offset * net.config.batch :]
    if source.kind == CONV2D:
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


@inner()
def update_macs(net, mem, h, slot, samples):
    """The multiply-accumulates of an update, with R in mem.signal, after `is_finite`.

    mem.signal_sums[:w_columns] = R summed over all that shares a bias.
    """
    if net.layers[h].kind == DENSE:
        return dense.update_macs(mem, mem.input_events[slot, h], samples)
    return _update_macs_on_maps(net, mem, h, slot, samples)


@unit(INT, NET, MEMORY, INT, INT, INT, needed_by=(MAPS,))
def _update_macs_on_maps(net, mem, h, slot, samples):
    layer = net.layers[h]
    x, signal = inputs.activities(net, mem, h, slot), mem.signal[: samples * layer.n]
    for b in range(samples):
        mem.map_events[b] = mem.input_events[slot, h, b]
    return conv.survey(net, mem, h, x, signal, samples)


@inner()
def accumulate(net, mem, h, slot, samples, scale, whole):
    """W, or mem.whole_step if `whole`, += scale * the sum that W learns by, with R in mem.signal, after `update_macs`.

    Returns the synapses written.
    """
    if net.layers[h].kind == DENSE:
        return dense.accumulate(net, mem, h, slot, samples, scale, whole)
    return _accumulate_on_maps(net, mem, h, slot, samples, scale, whole)


@unit(INT, NET, MEMORY, INT, INT, INT, FLOAT, INT, needed_by=(MAPS,))
def _accumulate_on_maps(net, mem, h, slot, samples, scale, whole):
    layer = net.layers[h]
    target = mem.whole_step[: layer.w_size] if whole else synapses(mem.weights, layer)
    x, signal = inputs.activities(net, mem, h, slot), mem.signal[: samples * layer.n]
    return conv.accumulate(net, mem, h, x, signal, samples, scale, target, layer.row_stride)


@unit(NOTHING, NET, MEMORY, INT, INT, needed_by=(SIGNS,))
def through_signs(net, mem, c, slot):
    """As `transposed`, through the magnitudes of C with the signs of the sender's W."""
    channel, message = net.channels[c], mem.unprojected
    source, out = net.layers[channel.source], mem.messages[slot, channel.message_offset * net.config.batch :]
    magnitudes, signed = (
        mem.feedback[channel.c_offset : channel.c_offset + channel.c_size],
        mem.signed[: channel.c_size],
    )
    columns = source.w_columns
    deferred.flush(net, mem, channel.source)
    activity.copy_with_signs(magnitudes, columns, synapses(mem.weights, source), source.row_stride, signed)
    if source.kind == DENSE:
        samples, events = mem.slots[slot].samples, mem.message_events[slot, c]
        dense.through(signed, columns, columns, samples, message, events, out, mem.transposed)
        mem.counters[c].macs += activity.total(events, samples) * source.fan_in
    else:
        conv.through(net, mem, c, slot, signed, columns, message, out)


@unit(NOTHING, NET, MEMORY, INT, INT, needed_by=(MAPS,))
def through_bank(net, mem, c, slot):
    """The error that messages of a convolution make through C, which is shaped like its W. Counted.

    Delivered ones are in mem.messages, and the error goes to mem.signal; those that are yet to be sent are in
    mem.unprojected, and the error goes to mem.messages.
    """
    channel = net.channels[c]
    maps = net.layers[channel.source].out_channels
    message = mem.messages[slot, channel.message_offset * net.config.batch :]
    feedback = mem.feedback[channel.c_offset : channel.c_offset + channel.c_size]
    if channel.at_receiver:
        conv.through(net, mem, c, slot, feedback, maps, mem.unprojected, message)
    else:
        conv.through(net, mem, c, slot, feedback, maps, message, mem.signal)


@unit(NOTHING, NET, MEMORY, INT, INT, INT, INT, FLOAT, needed_by=(ADAPTIVE, MAPS))
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
    written = conv.accumulate(net, mem, channel.source, own, message, samples, scale, into, maps)
    summed = net.config.momentum != 0.0 or net.config.feedback_decay != 0.0
    counter.writes += channel.c_size if summed else written
