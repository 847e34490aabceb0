"""Predictions on samples that are not learned: forward passes through the forward channels, without the clock."""

from __future__ import annotations

import numpy as np

from channelsim.engine import _batch, _conv_layer, _hash, _kinds, _loop, _pool_layer, _stages
from channelsim.engine._jit import kernel
from channelsim.engine._team import in_parts
from channelsim.engine._views import channels, configs, f4, flags, head, i4, i8, i8_rows, layers, synapses

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
        if layer.kind == _kinds.DENSE:
            bias, weights = f4(mem.biases)[layer.b_offset : layer.b_offset + n], synapses(f4(mem.weights), layer)
            sparse = _stages.count_speaking(x) < _batch.SPARSE_BELOW * len(x)
            none = i8_rows(mem.sample)[0, :0]
            given = sparse, layer.transfer, weights, layer.pitch, bias, x, none, x, out, samples, spoken, lists
            in_parts(_batch.forward_part, _batch.parts(samples), given)
        elif layer.kind == _kinds.CONV2D:
            i8(mem.event_counts)[:] = fan_in  # they are not asked for
            _conv_layer.forward(net, mem, h, x, out, samples)
        else:
            _pool_layer.forward(net, mem, h, x, out, samples)
        x = out
        here, there = there, here
    loss, correct = 0.0, 0
    n = layers(net.layers)[config.top].n
    for b in range(samples):
        more, right = _loop.score(layers(net.layers)[config.top].transfer, x[b * n : b * n + n], labels[first + b])
        loss += more
        correct += right
    return loss, correct


@kernel()
def _through_channel(net, mem, c, source, out, first, samples):
    channel = channels(net.channels)[c]
    n, roots = channel.n, i8(net.roots)[c * _hash.PURPOSES : (c + 1) * _hash.PURPOSES]
    keys, words, bounds = i8(mem.keys), f4(mem.said).view(np.int32), _stages.bounds(channel)
    for b in range(samples):
        said, arrives = source[b * n : b * n + n], out[b * n : b * n + n]
        _hash.keys_of(roots, EVALUATION_FRAME, first + b, keys)
        listed, value, alive, hits = i4(mem.speaking), f4(mem.said), i4(mem.alive), i4(mem.hits)
        _, entries, events, scale, noise_scale = _stages.shape(
            channel, said, head(f4(mem.residuals), n), listed, value, words, alive, keys
        )
        index = listed if entries < n else i4(net.iota)
        _stages.receive(
            channel, *bounds, keys, entries, events, index, value, alive, scale, noise_scale, hits, f4(mem.word)
        )
        _stages.deliver(channel, head(index, entries), head(value, entries), head(alive, entries), arrives)
