"""A frame's messages on one channel: what of them arrives, and when."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch

from channelsim.plan.layout import Encoding
from channelsim.reference import clock, stages, words
from channelsim.reference.own import BEFORE_DELIVERY, Own
from channelsim.reference.stages import Encoded, Received
from channelsim.reference.state import State


def send(ref: State, c: int, frame: int, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, int]:
    """Sends the source layer's values, (B, n), one message per sample.

    Returns:
        the values as the receiver reads them (B, n); what each message's are multiples of (B, 1), 0: of nothing; and
        the time at which the last message is complete.
    """
    channel, seed, samples = ref.channels[c], ref.plan.seed, range(len(x))
    observe = partial(ref.witness.message, ref, c, frame) if ref.witness is not None else None
    residual = ref.residual(c) if channel.residual else None
    own = ref.own(c)
    encoded = stages.encode(channel, c, seed, frame, samples, x, residual, observe, own)
    received = stages.transmit(channel, c, seed, frame, samples, encoded, own)
    if not ref.clock:
        return arrived(c, seed, frame, samples, encoded, received, own), received.unit, ref.now
    ref.counters[c]["messages"] += len(x)
    ref.counters[c]["offered"] += int(torch.count_nonzero(x))
    values, complete = deliver(ref, c, frame, encoded, received)
    return values, received.unit, complete


def arrived(
    c: int, seed: int, frame: int, samples: Sequence[int], encoded: Encoded, received: Received, own: Own | None
) -> torch.Tensor:
    """The values (B, n) as the receiver reads them where nothing is late or lost in a queue."""
    if own is None:
        return received.values
    arriving = encoded.events & ~received.corrupted & ~received.dropped
    return torch.where(arriving, own.apply(BEFORE_DELIVERY, seed, c, frame, samples, received.values), 0.0)


def deliver(ref: State, c: int, frame: int, encoded: Encoded, received: Received) -> tuple[torch.Tensor, int]:
    """Puts the messages on the link, one after another, and counts them.

    What comes too late, or finds the queue full, is lost. Returns the values and the time, as `send`.
    """
    channel, counter = ref.channels[c], ref.counters[c]
    link = ref.links[channel.link]
    now, values = ref.now, received.values.clone()
    if link.announced != (frame, channel.source):
        link.announced, link.transmitted = (frame, channel.source), {}
    complete = now
    for b, events in enumerate(encoded.events):
        count = int(events.sum())
        if channel.encoding == Encoding.ENTROPY:
            units = words.units(channel, encoded.sent[b : b + 1], encoded.scale[b : b + 1])[0]
            bits, aer = clock.entropy_bits(channel, units), False
        else:
            bits, aer = clock.message_bits(channel, count)
        limit = now + channel.deadline if channel.deadline >= 0 else None
        paid = not (link.broadcast and b in link.transmitted and link.transmitted[b][0] == bits)
        if paid:
            found = link.waiting(now) + (link.free > now)
            counter["queue_max"] = max(counter["queue_max"], found)
            start = link.accept(now, bits)
            link.transmitted[b] = bits, start
        else:
            _, start = link.transmitted[b]
        if start is None:
            done = now + channel.latency
            values[b] = 0
            counter["lost_messages"] += 1
            counter["overflow"] += count
        else:
            delay = channel.latency + clock.jitter(channel, c, ref.plan.seed, frame, b)
            done = start + link.occupation(bits) + delay
            counter["sent"] += count
            counter["flipped_bits"] += sum(mask.bit_count() for mask in received.flipped[b].tolist())
            counter["corrupted"] += int(received.corrupted[b].sum())
            counter["dropped"] += int(received.dropped[b].sum())
            arriving = events & ~received.corrupted[b] & ~received.dropped[b]
            if limit is not None and done > limit:
                late = events
                if channel.encoding != Encoding.ENTROPY:  # which is read when it is complete
                    late = clock.late_events(channel, link, events, aer, start, delay, limit)
                values[b][late] = 0
                counter["late"] += int((late & arriving).sum())
                arriving = arriving & ~late
            if (own := ref.own(c)) is not None:
                last = own.apply(BEFORE_DELIVERY, ref.plan.seed, c, frame, [b], values[b : b + 1])[0]
                values[b] = torch.where(arriving, last, 0.0)
            counter["delivered"] += int(arriving.sum())
            if paid:
                counter["bits"] += bits
                counter["header_bits"] += channel.header_bits
                counter["busy"] += link.occupation(bits)
                counter["wait"] += start - now
        complete = max(complete, done if limit is None else min(done, limit))
    return values, complete
