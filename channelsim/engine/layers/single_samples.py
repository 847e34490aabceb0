"""Updates whose quantizer acts on the step of each sample, before their mean is taken: mini-batches only.

Of a dense layer a row of W is made at a time, from all samples, while their errors are in the nearest cache: a step is
an outer product, and no matrix of it is ever written down.
"""

from __future__ import annotations

import math

import numpy as np

from channelsim.engine.channel import quantizers
from channelsim.engine.compile.jit import inner
from channelsim.engine.compile.pointers import as_words
from channelsim.engine.compile.thread_pool import in_parts
from channelsim.engine.compile.units import FLOAT, INT, MAPS, NOTHING, PER_SAMPLE, unit
from channelsim.engine.kernels import activity, counter_hash, minibatch, simd
from channelsim.engine.layers import conv, dispatch, inputs
from channelsim.engine.tables.handles import MEMORY, NET

F = np.float32
ZERO, ONE = F(0.0), F(1.0)


@inner()
def accumulate(net, mem, h, slot, seen, samples, eta):
    """mem.whole_step, which is 0, = the mean over the frame in `slot` of Q(eta x (x) R), R in mem.signal.

    `samples` of the frame's samples have an activity, in slot `seen`. After `dispatch.update_macs`.
    """
    if net.layers[h].kind == dispatch.DENSE:
        _dense(net, mem, h, slot, seen, samples, eta)
    else:
        _on_maps(net, mem, h, slot, seen, samples, eta)


@unit(NOTHING, NET, MEMORY, INT, INT, INT, INT, FLOAT, needed_by=(PER_SAMPLE,))
def _dense(net, mem, h, slot, seen, samples, eta):
    layer = net.layers[h]
    n, fan_in, x = layer.n, layer.fan_in, inputs.activities(net, mem, h, seen)
    errors = mem.learning_signal[: samples * n]
    activity.scale(mem.signal[: samples * n], eta, errors)
    for b in range(samples):
        mem.units[b] = _scale(layer, x[b * fan_in : b * fan_in + fan_in], errors[b * n : b * n + n])
    in_parts(_rows, minibatch.parts(samples), (net, mem, h, slot, seen, samples))


@inner()
def _scale(layer, x, error):
    """The scale of a step x (x) error: its largest magnitude is that of the largest factors."""
    if layer.update_scale_kind == quantizers.MAX:
        return simd.largest(x) * simd.largest(error)
    if layer.update_scale_kind == quantizers.RMS:
        products = simd.count_events(x) * simd.count_events(error)
        squares = simd.sum_of_squares(x) * simd.sum_of_squares(error)
        return F(math.sqrt(squares / products)) if products > 0 else ZERO
    return layer.update_scale


@inner()
def _rows(net, mem, h, slot, seen, samples, piece, pieces):
    """The steps of one part of the rows of W."""
    layer, frame, seed = net.layers[h], mem.slots[slot].frame, net.config.seed
    n, fan_in, x = layer.n, layer.fan_in, inputs.activities(net, mem, h, seen)
    share = ONE / F(mem.slots[slot].samples)
    row = mem.signal_sums[piece * n : piece * n + n]
    room = len(mem.term_lists) // pieces
    index = mem.term_lists[piece * room : piece * room + (n if layer.update_stochastic else 0)]
    for r in range(fan_in * piece // pieces, fan_in * (piece + 1) // pieces):
        total = mem.whole_step[r * n : r * n + n]
        for j in range(len(index)):
            index[j] = r * n + j
        for b in range(samples):
            value = x[b * fan_in + r]
            if value == ZERO or mem.signal_events[b] == 0:
                continue
            activity.scale(mem.learning_signal[b * n : b * n + n], value, row)
            key = np.uint64(0)
            if layer.update_stochastic:
                key = counter_hash.key(seed, counter_hash.UPDATE_ROUNDING + 64 * h, frame, np.int64(b))
            quantizers.quantize(
                layer.update_quantizer, layer.update_levels, mem.units[b], layer.update_stochastic, key, index, row,
                as_words(row),
            )  # fmt: skip
            for j in range(n):
                total[j] += row[j]
        for j in range(n):
            total[j] *= share


@unit(NOTHING, NET, MEMORY, INT, INT, INT, INT, FLOAT, needed_by=(PER_SAMPLE, MAPS))
def _on_maps(net, mem, h, slot, seen, samples, eta):
    """The same for a convolution: the step of a sample is a sum over positions."""
    layer, frame = net.layers[h], mem.slots[slot].frame
    n, fan_in, size = layer.n, layer.fan_in, layer.w_size
    x, step, total = inputs.activities(net, mem, h, seen), mem.partial_step[:size], mem.whole_step[:size]
    words, share = as_words(step), ONE / F(mem.slots[slot].samples)
    for b in range(samples):
        own, error = x[b * fan_in : b * fan_in + fan_in], mem.signal[b * n : b * n + n]
        for k in range(size):
            step[k] = ZERO
        mem.map_events[0] = mem.input_events[seen, h, b]
        conv.survey(net, mem, h, own, error, 1)
        conv.accumulate(net, mem, h, own, error, 1, eta, step, layer.w_columns)
        a = quantizers.measure(layer.update_scale_kind, layer.update_scale, step, simd.count_events(step))
        key = counter_hash.key(net.config.seed, counter_hash.UPDATE_ROUNDING + 64 * h, frame, np.int64(b))
        quantizers.quantize(
            layer.update_quantizer, layer.update_levels, a, layer.update_stochastic, key, words[:0], step, words
        )
        for k in range(size):
            total[k] += step[k]
    for k in range(size):
        total[k] *= share
