"""The layer kinds `maxpool`, `avgpool` and `flatten`, which have no synapses: what the loop asks of a kind."""

from __future__ import annotations

from channelsim.engine import _inputs, _pool
from channelsim.engine._jit import inner
from channelsim.engine._views import channels, i8_planes, i8_rows, layers, slots


@inner()
def forward(net, h, x, out, samples):
    """The output map of each sample."""
    _pool.forward(layers(net.layers)[h].kind, i8_rows(net.geometry)[h], x, out, samples)


@inner()
def transposed(net, mem, c, slot, seen, recalled, message, out):
    """The error that delivered messages make at the layer below.

    The input that a maxpool goes by is that in slot `seen`, which has `recalled` samples.
    """
    source, samples = channels(net.channels)[c].source, slots(mem.slots)[slot].samples
    x = _inputs.activities(net, mem, source, seen)
    heard = i8_planes(mem.heard)[slot, c]
    geometry = i8_rows(net.geometry)[source]
    _pool.backward(layers(net.layers)[source].kind, geometry, x, message, heard, out, samples, recalled)
