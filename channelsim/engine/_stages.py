"""What a channel does to the values of one message, in the order of docs/design.md, section 3.

`shape` makes the message that goes onto the link (threshold, quantizer); `receive` makes what arrives (noise, bit
errors, drop, lateness). Between the two the link works out when it travels. A message is a list of events (index,
value), so that draws are made for those who speak only.
"""

from __future__ import annotations

import math

import numpy as np

from channelsim.engine import _hash, _links, _quantize, _vector_events, _vector_memory
from channelsim.engine._jit import kernel
from channelsim.plan import Encoding, Jitter

F = np.float32
ZERO = F(0.0)
ONE_EACH, HIGHEST_BYTE = np.uint64(0x0101010101010101), np.uint64(56)  # a product adds up all bytes in the highest
DENSE, AER, AUTO = (np.int64(encoding) for encoding in Encoding)
NO_JITTER, UNIFORM = int(Jitter.NONE), int(Jitter.UNIFORM)


@kernel()
def count_speaking(values):
    """How many values are not zero."""
    return _vector_events.count_events(values)


@kernel()
def any_speaks(values):
    """Whether any value is not zero."""
    for v in values:  # noqa: SIM110  (Numba has no `any` over a generator)
        if v != ZERO:
            return True
    return False


@kernel()
def shape(ch, source, residual, index, value, words, keys):
    """Threshold and quantizer: the events of one message of n neurons, as a list (index, value).

    `index` and `value` are as long as `whole_vectors` wants it. `words` is the memory of `value` seen as int32;
    `residual` what this channel has kept back. Returns (offered, events, scale, noise scale).
    """
    if ch.has_threshold:
        both = _vector_events.pass_threshold(source, residual, np.int64(ch.residual), ch.threshold, index, value)
        offered, events = both >> 32, both & 0xFFFFFFFF
    else:
        offered = events = compact(source, index, value)
    noise_scale = ZERO
    if ch.noise > ZERO:
        noise_scale = _quantize.measure(ch.noise_scale_kind, ch.noise_scale, value[:events])
    a = F(1.0)
    if ch.quantizer != _quantize.NONE:
        a = _quantize.measure(ch.scale_kind, ch.scale, value[:events])
        whole = whole_vectors(events)
        key = np.uint64(keys[_hash.ROUNDING])
        _quantize.quantize(ch.quantizer, ch.bits, a, ch.stochastic, key, index[:whole], value[:whole], words[:whole])
        if count_speaking(value[:events]) < events:
            events = forget_silent(index, value, events)
    return offered, events, a, noise_scale


@kernel(inline="always")
def whole_vectors(events):
    """A length that holds so many events: loops over whole vectors are done before they would come to single values.

    What stands behind the last event is worked on too, and never looked at.
    """
    return (events + 15) & ~15


@kernel()
def compact(values, index, events):
    """Writes the events of `values`, those that are not zero, as a list; returns their number."""
    return _vector_events.compact(values, index, events)


@kernel()
def forget_silent(index, value, events):
    """Takes the events whose value is zero out of a list; returns how many are left."""
    left = 0
    for k in range(events):
        if value[k] != ZERO:
            index[left], value[left] = index[k], value[k]
            left += 1
    return left


@kernel()
def lay_out(index, value, out):
    """A list of events as a vector, silence as 0."""
    for i in range(len(out)):
        out[i] = ZERO
    _vector_memory.scatter(index, value, out)


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
def receive(ch, keys, events, index, value, alive, scale, noise_scale, word, random):
    """Bit errors, noise and drop: what was sent becomes, in place, what is heard; `alive` tells which events are left.

    `keys` are those of the message's draws, by purpose. The other arrays are as long as `whole_vectors` wants it;
    `random` (float64, 3 times that) is room for draws. Returns (events whose word means nothing, flipped bits, events
    dropped).
    """
    corrupted = flipped = dropped = 0
    if ch.bit_error == 0.0:
        for k in range(len(index)):
            alive[k] = k < events
    else:
        key = np.uint64(keys[_hash.BIT_ERRORS])
        corrupted, flipped = corrupt(ch, events, index, value, alive, scale, key, word, word.view(np.int32))
    if ch.noise > ZERO:
        key = np.uint64(keys[_hash.NOISE])
        n = len(index)
        bits = random.view(np.int64)
        _hash.normals(key, index, random[:n], bits[:n], bits[n : 2 * n], bits[2 * n : 3 * n])
        add_noise(np.float64(ch.noise) * np.float64(noise_scale), value, random)
    if ch.drop > 0.0:
        dropped = drop(ch.drop, events, index, alive, np.uint64(keys[_hash.DROP]))
    return corrupted, flipped, dropped


@kernel()
def corrupt(ch, events, index, value, alive, scale, key, word, word_bits):
    """Bit errors: flips bits of the code words, and sets `alive` for the words that mean something.

    Returns (events whose word means nothing, flipped bits).
    """
    corrupted = flipped = 0
    below = _hash.bound(ch.word_error)
    for k in range(len(index)):  # vectorizes; most words are whole
        alive[k] = (k < events) & (not _hash.is_below(_hash.word(key, np.int64(index[k]) * 64), below))
    if count_alive(alive) == events:
        return corrupted, flipped
    eights = alive.view(np.uint64)
    for eight in range((events + 7) // 8):
        if eights[eight] == ONE_EACH:
            continue
        for k in range(8 * eight, min(8 * eight + 8, events)):
            if not alive[k]:
                heard, flips = _quantize.flip(
                    ch.quantizer, ch.bits, scale, ch.value_bits, value[k], key, np.int64(index[k]), ch.log_whole, word,
                    word_bits,
                )  # fmt: skip
                flipped += flips
                alive[k] = heard == heard
                if alive[k]:
                    value[k] = heard
                else:
                    corrupted += 1
    return corrupted, flipped


@kernel()
def add_noise(sigma, value, random):
    """Adds sigma * N(0, 1) to each event."""
    for k in range(len(value)):
        value[k] = F(value[k] + F(sigma * random[k]))


@kernel()
def drop(probability, events, index, alive, key):
    """Loses each event with a probability. Returns how many were lost that were not lost before."""
    below = _hash.bound(probability)
    before = count_alive(alive)
    for k in range(len(index)):
        alive[k] &= not _hash.is_below(_hash.word(key, np.int64(index[k])), below)
    return before - count_alive(alive)


@kernel()
def count_alive(alive):
    """How many flags are set, of whole vectors of them: a word of eight at a time."""
    total = np.uint64(0)
    for flags in alive.view(np.uint64):
        total += (flags * ONE_EACH) >> HIGHEST_BYTE
    return np.int64(total)


@kernel()
def count_true(flags):
    """How many flags are set."""
    total = 0
    for i in range(len(flags)):
        total += flags[i]
    return total


@kernel()
def lose_late(ch, link, index, alive, start, delay, due, encoding):
    """Events that arrive after `due` are lost; `start` is when the first bit leaves. Returns how many were lost.

    The bits go in the order header, scale, then the words in the order of the neurons.
    """
    late = 0
    fixed = ch.header_bits + ch.scale_bits
    dense = encoding == DENSE
    word = ch.value_bits + (ch.silence_bits if len(index) < ch.n else 0) if dense else ch.address_bits + ch.value_bits
    if len(index) == 0:
        return late
    last = np.int64(index[-1]) + 1 if dense else len(index)
    if start + _links.occupation(link, fixed + last * word) + delay <= due:  # the last event comes last
        return late
    for k in range(len(index)):
        words = (np.int64(index[k]) if dense else k) + 1
        if alive[k] and start + _links.occupation(link, fixed + words * word) + delay > due:
            alive[k] = False
            late += 1
    return late


@kernel()
def jitter(ch, keys):
    """Extra picoseconds of one message."""
    if ch.jitter_kind == NO_JITTER:
        return np.int64(0)
    u = _hash.uniform(_hash.word(np.uint64(keys[_hash.JITTER]), np.int64(0)))
    if ch.jitter_kind == UNIFORM:
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
def deliver(ch, events, index, value, alive, out):
    """out = the events that are left, rescaled, and silence. Returns the number of events delivered."""
    divisor = F(1.0 - ch.drop) if ch.rescale and ch.drop < 1.0 else F(1.0)
    for k in range(len(value)):
        value[k] = value[k] / divisor if alive[k] else ZERO
    lay_out(index[:events], value[:events], out)
    return count_alive(alive)
