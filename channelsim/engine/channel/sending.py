"""Sending: one frame's messages over one channel, from the sender's values to what arrives and when.

Each message goes through four steps: it is encoded, transmitted, received, and, if asked for, recorded.
"""

from __future__ import annotations

import numpy as np

from channelsim.engine.channel import arithmetic, counts, link_clock, stages, watching
from channelsim.engine.compile.jit import inner
from channelsim.engine.compile.pointers import head
from channelsim.engine.compile.units import INT, STAGES, unit
from channelsim.engine.kernels import counter_hash, minibatch, simd
from channelsim.engine.tables.handles import MEMORY, NET
from channelsim.engine.tables.layouts import CLOCK_ENDED
from channelsim.plan import CLOCK_END, Direction, Kind, Message
from channelsim.rules import FROM_WEIGHTS

ZERO = np.float32(0.0)
WHOLE, PARTLY, QUEUE_FULL = np.int64(0), np.int64(1), np.int64(2)
FORWARD, LEARNING, DENSE, TARGET = int(Direction.FORWARD), int(Direction.LEARNING), int(Kind.DENSE), int(Message.TARGET)
PROJECTED = tuple(int(wiring) for wiring in FROM_WEIGHTS)


@inner()
def send(net, mem, c, slot):
    """The messages of one frame over channel c, handed to its link together. Returns when the last one is complete.

    What arrives of them is the next layer's input, a learning message in mem.messages, or in mem.unprojected where it
    has yet to pass the sender's W. Of an ideal channel only learning messages are copied: forward, the receiver reads
    the sender's output itself.
    """
    return _send_at_once(net, mem, c, slot) if _is_only_counted(net, mem, c) else _send_in_steps(net, mem, c, slot)


@unit(INT, NET, MEMORY, INT, INT, needed_by=(STAGES,))
def _send_in_steps(net, mem, c, slot):
    """`send`, message after message."""
    _begin(net, mem, c, slot)
    complete = mem.clock.now
    for b in range(mem.slots[slot].samples):
        _encode(net, mem, c, slot, b)
        _transmit(net, mem, c, b)
        if mem.message.start == link_clock.LOST:
            _lose(net, mem, c, slot, b)
        else:
            if counts.is_counted(net, mem, net.channels[c], slot, b):
                counts.count(mem, net.channels[c])
            _receive(net, mem, c, slot, b)
        if watching.is_recorded(net, mem, c, slot):
            _record(net, mem, c, slot, b)
        if net.config.watching:
            _watch(net, mem, c, slot, b)
        complete = max(complete, mem.message.complete)
    return complete


# --- where messages come from and go to ----------------------------------------------------------------------


@inner(inlined=True)
def is_projected(ch):
    """Whether the wiring depends on the sender when the message leaves, so that what is delivered passes it there."""
    return ch.wiring in PROJECTED and not ch.at_receiver


@inner(inlined=True)
def _is_from_data(net, c):
    """Whether the values of a channel's messages are the images of the data set, as they are there."""
    return c == 0 and not net.config.augmented


@inner(inlined=True)
def _values(net, mem, c, slot, b):
    """What the sender has to send about one sample."""
    ch = net.channels[c]
    n, batch = ch.n, net.config.batch
    if ch.at_receiver:
        return _place(net, mem, c, slot, b)  # `errors.project_first` has put it there
    if ch.direction == LEARNING:
        return _learning_values(mem, ch)[b * n : b * n + n]
    if _is_from_data(net, c):
        first = mem.sample[slot, b] * n
        return net.images[first : first + n]
    if c == 0:
        return _place(net, mem, c, slot, b)
    first = net.layers[ch.source].unit_offset * batch + b * n
    return mem.outputs[slot, first : first + n]


@inner(inlined=True)
def _learning_values(mem, ch):
    """What the sender has to send over a learning channel: of a low-rank C what it has made of its values."""
    if ch.rank > 0:
        return mem.reduced
    return mem.targets if ch.message == TARGET else mem.signal


@inner(inlined=True)
def _place(net, mem, c, slot, b):
    """Where it arrives."""
    ch = net.channels[c]
    n, batch = ch.n, net.config.batch
    if ch.direction == LEARNING and is_projected(ch):
        return mem.unprojected[b * n : b * n + n]
    first = ch.message_offset * batch + b * n
    if ch.direction == LEARNING:
        return mem.messages[slot, first : first + n]
    return mem.inputs[slot, first : first + n]


@inner(inlined=True)
def _delivered(net, mem, c, slot):
    """The events of each sample's message that arrive."""
    ch = net.channels[c]
    return mem.message_events[slot, c] if ch.direction == LEARNING else mem.input_events[slot, ch.target]


@inner(inlined=True)
def _residual(net, mem, c):
    """What the channel has kept back."""
    ch = net.channels[c]
    return mem.residuals[ch.residual_offset : ch.residual_offset + ch.n]


# --- the four steps ------------------------------------------------------------------------------------------


@inner()
def _begin(net, mem, c, slot):
    """What all messages of the frame have in common."""
    ch, frame = net.channels[c], mem.slots[slot].frame
    link, state = net.links[ch.link], mem.link_states[ch.link]
    sender = 2 * ch.source + ch.direction
    mem.message.again = link.broadcast and state.frame == frame and state.sender == sender
    state.frame, state.sender = frame, sender
    stages.set_bounds(mem, ch)


@inner()
def _encode(net, mem, c, slot, b):
    """mem.message = what is sent about one sample, after threshold and quantizer, and its bits."""
    ch, m, counter = net.channels[c], mem.message, mem.counters[c]
    values = _values(net, mem, c, slot, b)
    if stages.draws(ch):
        roots = net.roots[c * counter_hash.PURPOSES : (c + 1) * counter_hash.PURPOSES]
        counter_hash.keys_of(roots, mem.slots[slot].frame, b, mem.keys)
    if net.ideal[c]:
        if _is_from_data(net, c):
            image = mem.sample[slot, b]
            m.events = net.event_start[image + 1] - net.event_start[image]
        else:
            m.events = simd.count_events(values)
        m.offered, m.scale = m.events, np.float32(1.0)
    else:
        _prefetch(net, mem, c, slot, b + 2)
        stages.encode(net, mem, c, values, _residual(net, mem, c), True)
        if net.config.watching or watching.is_recorded(net, mem, c, slot):  # what is sent, before it changes in place
            stages.lay_out(stages.units(net, mem, ch), head(mem.message_value, m.entries), head(mem.message_sent, ch.n))
    if ch.encoding == stages.ENTROPY:
        m.bits, m.encoding = arithmetic.length(net, mem, c), stages.ENTROPY
    else:
        m.bits, m.encoding = stages.message_bits(ch, m.events)
    m.delay = ch.latency + (stages.jitter(ch, mem.keys) if ch.jitter_kind != stages.NO_JITTER else 0)
    m.due = mem.clock.now + ch.deadline if ch.deadline >= 0 else np.int64(-1)
    counter.messages += 1
    counter.offered += m.offered


@inner()
def _prefetch(net, mem, c, slot, b):
    """Prefetches the image of a later sample, if the channel sends images."""
    if _is_from_data(net, c) and b < mem.slots[slot].samples:
        simd.prefetch(_values(net, mem, c, slot, b))


@inner()
def _transmit(net, mem, c, b):
    """The link takes the message, or loses it where its queue is full; a broadcast is not sent twice."""
    ch, m, counter = net.channels[c], mem.message, mem.counters[c]
    k, now = ch.link, mem.clock.now
    link = net.links[k]
    if m.again and mem.broadcast_bits[k, b] == m.bits:
        m.start, m.finish, m.bits = mem.broadcast_start[k, b], mem.broadcast_finish[k, b], 0
        return
    m.start, m.finish, found = link_clock.offer(link, mem.link_states[k], mem.ring[k], now, m.bits)
    counter.queue_max = max(counter.queue_max, found)
    if link.broadcast:
        mem.broadcast_start[k, b], mem.broadcast_finish[k, b], mem.broadcast_bits[k, b] = m.start, m.finish, m.bits
    if m.start != link_clock.LOST:
        counter.bits += m.bits
        counter.header_bits += ch.header_bits
        counter.busy += m.finish - m.start
        counter.wait += m.start - now
        if max(m.finish, counter.wait) > CLOCK_END:
            mem.clock.fault_frame = CLOCK_ENDED


@inner()
def _lose(net, mem, c, slot, b):
    """The message is lost: an empty one is complete after the latency."""
    ch, m, counter = net.channels[c], mem.message, mem.counters[c]
    counter.lost_messages += 1
    counter.overflow += m.events
    m.delivered, m.bits, m.complete = 0, 0, mem.clock.now + ch.latency
    if ch.deadline >= 0:
        m.complete = min(m.complete, m.due)
    place = _place(net, mem, c, slot, b)
    for i in range(len(place)):
        place[i] = ZERO
    _delivered(net, mem, c, slot)[b] = 0
    mem.message_units[slot, c, b] = ZERO


@inner()
def _receive(net, mem, c, slot, b):
    """What arrives of the message, and when it is complete."""
    ch, m, counter = net.channels[c], mem.message, mem.counters[c]
    counter.sent += m.events
    m.complete = m.finish + m.delay
    if not net.ideal[c]:
        stages.decode(net, mem, c, _place(net, mem, c, slot, b))
        mem.message_units[slot, c, b] = stages.unit(ch, m.scale)
        if m.due >= 0:
            m.complete = min(m.complete, m.due)
    else:
        m.delivered = m.events
        if ch.direction == LEARNING:
            simd.copy(_values(net, mem, c, slot, b), _place(net, mem, c, slot, b))
    counter.delivered += m.delivered
    _delivered(net, mem, c, slot)[b] = m.delivered


@inner()
def _record(net, mem, c, slot, b):
    """Writes the message down for /events, with its values as sent."""
    ch, m = net.channels[c], mem.message
    values = _values(net, mem, c, slot, b) if net.ideal[c] else head(mem.message_sent, ch.n)
    row = _row(net, mem, c, slot, b, values, m.events, m.bits, m.encoding)
    row.start, row.first_arrival, row.complete = m.start, m.complete, m.complete
    row.delivered, row.scale = m.delivered, m.scale
    if m.start == link_clock.LOST:
        row.outcome = QUEUE_FULL
    else:
        row.outcome = WHOLE if m.delivered == m.events else PARTLY
        if m.encoding == stages.ENTROPY:
            first = m.finish + m.delay
        else:
            sent = stages.first_event(ch, values, m.encoding, m.events)
            first = m.start + m.delay + link_clock.occupation(net.links[ch.link], sent)
        row.first_arrival = min(first, m.complete)


@inner()
def _watch(net, mem, c, slot, b):
    """Writes down the message's values, as sent and as delivered."""
    ch, values = net.channels[c], _values(net, mem, c, slot, b)
    if net.ideal[c]:
        watching.keep_one(net, mem, watching.SENT, c, slot, b, values)
    else:
        watching.keep_one(net, mem, watching.SENT, c, slot, b, head(mem.message_sent, ch.n))
    if net.ideal[c] and ch.direction == FORWARD and mem.message.start != link_clock.LOST:
        watching.keep_one(net, mem, watching.DELIVERED, c, slot, b, values)
    else:
        watching.keep_one(net, mem, watching.DELIVERED, c, slot, b, _place(net, mem, c, slot, b))


@inner()
def _row(net, mem, c, slot, b, values, events, bits, encoding):
    """A new row for /events, of a message that leaves now and arrives whole after the latency."""
    clock, ch = mem.clock, net.channels[c]
    row = mem.message_rows[clock.rows]
    row.frame, row.sample, row.channel = mem.slots[slot].frame, b, c
    row.offered = row.start = clock.now
    row.first_arrival = row.complete = clock.now + ch.latency
    row.events, row.delivered, row.bits, row.outcome = events, events, bits, WHOLE
    row.encoding, row.scale = encoding, np.float32(1.0)
    row.payload, row.neurons = clock.payload, ch.n
    simd.copy(values, mem.payload[clock.payload : clock.payload + ch.n])
    clock.rows += 1
    clock.payload += ch.n
    return row


# --- messages that are only counted --------------------------------------------------------------------------


@inner()
def _is_only_counted(net, mem, c):
    """Whether nothing can happen to the channel's messages but a threshold: none is late, waits or changes."""
    ch = net.channels[c]
    link = net.links[ch.link]
    timeless = link.ps_numerator == 0 and link.queue < 0 and not link.broadcast and ch.jitter_kind == 0
    return timeless and (net.ideal[c] or stages.only_sifts(ch))


@inner()
def _send_at_once(net, mem, c, slot):
    """`send` for such messages."""
    ch, counter = net.channels[c], mem.counters[c]
    samples, n, delivered = mem.slots[slot].samples, ch.n, _delivered(net, mem, c, slot)
    copied = ch.direction == LEARNING and not ch.has_threshold
    active = mem.output_events
    is_counted = samples > 1 and c > 0 and net.layers[ch.source].kind == DENSE  # with O, just now
    if samples > 1 and copied:
        source = _learning_values(mem, ch)
        first = ch.message_offset * net.config.batch
        place = mem.unprojected if is_projected(ch) else mem.messages[slot, first : first + samples * n]
        minibatch.hand_over(source, n, samples, place, delivered)
        active, is_counted = delivered, True
    elif copied:
        simd.copy(_values(net, mem, c, slot, 0), _place(net, mem, c, slot, 0))
    offered = events = bits = 0
    for b in range(samples):
        if ch.has_threshold:
            _prefetch(net, mem, c, slot, b + 2)
            place = _place(net, mem, c, slot, b)
            offers, passes = stages.sift(
                ch, _values(net, mem, c, slot, b), _residual(net, mem, c), ch.residual != 0, place
            )
        elif is_counted:
            offers = passes = active[b]
        elif _is_from_data(net, c):
            image = mem.sample[slot, b]
            offers = passes = net.event_start[image + 1] - net.event_start[image]
        else:
            offers = passes = simd.count_events(_values(net, mem, c, slot, b))
        delivered[b] = passes
        mem.message_units[slot, c, b] = ZERO
        offered += offers
        events += passes
        of_message, encoding = stages.message_bits(ch, passes)
        bits += of_message
        if net.config.watching:
            values = _place(net, mem, c, slot, b) if ch.has_threshold else _values(net, mem, c, slot, b)
            watching.keep_one(net, mem, watching.SENT, c, slot, b, values)
            watching.keep_one(net, mem, watching.DELIVERED, c, slot, b, values)
        if watching.is_recorded(net, mem, c, slot):
            place = _place(net, mem, c, slot, b) if ch.has_threshold else _values(net, mem, c, slot, b)
            _row(net, mem, c, slot, b, place, passes, of_message, encoding)
    counter.messages += samples
    counter.offered += offered
    counter.sent += events
    counter.delivered += events
    counter.bits += bits
    counter.header_bits += samples * ch.header_bits
    return mem.clock.now + ch.latency
