"""The layer kind `conv2d`: what the loop asks of a kind (forward, error from message, update, counts)."""

from __future__ import annotations

import numpy as np

from channelsim.engine.channel import stages
from channelsim.engine.compile.jit import inner
from channelsim.engine.compile.pointers import address_of
from channelsim.engine.kernels import activity, conv_counts, multiples, transfers
from channelsim.engine.layers import maps as map_work
from channelsim.engine.tables.handles import biases

ZERO = np.float32(0.0)


@inner()
def forward(net, mem, h, x, units, out, samples):
    """out = f(W * x + b) for samples of which mem.map_events inputs are active, and multiples of `units`.

    Returns the multiply-accumulates.
    """
    layer, unit = net.layers[h], mem.weight_units[h]
    if unit == ZERO:
        map_work.forward(net, mem, h, address_of(x), address_of(out), samples, np.int64(0))
    else:
        multiples.divide(x, layer.fan_in, units)
        map_work.forward(net, mem, h, address_of(x), address_of(out), samples, np.int64(1))
        multiples.multiply(x, layer.fan_in, units)
        multiples.finish_with_bias(out, layer.n, unit, units, biases(net, mem, layer))
        transfers.layer(layer.transfer, out, layer.n)
    return activity.total(mem.map_macs, samples)


@inner()
def through(net, mem, c, slot, matrix, stride, message, out):
    """The error that delivered messages (B, n) make through a matrix shaped like W of channel c's sender. Counted."""
    source, samples = net.channels[c].source, mem.slots[slot].samples
    set_counts(net, mem, c, mem.message_events[slot, c], samples)
    places = address_of(matrix), address_of(message), address_of(out)
    map_work.through_transposed(net, mem, source, places[0], stride, places[1], places[2], samples)
    mem.counters[c].macs += activity.total(mem.map_macs, samples)


@inner()
def survey(net, mem, h, x, signal, samples):
    """The multiply-accumulates of an update from inputs x, mem.map_events of which are active, and errors `signal`.

    mem.learns[b]: whether sample b has a nonzero error; mem.signal_sums: the errors of each map, summed;
    mem.turned_signal: the errors with the maps of a position side by side.
    """
    maps = net.layers[h].out_channels
    sums = mem.map_sums[: samples * maps]
    map_work.survey(net, mem, h, address_of(x), address_of(signal), samples)
    summed = mem.signal_sums[:maps]
    summed[:] = ZERO
    for b in range(samples):
        for o in range(maps):
            summed[o] += sums[b * maps + o]
    return activity.total(mem.map_macs, samples)


@inner()
def accumulate(net, mem, h, x, signal, samples, scale, target, stride):
    """target += scale * sum over samples and positions of patch (x) R, after `survey` has been made of them.

    `target` is W or a buffer of its size. Returns the entries addressed.
    """
    geometry, layer, learns = net.geometry[h], net.layers[h], mem.learns
    map_work.add_outer(net, mem, h, address_of(target), stride, address_of(x), samples, scale)
    maps, positions = layer.out_channels, layer.out_height * layer.out_width
    rows = conv_counts.rows_at_work(geometry, x, learns, samples, mem.touched[: layer.fan_in])
    return rows * conv_counts.maps_at_work(signal, maps, positions, samples)


@inner()
def set_counts(net, mem, c, count, samples):
    """mem.map_events[b] = the values of sample b that are not zero: its events as delivered over channel c, `count`.

    Or `conv_counts.AS_MARKED`, where an event can be 0.
    """
    zeros = stages.makes_zeros(net.channels[c])
    for b in range(samples):
        mem.map_events[b] = conv_counts.AS_MARKED if zeros else count[b]


@inner()
def clear_counts(mem):
    """mem.map_events: unknown."""
    mem.map_events[:] = conv_counts.UNKNOWN
