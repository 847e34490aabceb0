"""A frame's messages on one channel: what of them arrives, and when."""

from __future__ import annotations

from functools import partial

import torch

from channelsim.reference import clock, stages
from channelsim.reference.stages import Heard, Said
from channelsim.reference.state import State


def send(ref: State, c: int, frame: int, x: torch.Tensor) -> tuple[torch.Tensor, int]:
    """Sends what the source layer has to say, (B, n), one message a sample.

    Returns:
        the values as the receiver reads them (B, n), and the time at which the last message is complete.
    """
    channel, seed, samples = ref.channels[c], ref.plan.seed, range(len(x))
    look_on = partial(ref.witness.message, ref, c, frame) if ref.witness is not None else None
    residual = ref.residual(c) if channel.residual else None
    said = stages.speak(channel, c, seed, frame, samples, x, residual, look_on)
    heard = stages.travel(channel, c, seed, frame, samples, said)
    if not ref.clock:
        return heard.values, ref.now
    ref.counters[c]["messages"] += len(x)
    ref.counters[c]["offered"] += int(torch.count_nonzero(x))
    return deliver(ref, c, frame, said, heard)


def deliver(ref: State, c: int, frame: int, said: Said, heard: Heard) -> tuple[torch.Tensor, int]:
    """Puts the messages on the link, one after another, and counts them.

    What comes too late, or finds the queue full, is lost. Returns what `send` does.
    """
    channel, counter = ref.channels[c], ref.counters[c]
    link = ref.links[channel.link]
    now, values = ref.now, heard.values.clone()
    if link.announced != (frame, channel.source):
        link.announced, link.heard = (frame, channel.source), {}
    complete = now
    for b, events in enumerate(said.events):
        spoken = int(events.sum())
        bits, aer = clock.message_bits(channel, spoken)
        limit = now + channel.deadline if channel.deadline >= 0 else None
        paid = not (link.broadcast and b in link.heard and link.heard[b][0] == bits)
        if paid:
            found = link.waiting(now) + (link.free > now)
            counter["queue_max"] = max(counter["queue_max"], found)
            start = link.accept(now, bits)
            link.heard[b] = bits, start
        else:
            _, start = link.heard[b]
        if start is None:
            done = now + channel.latency
            values[b] = 0
            counter["lost_messages"] += 1
            counter["overflow"] += spoken
        else:
            delay = channel.latency + clock.jitter(channel, c, ref.plan.seed, frame, b)
            done = start + link.occupation(bits) + delay
            counter["sent"] += spoken
            counter["flipped_bits"] += sum(mask.bit_count() for mask in heard.flipped[b].tolist())
            counter["corrupted"] += int(heard.corrupted[b].sum())
            counter["dropped"] += int(heard.dropped[b].sum())
            arriving = events & ~heard.corrupted[b] & ~heard.dropped[b]
            if limit is not None and done > limit:
                late = clock.late_events(channel, link, events, aer, start, delay, limit)
                values[b][late] = 0
                counter["late"] += int((late & arriving).sum())
                arriving = arriving & ~late
            counter["delivered"] += int(arriving.sum())
            if paid:
                counter["bits"] += bits
                counter["header_bits"] += channel.header_bits
                counter["busy"] += link.occupation(bits)
                counter["wait"] += start - now
        complete = max(complete, done if limit is None else min(done, limit))
    return values, complete
