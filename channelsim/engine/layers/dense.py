"""The layer kind `dense`: what the loop asks of a kind (forward, error from message, update, counts)."""

from __future__ import annotations

import numpy as np

from channelsim.engine.channel import stages
from channelsim.engine.compile.jit import inner, kernel
from channelsim.engine.kernels import minibatch, simd, single, transfers
from channelsim.engine.layers import deferred, inputs
from channelsim.engine.tables.handles import configs, f4, flags, i4, i8, i8_planes, i8_rows, layers, slots, synapses

F = np.float32
ZERO = F(0.0)
FEW = 16  # samples: fewer are worked on one by one, as lists for groups of them cost more than they spare


@inner()
def forward(net, mem, h, slot, out):
    """out = f(W x + b) for every sample of the frame. Returns the multiply-accumulates."""
    layer = layers(net.layers)[h]
    n, fan_in = layer.n, layer.fan_in
    samples = slots(mem.slots)[slot].samples
    count = i8_planes(mem.counts)[slot, h]
    form = i8_rows(mem.forms)[slot, h]
    bias = f4(mem.biases)[layer.b_offset : layer.b_offset + n]
    x = inputs.activities(net, mem, h, slot)
    images, chosen = f4(net.images), inputs.to_copy(net, mem, h, slot)
    if form == inputs.SPARSE and samples < FEW:
        minibatch.copy_images(images, chosen, chosen[1:], fan_in, 0, fan_in, x)
        minibatch.fill_bias(bias, out, samples)
        weights, index, value = synapses(f4(mem.weights), layer), i4(mem.speaking), f4(mem.said)
        single.add_each(x, samples, fan_in, weights, layer.pitch, n, out, index, value)
        transfers.layer(layer.transfer, out, n)
        minibatch.count_each(out, n, i8(mem.spoken)[:samples])
    elif configs(net.config)[0].batch > 1:
        weights, sparse = synapses(f4(mem.weights), layer), form == inputs.SPARSE
        minibatch.forward(
            sparse, layer.transfer, weights, layer.pitch, bias, images, chosen, x, out, samples, i8(mem.spoken),
            f4(mem.partial), i4(mem.lists),
        )  # fmt: skip
    else:
        minibatch.fill_bias(bias, out, samples)
        index, value = inputs.events(net, mem, h, slot)
        deferred.add_rows(net, mem, h, slot, index, value, out)
        transfers.layer(layer.transfer, out, n)
    macs = 0
    for b in range(samples):
        macs += count[b]
    return macs * n


@inner()
def look(net, mem, h, samples):
    """Whether R, in mem.signal, is finite. mem.spoken = its events, sample by sample.

    Of several samples mem.error = their sum.
    """
    n = layers(net.layers)[h].n
    if samples > 1:
        return minibatch.survey(f4(mem.signal), n, samples, i8(mem.spoken), f4(mem.error))
    i8(mem.spoken)[0] = stages.count_speaking(f4(mem.signal)[:n])
    return simd.are_finite(f4(mem.signal)[:n]) != 0


@inner()
def survey(mem, n, counts, samples):
    """Multiply-accumulates of one update, after `look`: products of two factors that are not zero.

    `counts` are the events that arrived, sample by sample. mem.error = R summed over the samples.
    """
    if samples == 1:
        simd.copy(f4(mem.signal)[:n], f4(mem.error)[:n])
    macs = 0
    for b in range(samples):
        macs += counts[b] * i8(mem.spoken)[b]
    return macs


@inner()
def accumulate(net, mem, h, slot, samples, scale, target):
    """target += scale * sum_b x_b (x) R_b over the frame's samples, R in mem.signal, after `look`.

    `target` is W or a buffer of its size. mem.signal may be scaled or rearranged. Samples whose R is zero cost nothing.
    Returns the entries addressed: inputs active in any sample that learns, times neurons with an error in any.
    """
    n = layers(net.layers)[h].n
    columns = columns_at_work(f4(mem.signal), n, samples, flags(mem.touched)[:n])
    return columns * _accumulate(net, mem, h, slot, samples, scale, target)


@inner()
def _accumulate(net, mem, h, slot, samples, scale, target):
    layer = layers(net.layers)[h]
    n, fan_in = layer.n, layer.fan_in
    learns = flags(mem.learns)
    signal = f4(mem.signal)[: samples * n]
    learning = 0
    for b in range(samples):
        learns[b] = i8(mem.spoken)[b] > 0
        learning += learns[b]
    if learning == 0:
        return 0
    form = i8_rows(mem.forms)[slot, h]
    x = inputs.activities(net, mem, h, slot)
    if learning < samples:
        _gather(x, f4(mem.gathered), fan_in, learns, samples)
        _gather(signal, signal, n, learns, samples)
        x = f4(mem.gathered)
    if form == inputs.MATRIX:
        minibatch.add_outer_matrix(target, layer.pitch, n, x, signal, samples, learning, scale)
        return columns_at_work(x, fan_in, learning, flags(mem.touched)[:fan_in])
    for k in range(learning * n):
        signal[k] *= scale
    if form == inputs.SPARSE and learning < FEW:
        single.grow_each(x, learning, fan_in, target, layer.pitch, n, signal, i4(mem.speaking), f4(mem.said))
        return columns_at_work(x, fan_in, learning, flags(mem.touched)[:fan_in])
    if form == inputs.SPARSE:
        return minibatch.add_outer_sparse(target, layer.pitch, n, x, signal, samples, learning, i4(mem.lists))
    index, value = inputs.events(net, mem, h, slot)
    single.grow_rows(target, layer.pitch, index, value, signal)
    return len(index)


@kernel()
def columns_at_work(values, n, samples, touched):
    """How many columns of a (samples, n) matrix are not zero."""
    for j in range(n):
        touched[j] = False
    for b in range(samples):
        sample = values[b * n : b * n + n]
        for j in range(n):
            touched[j] |= sample[j] != ZERO
        if stages.count_true(touched) == n:  # as a rule after the first sample, where errors are not sparse
            break
    return stages.count_true(touched)


@kernel()
def _gather(values, out, n, wanted, samples):
    """Moves the wanted samples' rows together at the start of `out` (which may be `values` itself)."""
    k = 0
    for b in range(samples):
        if wanted[b]:
            source, there = values[b * n : b * n + n], out[k * n : k * n + n]
            for j in range(n):
                there[j] = source[j]
            k += 1


@inner()
def transposed(net, mem, source, samples, message, heard, out):
    """bp: the error that delivered messages (B, n) make through W of their sender, (B, fan_in)."""
    layer = layers(net.layers)[source]
    deferred.flush(net, mem, source)
    through(synapses(f4(mem.weights), layer), layer.pitch, layer.n, samples, message, heard, out, f4(mem.turned))


@kernel()
def through(matrix, pitch, n, samples, message, heard, out, turned):
    """out[b] = message[b] @ matrix.T for a (rows, n) matrix; silent messages cost nothing."""
    rows = len(matrix) // pitch
    if samples > 1:
        minibatch.through_transposed(matrix, pitch, n, message, out, samples, turned)
    elif heard[0] == 0:
        for r in range(rows):
            out[r] = ZERO
    else:
        single.dot_rows(matrix, pitch, message[:n], out[:rows])
