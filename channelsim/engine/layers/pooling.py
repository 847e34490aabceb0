"""The layer kinds `maxpool`, `avgpool` and `flatten`, which have no synapses: what the loop asks of a kind."""

from __future__ import annotations

from channelsim.engine.compile.jit import inner
from channelsim.engine.compile.pointers import address_of
from channelsim.engine.kernels import multiples
from channelsim.engine.layers import inputs, maps


@inner()
def forward(net, mem, h, x, units, out, samples):
    """The output map of each sample, whose values are multiples of `units`."""
    layer = net.layers[h]
    multiples.divide(x, layer.fan_in, units)
    maps.pool(net, mem, h, address_of(x), address_of(out), samples)
    multiples.multiply(x, layer.fan_in, units)
    multiples.multiply(out, layer.n, units)


@inner()
def transposed(net, mem, c, slot, seen, recalled, message, out):
    """The error that delivered messages make at the layer below.

    The input that a maxpool goes by is that in slot `seen`, which has `recalled` samples.
    """
    source, samples = net.channels[c].source, mem.slots[slot].samples
    x = inputs.activities(net, mem, source, seen)
    for b in range(samples):
        mem.map_events[b] = mem.message_events[slot, c, b]
    places = address_of(x), address_of(message), address_of(out)
    maps.pool_backward(net, mem, source, places[0], places[1], places[2], recalled, samples)
