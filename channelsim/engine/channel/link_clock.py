"""The clock of a link: first come, first served, one message at a time, with or without a bounded queue."""

from __future__ import annotations

from channelsim.engine.compile.jit import inner

LOST = -1


@inner(inlined=True)
def occupation(link, bits):
    """Picoseconds for which `bits` occupy the link: ceil(bits * numerator / denominator), without overflow."""
    den = link.ps_denominator
    if den == 1:  # as for any bandwidth that divides 10^12: no division
        return bits * link.ps_numerator
    whole = bits // den
    rest = bits - whole * den
    return whole * link.ps_numerator + (rest * link.ps_numerator + den - 1) // den


@inner()
def offer(link, state, ring, now, bits):
    """Hands a message to a link at time `now`; `ring` holds the finish times of the messages that it has not finished.

    Returns (start, finish, found): found is the number of messages waiting or being sent that this one met;
    start is LOST where the queue was full.
    """
    if link.ps_numerator == 0:
        return now, now, 0
    size = len(ring)
    while state.count > 0 and ring[state.head] <= now:
        state.head = state.head + 1 if state.head + 1 < size else 0  # a remainder would be a division
        state.count -= 1
    found = state.count
    if link.queue >= 0 and found > link.queue:
        return LOST, now, found
    start = max(now, state.free_at)
    finish = start + occupation(link, bits)
    state.free_at = finish
    if finish > now:
        last = state.head + state.count
        ring[last if last < size else last - size] = finish
        state.count += 1
    return start, finish, found
