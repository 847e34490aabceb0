"""What a channel does to the values of one message, in the order of docs/design.md, section 3.

`shape` makes the message that goes onto the link (threshold, quantizer); `receive` makes what arrives (noise, bit
errors, drop, lateness). Between the two the link works out when it travels. A message is a list (index, value): of its
events where few neurons speak, so that draws are made for those only; else of all neurons in their order, which spares
sorting them out and putting them back. An entry whose value is 0 is silent.
"""

from __future__ import annotations

import math

import numpy as np

from channelsim.engine.channel import link_clock, quantizers
from channelsim.engine.compile.jit import kernel
from channelsim.engine.kernels import counter_hash, elementary
from channelsim.engine.kernels.simd import draws as simd_draws
from channelsim.engine.kernels.simd import events as simd_events
from channelsim.engine.kernels.simd import memory as simd_memory
from channelsim.engine.tables.handles import head
from channelsim.plan import Encoding, Jitter

F = np.float32
ZERO = F(0.0)
VECTOR = 16  # values in the widest vector of any machine
DENSE, AER, AUTO = (np.int64(encoding) for encoding in Encoding)
NO_JITTER, UNIFORM = int(Jitter.NONE), int(Jitter.UNIFORM)


@kernel()
def count_speaking(values):
    """How many values are not zero."""
    return simd_events.count_events(values)


@kernel()
def any_speaks(values):
    """Whether any value is not zero."""
    return len(values) > 0 and (values[0] != ZERO or count_speaking(values) > 0)


@kernel(inline="always")
def draws(ch):
    """Whether a message of the channel has anything random about it."""
    return ch.stochastic or ch.noise > ZERO or ch.bit_error > 0.0 or ch.drop > 0.0 or ch.jitter_kind != NO_JITTER


@kernel(inline="always")
def only_sifts(ch):
    """Whether all that the channel does to a message is to hold its values against a threshold."""
    return ch.has_threshold and ch.quantizer == quantizers.NONE and not draws(ch) and ch.deadline < 0


@kernel(inline="always")
def sift(ch, source, residual, out):
    """The threshold: `out` = the values above it, else silence. Returns (offered, events)."""
    both = simd_events.pass_threshold(source, residual, np.int64(ch.residual), ch.threshold, out)
    return both >> 32, both & 0xFFFFFFFF


@kernel()
def shape(ch, source, residual, index, value, words, alive, keys):
    """Threshold and quantizer: what one message of n neurons says, as a list (index, value), or in `value` alone where
    it has n entries: those of all neurons.

    The arrays are VECTOR longer than `whole_vectors` wants them. `words` is the memory of `value` seen as int32;
    `alive` becomes 1 for each event, else 0; `residual` is what this channel has kept back. Returns (offered, entries,
    events, scale, noise scale).
    """
    n = ch.n
    if ch.has_threshold:
        offered, events = sift(ch, source, residual, head(value, n))
        source = head(value, n)
    else:
        offered = events = count_speaking(source)
    entries = n
    if 2 * events < n:
        entries = compact(source, index, value)
    elif not ch.has_threshold:
        simd_memory.copy(source, head(value, n))
    silence_behind(entries, value)
    whole = whole_vectors(entries)
    said, noise_scale, a = head(value, whole), ZERO, F(1.0)
    if ch.noise > ZERO:
        noise_scale = quantizers.measure(ch.noise_scale_kind, ch.noise_scale, said, events)
    if ch.quantizer != quantizers.NONE:
        a = quantizers.measure(ch.scale_kind, ch.scale, said, events)
        key = np.uint64(keys[counter_hash.ROUNDING])
        listed = head(index, whole if entries < n else 0)
        quantizers.quantize(ch.quantizer, ch.bits, a, ch.stochastic, key, listed, said, head(words, whole))
    events = simd_events.mark(said, head(alive, whole))
    return offered, entries, events, a, noise_scale


@kernel(inline="always")
def whole_vectors(entries):
    """A length that holds so many entries: passes over whole vectors are done before they would come to a rest.

    What stands behind the last entry of a list is worked on too: silence, and never looked at.
    """
    return (entries + VECTOR - 1) & -VECTOR


@kernel(inline="always")
def silence_behind(entries, value):
    """Silences what else is in the last of the `whole_vectors`, and perhaps one more."""
    behind = value[entries:]  # so that no index needs to be held against zero
    for k in range(VECTOR):
        behind[k] = ZERO


@kernel()
def compact(values, index, events):
    """Writes the events of `values`, those that are not zero, as a list; returns their number."""
    return simd_events.compact(values, index, events)


@kernel()
def forget_silent(index, value, alive, entries, listed):
    """Takes the entries that are not alive out of a list, whose index is `listed` then; returns how many are left."""
    left = 0
    for k in range(entries):
        if alive[k]:
            listed[left], value[left], alive[left] = index[k], value[k], 1
            left += 1
    silence_behind(left, value)
    silence_behind(left, alive)
    return left


@kernel()
def lay_out(index, value, out):
    """A list as a vector, silence as 0."""
    if len(index) == len(out):
        simd_memory.copy(value, out)
        return
    for i in range(len(out)):
        out[i] = ZERO
    simd_memory.scatter(index, value, out)


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


@kernel(inline="always")
def bounds(ch):
    """What words are compared with that bit errors may hit, and that may be lost: see `_hash.bound`."""
    return counter_hash.bound(ch.word_error), counter_hash.bound(ch.drop)


@kernel()
def receive(ch, hit_bound, drop_bound, keys, entries, events, index, value, alive, scale, noise_scale, hits, word):
    """Bit errors, noise and drop: what was sent becomes, in place, what is heard; `alive` tells which events are left.

    The two bounds are those of `bounds`, `keys` those of the message's draws, by purpose, `events` is the number of
    entries that are not silent. Arrays are longer than `whole_vectors` wants them, `word` is room for one float32.
    Returns (events whose word means nothing, flipped bits, events dropped).
    """
    corrupted = flipped = dropped = 0
    whole = whole_vectors(entries)
    value, alive, listed = head(value, whole), head(alive, whole), head(index, whole if entries < ch.n else 0)
    if ch.bit_error > 0.0:
        key = keys[counter_hash.BIT_ERRORS]
        corrupted, flipped = corrupt(
            ch, hit_bound, index, listed, value, alive, scale, key, hits, word, word.view(np.int32)
        )
    if ch.noise > ZERO:
        simd_draws.add_noise(keys[counter_hash.NOISE], ch.noise * noise_scale, listed, value)
    if ch.drop > 0.0:
        left = simd_draws.drop(keys[counter_hash.DROP], drop_bound, listed, alive)
        dropped = events - corrupted - left
    return corrupted, flipped, dropped


@kernel()
def corrupt(ch, below, index, listed, value, alive, scale, key, hits, word, word_bits):
    """Bit errors: flips bits of the code words, and clears `alive` where a word means nothing any more.

    `below` is the bound of the probability that a word is hit, `listed` is `index`, or empty where all neurons have an
    entry.

    Returns (events whose word means nothing, flipped bits).
    """
    corrupted = flipped = 0
    for h in range(simd_draws.list_hits(key, below, listed, value, hits)):
        k = hits[h]
        heard, flips = quantizers.flip(
            ch.quantizer, ch.bits, scale, ch.value_bits, value[k], np.uint64(key), np.int64(index[k]),
            1.0 - ch.bit_error, below, word, word_bits,
        )  # fmt: skip
        flipped += flips
        if heard == heard:
            value[k] = heard
        else:
            alive[k] = 0
            corrupted += 1
    return corrupted, flipped


@kernel()
def count_true(flags):
    """How many flags are set."""
    total = 0
    for i in range(len(flags)):
        total += flags[i]
    return total


@kernel()
def lose_late(ch, link, events, index, alive, start, delay, due, encoding):
    """Events that arrive after `due` are lost; `start` is when the first bit leaves. Returns how many were lost.

    The bits go in the order header, scale, then the words in the order of the neurons. A list for `aer` has no silent
    entries.
    """
    late = 0
    fixed = ch.header_bits + ch.scale_bits
    dense = encoding == DENSE
    word = ch.value_bits + (ch.silence_bits if events < ch.n else 0) if dense else ch.address_bits + ch.value_bits
    for k in range(len(index)):
        words = (np.int64(index[k]) if dense else k) + 1
        if alive[k] and start + link_clock.occupation(link, fixed + words * word) + delay > due:
            alive[k] = 0
            late += 1
    return late


@kernel()
def jitter(ch, keys):
    """Extra picoseconds of one message."""
    if ch.jitter_kind == NO_JITTER:
        return np.int64(0)
    u = counter_hash.uniform(counter_hash.word(np.uint64(keys[counter_hash.JITTER]), np.int64(0)))
    if ch.jitter_kind == UNIFORM:
        return np.int64(math.floor(u * ch.jitter))
    # 1 - u is exact, as u has 53 bits behind the point.
    return np.int64(math.floor(-ch.jitter * elementary.log(1.0 - u)))


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
def deliver(ch, index, value, alive, out):
    """out = the events that are left, rescaled, and silence. Returns the number of events delivered."""
    divisor = F(1.0 - ch.drop) if ch.rescale and ch.drop < 1.0 else F(1.0)
    if len(index) == len(out):
        return simd_events.deliver(value, alive, divisor, out)
    delivered = simd_events.deliver(value, alive, divisor, value)
    lay_out(index, value, out)
    return delivered
