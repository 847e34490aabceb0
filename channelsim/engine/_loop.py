"""The event loop: pop the first event, set the clock, let one layer act.

Events are totally ordered by (time, priority, sequence number). There is one event for each frame and channel: the
moment at which the last of the frame's messages is complete at the receiving layer. When the layer is busy, or takes
time to compute, a second one: the moment at which it is done and acts.
"""

from __future__ import annotations

import math

import numpy as np

from channelsim.engine import (
    _augment,
    _geometry,
    _hash,
    _heap,
    _inputs,
    _kinds,
    _learning,
    _messages,
    _transfer,
)
from channelsim.engine._jit import inner, kernel
from channelsim.engine._views import (
    channels,
    clocks,
    configs,
    counters,
    f4,
    f4_rows,
    i4,
    i8,
    i8_planes,
    i8_rows,
    layer_states,
    layers,
    link_states,
    links,
    message_rows,
    slots,
)
from channelsim.plan import Direction, Message

F = np.float32
ZERO, ONE = F(0.0), F(1.0)
DONE, NO_SLOT, DIVERGED, ROWS_FULL, RING_FULL = 0, 1, 2, 3, 4  # why `advance` came back
ENTRY = np.int64(-1)
TARGET, FORWARD = int(Message.TARGET), int(Direction.FORWARD)
LOW = np.int64(0xFFFFFFFF)


@kernel()
def advance(net, mem, until):
    """Runs until the next event would let frame `until` enter, or, past the last frame, until nothing is left to do.

    Returns DONE; or NO_SLOT, ROWS_FULL, RING_FULL (make room, then call again); or DIVERGED.
    """
    config, clock = configs(net.config)[0], clocks(mem.clock)[0]
    while True:
        if clock.fault_frame >= 0:
            return DIVERGED
        if clock.rows + config.batch * len(channels(net.channels)) > len(message_rows(mem.rows)):
            return ROWS_FULL
        if config.timed and _is_ring_full(net, mem):
            return RING_FULL
        entering = clock.heap_size == 0 or i8(mem.heap_payload)[0] < 0
        if entering:
            if clock.next_frame >= until or clock.next_frame >= config.frames:
                return DONE
            slot = _free_slot(mem)
            if slot < 0:
                return NO_SLOT
            if clock.heap_size > 0:
                clock.now = i8(mem.heap_time)[0]
                clock.heap_size = _heap.pop(i8(mem.heap_time), i8(mem.heap_key), i8(mem.heap_payload), clock.heap_size)
            enter(net, mem, slot)
            continue
        payload = i8(mem.heap_payload)[0]
        clock.now = i8(mem.heap_time)[0]
        clock.heap_size = _heap.pop(i8(mem.heap_time), i8(mem.heap_key), i8(mem.heap_payload), clock.heap_size)
        what, slot = payload >> 32, payload & LOW
        c = what % len(channels(net.channels))
        if what >= len(channels(net.channels)) or is_ready(net, mem, c, slot):
            h = channels(net.channels)[c].target
            if channels(net.channels)[c].direction == FORWARD:
                compute(net, mem, h, slot)
                if h < config.top:
                    send_forward(net, mem, h + 1, slot)
                else:
                    compare(net, mem, slot)
                    speak(net, mem, h, slot, slot, slots(mem.slots)[slot].samples)
                    learn(net, mem, h, slot, slot, slots(mem.slots)[slot].samples, c)
            else:
                seen, samples = hear(net, mem, c, slot)
                speak(net, mem, h, slot, seen, samples)
                if samples > 0 and layers(net.layers)[h].w_size > 0:
                    learn(net, mem, h, slot, seen, samples, c)
        slots(mem.slots)[slot].events -= 1
        _release(mem, slot)


@inner()
def _is_ring_full(net, mem):
    """Whether some link might have no room for the messages that the next event makes."""
    most = i8_rows(mem.ring).shape[1] - configs(net.config)[0].batch * len(channels(net.channels))
    fullest = 0
    for k in range(len(links(net.links))):
        fullest = max(fullest, link_states(mem.link_states)[k].count)
    return fullest > most


@inner()
def _free_slot(mem):
    for k in range(len(slots(mem.slots))):
        if not slots(mem.slots)[k].used:
            return k
    return -1


@inner()
def _release(mem, slot):
    s = slots(mem.slots)[slot]
    if s.events == 0 and s.holders == 0 and s.used:
        s.used = False
    if s.events == 0 and not s.finished:
        s.finished = True
        clocks(mem.clock)[0].in_flight -= 1


@inner()
def _schedule(mem, time, priority, what, slot):
    clock = clocks(mem.clock)[0]
    payload = (np.int64(what) << 32) | np.int64(slot)
    clock.heap_size = _heap.push(
        i8(mem.heap_time),
        i8(mem.heap_key),
        i8(mem.heap_payload),
        clock.heap_size,
        time,
        priority,
        clock.sequence,
        payload,
    )
    clock.sequence += 1
    if what >= 0:
        slots(mem.slots)[slot].events += 1


@inner()
def enter(net, mem, slot):
    """The next frame enters: its samples become layer 0's activity, and leave over the first forward channel."""
    config, clock = configs(net.config)[0], clocks(mem.clock)[0]
    frame = clock.next_frame
    clock.next_frame = frame + 1
    first = (frame % config.frames_per_epoch) * config.batch
    samples = min(config.batch, config.train_size - first)
    s = slots(mem.slots)[slot]
    s.used, s.finished, s.frame, s.samples, s.events, s.holders = True, False, frame, samples, 0, 0
    s.keep = math.exp(frame * config.log_keep)
    clock.in_flight += 1
    clock.in_flight_max = max(clock.in_flight_max, clock.in_flight)
    for b in range(samples):
        i8_rows(mem.sample)[slot, b] = i8(net.order)[first + b]
    if config.pipelined and clock.next_frame < config.frames:
        gap = config.interval
        if config.poisson:
            u = _hash.uniform(
                _hash.word(_hash.key(config.seed, _hash.ARRIVALS, clock.next_frame, np.int64(0)), np.int64(0))
            )
            gap = np.int64(math.ceil(-config.interval * math.log(1.0 - u)))
        _schedule(mem, clock.now + gap, _heap.FRAME_ENTRY, ENTRY, np.int64(0))
    if config.augmented:
        _augment_frame(net, mem, slot)
    elif config.batch == 1:
        _inputs.fetch_ahead(net, first)
    else:
        _inputs.fetch_next(net, first + samples, samples)
    send_forward(net, mem, np.int64(1), slot)


@inner()
def _augment_frame(net, mem, slot):
    """The frame's images, mirrored and moved, take the place at which layer 1 finds its input: what it hears of them
    will replace them."""
    config, shape = configs(net.config)[0], i8_rows(net.geometry)[0]
    height, width, n = shape[_geometry.ROWS], shape[_geometry.COLUMNS], layers(net.layers)[0].n
    for b in range(slots(mem.slots)[slot].samples):
        first = i8_rows(mem.sample)[slot, b] * n
        mirrored, dy, dx = _augment.draws(config.seed, slots(mem.slots)[slot].frame, b, config.flip, config.shift)
        there = f4_rows(mem.inputs)[slot, b * n : b * n + n]
        _augment.place(f4(net.images)[first : first + n], there, height, width, mirrored, dy, dx)


@inner()
def send_forward(net, mem, h, slot):
    """Layer h - 1's activity leaves for layer h."""
    c = h - 1
    batch = configs(net.config)[0].batch
    layer = layers(net.layers)[h]
    place = f4_rows(mem.inputs)[slot, layer.input_offset * batch :]
    if c > 0:
        source = f4_rows(mem.outputs)[slot, layers(net.layers)[c].unit_offset * batch :]
    else:
        source = place if configs(net.config)[0].augmented else f4(net.images)
    now, delivered = clocks(mem.clock)[0].now, i8_planes(mem.counts)[slot, h]
    complete = _messages.send(net, mem, c, slot, now, source, place, layer.fan_in, delivered)
    _schedule(mem, complete, _heap.FORWARD_ARRIVAL, c, slot)


@inner()
def is_ready(net, mem, c, slot):
    """A frame's messages are complete: the layer acts at once if it is idle and takes no time, else when it is done."""
    channel = channels(net.channels)[c]
    layer = layers(net.layers)[channel.target]
    forward = channel.direction == FORWARD
    cost = (layer.compute_forward if forward else layer.compute_learning) * slots(mem.slots)[slot].samples
    now, state = clocks(mem.clock)[0].now, layer_states(mem.layer_states)[channel.target]
    if cost == 0 and state.free_at <= now:
        return True
    finish = max(now, state.free_at) + cost
    state.free_at = finish
    priority = _heap.FORWARD_ARRIVAL if forward else _heap.LEARNING_ARRIVAL
    _schedule(mem, finish, priority, c + len(channels(net.channels)), slot)
    return False


@inner()
def compute(net, mem, h, slot):
    """O^h = f(W x + b)."""
    state = layer_states(mem.layer_states)[h]
    _inputs.hold(net, mem, h, slot)
    counters(mem.counters)[h - 1].macs += _kinds.forward(net, mem, h, slot)
    if slots(mem.slots)[slot].frame > state.frame:  # a frame that was overtaken on its way is not the newest
        if configs(net.config)[0].on_miss_current:
            if state.frame >= 0:
                slots(mem.slots)[state.slot].holders -= 1
                _release(mem, state.slot)
            slots(mem.slots)[slot].holders += 1
        state.frame, state.slot = slots(mem.slots)[slot].frame, slot


@inner()
def compare(net, mem, slot):
    """The output layer compares with the target: mem.signal = e = T - O, which is R^L."""
    config, clock = configs(net.config)[0], clocks(mem.clock)[0]
    layer = layers(net.layers)[config.top]
    n, samples = layer.n, slots(mem.slots)[slot].samples
    out = _inputs.outputs(net, mem, config.top, slot, samples)
    for b in range(samples):
        target = i4(net.labels)[i8_rows(mem.sample)[slot, b]]
        said, e = out[b * n : b * n + n], f4(mem.signal)[b * n : b * n + n]
        loss, correct = score(layer.transfer, said, target)
        clock.loss += loss
        clock.correct += correct
        for j in range(n):
            e[j] = -said[j]
        e[target] += ONE
    clock.samples += samples
    clock.updates += 1


@kernel()
def score(transfer, said, target):
    """(loss, correct) of one sample: cross-entropy for softmax, else half the squared error."""
    best, loss = 0, 0.0
    for j in range(len(said)):
        if said[j] > said[best]:
            best = j
    if transfer == _transfer.SOFTMAX:
        p = np.float64(said[target])
        loss = -math.log(p if p > 1e-38 or p != p else 1e-38)
    else:
        for j in range(len(said)):
            e = np.float64(ONE if j == target else ZERO) - np.float64(said[j])
            loss += 0.5 * e * e
    return loss, best == target


@inner()
def hear(net, mem, c, slot):
    """An error has arrived at a hidden layer: mem.signal = R = f'(S) * error.

    Returns the slot whose activity learns from it, and how many of its samples: 0 if the frame is forgotten. A layer
    without synapses passes on what it hears: it has no updates, so none that has an age.
    """
    config = configs(net.config)[0]
    channel = channels(net.channels)[c]
    h = channel.target
    layer, state = layers(net.layers)[h], layer_states(mem.layer_states)[h]
    s = slots(mem.slots)[slot]
    samples = s.samples
    age = state.frame - s.frame
    missed = config.stash > 0 and age >= config.stash
    i8(mem.misses)[h] += missed
    if missed and not config.on_miss_current:
        _silence(f4(mem.signal)[: samples * layer.n])
        return slot, np.int64(0)
    seen = slot
    if missed:  # the activity of that frame is forgotten: the newest one stands in for it, as far as it has samples
        seen = state.slot
        samples = min(samples, slots(mem.slots)[seen].samples)
    _learning.error_from(net, mem, c, slot, seen, samples)
    _silence(f4(mem.signal)[samples * layer.n : s.samples * layer.n])
    if config.capture:
        _capture(net, mem, h, s.frame, samples)
    if layer.w_size > 0:
        i8_rows(mem.ages)[h, min(age, i8_rows(mem.ages).shape[1] - 1)] += 1
    if channel.adaptive and not config.frozen:
        _learning.adapt(net, mem, c, slot, seen, samples)
    return seen, samples


@kernel()
def _silence(values):
    for k in range(len(values)):
        values[k] = ZERO


@inner()
def _capture(net, mem, h, frame, samples):
    """Keeps the learning signals of a probe, sample after sample."""
    layer = layers(net.layers)[h]
    for b in range(samples):
        row = f4_rows(mem.captured)[frame * configs(net.config)[0].batch + b]
        for j in range(layer.n):
            row[layer.unit_offset + j] = f4(mem.signal)[b * layer.n + j]


@inner()
def speak(net, mem, h, slot, seen, recalled):
    """Layer h's learning messages leave, one channel after another, with the weights as they are.

    `seen` is the slot whose activity goes with the error that it speaks of, and `recalled` how many of its samples.
    """
    batch = configs(net.config)[0].batch
    samples = slots(mem.slots)[slot].samples
    for k in range(i8(net.leaving_start)[h], i8(net.leaving_start)[h + 1]):
        c = i8(net.leaving)[k]
        channel = channels(net.channels)[c]
        projected = _learning.leaves_projected(channel.wiring)
        source = f4(mem.signal)
        if channel.message == TARGET:
            _one_hot(net, mem, slot, channel.n, samples)
            source = f4(mem.gathered)
        place = f4_rows(mem.messages)[slot, channel.message_offset * batch :]
        complete = _messages.send(
            net,
            mem,
            c,
            slot,
            clocks(mem.clock)[0].now,
            source,
            f4(mem.error) if projected else place,
            channel.n,
            i8_planes(mem.heard)[slot, c],
        )
        if projected:
            _learning.project_leaving(net, mem, c, slot, seen, recalled)
        _schedule(mem, complete, _heap.LEARNING_ARRIVAL, c, slot)


@inner()
def _one_hot(net, mem, slot, n, samples):
    """mem.gathered = the targets of the frame."""
    for b in range(samples):
        for j in range(n):
            f4(mem.gathered)[b * n + j] = ZERO
        f4(mem.gathered)[b * n + i4(net.labels)[i8_rows(mem.sample)[slot, b]]] = ONE


@inner()
def learn(net, mem, h, slot, seen, samples, c):
    """Layer h's synapses learn from mem.signal, and from the activity in slot `seen`."""
    if not _kinds.look(net, mem, h, samples):
        clocks(mem.clock)[0].fault_frame = slots(mem.slots)[slot].frame
    elif not configs(net.config)[0].frozen:
        _learning.update(net, mem, h, slot, seen, samples, c)
