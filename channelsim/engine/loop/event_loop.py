"""The event loop: take the first event, set the clock, let one layer act.

Events are totally ordered by (time, priority, sequence number). There is one event for each frame and channel: the
moment at which the last of the frame's messages is complete at the receiving layer. When the layer is busy, or takes
time to compute, a second one: the moment at which it is done and acts.
"""

from __future__ import annotations

from channelsim.engine.channel import watching
from channelsim.engine.compile.jit import inner
from channelsim.engine.compile.units import INT, unit
from channelsim.engine.loop import frames, heap, steps
from channelsim.engine.loop.frames import DONE, ENTER
from channelsim.engine.tables.handles import MEMORY, NET
from channelsim.engine.tables.layouts import CLOCK_ENDED, OWN_FAILED
from channelsim.plan import Direction

FINISHED, NO_SLOT, DIVERGED, ROWS_FULL, RING_FULL, OUT_OF_TIME, OWN_STAGE_FAILED = range(7)  # why `advance` came back
NOTHING_SHORT = -1
FORWARD = int(Direction.FORWARD)


@unit(INT, NET, MEMORY, INT, needed_by=())
def advance(net, mem, until):
    """Runs until the next event would let frame `until` enter, or, past the last frame, until nothing is left to do.

    Returns FINISHED; or NO_SLOT, ROWS_FULL, RING_FULL (make room, then call again); or DIVERGED, or OUT_OF_TIME where
    something would happen after the end of the clock, or OWN_STAGE_FAILED.
    """
    while mem.clock.fault_frame < 0:
        if not is_due(net, mem, until):
            return FINISHED
        short = what_is_short(net, mem)
        if short != NOTHING_SHORT:
            return short
        what, c, slot = next_event(mem)
        act(net, mem, what, c, slot)
    if mem.clock.fault_frame >= OWN_FAILED:
        return OWN_STAGE_FAILED
    return OUT_OF_TIME if mem.clock.fault_frame == CLOCK_ENDED else DIVERGED


@inner()
def is_due(net, mem, until):
    """Whether there is an event to come before frame `until` enters."""
    return not frames.enters_next(mem) or mem.clock.next_frame < min(until, net.config.frames)


@inner()
def what_is_short(net, mem):
    """What the next event might have no room for, however much it does."""
    most = net.config.batch * len(net.channels)  # messages of one event
    if mem.clock.rows + most > len(mem.message_rows):
        return ROWS_FULL
    if not watching.has_room(net, mem):
        return ROWS_FULL
    if net.config.timed and frames.longest_ring(net, mem) + most > mem.ring.shape[1]:
        return RING_FULL
    return NO_SLOT if frames.enters_next(mem) and frames.free_slot(mem) < 0 else NOTHING_SHORT


@inner()
def next_event(mem):
    """(act, channel, slot) of the first event, which leaves the heap and sets the clock.

    Where there is none, the next frame enters.
    """
    clock = mem.clock
    if clock.heap_size == 0:
        return ENTER, 0, 0
    time, what, c, slot, size = heap.pop(mem.heap, clock.heap_size)
    clock.now, clock.heap_size = time, size
    return what, c, slot


@inner()
def act(net, mem, what, c, slot):
    """What an event does."""
    if what == ENTER:
        steps.enter(net, mem)
        return
    if what == DONE or frames.begin(net, mem, c, slot):
        if net.channels[c].direction == FORWARD:
            steps.receive_activity(net, mem, c, slot)
        else:
            steps.receive_error(net, mem, net.channels[c].target, slot)
    frames.end_event(mem, slot)
