"""Learning at one layer: from a delivered message to R, and from R to the synapses."""

from __future__ import annotations

import math

import numpy as np

from channelsim.engine import _batch, _dense, _dense_layer, _hash, _inputs, _quantize, _stages
from channelsim.engine._jit import inner, kernel

F = np.float32
ZERO, ONE = F(0.0), F(1.0)
NONE, TRANSPOSE, DENSE, SPARSE, BANK, SIGN, SPARSE_SIGN = 0, 1, 2, 3, 4, 5, 6  # plan.Wiring


@kernel(inline="always")
def leaves_projected(wiring):
    """Whether the wiring depends on the sender's W when the message leaves, so that it is applied there."""
    return wiring == TRANSPOSE or wiring == SIGN or wiring == SPARSE_SIGN


@inner()
def project_leaving(net, mem, c, slot, message, m, out, o):
    """The error at the target that delivered messages make through the sender's W. Adds to the channel's operations."""
    channel = net.channels[c]
    target = net.layers[channel.target]
    samples = mem.slots[slot].samples
    heard = mem.heard[slot, c]
    if channel.wiring == TRANSPOSE:
        _dense_layer.transposed(net, mem, channel.source, samples, message, heard, out, o)
        mem.counters[c].macs += _sum(heard, samples) * target.n
        return
    source = net.layers[channel.source]
    _dense_layer.flush(net, mem, channel.source)
    n, n_target = channel.n, target.n
    for b in range(samples):
        at = o + b * n_target
        for i in range(n_target):
            out[at + i] = ZERO
        for j in range(n):
            x = message[m + b * n + j]
            if x == ZERO:
                continue
            if channel.wiring == SIGN:
                for i in range(n_target):
                    w = mem.weights[source.w_offset + i * n + j]
                    out[at + i] += x * _signed(mem.feedback[channel.c_offset + i * n + j], w)
                mem.counters[c].macs += n_target
            else:
                first, last = net.c_start[channel.start_offset + j], net.c_start[channel.start_offset + j + 1]
                for k in range(first, last):
                    i = net.c_index[channel.c_offset + k]
                    w = mem.weights[source.w_offset + i * n + j]
                    out[at + i] += x * _signed(mem.feedback[channel.c_offset + k], w)
                mem.counters[c].macs += last - first


@kernel(inline="always")
def _signed(magnitude, w):
    return magnitude if w > ZERO else (-magnitude if w < ZERO else ZERO)


@kernel()
def _sum(values, count):
    total = 0
    for i in range(count):
        total += values[i]
    return total


@inner()
def error_from(net, mem, c, slot):
    """mem.signal = the error at the channel's target, from its message in the slot: (B, n_target)."""
    channel = net.channels[c]
    batch = net.config[0].batch
    samples = mem.slots[slot].samples
    n, n_target = channel.n, net.layers[channel.target].n
    message, m = mem.messages[slot], channel.message_offset * batch
    if leaves_projected(channel.wiring):
        for i in range(samples * n_target):
            mem.signal[i] = message[m + i]
        return
    heard = mem.heard[slot, c]
    events = _sum(heard, samples)
    if channel.wiring == DENSE and samples > 1 and events >= _batch.SPARSE_BELOW * samples * n:
        mem.counters[c].macs += events * n_target
        _batch.multiply(
            ONE,
            message[m : m + samples * n].reshape(samples, n),
            mem.feedback[channel.c_offset : channel.c_offset + n * n_target].reshape(n, n_target),
            ZERO,
            mem.signal[: samples * n_target].reshape(samples, n_target),
        )
        return
    for i in range(samples * n_target):
        mem.signal[i] = ZERO
    for b in range(samples):
        at = m + b * n
        if channel.wiring == DENSE:
            _inputs.compact(message, at, n, mem.speaking, mem.sent, np.int64(0))
            count = _stages.count_speaking(message, at, n)
            mem.counters[c].macs += count * n_target
            _dense.add_rows(
                mem.feedback,
                channel.c_offset,
                n_target,
                mem.speaking, np.int64(0), mem.sent, np.int64(0),
                count,
                mem.signal,
                b * n_target,
            )
            continue
        for j in range(n):
            x = message[at + j]
            if x == ZERO:
                continue
            first, last = net.c_start[channel.start_offset + j], net.c_start[channel.start_offset + j + 1]
            for k in range(first, last):
                mem.signal[b * n_target + net.c_index[channel.c_offset + k]] += (
                    x * mem.feedback[channel.c_offset + k]
                )
            mem.counters[c].macs += last - first


@kernel()
def is_finite(values, count):
    """Whether all of values[:count] are finite."""
    total = ZERO
    for i in range(count):
        total += values[i] * ZERO  # 0 unless the value is infinite or NaN
    return total == ZERO


@kernel()
def rate(config, frame, base):
    """The learning rate of one frame's update: base (1 - decay)^frame."""
    return F(base * math.exp(frame * config.log_keep))


@inner()
def update(net, mem, h, slot, frame, samples, c):
    """dW = eta R (x) x, db = eta R at layer h: R in mem.signal (B, n), x in the slot, eta that of the frame of the error.

    Counted on channel c.
    """
    config = net.config[0]
    layer = net.layers[h]
    counter = mem.counters[c]
    n = layer.n
    macs, writes = _operations(net, mem, h, slot, samples)
    counter.update_macs += macs
    eta = rate(config, frame, config.learning_rate)
    share = ONE / F(samples)
    if config.deferred and layer.update_quantizer == 0 and layer.weight_quantizer == 0:
        counter.updates += writes
        if macs > 0 or _dense_layer.any_speaks(mem.signal, np.int64(0), n):
            _dense_layer.defer(net, mem, h, slot, eta)
        return
    _bias(mem, layer, samples, n, eta, share, config.momentum)
    if config.momentum == 0.0 and layer.update_quantizer == 0:
        counter.updates += writes
        _dense_layer.accumulate(net, mem, h, slot, samples, eta * share, mem.weights, layer.w_offset, ONE)
    else:
        counter.updates += layer.w_size
        _dense_layer.accumulate(net, mem, h, slot, samples, share, mem.step, np.int64(0), ZERO)
        _apply_step(mem, layer, eta, F(config.momentum))
        if layer.update_quantizer != 0:
            counter.update_bits += layer.w_size * layer.update_bits
            _quantize_matrix(
                layer.update_quantizer, layer.update_bits, layer.update_scale_kind, layer.update_scale,
                layer.update_stochastic, _hash.key(config.seed, _hash.UPDATE_ROUNDING + 64 * h, frame, np.int64(0)),
                mem.step[: layer.w_size],
            )  # fmt: skip
        w = layer.w_offset
        for k in range(layer.w_size):
            mem.weights[w + k] += mem.step[k]
    if layer.weight_quantizer != 0:
        _quantize_matrix(
            layer.weight_quantizer, layer.weight_bits, layer.weight_scale_kind, layer.weight_scale,
            layer.weight_stochastic, _hash.key(config.seed, _hash.WEIGHT_ROUNDING + 64 * h, frame, np.int64(0)),
            mem.weights[layer.w_offset : layer.w_offset + layer.w_size],
        )  # fmt: skip


@inner()
def _operations(net, mem, h, slot, samples):
    """(multiply-accumulates, synapses written) of one update: products of two nonzero factors; rows times columns at work."""
    n = net.layers[h].n
    macs = 0
    for b in range(samples):
        macs += mem.counts[slot, h, b] * _stages.count_speaking(mem.signal, b * n, n)
    if samples == 1:
        return macs, macs
    columns = 0
    for j in range(n):
        for b in range(samples):
            if mem.signal[b * n + j] != ZERO:
                columns += 1
                break
    return macs, columns * _rows_at_work(net, mem, h, slot, samples)


@inner()
def _rows_at_work(net, mem, h, slot, samples):
    """Inputs that were active in any sample of the frame."""
    fan_in = net.layers[h].fan_in
    touched = mem.touched
    for i in range(fan_in):
        touched[i] = False
    if mem.forms[slot, h] == _inputs.MATRIX:
        x, o = _inputs.activities(net, mem, h, slot)
        for b in range(samples):
            for i in range(fan_in):
                touched[i] |= x[o + b * fan_in + i] != ZERO
    else:
        index, _ = _inputs.events(net, mem, h, slot)
        for b in range(samples):
            first = mem.starts[slot, h, b]
            for k in range(first, first + mem.counts[slot, h, b]):
                touched[index[k]] = True
    return _stages.count_true(touched, fan_in)


@inner(fastmath={"contract"})
def _bias(mem, layer, samples, n, eta, share, momentum):
    b = layer.b_offset
    for j in range(n):
        total = ZERO
        for s in range(samples):
            total += mem.signal[s * n + j]
        total *= share
        if momentum != 0.0:
            total += F(momentum) * mem.bias_velocity[b + j]
            mem.bias_velocity[b + j] = total
        mem.biases[b + j] += eta * total


@inner(fastmath={"contract"})
def _apply_step(mem, layer, eta, momentum):
    """step = eta V with V = momentum V + gradient; without momentum, step = eta * gradient."""
    w = layer.w_offset
    if momentum == ZERO:
        for k in range(layer.w_size):
            mem.step[k] *= eta
        return
    for k in range(layer.w_size):
        v = momentum * mem.weight_velocity[w + k] + mem.step[k]
        mem.weight_velocity[w + k] = v
        mem.step[k] = eta * v


@kernel()
def _quantize_matrix(kind, bits, scale_kind, scale, stochastic, key, values):
    count = len(values)
    a = _quantize.measure(scale_kind, scale, values, count)
    _quantize.quantize(kind, bits, a, stochastic, key, values, values.view(np.int32), count)


@inner()
def adapt(net, mem, c, slot, samples, outputs, o):
    """dC = eta m (x) O of the receiving layer, for every wire that exists; O is outputs[o : ..]."""
    config = net.config[0]
    channel = net.channels[c]
    n, n_target = channel.n, net.layers[channel.target].n
    frame = mem.slots[slot].frame
    message, m = mem.messages[slot], channel.message_offset * config.batch
    eta = rate(config, frame, config.feedback_rate)
    share = ONE / F(samples)
    first, size = channel.c_offset, channel.c_size
    mem.counters[c].updates += size
    momentum = F(config.momentum)
    target, t = (mem.feedback, first) if momentum == ZERO else (mem.feedback_velocity, first)
    scale = eta * share if momentum == ZERO else share
    if momentum != ZERO:
        for k in range(first, first + size):
            mem.feedback_velocity[k] *= momentum
    for b in range(samples):
        for j in range(n):
            x = scale * message[m + b * n + j]
            if x == ZERO:
                continue
            y = o + b * n_target
            if channel.wiring == SPARSE:
                low, high = net.c_start[channel.start_offset + j], net.c_start[channel.start_offset + j + 1]
                for k in range(low, high):
                    target[t + k] += x * outputs[y + net.c_index[first + k]]
                mem.counters[c].update_macs += high - low
            else:
                for i in range(n_target):
                    target[t + j * n_target + i] += x * outputs[y + i]
                mem.counters[c].update_macs += n_target
    if momentum != ZERO:
        for k in range(first, first + size):
            mem.feedback[k] += eta * mem.feedback_velocity[k]
