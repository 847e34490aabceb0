"""The layer kind `dense`: what the loop asks of a kind (forward, error from message, update, counts)."""

from __future__ import annotations

import numpy as np

from channelsim.engine.compile.jit import inner
from channelsim.engine.compile.pointers import head
from channelsim.engine.compile.units import FLOAT, IMMEDIATE, INT, MINI_BATCH, NOTHING, ONE_SAMPLE, TRANSPOSED, unit
from channelsim.engine.config import FEW_SAMPLES
from channelsim.engine.kernels import activity, minibatch, multiples, simd, single, transfers
from channelsim.engine.layers import deferred, inputs
from channelsim.engine.tables.handles import MEMORY, NET, biases, synapses

F = np.float32
ZERO = F(0.0)


@inner()
def forward(net, mem, h, slot):
    """O = f(W x + b) for every sample of the frame."""
    if net.config.batch == 1:
        _forward_sample(net, mem, h, slot)
    else:
        _forward_batch(net, mem, h, slot)


@unit(NOTHING, NET, MEMORY, INT, INT, needed_by=(ONE_SAMPLE,))
def _forward_sample(net, mem, h, slot):
    """`forward` of a frame of one sample."""
    layer, out = net.layers[h], inputs.outputs(net, mem, h, slot, 1)
    bias, unit = biases(net, mem, layer), mem.weight_units[h]
    index, value = inputs.events(net, mem, h, slot)
    if unit == ZERO:
        simd.copy(bias, out)
        deferred.add_rows(net, mem, h, slot, index, value, out)
    else:
        units = inputs.units_of(net, mem, h - 1, slot)
        multiples.divide(value, len(value), units)
        for j in range(layer.n):
            out[j] = ZERO
        deferred.add_rows(net, mem, h, slot, index, value, out)
        multiples.multiply(value, len(value), units)
        multiples.finish_with_bias(out, layer.n, unit, units, bias)
    transfers.layer(layer.transfer, out, layer.n)


@unit(NOTHING, NET, MEMORY, INT, INT, needed_by=(MINI_BATCH,))
def _forward_batch(net, mem, h, slot):
    """`forward` of a frame of a mini-batch, whatever is left of it."""
    layer, samples = net.layers[h], mem.slots[slot].samples
    n, fan_in, form, weights = layer.n, layer.fan_in, mem.input_form[slot, h], synapses(mem.weights, layer)
    bias, out = biases(net, mem, layer), inputs.outputs(net, mem, h, slot, samples)
    x, images, chosen = inputs.activities(net, mem, h, slot), net.images, inputs.to_copy(net, mem, h, slot)
    unit, units, added, transfer = mem.weight_units[h], mem.units[:samples], bias, layer.transfer
    if unit != ZERO:
        added, transfer = net.zeros[:n], transfers.LINEAR
        multiples.divide(x, fan_in, inputs.units_of(net, mem, h - 1, slot))
    if form == inputs.SPARSE and samples < FEW_SAMPLES:
        minibatch.copy_images(images, chosen, chosen[1:], fan_in, 0, fan_in, x)
        minibatch.fill_bias(added, out, samples)
        single.add_each(x, samples, fan_in, weights, layer.row_stride, n, out, mem.row_index, mem.row_value)
        transfers.layer(transfer, out, n)
        minibatch.count_each(out, n, mem.output_events[:samples])
    else:
        minibatch.forward(
            form == inputs.SPARSE, transfer, weights, layer.row_stride, added, images, chosen, x, out, samples,
            mem.output_events, mem.partial_sums, mem.term_lists,
        )  # fmt: skip
    if unit != ZERO:
        multiples.multiply(x, fan_in, units)
        multiples.finish_with_bias(out, n, unit, units, bias)
        transfers.layer(layer.transfer, out, n)
        minibatch.count_each(out, n, mem.output_events[:samples])


@inner()
def is_finite(net, mem, h, samples):
    """Whether R, in mem.signal, is finite. mem.signal_events = its events, sample by sample; mem.signal_sums = their
    sum."""
    n = net.layers[h].n
    if samples > 1:
        return minibatch.survey(mem.signal, n, samples, mem.signal_events, mem.signal_sums)
    signal = head(mem.signal, n)
    mem.signal_events[0] = simd.count_events(signal)
    simd.copy(signal, head(mem.signal_sums, n))
    return simd.are_finite(signal) != 0


@inner()
def update_macs(mem, counts, samples):
    """Multiply-accumulates of one update, after `is_finite`: products of two factors that are not zero.

    `counts` are the events that arrived, sample by sample.
    """
    macs = 0
    for b in range(samples):
        macs += counts[b] * mem.signal_events[b]
    return macs


@unit(INT, NET, MEMORY, INT, INT, INT, FLOAT, INT, needed_by=(IMMEDIATE,))
def accumulate(net, mem, h, slot, samples, scale, whole):
    """W, or mem.whole_step if `whole`, += scale * sum_b x_b (x) R_b over the frame's samples, R in mem.signal, after
    `is_finite`.

    Samples whose R is zero cost nothing. Returns the entries addressed: inputs
    active in any sample that learns, times units with an error in any.
    """
    layer, learns = net.layers[h], mem.learns
    n, fan_in, form = layer.n, layer.fan_in, mem.input_form[slot, h]
    target = mem.whole_step[: layer.w_size] if whole else synapses(mem.weights, layer)
    columns = activity.active_columns(mem.signal, n, samples, mem.touched[:n])
    learning = 0
    for b in range(samples):
        learns[b] = mem.signal_events[b] > 0
        learning += learns[b]
    if learning == 0:
        return 0
    x, signal, scaled = inputs.activities(net, mem, h, slot), mem.signal, head(mem.learning_signal, learning * n)
    if learning < samples:
        activity.gather(x, fan_in, learns, samples, mem.learning_inputs)
        activity.gather(signal, n, learns, samples, mem.learning_signal)
        x, signal = mem.learning_inputs, mem.learning_signal
    if form == inputs.MATRIX:
        minibatch.add_outer_matrix(target, layer.row_stride, n, x, signal, samples, learning, scale)
        return columns * activity.active_columns(x, fan_in, learning, mem.touched[:fan_in])
    activity.scale(signal, scale, scaled)
    if form == inputs.SPARSE and learning < FEW_SAMPLES:
        single.grow_each(x, learning, fan_in, target, layer.row_stride, n, scaled, mem.row_index, mem.row_value)
        return columns * activity.active_columns(x, fan_in, learning, mem.touched[:fan_in])
    if form == inputs.SPARSE:
        rows = minibatch.add_outer_sparse(target, layer.row_stride, n, x, scaled, samples, learning, mem.term_lists)
        return columns * rows
    index, value = inputs.events(net, mem, h, slot)
    simd.grow_rows(target, layer.row_stride, index, value, scaled)
    return columns * len(index)


@unit(NOTHING, NET, MEMORY, INT, INT, needed_by=(TRANSPOSED,))
def transposed(net, mem, c, slot):
    """mem.messages = the error that messages delivered over channel c, in mem.unprojected, make through W of their
    sender. Counted."""
    channel, samples, events = net.channels[c], mem.slots[slot].samples, mem.message_events[slot, c]
    layer, out = net.layers[channel.source], mem.messages[slot, channel.message_offset * net.config.batch :]
    deferred.flush(net, mem, channel.source)
    matrix, message = synapses(mem.weights, layer), mem.unprojected
    through(matrix, layer.row_stride, layer.n, samples, message, events, out, mem.transposed)
    mem.counters[c].macs += activity.total(events, samples) * layer.fan_in


@inner()
def through(matrix, stride, n, samples, message, events, out, room):
    """out[b] = message[b] @ matrix.T for a (rows, n) matrix; messages without events cost nothing."""
    rows = len(matrix) // stride
    if samples > 1:
        minibatch.through_transposed(matrix, stride, n, message, out, samples, room)
    elif events[0] == 0:
        for r in range(rows):
            out[r] = ZERO
    else:
        simd.dot_rows(matrix, stride, message[:n], out[:rows])
