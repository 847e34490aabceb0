"""What the loop asks of a layer, whatever its kind."""

from __future__ import annotations

from channelsim.engine import _conv_layer, _dense_layer, _inputs, _pool_layer, _vector_sums
from channelsim.engine._jit import inner
from channelsim.engine._named import EVERY_RUN, FLOAT, INT, MEMORY, NET, NOTHING, named
from channelsim.engine._views import channels, configs, counters, f4, f4_rows, i8_planes, layers, slots, synapses
from channelsim.plan import Kind

DENSE, CONV2D = int(Kind.DENSE), int(Kind.CONV2D)  # the others have no synapses


@named(INT, NET, MEMORY, INT, INT, on_demand=EVERY_RUN)
def forward(net, mem, h, slot):
    """O of layer h for every sample of the frame. Returns the multiply-accumulates."""
    kind, samples = layers(net.layers)[h].kind, slots(mem.slots)[slot].samples
    out = _inputs.outputs(net, mem, h, slot, samples)
    if kind == DENSE:
        return _dense_layer.forward(net, mem, h, slot, out)
    x = _inputs.activities(net, mem, h, slot)
    if kind == CONV2D:
        _conv_layer.know(net, mem, h - 1, i8_planes(mem.counts)[slot, h], samples)
        return _conv_layer.forward(net, mem, h, x, out, samples)
    _pool_layer.forward(net, mem, h, x, out, samples)
    return 0


@named(NOTHING, NET, MEMORY, INT, INT, INT, INT, on_demand=EVERY_RUN)
def transposed(net, mem, c, slot, seen, recalled):
    """The error that messages delivered over channel c make through their sender: through W, or back through a pool.

    The messages are in mem.error, and the error takes their place in mem.messages. Counted. `seen` is the slot that the
    sender learned from, with `recalled` samples.
    """
    channel = channels(net.channels)[c]
    source, message = layers(net.layers)[channel.source], f4(mem.error)
    out = f4_rows(mem.messages)[slot, channel.message_offset * configs(net.config)[0].batch :]
    if source.kind == DENSE:
        samples, heard = slots(mem.slots)[slot].samples, i8_planes(mem.heard)[slot, c]
        _dense_layer.transposed(net, mem, channel.source, samples, message, heard, out)
        counters(mem.counters)[c].macs += _conv_layer.total(heard, samples) * source.fan_in
    elif source.kind == CONV2D:
        weights = synapses(f4(mem.weights), source)
        _conv_layer.through(net, mem, c, slot, weights, source.pitch, message, out)
    else:
        _pool_layer.transposed(net, mem, c, slot, seen, recalled, message, out)


@inner()
def look(net, mem, h, samples):
    """Whether R, in mem.signal, is finite. What else is found is for `survey` and `accumulate`."""
    layer = layers(net.layers)[h]
    if layer.kind == DENSE:
        return _dense_layer.look(net, mem, h, samples)
    return _vector_sums.are_finite(f4(mem.signal)[: samples * layer.n]) != 0


@named(INT, NET, MEMORY, INT, INT, INT, on_demand=EVERY_RUN)
def survey(net, mem, h, slot, samples):
    """What an update takes, with R in mem.signal, after `look`: returns its multiply-accumulates.

    mem.error[:b_size] = R summed over all that shares a bias.
    """
    layer = layers(net.layers)[h]
    if layer.kind == DENSE:
        return _dense_layer.survey(mem, layer.n, i8_planes(mem.counts)[slot, h], samples)
    x, signal = _inputs.activities(net, mem, h, slot), f4(mem.signal)[: samples * layer.n]
    _conv_layer.know(net, mem, h - 1, i8_planes(mem.counts)[slot, h], samples)
    return _conv_layer.survey(net, mem, h, x, signal, samples)


@named(INT, NET, MEMORY, INT, INT, INT, FLOAT, INT, on_demand=EVERY_RUN)
def accumulate(net, mem, h, slot, samples, scale, whole):
    """W, or mem.step if `whole`, += scale * the sum that W learns by, with R in mem.signal, after `survey`.

    mem.signal is used up. Returns the synapses written.
    """
    layer = layers(net.layers)[h]
    target = f4(mem.step)[: layer.w_size] if whole else synapses(f4(mem.weights), layer)
    if layer.kind == DENSE:
        return _dense_layer.accumulate(net, mem, h, slot, samples, scale, target)
    x, signal = _inputs.activities(net, mem, h, slot), f4(mem.signal)[: samples * layer.n]
    return _conv_layer.accumulate(net, mem, h, x, signal, samples, scale, target, layer.pitch)


@named(NOTHING, NET, MEMORY, INT, INT, on_demand=EVERY_RUN)
def through_signs(net, mem, c, slot):
    """As `transposed`, of a convolution whose W lends its signs to the magnitudes of C."""
    channel = channels(net.channels)[c]
    maps = layers(net.layers)[channel.source].out_channels
    out = f4_rows(mem.messages)[slot, channel.message_offset * configs(net.config)[0].batch :]
    _conv_layer.sign(net, mem, c)
    _conv_layer.through(net, mem, c, slot, f4(mem.bank)[: channel.c_size], maps, f4(mem.error), out)


@named(NOTHING, NET, MEMORY, INT, INT, on_demand=EVERY_RUN)
def through_bank(net, mem, c, slot):
    """mem.signal = the error that messages of a convolution make through C, which is shaped like its W. Counted."""
    channel = channels(net.channels)[c]
    maps = layers(net.layers)[channel.source].out_channels
    message = f4_rows(mem.messages)[slot, channel.message_offset * configs(net.config)[0].batch :]
    feedback = f4(mem.feedback)[channel.c_offset : channel.c_offset + channel.c_size]
    _conv_layer.through(net, mem, c, slot, feedback, maps, message, f4(mem.signal))


@named(NOTHING, NET, MEMORY, INT, INT, INT, INT, FLOAT, on_demand=EVERY_RUN)
def adapt_bank(net, mem, c, slot, seen, samples, scale):
    """Such a C, or with momentum its velocity, += scale * the sum of patch (x) message. Counted.

    The patches are of the target's O in slot `seen`.
    """
    channel, counter = channels(net.channels)[c], counters(mem.counters)[c]
    n, maps = channel.n, layers(net.layers)[channel.source].out_channels
    first = channel.message_offset * configs(net.config)[0].batch
    message = f4_rows(mem.messages)[slot, first : first + samples * n]
    own = _inputs.outputs(net, mem, channel.target, seen, samples)
    buffer = f4(mem.feedback) if configs(net.config)[0].momentum == 0.0 else f4(mem.feedback_velocity)
    into = buffer[channel.c_offset : channel.c_offset + channel.c_size]
    _conv_layer.forget_counts(mem)
    counter.update_macs += _conv_layer.survey(net, mem, channel.source, own, message, samples)
    counter.writes += _conv_layer.accumulate(net, mem, channel.source, own, message, samples, scale, into, maps)
