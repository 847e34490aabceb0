"""From a delivered message to R at the receiving layer: through W where it leaves, or through C where it arrives."""

from __future__ import annotations

import numpy as np

from channelsim.engine.channel import stages
from channelsim.engine.channel.sending import is_projected
from channelsim.engine.compile.jit import inner
from channelsim.engine.compile.pointers import as_words, head
from channelsim.engine.compile.units import AT_RECEIVER, INT, NOTHING, SEVERAL, SIGNED_WIRES, unit
from channelsim.engine.config import SPARSE_BELOW
from channelsim.engine.kernels import activity, minibatch, multiples, simd, transfers
from channelsim.engine.layers import deferred, dispatch, inputs, own_transfers, redraw, skipping
from channelsim.engine.tables.handles import MEMORY, NET, synapses
from channelsim.plan import Message, Wiring
from channelsim.rules import FROM_WEIGHTS

ZERO, ONE = np.float32(0.0), np.float32(1.0)
TRANSPOSE, DENSE, BANK, SIGN = int(Wiring.TRANSPOSE), int(Wiring.DENSE), int(Wiring.BANK), int(Wiring.SIGN)
PRODUCT, SYNAPSES = int(Wiring.PRODUCT), int(Wiring.SYNAPSES)
TARGET, PROJECTED = int(Message.TARGET), tuple(int(wiring) for wiring in FROM_WEIGHTS)


@inner()
def project_leaving(net, mem, c, slot, seen, recalled):
    """The error at the target that delivered messages make through the sender. Counts the operations.

    The messages are in mem.unprojected, and the error goes to mem.messages. `seen` is the slot that the
    sender learned from, with `recalled` samples.
    """
    channel, samples = net.channels[c], mem.slots[slot].samples
    if channel.wiring == PRODUCT:
        skipping.through_product(net, mem, c, slot)
        return
    redraw.renew(net, mem, c, slot)
    unit, units = _unit_of_wires(net, mem, c), mem.units[:samples]
    if unit != ZERO:
        multiples.divide(mem.unprojected, net.layers[channel.source].n, inputs.units_of(net, mem, c, slot))
    if channel.wiring == TRANSPOSE:
        dispatch.transposed(net, mem, c, slot, seen, recalled)
    elif channel.wiring == SIGN:
        dispatch.through_signs(net, mem, c, slot)
    else:
        _through_signed_wires(net, mem, c, slot)
    if unit != ZERO:
        first, n_target = channel.message_offset * net.config.batch, net.layers[channel.target].n
        multiples.finish(mem.messages[slot, first : first + samples * n_target], n_target, unit, units)


@inner()
def _unit_of_wires(net, mem, c):
    """Of what the wires of learning channel c are multiples; 0: of nothing. A pool passes on what it receives."""
    channel = net.channels[c]
    if channel.wiring != TRANSPOSE:
        return mem.feedback_units[c]
    return mem.weight_units[channel.source] if net.layers[channel.source].w_size > 0 else ONE


@unit(NOTHING, NET, MEMORY, INT, INT, needed_by=(SIGNED_WIRES,))
def _through_signed_wires(net, mem, c, slot):
    """As `dispatch.through_signs`, where only some wires exist."""
    channel = net.channels[c]
    message = mem.unprojected
    out = mem.messages[slot, channel.message_offset * net.config.batch :]
    samples = mem.slots[slot].samples
    source = net.layers[channel.source]
    mem.counters[c].macs += _operations(net, mem, c, slot, message)
    deferred.flush(net, mem, channel.source)
    n, n_target, stride = source.n, net.layers[channel.target].n, source.row_stride
    weights = synapses(mem.weights, source)
    feedback = mem.feedback[channel.c_offset : channel.c_offset + channel.c_size]
    targets = net.c_index[channel.c_offset : channel.c_offset + channel.c_size]
    start = net.c_start[channel.start_offset : channel.start_offset + n + 1]
    for b in range(samples):
        sent, error = message[b * n : b * n + n], out[b * n_target : b * n_target + n_target]
        for i in range(n_target):
            error[i] = ZERO
        for j in range(n):
            x = sent[j]
            if x == ZERO:
                continue
            for k in range(start[j], start[j + 1]):
                i = targets[k]
                error[i] += x * activity.with_sign(feedback[k], weights[i * stride + j])


@inner()
def _operations(net, mem, c, slot, message):
    """The multiply-accumulates of C m, which is a matrix: the wires of each event that was delivered."""
    channel, samples, events = net.channels[c], mem.slots[slot].samples, mem.message_events[slot, c]
    n = net.layers[channel.source].n
    if channel.wiring == DENSE:
        return activity.total(events, samples) * net.layers[channel.target].n
    start = net.c_start[channel.start_offset : channel.start_offset + n + 1]
    words, zeros, macs = as_words(message), stages.makes_zeros(channel), 0
    for b in range(samples):
        for j in range(n):
            if message[b * n + j] != ZERO or (zeros and words[b * n + j] != 0):
                macs += start[j + 1] - start[j]
    return macs


@inner()
def error_at(net, mem, h, slot, seen, recalled):
    """mem.signal = R at layer h, from the messages of its learning channels in the slot: (B, n).

    That is the error times f'(S), which O = f(S) in slot `seen` tells of so many samples.
    """
    transfer = net.layers[h].transfer if net.config.derivative else transfers.LINEAR
    first = net.arriving_start[h]
    if net.arriving_start[h + 1] - first == 1:
        _error_from(net, mem, net.arriving[first], slot, seen, recalled, transfer)
    else:
        _add_errors(net, mem, h, slot, seen, recalled, transfer)
    if transfer == own_transfers.OWN:
        own_transfers.times_derivative(net, mem, h, seen, recalled)


@unit(NOTHING, NET, MEMORY, INT, INT, INT, INT, INT, needed_by=(SEVERAL,))
def _add_errors(net, mem, h, slot, seen, recalled, transfer):
    """`error_at` where several channels lead to the layer: their errors add, each times its share, in their order."""
    size = mem.slots[slot].samples * net.layers[h].n
    signal, total = mem.signal[:size], mem.error_sums[:size]
    first = net.arriving_start[h]
    for k in range(first, net.arriving_start[h + 1]):
        c = net.arriving[k]
        _error_from(net, mem, c, slot, seen, recalled, transfers.LINEAR)
        if net.channels[c].share != ONE:
            multiples.multiply_all(signal, net.channels[c].share)
        if k == first:
            simd.copy(signal, total)
        else:
            for i in range(size):
                total[i] += signal[i]
    simd.copy(total, signal)
    output = inputs.outputs(net, mem, h, seen, recalled)
    transfers.times_derivative(transfer, mem.signal[: len(output)], output)


@inner()
def _error_from(net, mem, c, slot, seen, recalled, transfer):
    """mem.signal = f' of this transfer function times the error at the channel's target, from its message in the slot:
    (B, n_target)."""
    channel = net.channels[c]
    samples = mem.slots[slot].samples
    n, n_target = _senders(net, channel), net.layers[channel.target].n
    output = inputs.outputs(net, mem, channel.target, seen, recalled)
    error = mem.signal[: samples * n_target]
    first = channel.message_offset * net.config.batch
    if channel.wiring == SYNAPSES:
        target = net.layers[channel.target]  # its synapses make their own errors: see `layers.single_synapses`
        events = activity.total(mem.message_events[slot, c], samples)
        mem.counters[c].macs += events * (target.w_size + target.b_size)
        return
    if is_projected(channel) or channel.at_receiver:
        made = mem.messages[slot, first : first + samples * n_target]
        if samples > 1:
            minibatch.take_error(made, transfer, output, error, samples)
        else:
            simd.copy(made, error)
            transfers.times_derivative(transfer, error[: len(output)], output)
        return
    redraw.renew(net, mem, c, slot)
    message = mem.messages[slot, first : first + samples * n]
    _through_c(net, mem, c, slot, message, transfer, output, error)


@inner(inlined=True)
def _senders(net, channel):
    """The values that pass C one by one: those of the sender's units, or as many as the rank of C."""
    return channel.rank if channel.rank > 0 else net.layers[channel.source].n


@unit(NOTHING, NET, MEMORY, INT, INT, INT, INT, needed_by=(AT_RECEIVER,))
def project_first(net, mem, c, slot, seen, recalled):
    """mem.messages = what a channel whose quantizer is at the receiver has to send: the error that the values of its
    source, as they are, make at the target. Counts the operations. seen and recalled are as of `project_leaving`."""
    channel, samples = net.channels[c], mem.slots[slot].samples
    n, n_target = net.layers[channel.source].n, net.layers[channel.target].n
    values = mem.targets if channel.message == TARGET else mem.signal
    for b in range(samples):
        sent = values[b * n : b * n + n]
        simd.copy(sent, mem.unprojected[b * n : b * n + n])
        mem.message_events[slot, c, b] = simd.count_events(sent)
        mem.message_units[slot, c, b] = ZERO
    if channel.wiring in PROJECTED:
        project_leaving(net, mem, c, slot, seen, recalled)
        return
    redraw.renew(net, mem, c, slot)
    first = channel.message_offset * net.config.batch
    error, message = mem.messages[slot, first : first + samples * n_target], mem.unprojected[: samples * n]
    _through_c(net, mem, c, slot, message, transfers.LINEAR, error[:0], error)


@inner()
def _through_c(net, mem, c, slot, message, transfer, output, error):
    """error (B, n_target) = messages (B, n) through C, times f'(S) as far as `output` goes. Counts the operations.

    Through a bank the messages and the error are where `dispatch.through_bank` has them.
    """
    channel, samples = net.channels[c], mem.slots[slot].samples
    n, n_target = _senders(net, channel), net.layers[channel.target].n
    feedback = mem.feedback[channel.c_offset : channel.c_offset + channel.c_size]
    unit, units = mem.feedback_units[c], mem.units[:samples]
    if unit != ZERO:
        multiples.divide(message, n, inputs.units_of(net, mem, c, slot))
    if channel.wiring == BANK:
        dispatch.through_bank(net, mem, c, slot)
    else:
        mem.counters[c].macs += _operations(net, mem, c, slot, message)
        events = activity.total(mem.message_events[slot, c], samples)
        if channel.wiring == DENSE and samples > 1 and events >= SPARSE_BELOW * samples * n:
            minibatch.make_error(message, n, feedback, n_target, unit, units, transfer, output, error, samples)
            return
        _through_wires(net, mem, c, samples, message, feedback, error)
    if unit != ZERO:
        multiples.finish(error, n_target, unit, units)
    transfers.times_derivative(transfer, error[: len(output)], output)


@inner(inlined=True)
def _through_wires(net, mem, c, samples, message, feedback, error):
    """error = the messages through C, event by event."""
    channel = net.channels[c]
    n, n_target = _senders(net, channel), net.layers[channel.target].n
    for i in range(samples * n_target):
        error[i] = ZERO
    if channel.wiring == DENSE and samples > 1:
        minibatch.add_sparse(message, n, samples, n, feedback, n_target, n_target, error, mem.term_lists)
        return
    targets = net.c_index[channel.c_offset : channel.c_offset + channel.c_size]
    start = net.c_start[channel.start_offset : channel.start_offset + n + 1]
    for b in range(samples):
        sent, made = message[b * n : b * n + n], error[b * n_target : b * n_target + n_target]
        if channel.wiring == DENSE:
            count = simd.compact(sent, mem.row_index, mem.row_value)
            simd.add_rows(feedback, n_target, head(mem.row_index, count), head(mem.row_value, count), made)
            continue
        for j in range(n):
            x = sent[j]
            if x == ZERO:
                continue
            for k in range(start[j], start[j + 1]):
                made[targets[k]] += x * feedback[k]
