"""A frame's messages on one channel: what of them arrives, and when."""

from __future__ import annotations

from types import SimpleNamespace

import torch

from channelsim.reference import clock, stages
from channelsim.reference.stages import Heard, Said
from channelsim.reference.state import State

SENDER_SETTINGS = ("message", "has_threshold", "threshold", "residual", "quantizer", "bits", "scale_kind", "scale",
                   "stochastic", "encoding", "header_bits")  # fmt: skip


def send(ref: State, c: int, frame: int, x: torch.Tensor) -> tuple[torch.Tensor, int]:
    """Sends what the source layer has to say, (B, n), one message a sample.

    Returns:
        the values as the receiver reads them (B, n), and the time at which the last message is complete.
    """
    channel, seed, samples = ref.channels[c], ref.plan.seed, range(len(x))
    witness = None
    if ref.witness is not None:
        see = ref.witness
        witness = lambda said, which: see(ref, c, frame, said, which)  # noqa: E731
    residual = ref.residual(c) if channel.residual else None
    said = stages.speak(channel, c, seed, frame, samples, x, residual, witness)
    heard = stages.travel(channel, c, seed, frame, samples, said)
    if not ref.clock:
        return heard.values, ref.now
    count(ref, c, x, said, heard)
    return deliver(ref, c, frame, said, heard)


def count(ref: State, c: int, x: torch.Tensor, said: Said, heard: Heard) -> None:
    """Enters what the sender offered and the bits that the link flipped."""
    counter = ref.counters[c]
    counter["messages"] += len(x)
    counter["offered"] += int(torch.count_nonzero(x))
    for i in range(32):
        counter["flipped_bits"] += int((heard.flipped >> i & 1).sum())


def deliver(ref: State, c: int, frame: int, said: Said, heard: Heard) -> tuple[torch.Tensor, int]:
    """Puts the messages on the link, one after another; what comes too late, or finds the queue full, is lost."""
    channel, counter = ref.channels[c], ref.counters[c]
    link = ref.links[channel.link]
    now, values = ref.now, heard.values.clone()
    echo = link.broadcast and is_echo(link, channel, frame)
    if not echo:
        link.heard = []
    complete = now
    for b, events in enumerate(said.events):
        spoken = int(events.sum())
        bits, aer = clock.message_bits(channel, spoken)
        limit = now + channel.deadline if channel.deadline >= 0 else None
        if echo:
            start = link.heard[b]
        else:
            found = link.waiting(now) + (link.free > now)
            counter["queue_max"] = max(counter["queue_max"], found)
            start = link.accept(now, bits)
            link.heard.append(start)
        if start is None:
            done = now + channel.latency
            values[b] = 0
            counter["lost_messages"] += 1
            counter["overflow"] += spoken
        else:
            delay = channel.latency + clock.jitter(channel, c, ref.plan.seed, frame, b)
            done = start + link.occupation(bits) + delay
            counter["sent"] += spoken
            counter["corrupted"] += int(heard.corrupted[b].sum())
            counter["dropped"] += int(heard.dropped[b].sum())
            arriving = events & ~heard.corrupted[b] & ~heard.dropped[b]
            if limit is not None and done > limit:
                late = clock.late_events(channel, link, events, aer, start, delay, limit)
                values[b][late] = 0
                counter["late"] += int((late & arriving).sum())
                arriving = arriving & ~late
            counter["delivered"] += int(arriving.sum())
            if not echo:
                counter["bits"] += bits
                counter["header_bits"] += channel.header_bits
                counter["busy"] += link.occupation(bits)
                counter["wait"] += start - now
        complete = max(complete, done if limit is None else min(done, limit))
    return values, complete


def is_echo(link: clock.Link, channel: SimpleNamespace, frame: int) -> bool:
    """Whether a broadcast link has just sent these messages for another channel of the same sender."""
    announcement = (frame, channel.source, *(getattr(channel, name) for name in SENDER_SETTINGS))
    known = link.announced == announcement
    link.announced = announcement
    return known
