"""What a channel does to the values of one message, in the order of docs/design.md, section 3.

`encode` makes the message that goes onto the link (threshold, quantizer); `decode` makes what arrives (bit errors,
noise, drop, lateness). Between the two the link works out when it travels. The message at work is mem.message: a list
(mem.message_index, mem.message_value) of its events where few units are active, so that draws are made for those only;
else of all units in their order, which spares sorting them out and putting them back. An entry whose value is 0 is no
event.
"""

from __future__ import annotations

import math

import numpy as np

from channelsim.engine.channel import link_clock, own_stages, quantizers
from channelsim.engine.compile.jit import inner
from channelsim.engine.compile.pointers import as_words, head
from channelsim.engine.kernels import counter_hash, elementary, simd
from channelsim.plan import SMALLEST_UNIT, Encoding, Jitter, Residual

F = np.float32
ZERO = F(0.0)
DENSE, AER, ENTROPY, AUTO = (np.int64(encoding) for encoding in Encoding)
NO_JITTER, UNIFORM = int(Jitter.NONE), int(Jitter.UNIFORM)
ERROR_FEEDBACK = int(Residual.ERROR_FEEDBACK)


@inner(inlined=True)
def draws(ch):
    """Whether a message of the channel has anything random about it, or may have: a stage of the user's own."""
    return (
        ch.own_before
        or ch.own_after
        or ch.stochastic
        or ch.noise > ZERO
        or ch.bit_error > 0.0
        or ch.drop > 0.0
        or ch.jitter_kind != NO_JITTER
    )


@inner(inlined=True)
def makes_zeros(ch):
    """Whether a value that passes wires, as an event, can be 0. It is then -0.0, and what is no event 0.0.

    Never where it passes them before it is sent.
    """
    return not ch.at_receiver and (ch.bit_error > 0.0 or ch.noise > ZERO or ch.own_after > 0)


@inner(inlined=True)
def only_sifts(ch):
    """Whether all that the channel does to a message is to hold its values against a threshold."""
    return ch.has_threshold and ch.quantizer == quantizers.NONE and not draws(ch) and ch.deadline < 0


@inner(inlined=True)
def sift(ch, values, residual, keep, out):
    """The threshold: `out` = the values above it, else 0; with `keep` those below it stay in `residual`, and are added
    to the next ones. Returns (offered, events)."""
    both = simd.pass_threshold(values, residual, np.int64(keep), ch.threshold, out)
    return both >> 32, both & 0xFFFFFFFF


@inner()
def encode(net, mem, c, values, residual, kept):
    """Threshold and quantizer: makes mem.message of a unit's values each.

    `residual` is what channel c has kept back; `kept` tells whether its own stages have their state. mem.message_alive
    becomes 1 for each event, else 0.
    """
    ch, m = net.channels[c], mem.message
    n = ch.n
    index, value, words = mem.message_index, mem.message_value, as_words(mem.message_value)
    offered, feeds_back = np.int64(-1), ch.residual == ERROR_FEEDBACK
    if feeds_back:
        offered = simd.count_events(values)
        for i in range(n):
            residual[i] += values[i]
        values = residual
    if ch.own_before:
        offered = offered if feeds_back else simd.count_events(values)
        values = own_stages.at_the_sender(net, mem, c, values, kept)
    if ch.has_threshold:
        m.offered, m.events = sift(ch, values, residual, ch.residual and not feeds_back, head(value, n))
        values = head(value, n)
    else:
        m.offered = m.events = simd.count_events(values)
    if offered >= 0:
        m.offered = offered
    m.entries, m.scale, m.noise_scale = n, F(1.0), ZERO
    if 2 * m.events < n:
        m.entries = simd.compact(values, index, value)
    elif not ch.has_threshold:
        simd.copy(values, head(value, n))
    value, words = head(value, m.entries), head(words, m.entries)
    if ch.noise > ZERO:
        m.noise_scale = quantizers.measure(ch.noise_scale_kind, ch.noise_scale, value, m.events)
    if ch.quantizer != quantizers.NONE:
        m.scale = quantizers.measure(ch.scale_kind, ch.scale, value, m.events)
        key = np.uint64(mem.keys[counter_hash.ROUNDING])
        quantizers.quantize(ch.quantizer, ch.levels, m.scale, ch.stochastic, key, listed(mem, ch), value, words)
    if feeds_back:
        _keep_the_rest(listed(mem, ch), value, residual)
    m.events = simd.mark(value, head(mem.message_alive, m.entries))


@inner()
def _keep_the_rest(index, sent, residual):
    """Error feedback: of the values to send, which `residual` holds, what was not sent of them stays there."""
    if len(index) == 0:
        for i in range(len(sent)):
            residual[i] -= sent[i]
    for k in range(len(index)):
        residual[index[k]] -= sent[k]


@inner(inlined=True)
def listed(mem, ch):
    """The units of the entries, or nothing where all units have one."""
    entries = mem.message.entries
    return head(mem.message_index, entries if entries < ch.n else 0)


@inner(inlined=True)
def units(net, mem, ch):
    """The units of the entries."""
    entries = mem.message.entries
    return head(mem.message_index if entries < ch.n else net.identity, entries)


@inner()
def lay_out(index, value, out):
    """A list as a vector, 0 where there is no event."""
    if len(index) == len(out):
        simd.copy(value, out)
        return
    for i in range(len(out)):
        out[i] = ZERO
    simd.scatter(index, value, out)


@inner()
def message_bits(ch, events):
    """(bits on the link, encoding used) of a message in words with this many events."""
    n = ch.n
    fixed = ch.header_bits + ch.scale_bits
    word = ch.value_bits + (ch.silence_bits if events < n else 0)
    dense = n * word
    aer = events * (ch.address_bits + ch.value_bits)
    if ch.encoding == AER or (ch.encoding == AUTO and aer < dense):
        return fixed + aer, AER
    return fixed + dense, DENSE


@inner(inlined=True)
def set_bounds(mem, ch):
    """What draws are compared with: whether a word is hit by bit errors, and whether an event is dropped."""
    mem.message.hit_bound = counter_hash.bound(ch.word_error)
    mem.message.drop_bound = counter_hash.bound(ch.drop)


@inner()
def decode(net, mem, c, out):
    """Bit errors, noise, drop and lateness: `out` = what arrives of mem.message. Counts what is lost."""
    ch, m, counter = net.channels[c], mem.message, mem.counters[c]
    is_late = m.due >= 0 and m.finish + m.delay > m.due
    if is_late and m.encoding == AER:
        _forget_zeros(net, mem, ch)
    corrupted, flipped, dropped = disturb(net, mem, c, True)
    counter.corrupted += corrupted
    counter.flipped_bits += flipped
    counter.dropped += dropped
    if is_late:
        alive = head(mem.message_alive, m.entries)
        counter.late += lose_late(ch, net.links[ch.link], m, units(net, mem, ch), alive)
    finish(net, mem, c, out, True)


@inner()
def disturb(net, mem, c, kept):
    """Bit errors, noise and drop, in place; mem.message_alive tells which events are left.

    `kept`: whether the user's own stages have a state. Returns (events whose word means nothing, flipped bits, events
    dropped).
    """
    ch, m = net.channels[c], mem.message
    value, alive = head(mem.message_value, m.entries), head(mem.message_alive, m.entries)
    corrupted = flipped = dropped = np.int64(0)
    if ch.bit_error > 0.0:
        corrupted, flipped = _corrupt(net, mem, ch, value, alive)
    if ch.own_after and own_stages.has(net, c, own_stages.AFTER_QUANTIZE):
        own_stages.on_the_way(net, mem, c, own_stages.AFTER_QUANTIZE, units(net, mem, ch), value, alive, kept)
    if ch.noise > ZERO:
        simd.add_noise(mem.keys[counter_hash.NOISE], ch.noise * m.noise_scale, listed(mem, ch), value)
    if ch.drop > 0.0:
        dropped = m.events - corrupted - simd.drop(mem.keys[counter_hash.DROP], m.drop_bound, listed(mem, ch), alive)
    return corrupted, flipped, dropped


@inner()
def _forget_zeros(net, mem, ch):
    """Leaves only events in the list."""
    m, index = mem.message, units(net, mem, ch)
    left = 0
    for k in range(m.entries):
        if mem.message_alive[k]:
            mem.message_index[left], mem.message_value[left], mem.message_alive[left] = (
                index[k],
                mem.message_value[k],
                1,
            )
            left += 1
    m.entries = left


@inner()
def _corrupt(net, mem, ch, value, alive):
    """Bit errors: flips bits of the code words, and clears `alive` where a word means nothing any more.

    Returns (events whose word means nothing, flipped bits).
    """
    m, index, key = mem.message, units(net, mem, ch), mem.keys[counter_hash.BIT_ERRORS]
    silence = quantizers.silence_word(ch) if m.encoding == DENSE else quantizers.NO_WORD
    corrupted = flipped = np.int64(0)
    for h in range(simd.list_hits(key, m.hit_bound, listed(mem, ch), value, mem.message_hits)):
        k = mem.message_hits[h]
        received, flips = quantizers.flip(
            ch.quantizer, ch.levels, m.scale, ch.value_bits, silence, value[k], np.uint64(key), np.int64(index[k]),
            1.0 - ch.bit_error, m.hit_bound, mem.word, as_words(mem.word),
        )  # fmt: skip
        flipped += flips
        if received == received:
            value[k] = received
        else:
            alive[k] = 0
            corrupted += 1
    return corrupted, flipped


@inner()
def lose_late(ch, link, m, index, alive):
    """Events that arrive after `m.due` are lost. Returns how many were.

    The bits go in the order header, scale, then the words in the order of the units. A list for `aer` has only events.
    A message in the entropy code is read when it is complete, which is too late.
    """
    late = 0
    fixed = ch.header_bits + ch.scale_bits
    dense = m.encoding == DENSE
    word = ch.value_bits + (ch.silence_bits if m.events < ch.n else 0) if dense else ch.address_bits + ch.value_bits
    for k in range(len(index)):
        words = (np.int64(index[k]) if dense else k) + 1
        if alive[k] and (
            m.encoding == ENTROPY or m.start + link_clock.occupation(link, fixed + words * word) + m.delay > m.due
        ):
            alive[k] = 0
            late += 1
    return late


@inner()
def unit(ch, a):
    """The number of which all values that arrive of a message of scale `a` are whole multiples; 0: of none."""
    if ch.quantizer == quantizers.NONE or ch.noise > ZERO or ch.own_after:
        return ZERO
    found = quantizers.unit(ch.quantizer, ch.levels, a)
    if ch.drop > 0.0 and ch.rescale:
        if ch.quantizer == quantizers.UNIFORM and ch.levels > 1:
            return ZERO  # each level is rounded by itself
        found /= _divisor(ch)
    return found if found >= SMALLEST_UNIT else ZERO


@inner(inlined=True)
def _divisor(ch):
    """What delivered values are divided by."""
    return F(1.0 - ch.drop) if ch.rescale and ch.drop < 1.0 else F(1.0)


@inner()
def jitter(ch, keys):
    """Extra picoseconds of one message."""
    if ch.jitter_kind == NO_JITTER:
        return np.int64(0)
    u = counter_hash.uniform(counter_hash.word(np.uint64(keys[counter_hash.JITTER]), np.int64(0)))
    if ch.jitter_kind == UNIFORM:
        return np.int64(math.floor(u * ch.jitter))
    # 1 - u is exact, as u has 53 bits behind the point.
    return np.int64(math.floor(-ch.jitter * elementary.log(1.0 - u)))


@inner()
def first_event(ch, sent, encoding, events):
    """Bits up to and including the first event of a message (all of it where there is none)."""
    fixed = ch.header_bits + ch.scale_bits
    if encoding == AER:
        return fixed + (ch.address_bits + ch.value_bits if events > 0 else 0)
    word = ch.value_bits + (ch.silence_bits if events < ch.n else 0)
    for i in range(len(sent)):
        if sent[i] != ZERO:
            return fixed + (i + 1) * word
    return fixed + ch.n * word


@inner()
def finish(net, mem, c, out, kept):
    """out = what is left of mem.message, after the last stages of the user's own."""
    ch, m = net.channels[c], mem.message
    divisor = _divisor(ch)
    if ch.own_after and own_stages.has(net, c, own_stages.BEFORE_DELIVERY):
        value, alive = head(mem.message_value, m.entries), head(mem.message_alive, m.entries)
        for k in range(len(value)):
            value[k] /= divisor
        divisor = F(1.0)
        own_stages.on_the_way(net, mem, c, own_stages.BEFORE_DELIVERY, units(net, mem, ch), value, alive, kept)
    deliver(net, mem, ch, divisor, out)


@inner()
def deliver(net, mem, ch, divisor, out):
    """out = the events that are left, divided, and 0 elsewhere."""
    m = mem.message
    value, alive = head(mem.message_value, m.entries), head(mem.message_alive, m.entries)
    if m.entries == ch.n:
        m.delivered = simd.deliver(value, alive, divisor, out)
    else:
        m.delivered = simd.deliver(value, alive, divisor, value)
        lay_out(units(net, mem, ch), value, out)
