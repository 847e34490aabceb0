"""Predictions on samples that are not learned: forward passes through the forward channels, without the clock."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from channelsim.engine.channel import stages
from channelsim.engine.compile.pointers import address_of, floats_at, head
from channelsim.engine.compile.thread_pool import in_parts
from channelsim.engine.compile.units import CHANGED, EVALUATION, INT, NOTHING, unit
from channelsim.engine.compile.views import view_of
from channelsim.engine.config import SPARSE_BELOW
from channelsim.engine.kernels import counter_hash, losses, minibatch, multiples, simd, transfers
from channelsim.engine.layers import conv, dispatch, own_losses, own_transfers, pooling
from channelsim.engine.layers.targets import target_of
from channelsim.engine.tables.handles import MEMORY, NET, biases, synapses

ZERO = np.float32(0.0)
EVALUATION_FRAME = np.int64(1 << 40)  # in all draws of an evaluation; the sample index is the place in the set


@unit(
    NOTHING, NET, MEMORY, view_of("f4"), view_of("i4"), view_of("f4"), INT, INT, view_of("f4"), view_of("f4"),
    view_of("i8"), view_of("i4"), view_of("f8"), needed_by=(EVALUATION,),
)  # fmt: skip
def evaluate(net, mem, images, labels, targets, first, samples, here, there, events, lists, found):
    """found += (summed loss, correct) on samples first .. first + samples - 1 of a set; images and targets are flat.

    `here` and `there` hold samples * widest values each and take turns as a layer's input and output; `events` and
    `lists` are room as `minibatch.forward` asks for. Forward channels do what they do in training (threshold without
    residual, quantizer, noise, bit errors, drop); nothing is late.
    """
    config = net.config
    pixels = net.layers[0].n
    x = images[first * pixels : (first + samples) * pixels]
    for h in range(1, config.top + 1):
        layer = net.layers[h]
        n, fan_in = layer.n, layer.fan_in
        units = mem.units[:samples]
        units[:] = ZERO
        if not net.ideal[h - 1]:
            _through_channel(net, mem, h - 1, address_of(x), address_of(there), first, samples)
            x = there[: samples * fan_in]
        out = here[: samples * n]
        if layer.kind == dispatch.DENSE:
            bias, weights = biases(net, mem, layer), synapses(mem.weights, layer)
            unit, added, transfer = mem.weight_units[h], bias, layer.transfer
            if unit != ZERO:
                added, transfer = net.zeros[:n], transfers.LINEAR
                multiples.divide(x, fan_in, units)
            sparse = simd.count_events(x) < SPARSE_BELOW * len(x)
            none = mem.sample[0, :0]
            given = sparse, transfer, weights, layer.row_stride, added, x, none, x, out, samples, events, lists
            in_parts(minibatch.forward_part, minibatch.parts(samples), given)
            if unit != ZERO:
                multiples.finish_with_bias(out, n, unit, units, bias)
                transfers.layer(layer.transfer, out, n)
        elif layer.kind == dispatch.CONV2D:
            mem.map_events[:] = fan_in  # they are not used
            conv.forward(net, mem, h, x, units, out, samples)
        else:
            pooling.forward(net, mem, h, x, units, out, samples)
        if layer.transfer == own_transfers.OWN:
            if h == config.top and net.own_transfers[h].sum_offset >= 0:  # S, where the input was
                simd.copy(out, there[: samples * n])
            own_transfers.activate(net, mem, h, address_of(out), samples)
        x = out
        here, there = there, here
    loss, correct = 0.0, 0
    n = net.layers[config.top].n
    target, known = mem.targets[:n], x
    if net.own_transfers[config.top].sum_offset >= 0:
        known = here[: samples * n]  # the two have just changed places
    for b in range(samples):
        target_of(labels, targets, first + b, target)
        more, right = losses.score(net.layers[config.top].transfer, x[b * n : b * n + n], target)
        if config.own_loss != 0:
            more = own_losses.compare(net, mem, known[b * n : b * n + n], target, mem.signal[:n])
        loss += more
        correct += right
    found[0] += loss
    found[1] += correct


def top_of(here: NDArray[np.float32], there: NDArray[np.float32], top: int) -> NDArray[np.float32]:
    """Which of the two buffers `evaluate` has left the activity of layer `top` in: they take turns from layer 1 on."""
    return here if top % 2 else there


@unit(NOTHING, NET, MEMORY, INT, INT, INT, INT, INT, needed_by=(EVALUATION, CHANGED))
def _through_channel(net, mem, c, values, out, first, samples):
    """What arrives of the activities of samples from number `first` of the set on, from and to these addresses.

    mem.units: what its values are multiples of.
    """
    ch, roots = net.channels[c], net.roots[c * counter_hash.PURPOSES : (c + 1) * counter_hash.PURPOSES]
    n = ch.n
    values, out = floats_at(values, samples * n), floats_at(out, samples * n)
    stages.set_bounds(mem, ch)
    for b in range(samples):
        counter_hash.keys_of(roots, EVALUATION_FRAME, first + b, mem.keys)
        stages.encode(net, mem, c, values[b * n : b * n + n], head(mem.residuals, n), False)
        mem.message.bits, mem.message.encoding = stages.message_bits(ch, mem.message.events)
        mem.units[b] = stages.unit(ch, mem.message.scale)
        stages.disturb(net, mem, c, False)
        stages.finish(net, mem, c, out[b * n : b * n + n], False)
