"""Errors that skip layers, but not their weights: through one transposed W after another, without f'."""

from __future__ import annotations

import numpy as np

from channelsim.engine.compile.jit import inner
from channelsim.engine.compile.units import INT, NOTHING, PRODUCTS, unit
from channelsim.engine.kernels import activity, multiples
from channelsim.engine.layers import deferred, dense, inputs
from channelsim.engine.tables.handles import MEMORY, NET, synapses

ZERO = np.float32(0.0)


@unit(NOTHING, NET, MEMORY, INT, INT, needed_by=(PRODUCTS,))
def through_product(net, mem, c, slot):
    """mem.messages = the error that messages delivered over channel c, in mem.unprojected, make through the W of the
    sender and of the layers below it, down to the one above the target. Counted."""
    channel, samples, events = net.channels[c], mem.slots[slot].samples, mem.message_events[slot, c]
    source, first = channel.source, channel.message_offset * net.config.batch
    n = net.layers[channel.target].n
    units = mem.units[:samples]
    if mem.weight_units[source] != ZERO:
        multiples.divide(mem.unprojected, channel.n, inputs.units_of(net, mem, c, slot))
    mem.counters[c].macs += activity.total(events, samples) * net.layers[source].fan_in
    message, room = mem.unprojected, mem.halfway
    for h in range(source, channel.target + 1, -1):
        _pass(net, mem, h, samples, message, events, room, units)
        message, room = room, message
        for b in range(samples):
            units[b] = ZERO
            mem.counters[c].macs += net.layers[h - 1].w_size if events[b] > 0 else 0
    _pass(
        net, mem, channel.target + 1, samples, message, events, mem.messages[slot, first : first + samples * n], units
    )


@inner()
def _pass(net, mem, h, samples, message, events, out, units):
    """out = messages, multiples of `units` if W has a unit, through the transposed W of layer h."""
    layer, unit = net.layers[h], mem.weight_units[h]
    deferred.flush(net, mem, h)
    matrix = synapses(mem.weights, layer)
    dense.through(matrix, layer.row_stride, layer.n, samples, message, events, out, mem.transposed)
    if unit != ZERO:
        multiples.finish(out, layer.fan_in, unit, units)
