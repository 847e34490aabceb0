"""Learning where each synapse has feedback weights, and so an error, of its own.

The step of a synapse is x f' sum_k C_k m_k, with C_k its own. Summed over the samples of a frame that is, for one k
after the other, C_k times an outer product of activities and f' m_k: an update as by one error for each neuron, made
n_source times.
"""

from __future__ import annotations

import numpy as np

from channelsim.engine.compile.fused import fma
from channelsim.engine.compile.jit import inner
from channelsim.engine.compile.units import INT, NOTHING, PER_SYNAPSE, unit
from channelsim.engine.kernels import simd, transfers
from channelsim.engine.layers import dense, inputs, learning, own_transfers
from channelsim.engine.tables.handles import MEMORY, NET

F = np.float32
ZERO, ONE = F(0.0), F(1.0)


@unit(NOTHING, NET, MEMORY, INT, INT, INT, INT, INT, needed_by=(PER_SYNAPSE,))
def update(net, mem, h, slot, seen, samples, c):
    """W and b of the dense layer h learn from the message of channel c. Arguments as of `learning.update`."""
    layer, channel, config, counter = net.layers[h], net.channels[c], net.config, mem.counters[c]
    size, biases, senders = layer.w_size, layer.b_size, net.layers[channel.source].n
    first, share = channel.message_offset * config.batch, ONE / F(mem.slots[slot].samples)
    message = mem.messages[slot, first : first + samples * senders]
    frame, eta = mem.slots[slot].frame, learning.rate(mem.slots[slot], layer.learning_rate)
    step, total = mem.whole_step[:size], mem.partial_step[: size + biases]
    written = _count(net, mem, h, seen, samples, message, c)
    for i in range(size + biases):
        total[i] = ZERO
    for k in range(senders):
        if not _fill(net, mem, h, seen, samples, message, k):
            continue
        if not dense.is_finite(net, mem, h, samples):
            mem.clock.fault_frame = max(mem.clock.fault_frame, frame)  # of a function of the user's: the reason
            return
        for i in range(size):
            step[i] = ZERO
        dense.accumulate(net, mem, h, seen, samples, share, np.int64(1))
        start = channel.c_offset + k * (size + biases)
        wires = mem.feedback[start : start + size + biases]
        for i in range(size):
            total[i] = fma(wires[i], step[i], total[i])
        for j in range(biases):
            total[size + j] = fma(wires[size + j], mem.signal_sums[j], total[size + j])
    simd.copy(total[:size], step)
    simd.copy(total[size:], mem.signal_sums[:biases])
    learning.to_values(net, mem, h)
    decay = F(config.weight_decay)
    learning.grow_biases(mem, layer, eta, share, F(config.momentum), decay)
    is_plain = config.momentum == 0.0 and decay == ZERO and layer.update_quantizer == 0
    counter.writes += written if is_plain else size
    learning.grow(net, mem, h, frame, eta, c)
    learning.quantize_weights(net, mem, h, frame)


@inner()
def _fill(net, mem, h, seen, samples, message, k):
    """mem.signal = f' times value k of each sample's message, or times 1 of those that have any if k < 0.

    Returns whether any value is not 0.
    """
    n, senders = net.layers[h].n, len(message) // samples
    found = False
    for b in range(samples):
        own = message[b * senders : b * senders + senders]
        value = own[max(k, 0)]
        if k < 0:
            value = ONE if simd.count_events(own) > 0 else ZERO
        found |= value != ZERO
        for i in range(n):
            mem.signal[b * n + i] = value
    transfer = net.layers[h].transfer if net.config.derivative else transfers.LINEAR
    transfers.times_derivative(transfer, mem.signal[: samples * n], inputs.outputs(net, mem, h, seen, samples))
    if transfer == own_transfers.OWN:
        own_transfers.times_derivative(net, mem, h, seen, samples)
    return found


@inner()
def _count(net, mem, h, seen, samples, message, c):
    """Counts the products of an activity and an f' that are not 0, in samples whose message is not empty.

    Returns the synapses that have such a product in any sample.
    """
    if not _fill(net, mem, h, seen, samples, message, -1):
        return 0
    dense.is_finite(net, mem, h, samples)
    mem.counters[c].update_macs += dense.update_macs(mem, mem.input_events[seen, h], samples)
    return dense.accumulate(net, mem, h, seen, samples, ONE, np.int64(1))
