"""Predictions on samples that are not learned: forward passes through the forward channels, without the clock."""

from __future__ import annotations

import numpy as np

from channelsim.engine.channel import stages
from channelsim.engine.compile.jit import kernel
from channelsim.engine.compile.thread_pool import in_parts
from channelsim.engine.kernels import counter_hash, minibatch
from channelsim.engine.layers import conv, dispatch, pooling
from channelsim.engine.loop import event_loop
from channelsim.engine.tables.handles import channels, configs, f4, flags, head, i4, i8, i8_rows, layers, synapses

EVALUATION_FRAME = np.int64(1 << 40)  # in all draws of an evaluation; the sample index is the place in the set


@kernel()
def evaluate(net, mem, images, labels, first, samples, here, there, spoken, lists):
    """(summed loss, correct) on samples first .. first + samples - 1 of a set; images is flat.

    `here` and `there` hold samples * widest values each and take turns as a layer's input and output; `spoken` and
    `lists` are room as `_batch.forward` asks for. Forward channels do what they do in training (threshold without
    residual, quantizer, noise, bit errors, drop); nothing is late.
    """
    config = configs(net.config)[0]
    pixels = layers(net.layers)[0].n
    x = images[first * pixels : (first + samples) * pixels]
    for h in range(1, config.top + 1):
        layer = layers(net.layers)[h]
        n, fan_in = layer.n, layer.fan_in
        if not flags(net.ideal)[h - 1]:
            _through_channel(net, mem, h - 1, x, there, first, samples)
            x = there[: samples * fan_in]
        out = here[: samples * n]
        if layer.kind == dispatch.DENSE:
            bias, weights = f4(mem.biases)[layer.b_offset : layer.b_offset + n], synapses(f4(mem.weights), layer)
            sparse = stages.count_speaking(x) < minibatch.SPARSE_BELOW * len(x)
            none = i8_rows(mem.sample)[0, :0]
            given = sparse, layer.transfer, weights, layer.pitch, bias, x, none, x, out, samples, spoken, lists
            in_parts(minibatch.forward_part, minibatch.parts(samples), given)
        elif layer.kind == dispatch.CONV2D:
            i8(mem.event_counts)[:] = fan_in  # they are not asked for
            conv.forward(net, mem, h, x, out, samples)
        else:
            pooling.forward(net, mem, h, x, out, samples)
        x = out
        here, there = there, here
    loss, correct = 0.0, 0
    n = layers(net.layers)[config.top].n
    for b in range(samples):
        more, right = event_loop.score(layers(net.layers)[config.top].transfer, x[b * n : b * n + n], labels[first + b])
        loss += more
        correct += right
    return loss, correct


@kernel()
def _through_channel(net, mem, c, source, out, first, samples):
    channel = channels(net.channels)[c]
    n, roots = channel.n, i8(net.roots)[c * counter_hash.PURPOSES : (c + 1) * counter_hash.PURPOSES]
    keys, words, bounds = i8(mem.keys), f4(mem.said).view(np.int32), stages.bounds(channel)
    for b in range(samples):
        said, arrives = source[b * n : b * n + n], out[b * n : b * n + n]
        counter_hash.keys_of(roots, EVALUATION_FRAME, first + b, keys)
        listed, value, alive, hits = i4(mem.speaking), f4(mem.said), i4(mem.alive), i4(mem.hits)
        _, entries, events, scale, noise_scale = stages.shape(
            channel, said, head(f4(mem.residuals), n), listed, value, words, alive, keys
        )
        index = listed if entries < n else i4(net.iota)
        stages.receive(
            channel, *bounds, keys, entries, events, index, value, alive, scale, noise_scale, hits, f4(mem.word)
        )
        stages.deliver(channel, head(index, entries), head(value, entries), head(alive, entries), arrives)
