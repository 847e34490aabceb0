"""Learning at one layer: from R to its synapses."""

from __future__ import annotations

import numpy as np

from channelsim.engine.channel import quantizers
from channelsim.engine.compile.fused import fma
from channelsim.engine.compile.jit import inner
from channelsim.engine.compile.pointers import address_of, as_words, floats_at
from channelsim.engine.compile.units import FLOAT, IMMEDIATE, INT, NOTHING, QUANTIZED, unit
from channelsim.engine.kernels import activity, counter_hash, multiples, simd
from channelsim.engine.layers import deferred, dispatch, own_steps, single_samples
from channelsim.engine.tables.handles import MEMORY, NET, synapses
from channelsim.plan import SMALLEST_UNIT

F = np.float32
ZERO, ONE = F(0.0), F(1.0)


@inner()
def rate(s, base):
    """The learning rate of an update by the frame in slot s, of which `base` is the first."""
    return F(base * s.keep)


@inner()
def update(net, mem, h, slot, seen, samples, c):
    """dW = eta R (x) x, db = eta R at layer h: R (B, n) in mem.signal, eta of the frame in `slot`, x in slot `seen`.

    `samples` of the frame's samples have an activity to go with. Counted on channel c.
    """
    layer = net.layers[h]
    counter = mem.counters[c]
    eta = rate(mem.slots[slot], layer.learning_rate)
    if layer.kind == dispatch.DENSE and deferred.may_defer(net, h):
        errors = mem.signal_events[0]
        products = mem.input_events[seen, h, 0] * errors
        counter.update_macs += products
        counter.writes += products
        if errors > 0:
            deferred.defer(net, mem, h, seen, eta)
    else:
        _update_at_once(net, mem, h, slot, seen, samples, c)


@unit(NOTHING, NET, MEMORY, INT, INT, INT, INT, INT, needed_by=(IMMEDIATE,))
def _update_at_once(net, mem, h, slot, seen, samples, c):
    """`update` where it is not deferred to the next pass over the rows."""
    config = net.config
    layer, counter = net.layers[h], mem.counters[c]
    frame, eta = mem.slots[slot].frame, rate(mem.slots[slot], layer.learning_rate)
    if own_steps.has(net, h):
        _update_by_own_steps(net, mem, h, slot, seen, samples, c)
        return
    counter.update_macs += dispatch.update_macs(net, mem, h, seen, samples)
    share = ONE / F(mem.slots[slot].samples)
    to_values(net, mem, h)
    decay = F(config.weight_decay)
    grow_biases(mem, layer, eta, share, F(config.momentum), decay)
    if config.momentum == 0.0 and decay == ZERO and layer.update_quantizer == 0:
        counter.writes += dispatch.accumulate(net, mem, h, seen, samples, eta * share, np.int64(0))
    else:
        counter.writes += layer.w_size
        step = mem.whole_step[: layer.w_size]
        for k in range(layer.w_size):
            step[k] = ZERO
        if layer.update_per_sample and config.batch > 1:
            counter.update_bits += samples * layer.w_size * layer.update_bits
            single_samples.accumulate(net, mem, h, slot, seen, samples, eta)
            _add(step, synapses(mem.weights, layer))
        else:
            dispatch.accumulate(net, mem, h, seen, samples, share, np.int64(1))
            grow(net, mem, h, frame, eta, c)
    quantize_weights(net, mem, h, frame)


@inner()
def _update_by_own_steps(net, mem, h, slot, seen, samples, c):
    """`update` by a step of the user's own, of every synapse."""
    config, layer, frame = net.config, net.layers[h], mem.slots[slot].frame
    eta = rate(mem.slots[slot], layer.learning_rate)
    to_values(net, mem, h)
    own_steps.of_weights(net, mem, h, slot, seen, samples, c)
    grow_biases(mem, layer, eta, ONE, F(config.momentum), F(config.weight_decay))
    mem.counters[c].writes += layer.w_size
    grow(net, mem, h, frame, eta, c)
    quantize_weights(net, mem, h, frame)


@inner()
def to_values(net, mem, h):
    """W as its values, where it is there as multiples of its unit."""
    if mem.weight_units[h] != ZERO:
        multiples.multiply_all(synapses(mem.weights, net.layers[h]), mem.weight_units[h])


@inner()
def grow(net, mem, h, frame, eta, c):
    """W grows by eta times mem.whole_step, the mean of the steps of a frame's samples.

    By way of decay, momentum and the quantizer of updates, whose bits are counted on channel c.
    """
    layer, config, counter = net.layers[h], net.config, mem.counters[c]
    weights, step, decay = synapses(mem.weights, layer), mem.whole_step[: layer.w_size], F(config.weight_decay)
    if decay != ZERO:
        for k in range(layer.w_size):
            step[k] = fma(-decay, weights[k], step[k])
    if config.momentum == 0.0:
        activity.scale(step, eta, step)
    else:
        _gain_momentum(step, synapses(mem.weight_velocity, layer), eta, F(config.momentum))
    if layer.update_quantizer != 0:
        counter.update_bits += layer.w_size * layer.update_bits
        key = counter_hash.key(config.seed, counter_hash.UPDATE_ROUNDING + 64 * h, frame, np.int64(0))
        _quantize_matrix(
            layer.update_quantizer, layer.update_levels, layer.update_scale_kind, layer.update_scale,
            layer.update_stochastic, key, step,
        )  # fmt: skip
    _add(step, weights)


@inner()
def _add(step, weights):
    for k in range(len(step)):
        weights[k] += step[k]


@inner()
def quantize_weights(net, mem, h, frame):
    """W after an update, as its quantizer leaves it, and as multiples of its unit if it has one."""
    config, layer = net.config, net.layers[h]
    weights = synapses(mem.weights, layer)
    if layer.weight_quantizer != 0:
        key = counter_hash.key(config.seed, counter_hash.WEIGHT_ROUNDING + 64 * h, frame, np.int64(0))
        a = _quantize_matrix(
            layer.weight_quantizer, layer.weight_levels, layer.weight_scale_kind, layer.weight_scale,
            layer.weight_stochastic, key, weights,
        )  # fmt: skip
        if layer.has_unit:
            mem.weight_units[h] = a if a >= SMALLEST_UNIT else ZERO
            if mem.weight_units[h] != ZERO:
                multiples.divide_all(weights, a)


@inner()
def grow_biases(mem, layer, eta, share, momentum, decay):
    """b grows by eta times the mean of R, whose sum is in mem.signal_sums; by way of decay and momentum."""
    bias = mem.biases[layer.b_offset : layer.b_offset + layer.b_size]
    total = mem.signal_sums[: layer.b_size]
    for j in range(layer.b_size):
        g = total[j] * share
        if decay != ZERO:
            g = fma(-decay, bias[j], g)
        if momentum != ZERO:
            g = fma(momentum, mem.bias_velocity[layer.b_offset + j], g)
            mem.bias_velocity[layer.b_offset + j] = g
        bias[j] = fma(eta, g, bias[j])


@inner()
def _gain_momentum(step, velocity, eta, momentum):
    """step = eta V with V = momentum V + step."""
    for k in range(len(step)):
        v = fma(momentum, velocity[k], step[k])
        velocity[k] = v
        step[k] = eta * v


@inner()
def _quantize_matrix(kind, levels, scale_kind, scale, stochastic, key, values):
    """Quantizes W, or a step of it, in place. Returns the scale."""
    return _quantize(kind, levels, scale_kind, scale, stochastic, np.int64(key), address_of(values), len(values))


@unit(FLOAT, INT, INT, INT, FLOAT, INT, INT, INT, INT, needed_by=(QUANTIZED,))
def _quantize(kind, levels, scale_kind, scale, stochastic, key, address, size):
    values = floats_at(address, size)
    a = quantizers.measure(scale_kind, scale, values, simd.count_events(values))
    words = as_words(values)
    quantizers.quantize(kind, levels, a, stochastic, np.uint64(key), words[:0], values, words)
    return a
