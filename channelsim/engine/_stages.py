"""What a channel does to the values of one message, in the order of DESIGN part 1.

`shape` makes the message that goes onto the link (threshold, quantizer); `receive` makes what arrives (noise, bit
errors, drop, lateness). Between the two the link works out when it travels. Silence is 0.
"""

from __future__ import annotations

import math

import numpy as np

from channelsim.engine import _hash, _links, _quantize
from channelsim.engine._jit import kernel

F = np.float32
ZERO = F(0.0)
DENSE, AER, AUTO = np.int64(0), np.int64(1), np.int64(2)


@kernel()
def count_speaking(values):
    """How many values are not zero."""
    total = 0
    for i in range(len(values)):
        total += values[i] != ZERO
    return total


@kernel()
def any_speaks(values):
    """Whether any value is not zero."""
    for v in values:  # noqa: SIM110  (Numba has no `any` over a generator)
        if v != ZERO:
            return True
    return False


@kernel()
def shape(ch, source, residual, sent, words, key):
    """Threshold and quantizer: source -> sent, n values each. Returns (offered, events, scale, noise scale).

    `words` is the memory of `sent` seen as int32; `residual` what this channel has kept back.
    """
    n = len(source)
    offered = count_speaking(source)
    theta = ch.threshold
    if not ch.has_threshold:
        for i in range(n):
            sent[i] = source[i]
    elif ch.residual:
        for i in range(n):
            v = source[i] + residual[i]
            speaks = abs(v) > theta
            sent[i] = v if speaks else ZERO
            residual[i] = ZERO if speaks else v
    else:
        for i in range(n):
            v = source[i]
            sent[i] = v if abs(v) > theta else ZERO
    noise_scale = _quantize.measure(ch.noise_scale_kind, ch.noise_scale, sent) if ch.noise > ZERO else ZERO
    a = F(1.0)
    if ch.quantizer != _quantize.NONE:
        a = _quantize.measure(ch.scale_kind, ch.scale, sent)
        _quantize.quantize(ch.quantizer, ch.bits, a, ch.stochastic, key, sent, words)
    return offered, count_speaking(sent), a, noise_scale


@kernel()
def message_bits(ch, events):
    """(bits on the link, encoding used) of a message with this many events."""
    n = ch.n
    fixed = ch.header_bits + ch.scale_bits
    word = ch.value_bits + (ch.silence_bits if events < n else 0)
    dense = n * word
    aer = events * (ch.address_bits + ch.value_bits)
    if ch.encoding == AER or (ch.encoding == AUTO and aer < dense):
        return fixed + aer, AER
    return fixed + dense, DENSE


@kernel()
def receive(ch, c, seed, frame, sample, sent, alive, out, scale, noise_scale, word, random, hits):
    """Bit errors, noise and drop: sent -> out, n values each; `alive` tells which events are left.

    `random` (float64, 2 n) and `hits` (bool, n) are room for draws. Returns (events whose word means nothing, flipped
    bits, events dropped).
    """
    corrupted = flipped = dropped = 0
    for i in range(len(sent)):
        out[i] = sent[i]
        alive[i] = sent[i] != ZERO
    if ch.bit_error > 0.0:
        key = _hash.key(seed, _hash.BIT_ERRORS + 64 * c, frame, sample)
        corrupted, flipped = corrupt(ch, sent, out, alive, hits, scale, key, word, word.view(np.int32))
    if ch.noise > ZERO:
        key = _hash.key(seed, _hash.NOISE + 64 * c, frame, sample)
        n = len(out)
        bits = random.view(np.int64)
        _hash.normals(key, random[:n], bits[:n], bits[n : 2 * n])
        add_noise(np.float64(ch.noise) * np.float64(noise_scale), out, alive, random)
    if ch.drop > 0.0:
        dropped = drop(ch.drop, alive, _hash.key(seed, _hash.DROP + 64 * c, frame, sample))
    return corrupted, flipped, dropped


@kernel()
def corrupt(ch, sent, out, alive, hits, scale, key, word, word_bits):
    """Bit errors: flips bits of the code words. Returns (events whose word means nothing, flipped bits)."""
    corrupted = flipped = 0
    hit = 1.0 - (1.0 - ch.bit_error) ** ch.value_bits
    for i in range(len(sent)):
        hits[i] = _hash.uniform(_hash.word(key, i * 64)) < hit
    for i in range(len(sent)):
        if hits[i] and alive[i]:
            value, flips = _quantize.flip(
                ch.quantizer, ch.bits, scale, ch.value_bits, sent[i], key, i, ch.bit_error, word, word_bits
            )
            flipped += flips
            if value == value:
                out[i] = value
            else:
                alive[i] = False
                corrupted += 1
    return corrupted, flipped


@kernel()
def add_noise(sigma, out, alive, random):
    """Adds sigma * N(0, 1) to each event."""
    for i in range(len(out)):
        out[i] = F(out[i] + F(sigma * random[i])) if alive[i] else out[i]


@kernel()
def drop(probability, alive, key):
    """Loses each event with a probability. Returns how many were lost."""
    before = count_true(alive)
    for i in range(len(alive)):
        alive[i] &= _hash.uniform(_hash.word(key, i)) >= probability
    return before - count_true(alive)


@kernel()
def count_true(flags):
    """How many flags are set."""
    total = 0
    for i in range(len(flags)):
        total += flags[i]
    return total


@kernel()
def lose_late(ch, link, sent, alive, start, delay, due, encoding, events):
    """Events that arrive after `due` are lost; `start` is when the first bit leaves. Returns how many were lost.

    The bits go in the order header, scale, then the words in the order of the neurons.
    """
    late = 0
    bits = ch.header_bits + ch.scale_bits
    dense = encoding == DENSE
    word = ch.value_bits + (ch.silence_bits if events < ch.n else 0) if dense else ch.address_bits + ch.value_bits
    for i in range(len(sent)):
        if dense or sent[i] != ZERO:
            bits += word
        if alive[i] and start + _links.occupation(link, bits) + delay > due:
            alive[i] = False
            late += 1
    return late


@kernel()
def jitter(ch, key):
    """Extra picoseconds of one message."""
    if ch.jitter_kind == 0:
        return np.int64(0)
    u = _hash.uniform(_hash.word(key, np.int64(0)))
    if ch.jitter_kind == 1:
        return np.int64(math.floor(u * ch.jitter))
    return np.int64(math.floor(-ch.jitter * math.log1p(-u)))


@kernel()
def first_event(ch, sent, encoding, events):
    """Bits up to and including the first event of a message (all of it where nobody speaks)."""
    fixed = ch.header_bits + ch.scale_bits
    if encoding == AER:
        return fixed + (ch.address_bits + ch.value_bits if events > 0 else 0)
    word = ch.value_bits + (ch.silence_bits if events < ch.n else 0)
    for i in range(len(sent)):
        if sent[i] != ZERO:
            return fixed + (i + 1) * word
    return fixed + ch.n * word


@kernel()
def deliver(ch, out, alive):
    """Silences what was lost and rescales the rest. Returns the number of events delivered."""
    divisor = F(1.0 - ch.drop) if ch.rescale and ch.drop < 1.0 else F(1.0)
    for i in range(len(out)):
        out[i] = out[i] / divisor if alive[i] else ZERO
    return count_true(alive)
