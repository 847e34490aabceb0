"""Values written down while a run goes on: what layers compute, and what their channels send and deliver."""

from __future__ import annotations

import numpy as np

from channelsim.engine.compile.jit import inner
from channelsim.engine.compile.pointers import address_of, floats_at
from channelsim.engine.compile.units import INT, NOTHING, WATCHING, unit
from channelsim.engine.kernels import simd
from channelsim.engine.tables.handles import MEMORY, NET
from channelsim.plan import Watched

ACTIVITY, ERROR, SENT, DELIVERED = (np.int64(kind) for kind in Watched)


@inner()
def keep(net, mem, kind, place, slot, values):
    """Writes down a value of each of the frame's samples' units, where that is asked for: values (samples, n), flat."""
    if net.config.watching:
        samples = mem.slots[slot].samples
        _keep(net, mem, kind, place, slot, 0, samples, len(values) // samples, address_of(values))


@inner()
def keep_one(net, mem, kind, place, slot, b, values):
    """The same of sample b alone: values (n,)."""
    if net.config.watching:
        _keep(net, mem, kind, place, slot, b, b + 1, len(values), address_of(values))


@unit(NOTHING, NET, MEMORY, INT, INT, INT, INT, INT, INT, INT, needed_by=(WATCHING,))
def _keep(net, mem, kind, place, slot, first, last, n, values):
    """Samples first .. last - 1, whose values, n each, lie at an address."""
    s, watch = mem.slots[slot], mem.watch
    given = floats_at(values, (last - first) * n)
    for b in range(first, min(last, _samples(net, kind, place, s.frame, last))):
        row = mem.value_rows[watch.rows]
        row.kind, row.place, row.frame, row.sample, row.image = kind, place, s.frame, b, mem.sample[slot, b]
        row.time, row.start, row.n = mem.clock.now, watch.values, n
        at = (b - first) * n
        simd.copy(given[at : at + n], mem.watched[watch.values : watch.values + n])
        watch.rows += 1
        watch.values += n


@inner()
def _samples(net, kind, place, frame, all_of_them):
    """Of how many samples of a frame the values are written down, from the first one on."""
    if frame >= net.config.watch_from:
        return all_of_them
    found = 0
    for k in range(len(net.series)):
        wanted = net.series[k]
        if wanted[0] != kind or wanted[1] != place or frame < wanted[2] or (wanted[3] >= 0 and frame >= wanted[3]):
            continue
        if (frame - wanted[2]) % wanted[4] == 0:
            found = max(found, all_of_them if wanted[5] < 0 else wanted[5])
    return found


@inner()
def has_room(net, mem):
    """Whether there is room for the values of one more event."""
    rows, values = len(mem.value_rows) - mem.watch.rows, len(mem.watched) - mem.watch.values
    return not net.config.watching or (rows >= net.config.watch_rows and values >= net.config.watch_values)


@inner()
def is_recorded(net, mem, c, slot):
    """Whether the frame's messages on channel c are written down for /events."""
    config, frame = net.config, mem.slots[slot].frame
    if frame < config.record_first or frame >= config.record_stop:
        return False
    for k in range(len(net.windows)):
        window = net.windows[k]
        if window[0] <= frame and frame < window[1] and (window[2] < 0 or window[2] == c):
            return True
    return False
