"""Learning at one layer: from a delivered message to R, and from R to the synapses."""

from __future__ import annotations

import numpy as np

from channelsim.engine import (
    _batch,
    _conv_layer,
    _dense,
    _hash,
    _inputs,
    _kinds,
    _quantize,
    _stages,
    _transfer,
    _vector_memory,
    _waiting,
)
from channelsim.engine._jit import inner, kernel
from channelsim.engine._views import (
    channels,
    configs,
    counters,
    f4,
    f4_rows,
    i4,
    i8,
    i8_planes,
    layers,
    slots,
    synapses,
)
from channelsim.plan import Wiring

F = np.float32
ZERO, ONE = F(0.0), F(1.0)
NONE, TRANSPOSE, DENSE, SPARSE, BANK, SIGN, SPARSE_SIGN = (int(wiring) for wiring in Wiring)


@kernel(inline="always")
def leaves_projected(wiring):
    """Whether the wiring depends on the sender when the message leaves, so that it is applied there."""
    return wiring in (TRANSPOSE, SIGN, SPARSE_SIGN)


@inner()
def project_leaving(net, mem, c, slot, seen, recalled):
    """The error at the target that delivered messages make through the sender. Counts the operations.

    The messages are in mem.error, and the error takes their place in mem.messages.
    `seen` is the slot that the sender learned from, with `recalled` samples.
    """
    channel = channels(net.channels)[c]
    if channel.wiring == TRANSPOSE:
        _kinds.transposed(net, mem, c, slot, seen, recalled)
    elif layers(net.layers)[channel.source].kind == _kinds.CONV2D:
        _kinds.through_signs(net, mem, c, slot)
    else:
        _through_signed(net, mem, c, slot)


@inner()
def _through_signed(net, mem, c, slot):
    channel = channels(net.channels)[c]
    message = f4(mem.error)
    out = f4_rows(mem.messages)[slot, channel.message_offset * configs(net.config)[0].batch :]
    samples = slots(mem.slots)[slot].samples
    source = layers(net.layers)[channel.source]
    _waiting.flush(net, mem, channel.source)
    n, n_target, pitch = channel.n, layers(net.layers)[channel.target].n, source.pitch
    weights = synapses(f4(mem.weights), source)
    feedback = f4(mem.feedback)[channel.c_offset : channel.c_offset + channel.c_size]
    targets = i4(net.c_index)[channel.c_offset : channel.c_offset + channel.c_size]
    start = i4(net.c_start)[channel.start_offset : channel.start_offset + n + 1]
    for b in range(samples):
        error = out[b * n_target : b * n_target + n_target]
        for i in range(n_target):
            error[i] = ZERO
        for j in range(n):
            x = message[b * n + j]
            if x == ZERO:
                continue
            if channel.wiring == SIGN:
                for i in range(n_target):
                    error[i] += x * _conv_layer.with_sign(feedback[i * n + j], weights[i * pitch + j])
                counters(mem.counters)[c].macs += n_target
            else:
                for k in range(start[j], start[j + 1]):
                    i = targets[k]
                    error[i] += x * _conv_layer.with_sign(feedback[k], weights[i * pitch + j])
                counters(mem.counters)[c].macs += start[j + 1] - start[j]


@inner()
def error_from(net, mem, c, slot, seen, known):
    """mem.signal = R at the channel's target, from its message in the slot: (B, n_target).

    That is the error times f'(S), which O = f(S) in slot `seen` tells of so many samples.
    """
    channel = channels(net.channels)[c]
    samples = slots(mem.slots)[slot].samples
    n, n_target = channel.n, layers(net.layers)[channel.target].n
    transfer = layers(net.layers)[channel.target].transfer if configs(net.config)[0].derivative else _transfer.LINEAR
    output = _inputs.outputs(net, mem, channel.target, seen, known)
    error = f4(mem.signal)[: samples * n_target]
    first = channel.message_offset * configs(net.config)[0].batch
    if leaves_projected(channel.wiring):
        made = f4_rows(mem.messages)[slot, first : first + samples * n_target]
        if samples > 1:
            _batch.take_error(made, transfer, output, error, samples)
        else:
            _vector_memory.copy(made, error)
            _transfer.times_derivative(transfer, error[: len(output)], output)
        return
    message = f4_rows(mem.messages)[slot, first : first + samples * n]
    feedback = f4(mem.feedback)[channel.c_offset : channel.c_offset + channel.c_size]
    events = _conv_layer.total(i8_planes(mem.heard)[slot, c], samples)
    if channel.wiring == DENSE and samples > 1 and events >= _batch.SPARSE_BELOW * samples * n:
        counters(mem.counters)[c].macs += events * n_target
        _batch.make_error(message, n, feedback, n_target, transfer, output, error, samples)
        return
    if channel.wiring == BANK:
        _kinds.through_bank(net, mem, c, slot)
    else:
        _through_wires(net, mem, c, samples, message, feedback, error)
    _transfer.times_derivative(transfer, error[: len(output)], output)


@inner(inline="always")
def _through_wires(net, mem, c, samples, message, feedback, error):
    """error = the messages through C, event by event. Counts the operations."""
    channel = channels(net.channels)[c]
    n, n_target = channel.n, layers(net.layers)[channel.target].n
    for i in range(samples * n_target):
        error[i] = ZERO
    if channel.wiring == DENSE and samples > 1:
        counters(mem.counters)[c].macs += _stages.count_speaking(message) * n_target
        _batch.add_sparse(message, n, samples, n, feedback, n_target, n_target, error, i4(mem.lists))
        return
    targets = i4(net.c_index)[channel.c_offset : channel.c_offset + channel.c_size]
    start = i4(net.c_start)[channel.start_offset : channel.start_offset + n + 1]
    for b in range(samples):
        said, made = message[b * n : b * n + n], error[b * n_target : b * n_target + n_target]
        if channel.wiring == DENSE:
            count = _stages.compact(said, i4(mem.speaking), f4(mem.sent))
            counters(mem.counters)[c].macs += count * n_target
            _dense.add_rows(feedback, n_target, i4(mem.speaking)[:count], f4(mem.sent)[:count], made)
            continue
        for j in range(n):
            x = said[j]
            if x == ZERO:
                continue
            for k in range(start[j], start[j + 1]):
                made[targets[k]] += x * feedback[k]
            counters(mem.counters)[c].macs += start[j + 1] - start[j]


@kernel()
def rate(s, base):
    """The learning rate of an update by the frame in slot s: base (1 - decay)^frame."""
    return F(base * s.keep)


@inner()
def update(net, mem, h, slot, seen, samples, c):
    """dW = eta R (x) x, db = eta R at layer h: R (B, n) in mem.signal, eta of the frame in `slot`, x in slot `seen`.

    `samples` of the frame's samples have an activity to go with. Counted on channel c.
    """
    config = configs(net.config)[0]
    layer = layers(net.layers)[h]
    counter = counters(mem.counters)[c]
    frame = slots(mem.slots)[slot].frame
    eta = rate(slots(mem.slots)[slot], config.learning_rate)
    if layer.kind == _kinds.DENSE and _waiting.may_wait(net, h):
        speaking = i8(mem.spoken)[0]
        products = i8_planes(mem.counts)[seen, h, 0] * speaking
        counter.update_macs += products
        counter.writes += products
        if speaking > 0:
            _waiting.defer(net, mem, h, seen, eta)
        return
    counter.update_macs += _kinds.survey(net, mem, h, seen, samples)
    share = ONE / F(slots(mem.slots)[slot].samples)
    weights = synapses(f4(mem.weights), layer)
    _bias(mem, layer, eta, share, F(config.momentum))
    if config.momentum == 0.0 and layer.update_quantizer == 0:
        counter.writes += _kinds.accumulate(net, mem, h, seen, samples, eta * share, np.int64(0))
    else:
        counter.writes += layer.w_size
        step = f4(mem.step)[: layer.w_size]
        for k in range(layer.w_size):
            step[k] = ZERO
        _kinds.accumulate(net, mem, h, seen, samples, share, np.int64(1))
        if config.momentum == 0.0:
            _scale(step, eta)
        else:
            _gain_momentum(step, synapses(f4(mem.weight_velocity), layer), eta, F(config.momentum))
        if layer.update_quantizer != 0:
            counter.update_bits += layer.w_size * layer.update_bits
            key = _hash.key(config.seed, _hash.UPDATE_ROUNDING + 64 * h, frame, np.int64(0))
            _quantize_matrix(
                layer.update_quantizer, layer.update_bits, layer.update_scale_kind, layer.update_scale,
                layer.update_stochastic, key, step,
            )  # fmt: skip
        for k in range(layer.w_size):
            weights[k] += step[k]
    if layer.weight_quantizer != 0:
        key = _hash.key(config.seed, _hash.WEIGHT_ROUNDING + 64 * h, frame, np.int64(0))
        _quantize_matrix(
            layer.weight_quantizer, layer.weight_bits, layer.weight_scale_kind, layer.weight_scale,
            layer.weight_stochastic, key, weights,
        )  # fmt: skip


@inner(fastmath={"contract"})
def _bias(mem, layer, eta, share, momentum):
    """db = eta times the mean of R, whose sum is in mem.error."""
    bias = f4(mem.biases)[layer.b_offset : layer.b_offset + layer.b_size]
    total = f4(mem.error)[: layer.b_size]
    for j in range(layer.b_size):
        g = total[j] * share
        if momentum != ZERO:
            g += momentum * f4(mem.bias_velocity)[layer.b_offset + j]
            f4(mem.bias_velocity)[layer.b_offset + j] = g
        bias[j] += eta * g


@kernel()
def _scale(values, factor):
    for k in range(len(values)):
        values[k] *= factor


@kernel(fastmath={"contract"})
def _gain_momentum(step, velocity, eta, momentum):
    """step = eta V with V = momentum V + step."""
    for k in range(len(step)):
        v = momentum * velocity[k] + step[k]
        velocity[k] = v
        step[k] = eta * v


@kernel()
def _quantize_matrix(kind, bits, scale_kind, scale, stochastic, key, values):
    a = _quantize.measure(scale_kind, scale, values, _stages.count_speaking(values))
    words = values.view(np.int32)
    _quantize.quantize(kind, bits, a, stochastic, key, words[:0], values, words)


@inner()
def adapt(net, mem, c, slot, seen, samples):
    """dC = eta m (x) O of the receiving layer, for every wire that exists; O is that of slot `seen`, (B, n_target)."""
    config = configs(net.config)[0]
    channel = channels(net.channels)[c]
    n = channel.n
    eta = rate(slots(mem.slots)[slot], config.feedback_learning_rate)
    share = ONE / F(slots(mem.slots)[slot].samples)
    momentum = F(config.momentum)
    first = channel.message_offset * config.batch
    message = f4_rows(mem.messages)[slot, first : first + samples * n]
    feedback = f4(mem.feedback)[channel.c_offset : channel.c_offset + channel.c_size]
    scale, into = eta * share, feedback
    if momentum != ZERO:
        scale, into = share, f4(mem.feedback_velocity)[channel.c_offset : channel.c_offset + channel.c_size]
        _scale(into, momentum)
    if channel.wiring == BANK:
        _kinds.adapt_bank(net, mem, c, slot, seen, samples, scale)
    else:
        outputs = _inputs.outputs(net, mem, channel.target, seen, samples)
        _adapt_wires(net, mem, c, samples, outputs, message, scale, into)
    if momentum != ZERO:
        for k in range(channel.c_size):
            feedback[k] += eta * into[k]


@inner()
def _adapt_wires(net, mem, c, samples, outputs, message, scale, into):
    channel = channels(net.channels)[c]
    counter = counters(mem.counters)[c]
    n, n_target = channel.n, layers(net.layers)[channel.target].n
    targets = i4(net.c_index)[channel.c_offset : channel.c_offset + channel.c_size]
    start = i4(net.c_start)[channel.start_offset : channel.start_offset + n + 1]
    for j in range(n):
        wires = start[j + 1] - start[j] if channel.wiring == SPARSE else n_target
        spoke = 0
        for b in range(samples):
            if message[b * n + j] == ZERO:
                continue
            spoke += 1
            x = scale * message[b * n + j]
            active = outputs[b * n_target : b * n_target + n_target]
            if channel.wiring == SPARSE:
                for k in range(start[j], start[j + 1]):
                    into[k] += x * active[targets[k]]
            else:
                _dense.add_scaled(x, active, into[j * n_target : j * n_target + n_target])
        counter.update_macs += spoke * wires
        counter.writes += wires if spoke > 0 else 0
