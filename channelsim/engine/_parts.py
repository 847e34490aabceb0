"""Work on maps, divided among threads: samples, or rows of W where a sum goes over samples.

The parts are set by the sizes alone, and each sum is made by one thread in the same order, so the number of threads
does not show in the result.
"""

from __future__ import annotations

import numpy as np

from channelsim.engine import _conv, _geometry, _pool
from channelsim.engine._jit import kernel
from channelsim.engine._named import FLOAT, INT, MAPS, MEMORY, NET, NOTHING, named
from channelsim.engine._team import in_parts
from channelsim.engine._views import address_of, f4, flags, floats_at, i8, i8_rows, layers
from channelsim.engine.sizes import map_parts

FORWARD, THROUGH_TRANSPOSED, ADD_OUTER, SURVEY, POOL, POOL_BACKWARD = (np.int64(k) for k in range(6))
NONE, NO_SCALE = np.int64(0), np.float32(0.0)
PART_ROWS = 32  # of W that a part has at least
parts = kernel()(map_parts)


@kernel()
def _all(net, mem, task, h, p, q, r, number, samples, scale, whole, pieces):
    in_parts(_part, pieces, (net, mem, task, h, p, q, r, number, samples, scale, whole))


@kernel()
def _part(net, mem, task, h, p, q, r, number, samples, scale, whole, piece, pieces):
    lo, hi = whole * piece // pieces, whole * (piece + 1) // pieces
    _one(net, mem, task, h, p, q, r, number, samples, scale, piece, lo, hi)


@named(NOTHING, NET, MEMORY, INT, INT, INT, INT, INT, INT, INT, FLOAT, INT, INT, INT, by_address=True, on_demand=MAPS)
def _one(net, mem, task, h, p, q, r, number, samples, scale, piece, lo, hi):
    """Samples (of ADD_OUTER: rows) lo .. hi - 1 of a task at layer h; p, q and r are where its arrays lie."""
    layer, g = layers(net.layers)[h], i8_rows(net.geometry)[h]
    room = f4(mem.patches)[piece * g[_geometry.ROOM] : (piece + 1) * g[_geometry.ROOM]]
    below, above = samples * layer.fan_in, samples * layer.n
    counts, macs = i8(mem.event_counts), i8(mem.macs)
    if task == FORWARD:
        weights = f4(mem.weights)[layer.w_offset : layer.w_offset + layer.w_extent]
        bias = f4(mem.biases)[layer.b_offset : layer.b_offset + layer.b_size]
        x, out = floats_at(p, below), floats_at(q, above)
        _conv.forward(g, layer.transfer, weights, layer.pitch, bias, x, counts, out, macs, lo, hi, room)
    elif task == THROUGH_TRANSPOSED:
        matrix = floats_at(p, layer.w_size // layer.b_size * number)
        _conv.through_transposed(
            g, matrix, number, floats_at(q, above), counts, floats_at(r, below), macs, lo, hi, room
        )
    elif task == ADD_OUTER:
        target, learns = floats_at(p, layer.w_size // layer.b_size * number), flags(mem.learns)
        _conv.add_outer(g, target, number, floats_at(q, below), f4(mem.gathered), learns, samples, scale, lo, hi, room)
    elif task == SURVEY:
        x, signal, turned, learns = floats_at(p, below), floats_at(q, above), f4(mem.gathered), flags(mem.learns)
        _conv.survey(g, x, counts, signal, turned, learns, macs, f4(mem.map_sums), lo, hi, room)
    elif task == POOL:
        _pool.forward(layer.kind, g, floats_at(p, below), floats_at(q, above), lo, hi)
    else:
        x, message, out = floats_at(p, below), floats_at(q, above), floats_at(r, below)
        _pool.backward(layer.kind, g, x, message, counts, out, number, lo, hi)


@named(NOTHING, NET, MEMORY, INT, INT, INT, INT, on_demand=MAPS)
def forward(net, mem, h, x, out, samples):
    """A convolution's out = f(W * x + b).

    mem.event_counts: how many inputs of each sample speak; mem.macs: products.
    """
    _all(address_of(net), address_of(mem), FORWARD, h, x, out, NONE, NONE, samples, NO_SCALE, samples, parts(samples))


@named(NOTHING, NET, MEMORY, INT, INT, INT, INT, INT, INT, on_demand=MAPS)
def through_transposed(net, mem, h, matrix, pitch, message, out, samples):
    """The error that messages make through a matrix shaped like W of convolution h.

    mem.event_counts: how many events each has; mem.macs: products.
    """
    _all(
        address_of(net), address_of(mem), THROUGH_TRANSPOSED, h, matrix, message, out, pitch, samples, NO_SCALE,
        samples, parts(samples),
    )  # fmt: skip


@named(NOTHING, NET, MEMORY, INT, INT, INT, INT, INT, FLOAT, on_demand=MAPS)
def add_outer(net, mem, h, target, pitch, x, samples, scale):
    """target, shaped like W of convolution h, += scale * sum of patch (x) R, after `survey`."""
    rows = layers(net.layers)[h].w_size // layers(net.layers)[h].b_size
    pieces = max(1, min(parts(samples), rows // PART_ROWS))
    _all(address_of(net), address_of(mem), ADD_OUTER, h, target, x, NONE, pitch, samples, scale, rows, pieces)


@named(NOTHING, NET, MEMORY, INT, INT, INT, INT, on_demand=MAPS)
def survey(net, mem, h, x, signal, samples):
    """What an update of convolution h takes: mem.learns, mem.macs, mem.map_sums, and mem.gathered = R turned."""
    _all(address_of(net), address_of(mem), SURVEY, h, x, signal, NONE, NONE, samples, NO_SCALE, samples, parts(samples))


@named(NOTHING, NET, MEMORY, INT, INT, INT, INT, on_demand=MAPS)
def pool(net, mem, h, x, out, samples):
    """The output map of each sample."""
    _all(address_of(net), address_of(mem), POOL, h, x, out, NONE, NONE, samples, NO_SCALE, samples, parts(samples))


@named(NOTHING, NET, MEMORY, INT, INT, INT, INT, INT, INT, on_demand=MAPS)
def pool_backward(net, mem, h, x, message, out, recalled, samples):
    """The error at the map below that messages make, mem.event_counts of whose events arrive."""
    _all(
        address_of(net), address_of(mem), POOL_BACKWARD, h, x, message, out, recalled, samples, NO_SCALE, samples,
        parts(samples),
    )  # fmt: skip
