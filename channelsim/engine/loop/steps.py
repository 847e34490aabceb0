"""What follows from an event: a frame enters, a layer receives activity or an error, and sends its own messages."""

from __future__ import annotations

import math

import numpy as np

from channelsim.engine.channel import sending, watching
from channelsim.engine.compile.jit import inner
from channelsim.engine.compile.units import AUGMENTED, INT, NOTHING, unit
from channelsim.engine.kernels import augment, counter_hash, elementary, losses
from channelsim.engine.layers import (
    adaptation,
    dispatch,
    errors,
    inputs,
    learning,
    low_rank,
    own_losses,
    single_synapses,
)
from channelsim.engine.layers.targets import target_of
from channelsim.engine.loop import frames
from channelsim.engine.loop.frames import COMPLETE
from channelsim.engine.tables import geometry
from channelsim.engine.tables.handles import MEMORY, NET
from channelsim.plan import RateDecay, Wiring

F = np.float32
ZERO = F(0.0)
LINEAR, INVERSE, SYNAPSES = int(RateDecay.LINEAR), int(RateDecay.INVERSE), int(Wiring.SYNAPSES)


@inner()
def enter(net, mem):
    """The next frame enters: its samples become layer 0's activity, and leave over the first forward channel."""
    config, clock = net.config, mem.clock
    slot = frames.take_slot(net, mem)
    frame, samples = mem.slots[slot].frame, mem.slots[slot].samples
    mem.slots[slot].keep = _rate_left(config, frame)
    if config.pipelined and clock.next_frame < config.frames:
        gap = config.interval
        if config.poisson:
            key = counter_hash.key(config.seed, counter_hash.ARRIVALS, clock.next_frame, np.int64(0))
            u = counter_hash.uniform(counter_hash.word(key, np.int64(0)))
            gap = np.int64(math.ceil(-config.interval * elementary.log(1.0 - u)))
        frames.schedule_entry(mem, clock.now + gap)
    first = (frame % config.frames_per_epoch) * config.batch
    if config.augmented:
        _augment_frame(net, mem, slot)
    elif config.batch == 1:
        inputs.prefetch_ahead(net, first)
    else:
        inputs.prefetch_next(net, first + samples, samples)
    _send(net, mem, np.int64(0), slot)


@inner()
def _rate_left(config, frame):
    """What is left of the learning rates in a frame."""
    if config.decay_form == LINEAR:
        return max(0.0, 1.0 - config.rate_decay * frame)
    if config.decay_form == INVERSE:
        return 1.0 / (1.0 + config.rate_decay * frame)
    return elementary.exp(frame * config.log_keep)


@unit(NOTHING, NET, MEMORY, INT, needed_by=(AUGMENTED,))
def _augment_frame(net, mem, slot):
    """The frame's images, mirrored and moved, take the place at which layer 1 finds its input: what is delivered of
    them will replace them."""
    config, shape = net.config, net.geometry[0]
    height, width, n = shape[geometry.ROWS], shape[geometry.COLUMNS], net.layers[0].n
    for b in range(mem.slots[slot].samples):
        first = mem.sample[slot, b] * n
        mirrored, dy, dx = augment.draws(config.seed, mem.slots[slot].frame, b, config.flip, config.shift)
        there = mem.inputs[slot, b * n : b * n + n]
        augment.place(net.images[first : first + n], there, height, width, mirrored, dy, dx)


@inner()
def _send(net, mem, c, slot):
    """The frame's messages leave over channel c; when the last one is complete, their receiver takes it up."""
    frames.schedule(net, mem, sending.send(net, mem, c, slot), COMPLETE, c, slot)


@inner()
def receive_activity(net, mem, c, slot):
    """The layer that forward channel c leads to computes O = f(W x + b), and sends it on; the top layer compares."""
    h = net.channels[c].target
    delivered = inputs.hold(net, mem, h, slot)
    mem.counters[c].macs += dispatch.forward(net, mem, h, slot, delivered)
    frames.hold_as_newest(net, mem, h, slot)
    if net.config.watching:
        samples = mem.slots[slot].samples
        watching.keep(net, mem, watching.ACTIVITY, h, slot, inputs.outputs(net, mem, h, slot, samples))
    if h < net.config.top:
        _send(net, mem, h, slot)  # forward channels come first, in the order of their sources
    else:
        _compare(net, mem, slot)
        _watch_error(net, mem, h, slot)
        _send_learning(net, mem, h, slot, slot, mem.slots[slot].samples)
        _learn(net, mem, h, slot, slot, mem.slots[slot].samples, c)


@inner()
def receive_error(net, mem, h, slot):
    """Layer h makes R of the error of its learning channels, sends it on, and learns."""
    seen, samples = _error(net, mem, h, slot)
    _watch_error(net, mem, h, slot)
    _send_learning(net, mem, h, slot, seen, samples)
    if samples > 0 and net.layers[h].w_size > 0:
        _learn(net, mem, h, slot, seen, samples, net.arriving[net.arriving_start[h]])


@inner()
def _watch_error(net, mem, h, slot):
    """Writes down R of layer h."""
    if net.config.watching:
        signal = mem.signal[: mem.slots[slot].samples * net.layers[h].n]
        watching.keep(net, mem, watching.ERROR, h, slot, signal)


@inner()
def _compare(net, mem, slot):
    """The output layer compares with the targets, mem.targets: mem.signal = e, which is R^L: T - O, or what the user's
    loss makes of them."""
    config, clock = net.config, mem.clock
    layer, samples = net.layers[config.top], mem.slots[slot].samples
    n, out = layer.n, inputs.outputs(net, mem, config.top, slot, samples)
    known = own_losses.known(net, mem, slot, samples)
    for b in range(samples):
        target = mem.targets[b * n : b * n + n]
        target_of(net.labels, net.targets, mem.sample[slot, b], target)
        output, e = out[b * n : b * n + n], mem.signal[b * n : b * n + n]
        loss, correct = losses.score(layer.transfer, output, target)
        for j in range(n):
            e[j] = target[j] - output[j]
        if config.own_loss != 0:
            loss = own_losses.compare(net, mem, known[b * n : b * n + n], target, e)
        clock.loss += loss
        clock.correct += correct
    clock.samples += samples
    clock.updates += layer.learning_rate > 0


@inner()
def _error(net, mem, h, slot):
    """The error has arrived at hidden layer h: mem.signal = R = f'(S) * error.

    Returns the slot whose activity learns from it, and how many of its samples: 0 if the frame is forgotten. A layer
    without synapses passes on the error that it receives: it has no updates, so none that has an age.
    """
    config, layer, s = net.config, net.layers[h], mem.slots[slot]
    samples = s.samples
    age = frames.age(mem, h, slot)
    missed = config.stash > 0 and age >= config.stash
    mem.misses[h] += missed
    if missed and not config.on_miss_current:
        _clear(mem.signal[: samples * layer.n])
        return slot, np.int64(0)
    seen = slot
    if missed:  # the activity of that frame is forgotten: the newest one stands in for it, as far as it has samples
        seen = mem.layer_states[h].slot
        samples = min(samples, mem.slots[seen].samples)
    errors.error_at(net, mem, h, slot, seen, samples)
    _clear(mem.signal[samples * layer.n : s.samples * layer.n])
    if config.capture:
        _capture(net, mem, h, s.frame, samples)
    if layer.learning_rate > 0:
        mem.ages[h, min(age, mem.ages.shape[1] - 1)] += 1
    for k in range(net.arriving_start[h], net.arriving_start[h + 1]):
        c = net.arriving[k]
        if net.channels[c].adaptive and not config.frozen:
            adaptation.adapt(net, mem, c, slot, seen, samples)
    return seen, samples


@inner()
def _clear(values):
    for k in range(len(values)):
        values[k] = ZERO


@inner()
def _capture(net, mem, h, frame, samples):
    """Keeps the learning signals of a probe, sample after sample."""
    layer = net.layers[h]
    for b in range(samples):
        row = mem.captured[frame * net.config.batch + b]
        for j in range(layer.n):
            row[layer.unit_offset + j] = mem.signal[b * layer.n + j]


@inner()
def _send_learning(net, mem, h, slot, seen, recalled):
    """Layer h's learning messages leave, one channel after another, with the weights as they are.

    `seen` is the slot whose activity goes with the error that they carry, and `recalled` how many of its samples.
    """
    for k in range(net.leaving_start[h], net.leaving_start[h + 1]):
        c = net.leaving[k]
        if net.channels[c].rank > 0:
            low_rank.reduce(net, mem, c, slot)
        if net.channels[c].at_receiver:
            errors.project_first(net, mem, c, slot, seen, recalled)
        complete = sending.send(net, mem, c, slot)
        if sending.is_projected(net.channels[c]):
            errors.project_leaving(net, mem, c, slot, seen, recalled)
        frames.schedule(net, mem, complete, COMPLETE, c, slot)


@inner()
def _learn(net, mem, h, slot, seen, samples, c):
    """Layer h's synapses learn from mem.signal, and from the activity in slot `seen`."""
    if net.channels[c].wiring == SYNAPSES:
        if not net.config.frozen and net.layers[h].learning_rate > 0:
            single_synapses.update(net, mem, h, slot, seen, samples, c)
    elif not dispatch.is_finite(net, mem, h, samples):
        mem.clock.fault_frame = max(mem.clock.fault_frame, mem.slots[slot].frame)  # of the user's f: the reason
    elif not net.config.frozen and net.layers[h].learning_rate > 0:
        learning.update(net, mem, h, slot, seen, samples, c)
