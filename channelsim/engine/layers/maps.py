"""Work on maps, divided among threads: samples, or rows of W where a sum goes over samples.

The parts are set by the sizes alone, and each sum is made by one thread in the same order, so the number of threads
does not show in the result. These are units, which only networks with maps compile; x, out and the like are
addresses of arrays.
"""

from __future__ import annotations

import numpy as np

from channelsim.engine.compile.jit import inner
from channelsim.engine.compile.pointers import floats_at
from channelsim.engine.compile.thread_pool import in_parts
from channelsim.engine.compile.units import FLOAT, INT, MAPS, NOTHING, unit
from channelsim.engine.config import MAP_PART_ROWS
from channelsim.engine.kernels import convolution, transfers, windows
from channelsim.engine.sizes import map_parts
from channelsim.engine.tables import geometry
from channelsim.engine.tables.handles import MEMORY, NET, biases, synapses

parts = inner()(map_parts)


@inner(inlined=True)
def _bounds(count, piece, pieces):
    """The first of so many that a part works on, and the one after its last."""
    return count * piece // pieces, count * (piece + 1) // pieces


@inner(inlined=True)
def _room(net, mem, h, piece):
    """A part's room for the patches of an image."""
    size = net.geometry[h, geometry.ROOM]
    return mem.patches[piece * size : (piece + 1) * size]


@unit(NOTHING, NET, MEMORY, INT, INT, INT, INT, INT, needed_by=(MAPS,))
def forward(net, mem, h, x, out, samples, bare):
    """A convolution's out = f(W * x + b), or if `bare` W * x.

    mem.map_events: how many inputs of each sample are events, as `conv.set_counts` has it; mem.map_macs: products.
    """
    in_parts(_forward, parts(samples), (net, mem, h, x, out, samples, bare))


@inner()
def _forward(net, mem, h, x, out, samples, bare, piece, pieces):
    layer, (lo, hi) = net.layers[h], _bounds(samples, piece, pieces)
    bias = biases(net, mem, layer)
    bias = bias[: 0 if bare else len(bias)]
    x, out = floats_at(x, samples * layer.fan_in), floats_at(out, samples * layer.n)
    convolution.forward(
        net.geometry[h], transfers.LINEAR if bare else layer.transfer, synapses(mem.weights, layer), layer.row_stride,
        bias, x, mem.map_events, out, mem.map_macs, lo, hi, _room(net, mem, h, piece),
    )  # fmt: skip


@unit(NOTHING, NET, MEMORY, INT, INT, INT, INT, INT, INT, needed_by=(MAPS,))
def through_transposed(net, mem, h, matrix, stride, message, out, samples):
    """The error that messages make through a matrix shaped like W of convolution h.

    mem.map_events: how many events each has, likewise; mem.map_macs: products.
    """
    in_parts(_through_transposed, parts(samples), (net, mem, h, matrix, stride, message, out, samples))


@inner()
def _through_transposed(net, mem, h, matrix, stride, message, out, samples, piece, pieces):
    layer, (lo, hi) = net.layers[h], _bounds(samples, piece, pieces)
    matrix = floats_at(matrix, layer.w_size // layer.w_columns * stride)
    message, out = floats_at(message, samples * layer.n), floats_at(out, samples * layer.fan_in)
    convolution.through_transposed(
        net.geometry[h], matrix, stride, message, mem.map_events, out, mem.map_macs, lo, hi, _room(net, mem, h, piece)
    )


@unit(NOTHING, NET, MEMORY, INT, INT, INT, INT, INT, FLOAT, needed_by=(MAPS,))
def add_outer(net, mem, h, target, stride, x, samples, scale):
    """target, shaped like W of convolution h, += scale * sum of patch (x) R, after `survey`."""
    rows = net.layers[h].w_size // net.layers[h].w_columns
    pieces = max(1, min(parts(samples), rows // MAP_PART_ROWS))
    in_parts(_add_outer, pieces, (net, mem, h, target, stride, x, samples, scale))


@inner()
def _add_outer(net, mem, h, target, stride, x, samples, scale, piece, pieces):
    layer = net.layers[h]
    rows = layer.w_size // layer.w_columns
    lo, hi = _bounds(rows, piece, pieces)
    target, x = floats_at(target, rows * stride), floats_at(x, samples * layer.fan_in)
    convolution.add_outer(
        net.geometry[h], target, stride, x, mem.turned_signal, mem.learns, samples, scale, lo, hi,
        _room(net, mem, h, piece),
    )  # fmt: skip


@unit(NOTHING, NET, MEMORY, INT, INT, INT, INT, needed_by=(MAPS,))
def survey(net, mem, h, x, signal, samples):
    """What an update of convolution h takes: mem.learns, mem.map_macs, mem.map_sums and mem.turned_signal."""
    in_parts(_survey, parts(samples), (net, mem, h, x, signal, samples))


@inner()
def _survey(net, mem, h, x, signal, samples, piece, pieces):
    layer, (lo, hi) = net.layers[h], _bounds(samples, piece, pieces)
    x, signal = floats_at(x, samples * layer.fan_in), floats_at(signal, samples * layer.n)
    convolution.survey(
        net.geometry[h], x, mem.map_events, signal, mem.turned_signal, mem.learns, mem.map_macs, mem.map_sums, lo, hi,
        _room(net, mem, h, piece),
    )  # fmt: skip


@unit(NOTHING, NET, MEMORY, INT, INT, INT, INT, needed_by=(MAPS,))
def pool(net, mem, h, x, out, samples):
    """The output map of each sample."""
    in_parts(_pool, parts(samples), (net, mem, h, x, out, samples))


@inner()
def _pool(net, mem, h, x, out, samples, piece, pieces):
    layer, (lo, hi) = net.layers[h], _bounds(samples, piece, pieces)
    x, out = floats_at(x, samples * layer.fan_in), floats_at(out, samples * layer.n)
    windows.forward(layer.kind, net.geometry[h], x, out, lo, hi)


@unit(NOTHING, NET, MEMORY, INT, INT, INT, INT, INT, INT, needed_by=(MAPS,))
def pool_backward(net, mem, h, x, message, out, recalled, samples):
    """The error at the map below that messages make, of which mem.map_events events arrive."""
    in_parts(_pool_backward, parts(samples), (net, mem, h, x, message, out, recalled, samples))


@inner()
def _pool_backward(net, mem, h, x, message, out, recalled, samples, piece, pieces):
    layer, (lo, hi) = net.layers[h], _bounds(samples, piece, pieces)
    x, out = floats_at(x, samples * layer.fan_in), floats_at(out, samples * layer.fan_in)
    message = floats_at(message, samples * layer.n)
    windows.backward(layer.kind, net.geometry[h], x, message, mem.map_events, out, np.int64(recalled), lo, hi)
