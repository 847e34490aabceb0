"""An adaptive C learns: m (x) O of the layer that receives, on the wires that exist."""

from __future__ import annotations

import numpy as np

from channelsim.engine.compile.fused import fma
from channelsim.engine.compile.jit import inner
from channelsim.engine.compile.units import ADAPTIVE, INT, NOTHING, unit
from channelsim.engine.kernels import activity, multiples, simd, single
from channelsim.engine.layers import dispatch, inputs, own_steps
from channelsim.engine.layers.learning import rate
from channelsim.engine.tables.handles import MEMORY, NET
from channelsim.plan import Wiring

F = np.float32
ZERO, ONE = F(0.0), F(1.0)
SPARSE, BANK = int(Wiring.SPARSE), int(Wiring.BANK)


@unit(NOTHING, NET, MEMORY, INT, INT, INT, INT, needed_by=(ADAPTIVE,))
def adapt(net, mem, c, slot, seen, samples):
    """dC = eta m (x) O of the receiving layer, for every wire that exists; O is that of slot `seen`, (B, n_target)."""
    config = net.config
    channel = net.channels[c]
    n = channel.n
    eta = rate(mem.slots[slot], channel.learning_rate)
    share = ONE / F(mem.slots[slot].samples)
    momentum = F(config.momentum)
    first = channel.message_offset * config.batch
    message = mem.messages[slot, first : first + samples * n]
    feedback = mem.feedback[channel.c_offset : channel.c_offset + channel.c_size]
    if mem.feedback_units[c] != ZERO:  # the error was made of multiples
        multiples.multiply_all(feedback, mem.feedback_units[c])
        multiples.multiply(message, n, inputs.units_of(net, mem, c, slot)[:samples])
        mem.feedback_units[c] = ZERO
    if config.step_c != 0:
        own_steps.of_wires(net, mem, c, slot, seen, samples)
    scale, into, decay = eta * share, feedback, F(config.feedback_decay)
    if momentum != ZERO:
        scale, into = share, mem.feedback_velocity[channel.c_offset : channel.c_offset + channel.c_size]
        activity.scale(into, momentum, into)
    if decay != ZERO:
        shrink = -decay if momentum != ZERO else -(eta * decay)
        for k in range(channel.c_size):
            into[k] = fma(shrink, feedback[k], into[k])
    if channel.wiring == BANK:
        dispatch.adapt_bank(net, mem, c, slot, seen, samples, scale)
    elif config.step_c != 0:
        _add_own_steps(mem.whole_step, eta if momentum == ZERO else ONE, into)
        mem.counters[c].writes += channel.c_size
    else:
        outputs = inputs.outputs(net, mem, channel.target, seen, samples)
        written = _adapt_wires(net, mem, c, samples, outputs, message, scale, into)
        mem.counters[c].writes += written if momentum == ZERO and decay == ZERO else channel.c_size
    if momentum != ZERO:
        for k in range(channel.c_size):
            feedback[k] += eta * into[k]


@inner()
def _add_own_steps(step, factor, into):
    for k in range(len(into)):
        into[k] = fma(factor, step[k], into[k])


@inner()
def _adapt_wires(net, mem, c, samples, outputs, message, scale, into):
    """`into` += scale * the sum of m (x) O. Counts the products of two factors that are not 0.

    Returns the wires that have such a product in any sample.
    """
    channel = net.channels[c]
    n, n_target = channel.n, net.layers[channel.target].n
    targets = net.c_index[channel.c_offset : channel.c_offset + channel.c_size]
    start = net.c_start[channel.start_offset : channel.start_offset + n + 1]
    touched, active_units = mem.touched[:n_target], mem.output_events
    for b in range(samples):
        active_units[b] = simd.count_events(outputs[b * n_target : b * n_target + n_target])
    products = written = 0
    for j in range(n):
        touched[:] = False
        for b in range(samples):
            if message[b * n + j] == ZERO:
                continue
            x = scale * message[b * n + j]
            active = outputs[b * n_target : b * n_target + n_target]
            for i in range(n_target):
                touched[i] |= active[i] != ZERO
            if channel.wiring == SPARSE:
                for k in range(start[j], start[j + 1]):
                    into[k] += x * active[targets[k]]
                    products += active[targets[k]] != ZERO
            else:
                single.add_scaled(x, active, into[j * n_target : j * n_target + n_target])
                products += active_units[b]
        if channel.wiring == SPARSE:
            for k in range(start[j], start[j + 1]):
                written += touched[targets[k]]
        else:
            written += activity.count_true(touched)
    mem.counters[c].update_macs += products
    return written
