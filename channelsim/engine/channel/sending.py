"""Sending: one frame's messages over one channel, from the source's values to what arrives and when."""

from __future__ import annotations

import numpy as np

from channelsim.engine.channel import link_clock, stages
from channelsim.engine.compile.jit import inner
from channelsim.engine.kernels import counter_hash, minibatch, simd
from channelsim.engine.tables.handles import (
    channels,
    clocks,
    configs,
    counters,
    f4,
    flags,
    head,
    i4,
    i8,
    i8_rows,
    layers,
    link_states,
    links,
    message_rows,
    slots,
)
from channelsim.plan import Direction, Kind

ZERO = np.float32(0.0)
WHOLE, PARTLY, QUEUE_FULL = np.int64(0), np.int64(1), np.int64(2)
LEARNING, DENSE = int(Direction.LEARNING), int(Kind.DENSE)


@inner()
def send(net, mem, c, slot, now, source, out, stride, delivered):
    """The messages of one frame over channel c, offered together at time `now`.

    Sample b's values are source[b n : ..] (channel 0: its image, unless images change as they enter); what arrives of
    them goes to out[b stride : ..], its number of events to delivered[b]. Of an ideal channel only learning messages
    are copied: forward, the receiver reads the source itself. Returns the time at which the last message is complete.
    """
    channel = channels(net.channels)[c]
    link = links(net.links)[channel.link]
    state = link_states(mem.link_states)[channel.link]
    ring = i8_rows(mem.ring)[channel.link]
    counter = counters(mem.counters)[c]
    config = configs(net.config)[0]
    frame, samples, n = slots(mem.slots)[slot].frame, slots(mem.slots)[slot].samples, channel.n
    timeless = link.ps_numerator == 0 and link.queue < 0 and not link.broadcast and channel.jitter_kind == 0
    if timeless and (flags(net.ideal)[c] or stages.only_sifts(channel)) and frame >= config.trace_frames:
        return _send_at_once(net, mem, c, slot, now, source, out, stride, delivered)
    ideal, roots = flags(net.ideal)[c], i8(net.roots)[c * counter_hash.PURPOSES : (c + 1) * counter_hash.PURPOSES]
    keys = i8(mem.keys)
    kept = channel.direction == LEARNING
    sent = f4(mem.sent)[:n]
    listed, value, words, alive = i4(mem.speaking), f4(mem.said), f4(mem.said).view(np.int32), i4(mem.alive)
    residual = f4(mem.residuals)[channel.residual_offset : channel.residual_offset + n]
    from_data = c == 0 and not config.augmented
    speaker = 2 * channel.source + channel.direction
    again = link.broadcast and state.frame == frame and state.speaker == speaker
    state.frame, state.speaker = frame, speaker
    draws = stages.draws(channel)
    hit_bound, drop_bound = stages.bounds(channel)
    complete = now
    for b in range(samples):
        image = i8_rows(mem.sample)[slot, b]
        here = (image if from_data else b) * n
        said = source[here : here + n]
        # The image after next is asked for by halves: memory hears but so many calls at a time.
        asks = from_data and not ideal and b + 2 < samples
        following = i8_rows(mem.sample)[slot, b + 2] * n if asks else 0
        if asks:
            simd.prefetch(source[following : following + n // 2])
        arrives = out[b * stride : b * stride + n]
        scale = noise_scale = np.float32(1.0)
        if draws:
            counter_hash.keys_of(roots, frame, b, keys)
        if ideal:
            if from_data:
                events = i8(net.event_start)[image + 1] - i8(net.event_start)[image]
            else:
                events = stages.count_speaking(said)
            offered = entries = events
        else:
            offered, entries, events, scale, noise_scale = stages.shape(
                channel, said, residual, listed, value, words, alive, keys
            )
            if asks:
                simd.prefetch(source[following + n // 2 : following + n])
        bits, encoding = stages.message_bits(channel, events)
        counter.messages += 1
        counter.offered += offered
        jitter = np.int64(0)
        if channel.jitter_kind != 0:
            jitter = stages.jitter(channel, keys)
        delay = channel.latency + jitter
        paid = not (again and i8_rows(mem.heard_bits)[channel.link, b] == bits)
        if paid:
            start, finish, found = link_clock.offer(link, state, ring, now, bits)
            counter.queue_max = max(counter.queue_max, found)
            if link.broadcast:
                i8_rows(mem.heard_start)[channel.link, b] = start
                i8_rows(mem.heard_finish)[channel.link, b] = finish
                i8_rows(mem.heard_bits)[channel.link, b] = bits
        else:
            start, finish = i8_rows(mem.heard_start)[channel.link, b], i8_rows(mem.heard_finish)[channel.link, b]
        traced = frame < config.trace_frames
        if traced and not ideal:
            stages.lay_out(head(listed, entries), head(value, entries), sent)
        if start == link_clock.LOST:
            counter.lost_messages += 1
            counter.overflow += events
            done = now + channel.latency
            if channel.deadline >= 0:
                done = min(done, now + channel.deadline)
            for i in range(n):
                arrives[i] = ZERO
            delivered[b] = 0
            complete = max(complete, done)
            if traced:
                _write_row(
                    net, mem, c, frame, b, now, np.int64(-1), done, done, events, np.int64(0), np.int64(0), encoding,
                    QUEUE_FULL, scale, sent,
                )  # fmt: skip
            continue
        counter.sent += events
        if paid:
            counter.bits += bits
            counter.header_bits += channel.header_bits
            counter.busy += finish - start
            counter.wait += start - now
        done = finish + delay
        if not ideal:
            due = now + channel.deadline if channel.deadline >= 0 else np.int64(-1)
            arrived = _receive(
                net, mem, c, hit_bound, drop_bound, entries, events, encoding, scale, noise_scale, start, finish, delay,
                due, arrives,
            )  # fmt: skip
            if due >= 0:
                done = min(done, due)
        else:
            arrived = events
            if kept:
                simd.copy(said, arrives)
        counter.delivered += arrived
        delivered[b] = arrived
        complete = max(complete, done)
        if traced:
            values = said if ideal else sent
            first = start + delay + link_clock.occupation(link, stages.first_event(channel, values, encoding, events))
            _write_row(
                net, mem, c, frame, b, now, start, min(first, done), done, events, arrived,
                bits if paid else np.int64(0), encoding, WHOLE if arrived == events else PARTLY, scale, values,
            )  # fmt: skip
    return complete


@inner()
def _send_at_once(net, mem, c, slot, now, source, out, stride, delivered):
    """The same for messages that are not written down, over a link that takes no time and a channel that has at most a
    threshold: none of them can be late, wait or change."""
    channel, counter = channels(net.channels)[c], counters(mem.counters)[c]
    samples, n, start = slots(mem.slots)[slot].samples, channel.n, i8(net.event_start)
    sifts, from_data = channel.has_threshold, c == 0 and not configs(net.config)[0].augmented
    residual = f4(mem.residuals)[channel.residual_offset : channel.residual_offset + n]
    offered = events = bits = 0
    copied = channel.direction == LEARNING and not sifts
    counted = samples > 1 and copied  # how many speak, in mem.spoken
    if counted:
        minibatch.hand_over(source, n, samples, out, i8(mem.spoken))
    elif copied:
        simd.copy(source[:n], out[:n])
    elif samples > 1 and c > 0:
        counted = layers(net.layers)[channel.source].kind == DENSE  # with O, just now
    for b in range(samples):
        image = i8_rows(mem.sample)[slot, b]
        here = (image if from_data else b) * n
        said = source[here : here + n]
        if sifts:
            if from_data and b + 2 < samples:
                following = i8_rows(mem.sample)[slot, b + 2] * n
                simd.prefetch(source[following : following + n])
            heard, passed = stages.sift(channel, said, residual, out[b * stride : b * stride + n])
        elif counted:
            heard = passed = i8(mem.spoken)[b]
        else:
            heard = passed = start[image + 1] - start[image] if from_data else stages.count_speaking(said)
        delivered[b] = passed
        offered += heard
        events += passed
        bits += stages.message_bits(channel, passed)[0]
    counter.messages += samples
    counter.offered += offered
    counter.sent += events
    counter.delivered += events
    counter.bits += bits
    counter.header_bits += samples * channel.header_bits
    return now + channel.latency


@inner()
def _receive(
    net, mem, c, hit_bound, drop_bound, entries, events, encoding, scale, noise_scale, start, finish, delay, due, out
):
    """What arrives of the entries in mem.said (a list: mem.speaking) goes to `out`. Returns how many events.

    `due` is when the deadline is over, or negative.
    """
    channel = channels(net.channels)[c]
    counter = counters(mem.counters)[c]
    value, alive, listed = f4(mem.said), i4(mem.alive), i4(mem.speaking)
    index = listed if entries < channel.n else i4(net.iota)
    is_late = due >= 0 and finish + delay > due
    if is_late and encoding == stages.AER:
        entries = stages.forget_silent(index, value, alive, entries, listed)
        index = listed
    corrupted, flipped, dropped = stages.receive(
        channel, hit_bound, drop_bound, i8(mem.keys), entries, events, index, value, alive, scale, noise_scale,
        i4(mem.hits), f4(mem.word),
    )  # fmt: skip
    index, value, alive = head(index, entries), head(value, entries), head(alive, entries)
    counter.corrupted += corrupted
    counter.flipped_bits += flipped
    counter.dropped += dropped
    if is_late:
        link = links(net.links)[channel.link]
        counter.late += stages.lose_late(channel, link, events, index, alive, start, delay, due, encoding)
    return stages.deliver(channel, index, value, alive, out)


@inner()
def _write_row(net, mem, c, frame, b, now, start, first, last, events, arrived, bits, encoding, outcome, scale, values):
    """Writes a message down for /events, with its values as sent."""
    clock = clocks(mem.clock)[0]
    row = message_rows(mem.rows)[clock.rows]
    row.frame, row.sample, row.channel = frame, b, c
    row.offered, row.start, row.first_arrival, row.last_arrival = now, start, first, last
    row.events, row.delivered, row.bits = events, arrived, bits
    row.encoding, row.outcome, row.scale = encoding, outcome, scale
    row.payload, row.neurons = clock.payload, len(values)
    payload = f4(mem.payload)[clock.payload : clock.payload + len(values)]
    for i in range(len(values)):
        payload[i] = values[i]
    clock.rows += 1
    clock.payload += len(values)
