"""What the loop asks of a layer, whatever its kind."""

from __future__ import annotations

from channelsim.engine import _conv_layer, _dense_layer, _inputs, _pool_layer
from channelsim.engine._jit import inner
from channelsim.engine._views import channels, counters, f4, i8_planes, layers, slots

DENSE, CONV2D = 1, 2  # plan.Kind; the others have no synapses


@inner()
def forward(net, mem, h, slot, out):
    """O of layer h for every sample of the frame. Returns the multiply-accumulates."""
    kind = layers(net.layers)[h].kind
    if kind == DENSE:
        return _dense_layer.forward(net, mem, h, slot, out)
    x, samples = _inputs.activities(net, mem, h, slot), slots(mem.slots)[slot].samples
    if kind == CONV2D:
        _conv_layer.know(net, mem, h - 1, i8_planes(mem.counts)[slot, h], samples)
        return _conv_layer.forward(net, mem, h, x, out, samples)
    _pool_layer.forward(net, h, x, out, samples)
    return 0


@inner()
def transposed(net, mem, c, slot, seen, recalled, message, out):
    """The error that delivered messages (B, n) make through their sender: through W, or back through a pool. Counted.

    `seen` is the slot that the sender learned from, with `recalled` samples.
    """
    channel = channels(net.channels)[c]
    source = layers(net.layers)[channel.source]
    if source.kind == DENSE:
        samples, heard = slots(mem.slots)[slot].samples, i8_planes(mem.heard)[slot, c]
        _dense_layer.transposed(net, mem, channel.source, samples, message, heard, out)
        counters(mem.counters)[c].macs += _conv_layer.total(heard, samples) * source.fan_in
    elif source.kind == CONV2D:
        weights = _dense_layer.synapses(f4(mem.weights), source)
        _conv_layer.through(net, mem, c, slot, weights, source.pitch, message, out)
    else:
        _pool_layer.transposed(net, mem, c, slot, seen, recalled, message, out)


@inner()
def survey(net, mem, h, slot, samples):
    """What an update takes, with R in mem.signal: returns its multiply-accumulates.

    mem.error[:b_size] = R summed over all that shares a bias.
    """
    layer = layers(net.layers)[h]
    if layer.kind == DENSE:
        return _dense_layer.survey(net, mem, h, slot, samples)
    x, signal = _inputs.activities(net, mem, h, slot), f4(mem.signal)[: samples * layer.n]
    _conv_layer.know(net, mem, h - 1, i8_planes(mem.counts)[slot, h], samples)
    return _conv_layer.survey(net, mem, h, x, signal, samples)


@inner()
def accumulate(net, mem, h, slot, samples, scale, target):
    """target += scale * the sum that W learns by, with R in mem.signal, after `survey`. mem.signal is used up.

    Returns the synapses written.
    """
    layer = layers(net.layers)[h]
    if layer.kind == DENSE:
        return _dense_layer.accumulate(net, mem, h, slot, samples, scale, target)
    x, signal = _inputs.activities(net, mem, h, slot), f4(mem.signal)[: samples * layer.n]
    return _conv_layer.accumulate(net, mem, h, x, signal, samples, scale, target, layer.pitch)
