"""Sending: one frame's messages over one channel, from the source's values to what arrives and when."""

from __future__ import annotations

import numpy as np

from channelsim.engine import _hash, _links, _stages
from channelsim.engine._jit import inner

ZERO = np.float32(0.0)
WHOLE, PARTLY, QUEUE_FULL = np.int64(0), np.int64(1), np.int64(2)
LEARNING = 1  # plan.Direction


@inner()
def send(net, mem, c, slot, now, source, s, out, o, stride, delivered):
    """The messages of one frame over channel c, offered together at time `now`.

    Sample b's values are source[s + b n : ..] (the images of the frame for channel 0); what arrives of them goes to out[o + b stride : ..], its number of events to
    delivered[b]. Of an ideal channel only learning messages are copied when their wiring is applied on arrival: elsewhere
    the receiver reads the source itself. Returns the time at which the last message is complete.
    """
    channel = net.channels[c]
    link = net.links[channel.link]
    state = mem.link_states[channel.link]
    ring = mem.ring[channel.link]
    counter = mem.counters[c]
    config = net.config[0]
    frame, samples, n = mem.slots[slot].frame, mem.slots[slot].samples, channel.n
    ideal = net.ideal[c]
    kept = channel.direction == LEARNING
    rounding = _hash.ROUNDING + 64 * c
    again = link.broadcast and state.frame == frame and state.source == channel.source
    state.frame, state.source = frame, channel.source
    complete = now
    for b in range(samples):
        image = mem.sample[slot, b]
        here = image * n if c == 0 else s + b * n  # samples of the input do not lie together
        there = o + b * stride
        scale = noise_scale = np.float32(1.0)
        if ideal:
            if c == 0:
                events = net.event_start[image + 1] - net.event_start[image]
            else:
                events = _stages.count_speaking(source, here, n)
            offered = events
        else:
            key = _hash.key(config.seed, rounding, frame, b) if channel.stochastic else np.uint64(0)
            offered, events, scale, noise_scale = _stages.shape(
                channel, source, here, mem.residuals, mem.sent, mem.sent.view(np.int32), key
            )
        bits, encoding = _stages.message_bits(channel, events)
        counter.messages += 1
        counter.offered += offered
        jitter = np.int64(0)
        if channel.jitter_kind != 0:
            jitter = _stages.jitter(channel, _hash.key(config.seed, _hash.JITTER + 64 * c, frame, b))
        delay = channel.latency + jitter
        paid = not (again and mem.heard_bits[channel.link, b] == bits)
        if paid:
            start, finish, found = _links.offer(link, state, ring, now, bits)
            mem.heard_start[channel.link, b] = start
            mem.heard_finish[channel.link, b] = finish
            mem.heard_bits[channel.link, b] = bits
            counter.queue_max = max(counter.queue_max, found)
        else:
            start, finish = mem.heard_start[channel.link, b], mem.heard_finish[channel.link, b]
        if start == _links.LOST:
            counter.lost_messages += 1
            counter.overflow += events
            done = now + channel.latency
            if channel.deadline >= 0:
                done = min(done, now + channel.deadline)
            for i in range(n):
                out[there + i] = ZERO
            delivered[b] = 0
            if frame < config.trace_frames:
                _write_row(net, mem, c, frame, b, now, np.int64(-1), done, done, events, np.int64(0), np.int64(0), encoding, QUEUE_FULL,
                           scale, mem.sent, np.int64(0))  # fmt: skip
            complete = max(complete, done)
            continue
        counter.sent += events
        if paid:
            counter.bits += bits
            counter.header_bits += channel.header_bits
            counter.busy += finish - start
            counter.wait += start - now
        done = finish + delay
        if ideal:
            arrived = events
            if kept:
                for i in range(n):
                    out[there + i] = source[here + i]
        else:
            arrived = _receive(
                net, mem, c, frame, b, events, encoding, scale, noise_scale, start, delay, now, out, there
            )
            if channel.deadline >= 0:
                done = min(done, now + channel.deadline)
        counter.delivered += arrived
        delivered[b] = arrived
        complete = max(complete, done)
        if frame < config.trace_frames:
            values, v = (source, here) if ideal else (mem.sent, np.int64(0))
            first = (
                start
                + delay
                + _links.occupation(link, _stages.first_event(channel, values, v, encoding, events))
            )
            _write_row(net, mem, c, frame, b, now, start, min(first, done), done, events, arrived,
                       bits if paid else np.int64(0), encoding, WHOLE if arrived == events else PARTLY, scale, values, v)  # fmt: skip
    return complete


@inner()
def _receive(net, mem, c, frame, b, events, encoding, scale, noise_scale, start, delay, now, out, o):
    """What arrives of mem.sent goes to out[o : o + n]. Returns the number of events delivered."""
    channel = net.channels[c]
    counter = mem.counters[c]
    sent, alive = mem.sent, mem.alive
    corrupted, flipped, dropped = _stages.receive(
        channel, c, net.config[0].seed, frame, b, sent, alive, out, o, scale, noise_scale, mem.word
    )
    counter.corrupted += corrupted
    counter.flipped_bits += flipped
    counter.dropped += dropped
    if channel.deadline >= 0:
        link = net.links[channel.link]
        counter.late += _stages.lose_late(
            channel, link, sent, alive, start, delay, now + channel.deadline, encoding, events
        )
    return _stages.deliver(channel, out, o, alive)


@inner()
def _write_row(
    net, mem, c, frame, b, now, start, first, last, events, arrived, bits, encoding, outcome, scale, values, v
):
    """Writes a message down for /events, with its values as sent."""
    clock = mem.clock[0]
    n = net.channels[c].n
    row = mem.rows[clock.rows]
    row.frame, row.sample, row.channel = frame, b, c
    row.offered, row.start, row.first_arrival, row.last_arrival = now, start, first, last
    row.events, row.delivered, row.bits = events, arrived, bits
    row.encoding, row.outcome, row.scale = encoding, outcome, scale
    row.payload, row.neurons = clock.payload, n
    for i in range(n):
        mem.payload[clock.payload + i] = values[v + i]
    clock.rows += 1
    clock.payload += n
