"""The channel's codes: a message as the bits that cross the link, and back.

A message is `header | scale | words`, each field with its most significant bit first, and zeros up to a whole
byte after the last bit. The words stand in the order of the neurons:

- *dense*: one word for every neuron; zero is a word too (see `silence_word`);
- *aer* (address-event): for each active unit its address, then its word;
- *entropy*: an adaptive arithmetic code of all units (`channelsim.arithmetic`), in place of words.

| quantizer | word | code of a value | unused codes |
|---|---|---|---|
| none | 32 bits | IEEE-754 binary32 | infinities and NaN (a receiver discards them) |
| `log2`, E exponents | ceil(log2 2 E) | `sign * E + level`: (-1)^sign a 2^-level, level 0..E-1 | 2 E and above |
| `uniform` | bits | `k + K`: k a/K with K = 2^(bits-1) - 1 | 2^bits - 1 |
| `sign` | 1 bit | 0: +a, 1: -a | - |
| `ternary` | 2 bits | 0: zero, 1: +a, 2: -a | 3 |

Where a message begins, how long it is and which of the two codes it is in is what the header stands for; here
a `Packed` carries its length and encoding beside the bytes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from channelsim import arithmetic
from channelsim.plan.layout import Encoding, Quantizer

Channel = np.void
"""One record of dtype `channelsim.plan.layout.CHANNEL`."""


@dataclass(frozen=True)
class Packed:
    """One message on the link.

    Attributes:
        data: the bytes; the bits of the last one beyond `bits` are zero.
        bits: the message's exact length.
        encoding: `Encoding.DENSE`, `Encoding.AER` or `Encoding.ENTROPY`.
        events: how many units are active.
    """

    data: bytes
    bits: int
    encoding: Encoding
    events: int


def message_bits(channel: Channel, events: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """The length of messages in words in which `events` of the channel's n units are active, in closed form.

    Arguments:
        channel: a CHANNEL record.
        events: number of speaking neurons, an int or an integer array of any shape.

    Returns:
        bits (int64) and the encoding chosen (int32, DENSE or AER), both of the shape of `events`. `auto`
        takes the shorter code, dense on a tie.

    Raises:
        ValueError: the channel has an entropy code, the length of which depends on the values.
    """
    if channel["encoding"] == Encoding.ENTROPY:
        raise ValueError("the length of an entropy code depends on the values; pack makes it")
    active = np.asarray(events, dtype=np.int64)
    n, word = int(channel["n"]), int(channel["value_bits"])
    dense = n * (word + np.where(active < n, int(channel["silence_bits"]), 0))
    aer = active * (int(channel["address_bits"]) + word)
    encoding = np.full(active.shape, int(channel["encoding"]), dtype=np.int32)
    encoding = np.where(
        encoding == Encoding.AUTO, np.where(aer < dense, Encoding.AER, Encoding.DENSE), encoding
    ).astype(np.int32)
    body = np.where(encoding == Encoding.AER, aer, dense).astype(np.int64)
    return body + int(channel["header_bits"]) + int(channel["scale_bits"]), encoding


def encode(values: ArrayLike, scale: float, channel: Channel) -> NDArray[np.uint32]:
    """Code words of values as sent, that is, after threshold and quantizer.

    Arguments:
        values: nonzero float32 values, shape (k,).
        scale: the message's scale a; the channel's own where it is fixed. Unused without a quantizer.
        channel: a CHANNEL record.

    Returns:
        uint32 words, shape (k,), of `value_bits` bits each.

    Raises:
        ValueError: a value is none that the channel's quantizer makes with this scale.
    """
    sent = np.atleast_1d(np.asarray(values, dtype=np.float32))
    quantizer, levels, a = int(channel["quantizer"]), int(channel["levels"]), np.float32(scale)
    if quantizer == Quantizer.NONE:
        return sent.view(np.uint32).copy()
    minus = (sent < 0).astype(np.uint32)
    if quantizer == Quantizer.LOG2:
        # The nearest entry of the alphabet, not a logarithm: exact also where a 2^-level is subnormal.
        alphabet = np.ldexp(a, -np.arange(levels)).astype(np.float32)
        level = np.abs(np.abs(sent)[:, None] - alphabet).argmin(axis=1).astype(np.uint32)
        codes = minus * np.uint32(levels) + level
    elif quantizer == Quantizer.UNIFORM:
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            level = np.rint(sent.astype(np.float64) / (a / np.float32(levels)))
        codes = (np.clip(np.nan_to_num(level), -levels, levels) + levels).astype(np.uint32)
    elif quantizer == Quantizer.SIGN:
        codes = minus
    else:
        codes = np.where(sent == 0, np.uint32(0), minus + np.uint32(1))
    meant, _ = decode(codes, scale, channel)
    if not np.array_equal(meant, sent):
        wrong = sent[meant != sent][0]
        raise ValueError(f"{wrong} is no value of the quantizer {Quantizer(quantizer).name} with scale {a}")
    return codes


def decode(codes: ArrayLike, scale: float, channel: Channel) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """What code words mean to the receiver; the inverse of `encode`, and defined for every word.

    Arguments:
        codes: words of `value_bits` bits, shape (k,).
        scale: the message's scale a.
        channel: a CHANNEL record.

    Returns:
        values (float32, shape (k,)) and valid (bool, shape (k,)): False for an unused code, whose value is
        then 0, and for a float32 that is not finite. The zero of `uniform` and of `ternary` is a valid value.
    """
    word = np.atleast_1d(np.asarray(codes, dtype=np.uint32))
    quantizer, levels, a = int(channel["quantizer"]), int(channel["levels"]), np.float32(scale)
    if quantizer == Quantizer.NONE:
        values = word.view(np.float32)
        return values, np.isfinite(values)
    signed = word.astype(np.int64)
    if quantizer == Quantizer.LOG2:
        valid = signed < 2 * levels
        level = np.where(valid, signed % levels, 0)
        values = np.ldexp(a, -level) * np.where(signed >= levels, -1, 1).astype(np.float32)
    elif quantizer == Quantizer.UNIFORM:
        valid = signed <= 2 * levels
        values = (a / np.float32(levels)) * (signed - levels).astype(np.float32)
    elif quantizer == Quantizer.SIGN:
        valid = signed < 2
        values = np.where(signed == 1, -a, a)
    else:
        valid = signed < 3
        values = np.array([0, a, -a, 0], dtype=np.float32)[np.minimum(signed, 3)]
    return np.where(valid, values, np.float32(0)).astype(np.float32), valid


def units_of(codes: ArrayLike, channel: Channel) -> NDArray[np.int64]:
    """Code words as `channelsim.arithmetic` codes them: the number of a magnitude, from 1, and its sign; 0: zero."""
    word, quantizer, levels = np.asarray(codes, np.int64), int(channel["quantizer"]), int(channel["levels"])
    if quantizer == Quantizer.LOG2:
        return (levels - word % levels) * np.where(word < levels, 1, -1)
    if quantizer == Quantizer.UNIFORM:
        return word - levels
    return np.array([1, -1] if quantizer == Quantizer.SIGN else [0, 1, -1])[word]


def codes_of(units: ArrayLike, channel: Channel) -> NDArray[np.int64]:
    """The inverse of `units_of`."""
    unit, quantizer, levels = np.asarray(units, np.int64), int(channel["quantizer"]), int(channel["levels"])
    if quantizer == Quantizer.LOG2:
        return levels - np.abs(unit) + levels * (unit < 0)
    if quantizer == Quantizer.UNIFORM:
        return unit + levels
    return (unit < 0).astype(np.int64) + (quantizer == Quantizer.TERNARY)


def silence_word(channel: Channel) -> int:
    """The word of an inactive unit in a dense message.

    A code that no active unit uses: the float 0.0; the first unused code of `log2`; the zeros of
    `uniform` and `ternary`. `sign`, and `log2` whose exponents are a power of two, use all their codes unless one is
    kept free: there a message in which a unit is inactive has words that are one bit longer (`silence_bits`); the top
    bit marks it.
    """
    if channel["silence_bits"]:
        return 1 << int(channel["value_bits"])
    quantizer, levels = int(channel["quantizer"]), int(channel["levels"])
    if quantizer == Quantizer.LOG2:
        return 2 * levels
    return levels if quantizer == Quantizer.UNIFORM else 0


def pack(values: ArrayLike, scale: float, channel: Channel, header: int = 0) -> Packed:
    """A message as bytes.

    Arguments:
        values: float32, shape (n,), as sent (after threshold and quantizer); an inactive unit is 0.
        scale: the message's scale a; it is written where the channel sends scales (`scale_bits`).
        channel: a CHANNEL record with n neurons.
        header: what stands in the header's bits, 0 <= header < 2**header_bits.

    Raises:
        ValueError: the wrong number of values, a header that does not fit, or a value that the quantizer does
            not make.
    """
    sent = np.asarray(values, dtype=np.float32)
    n, word, address = int(channel["n"]), int(channel["value_bits"]), int(channel["address_bits"])
    header_bits = int(channel["header_bits"])
    if sent.shape != (n,):
        raise ValueError(f"the message has shape {sent.shape}, the channel carries ({n},)")
    if not 0 <= header < 1 << header_bits:
        raise ValueError(f"header {header} does not fit into {header_bits} bits")
    senders = np.flatnonzero(sent)
    codes = encode(sent[senders], scale, channel)
    encoding = Encoding(int(channel["encoding"]))
    if encoding != Encoding.ENTROPY:
        encoding = Encoding(int(message_bits(channel, len(senders))[1]))
    if encoding == Encoding.ENTROPY:
        units = np.zeros(n, np.int64)
        units[senders] = units_of(codes, channel)
        body = np.array(arithmetic.encode(units.tolist(), int(channel["levels"])), np.uint8)
    elif encoding == Encoding.AER:
        body = np.hstack([_to_bits(senders, address), _to_bits(codes, word)])
    else:
        words = np.full(n, silence_word(channel), dtype=np.uint64)
        words[senders] = codes
        body = _to_bits(words, _dense_word(channel, len(senders)))
    scale_word = np.atleast_1d(np.float32(scale)).view(np.uint32)
    parts = [
        np.array([(header >> i) & 1 for i in reversed(range(header_bits))], dtype=np.uint8),
        _to_bits(scale_word, int(channel["scale_bits"])).ravel(),
        body.ravel(),
    ]
    stream = np.concatenate(parts)
    return Packed(np.packbits(stream).tobytes(), len(stream), encoding, len(senders))


def unpack(packed: Packed, channel: Channel) -> tuple[NDArray[np.float32], np.float32]:
    """The message that `pack` wrote: values (float32, shape (n,), inactive units 0) and the scale.

    The scale is the channel's own where none travels with the message.

    Raises:
        ValueError: the bytes are no message of this channel.
    """
    n, word, address = int(channel["n"]), int(channel["value_bits"]), int(channel["address_bits"])
    header_bits, scale_bits = int(channel["header_bits"]), int(channel["scale_bits"])
    stream = np.unpackbits(np.frombuffer(packed.data, dtype=np.uint8))
    start = header_bits + scale_bits
    scale = np.float32(channel["scale"])
    if scale_bits:
        scale = _from_bits(stream[None, header_bits:start]).astype(np.uint32).view(np.float32)[0]
    if packed.encoding == Encoding.ENTROPY:
        return _unpack_units(packed, stream[start : packed.bits].tolist(), scale, channel), scale
    width = address + word if packed.encoding == Encoding.AER else _dense_word(channel, packed.events)
    count = packed.events if packed.encoding == Encoding.AER else n
    if packed.bits != start + count * width or len(stream) != -(-packed.bits // 8) * 8:
        raise ValueError(
            f"{len(packed.data)} bytes with {packed.bits} bits and {packed.events} events are no message of "
            f"a channel of {n} neurons"
        )
    body = stream[start : packed.bits].reshape(count, width)
    if packed.encoding == Encoding.AER:
        senders = _from_bits(body[:, :address]).astype(np.int64)
        codes = _from_bits(body[:, address:])
    else:
        words = _from_bits(body)
        senders = np.flatnonzero(words != silence_word(channel))
        codes = words[senders]
    sent, valid = decode(codes, float(scale), channel)
    coded = int(channel["quantizer"]) != Quantizer.NONE
    if len(senders) != packed.events or np.any(senders >= n) or (coded and not np.all(valid)):
        raise ValueError("the message holds a word or an address that means nothing on this channel")
    values = np.zeros(n, dtype=np.float32)
    values[senders] = sent
    return values, scale


def _unpack_units(packed: Packed, body: list[int], scale: np.float32, channel: Channel) -> NDArray[np.float32]:
    """The values of a message in the entropy code."""
    n, levels = int(channel["n"]), int(channel["levels"])
    units = np.array(arithmetic.decode(body, n, levels))
    known = (np.abs(units) <= levels).all() and np.count_nonzero(units) == packed.events
    if not known or arithmetic.encode(units.tolist(), levels) != body:
        raise ValueError(f"{len(packed.data)} bytes with {packed.bits} bits are no entropy code of {n} neurons")
    values = np.zeros(n, np.float32)
    senders = np.flatnonzero(units)
    values[senders] = decode(codes_of(units[senders], channel), float(scale), channel)[0]
    return values


def header_of(packed: Packed, channel: Channel) -> int:
    """What stands in a message's header."""
    header_bits = int(channel["header_bits"])
    whole = int.from_bytes(packed.data, "big")
    return whole >> (8 * len(packed.data) - header_bits)


def _dense_word(channel: Channel, events: int) -> int:
    silent = events < int(channel["n"])
    return int(channel["value_bits"]) + (int(channel["silence_bits"]) if silent else 0)


def _to_bits(words: NDArray[np.generic], width: int) -> NDArray[np.uint8]:
    """Words (k,) as bits (k, width), most significant first."""
    shifts = np.arange(width - 1, -1, -1, dtype=np.uint64)
    return ((words.astype(np.uint64)[:, None] >> shifts) & np.uint64(1)).astype(np.uint8)


def _from_bits(bits: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Bits (k, width), most significant first, as words (k,)."""
    shifts = np.arange(bits.shape[1] - 1, -1, -1, dtype=np.uint64)
    return (bits.astype(np.uint64) << shifts).sum(axis=1, dtype=np.uint64)
