"""What a channel does to the values of a frame's messages, stage after stage; shapes (B, n), a row a sample.

At the sender: threshold, quantizer (`encode`). On the way: bit errors, noise, drop (`transmit`). Late events are
the clock's business (`channelsim.reference.clock`). Before, between and behind them are the user's own stages (`own`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import SimpleNamespace

import torch

from channelsim.hashing import Stream
from channelsim.plan.layout import Residual
from channelsim.reference import draws, words
from channelsim.reference.clock import message_bits
from channelsim.reference.multiples import message_unit
from channelsim.reference.own import AFTER_QUANTIZE, BEFORE_THRESHOLD, Own
from channelsim.reference.quantizers import quantize, scale_of


@dataclass(frozen=True)
class Encoded:
    """A frame's messages as they leave the sender.

    Attributes:
        v: the values to send, the residual included; float32 (B, n).
        active: which values passed the threshold; bool (B, n).
        scale: the quantizer's scale a; float32 (B, 1).
        sent: the values that go onto the link, 0 where there is no event; float32 (B, n).
        u: draws of stochastic rounding (B, n), or None.
    """

    v: torch.Tensor
    active: torch.Tensor
    scale: torch.Tensor
    sent: torch.Tensor
    u: torch.Tensor | None

    @property
    def events(self) -> torch.Tensor:
        """Which neurons are in the message: a value quantized to 0 is no event. bool (B, n)."""
        return self.sent != 0


Observe = Callable[[Encoded, Sequence[int]], Encoded]
"""Sees the messages of these samples before they leave, and may put them right."""


@dataclass(frozen=True)
class Received:
    """A frame's messages after noise, bit errors and drop, each (B, n).

    Attributes:
        values: what the receiver reads; 0 where there was no event or it was lost.
        corrupted, dropped: events lost to an unused code word, or by the drop stage.
        flipped: bits that the link flipped, int64 masks.
        unit: what the values are whole multiples of, (B, 1); 0: of nothing.
    """

    values: torch.Tensor
    corrupted: torch.Tensor
    dropped: torch.Tensor
    flipped: torch.Tensor
    unit: torch.Tensor


def encode_message(channel: SimpleNamespace, v: torch.Tensor, u: torch.Tensor | None) -> Encoded:
    """Threshold and quantizer, without memory."""
    active = v.abs() > channel.threshold if channel.has_threshold else v != 0
    return encode_active(channel, v, active, u)


def encode_active(channel: SimpleNamespace, v: torch.Tensor, active: torch.Tensor, u: torch.Tensor | None) -> Encoded:
    """The quantizer, for values whose threshold is decided."""
    scale = scale_of(channel.scale_kind, channel.scale, v, active)
    sent = quantize(channel.quantizer, channel.levels, torch.where(active, v, 0.0), scale, u)
    return Encoded(v, active, scale, sent, u)


def encode(
    channel: SimpleNamespace,
    c: int,
    seed: int,
    frame: int,
    samples: Sequence[int],
    x: torch.Tensor,
    residual: torch.Tensor | None = None,
    observe: Observe | None = None,
    own: Own | None = None,
) -> Encoded:
    """Threshold and quantizer of channel c for the values x (B, n) of these samples.

    `residual` (n,) is what the sender has kept so far; it is added to the next sample's values and renewed in place,
    sample after sample, by what `channel.residual` keeps. None: the sender keeps nothing.
    """
    u = draws.uniform32(seed, Stream.ROUNDING, c, frame, samples, x.shape[1]) if channel.stochastic else None

    def before(values: torch.Tensor, numbers: Sequence[int]) -> torch.Tensor:
        return values if own is None else own.apply(BEFORE_THRESHOLD, seed, c, frame, numbers, values)

    if residual is None:
        encoded = encode_message(channel, before(x, samples), u)
        return encoded if observe is None else observe(encoded, samples)
    rows = []
    for b, sample in enumerate(samples):
        v = x[b : b + 1] + residual
        encoded = encode_message(channel, before(v, [sample]), None if u is None else u[b : b + 1])
        if observe is not None:
            encoded = observe(encoded, [sample])
        if channel.residual == Residual.ERROR_FEEDBACK:
            residual.copy_(((encoded.v if own is None else v) - encoded.sent)[0])
        else:
            residual.copy_(torch.where(encoded.active, 0.0, encoded.v)[0])
        rows.append(encoded)
    return Encoded(
        torch.cat([row.v for row in rows]),
        torch.cat([row.active for row in rows]),
        torch.cat([row.scale for row in rows]),
        torch.cat([row.sent for row in rows]),
        u,
    )


def transmit(
    channel: SimpleNamespace,
    c: int,
    seed: int,
    frame: int,
    samples: Sequence[int],
    encoded: Encoded,
    own: Own | None = None,
) -> Received:
    """Bit errors, noise and drop on channel c."""
    n = encoded.sent.shape[1]
    events = encoded.events
    values = encoded.sent
    nothing = torch.zeros_like(events)
    flipped, corrupted, dropped = torch.zeros_like(events, dtype=torch.int64), nothing, nothing
    if channel.bit_error > 0:
        width = channel.value_bits
        flipped = draws.flipped_bits(seed, c, frame, samples, n, channel.bit_error, width) * events
        code = words.encode(channel, encoded.sent, encoded.scale) ^ flipped
        received, valid = words.decode(channel, code, encoded.scale)
        dense = torch.tensor([not message_bits(channel, int(row.sum()))[1] for row in events])
        valid &= ~(dense[:, None] & (code == words.silence(channel)))
        values = torch.where(events & valid, torch.where(flipped == 0, values, received), 0.0)
        corrupted = events & ~valid
    if own is not None:
        alive = events & ~corrupted
        values = torch.where(
            alive, own.apply(AFTER_QUANTIZE, seed, c, frame, samples, torch.where(alive, values, 0.0)), 0.0
        )
    if channel.noise > 0:
        size = scale_of(channel.noise_scale_kind, channel.noise_scale, encoded.v, encoded.active)
        noise = channel.noise * size * draws.normal32(seed, Stream.NOISE, c, frame, samples, n)
        values = torch.where(events & ~corrupted, values + noise, 0.0)
    if channel.drop > 0:
        lost = draws.uniform(seed, Stream.DROP, c, frame, samples, n) < channel.drop
        dropped = events & lost & ~corrupted
        values = torch.where(lost, 0.0, values)
        if channel.rescale and channel.drop < 1:
            values = values / (1 - channel.drop)
    return Received(values, corrupted, dropped, flipped, message_unit(channel, encoded.scale))
