"""Links: when messages start, arrive and are lost. All times are integer picoseconds of simulated time."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
import torch

from channelsim import arithmetic, elementary, hashing
from channelsim.hashing import Stream
from channelsim.plan.layout import Encoding, Jitter


@dataclass
class Link:
    """A physical link: first come, first served, one message at a time.

    Attributes:
        numerator, denominator: N bits occupy the link for ceil(N * numerator / denominator) ps.
        queue: messages that may wait behind the one being sent; -1: any number.
        broadcast: channels with one sender share one transmission.
        free: when the last message accepted so far has left.
        starts: when the messages begin that were accepted and may still be waiting.
        announced: frame and source layer of the last broadcast.
        transmitted: sample -> bits and start (None: lost) of that broadcast's messages.
    """

    numerator: int
    denominator: int
    queue: int
    broadcast: bool
    free: int = 0
    starts: deque[int] = field(default_factory=deque)
    announced: tuple[int, int] = (-1, -1)
    transmitted: dict[int, tuple[int, int | None]] = field(default_factory=dict)

    def occupation(self, bits: int) -> int:
        return -(-bits * self.numerator // self.denominator)

    def waiting(self, now: int) -> int:
        """Messages that have been accepted and have not begun."""
        while self.starts and self.starts[0] <= now:
            self.starts.popleft()
        return len(self.starts)

    def accept(self, now: int, bits: int) -> int | None:
        """When a message offered now begins; None if it finds the queue full and is lost."""
        waiting = self.waiting(now)
        if self.free > now and self.queue >= 0 and waiting >= self.queue:
            return None
        start = max(now, self.free)
        self.free = start + self.occupation(bits)
        if start > now:
            self.starts.append(start)
        return start


def message_bits(channel: SimpleNamespace, events: int) -> tuple[int, bool]:
    """Length of a message with so many events, and whether it is an address-event message."""
    silence = channel.silence_bits if events < channel.n else 0
    dense = channel.n * (channel.value_bits + silence)
    aer = events * (channel.address_bits + channel.value_bits)
    use_aer = channel.encoding == Encoding.AER or (channel.encoding == Encoding.AUTO and aer < dense)
    return channel.header_bits + channel.scale_bits + (aer if use_aer else dense), use_aer


def entropy_bits(channel: SimpleNamespace, units: torch.Tensor) -> int:
    """Length of a message in the entropy code, of the units that `words.units` gives, (n,)."""
    return int(channel.header_bits + channel.scale_bits) + len(arithmetic.encode(units.tolist(), channel.levels))


def bits_until(channel: SimpleNamespace, events: torch.Tensor, aer: bool) -> torch.Tensor:
    """Bits of one message up to and including each neuron's word; int64, shape (n,)."""
    before = channel.header_bits + channel.scale_bits
    if aer:
        return before + events.long().cumsum(0) * (channel.address_bits + channel.value_bits)
    silence = channel.silence_bits if not events.all() else 0
    return before + torch.arange(1, channel.n + 1) * (channel.value_bits + silence)


def jitter(channel: SimpleNamespace, c: int, seed: int, frame: int, sample: int) -> int:
    """What is added to the latency of one message, in ps."""
    if channel.jitter_kind == Jitter.NONE:
        return 0
    word = hashing.bits(hashing.key(seed, Stream.JITTER.of(c), frame, sample), np.zeros(1, np.int64))
    u = float(hashing.uniform(word)[0])
    if channel.jitter_kind == Jitter.UNIFORM:
        return math.floor(u * channel.jitter)
    return math.floor(-channel.jitter * float(elementary.log(1.0 - u)))


def late_events(
    channel: SimpleNamespace, link: Link, events: torch.Tensor, aer: bool, start: int, delay: int, limit: int
) -> torch.Tensor:
    """Which events of one message arrive after `limit`; bool (n,). `delay` is latency and jitter."""
    bits = bits_until(channel, events, aer)
    arrival = start + delay + -(-bits * link.numerator // link.denominator)
    return events & (arrival > limit)


def arrival_gap(seed: int, frame: int, interval: int) -> int:
    """Poisson arrivals: time from the entry of the frame before to that of `frame`, in ps."""
    word = hashing.bits(hashing.key(seed, Stream.ARRIVALS.of(), frame, 0), np.zeros(1, np.int64))
    return math.ceil(-interval * float(elementary.log(1.0 - float(hashing.uniform(word)[0]))))
