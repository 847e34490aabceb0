"""Predictions on samples that are not learned: forward passes through the forward channels, without the clock."""

from __future__ import annotations

import numpy as np

from channelsim.engine import _batch, _hash, _loop, _stages
from channelsim.engine._jit import kernel

EVALUATION_FRAME = np.int64(1 << 40)  # the frame index of all draws of an evaluation; the sample index is the place in the set


@kernel()
def evaluate(net, mem, images, labels, first, samples, here, there):
    """(summed loss, correct) on samples first .. first + samples - 1 of a set; images is flat.

    `here` and `there` hold samples * widest values each and take turns as a layer's input and output. Forward channels do what they
    do in training (threshold without residual, quantizer, noise, bit errors, drop); nothing is late.
    """
    config = net.config[0]
    x, i = images, first * net.layers[0].n
    for h in range(1, config.top + 1):
        layer = net.layers[h]
        n, fan_in = layer.n, layer.fan_in
        if not net.ideal[h - 1]:
            _through_channel(net, mem, h - 1, x, i, there, first, samples)
            x, i = there, np.int64(0)
        out = here
        _batch.fill_bias(mem.biases, layer.b_offset, n, out, np.int64(0), samples)
        _batch.multiply(
            np.float32(1.0),
            x[i : i + samples * fan_in].reshape(samples, fan_in),
            mem.weights[layer.w_offset : layer.w_offset + layer.w_size].reshape(fan_in, n),
            np.float32(1.0),
            out[: samples * n].reshape(samples, n),
        )
        _loop.transfer(layer, out, np.int64(0), samples)
        x, i = out, np.int64(0)
        here, there = there, here
    loss, correct = 0.0, 0
    top = net.layers[config.top]
    for b in range(samples):
        more, right = _loop.score(top.transfer, x, b * top.n, top.n, labels[first + b])
        loss += more
        correct += right
    return loss, correct


@kernel()
def _through_channel(net, mem, c, source, s, out, first, samples):
    channel = net.channels[c]
    seed, n = net.config[0].seed, channel.n
    for b in range(samples):
        key = _hash.key(seed, _hash.ROUNDING + 64 * c, EVALUATION_FRAME, first + b)
        _, _, scale, noise_scale = _stages.shape(
            channel, source, s + b * n, mem.residuals, mem.sent, mem.sent.view(np.int32), key
        )
        _stages.receive(
            channel, c, seed, EVALUATION_FRAME, first + b, mem.sent, mem.alive, out, b * n, scale, noise_scale, mem.word
        )
        _stages.deliver(channel, out, b * n, mem.alive)
