"""Stages of the user's own (docs/design.md, section 3): their callbacks, and where the engine calls them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from channelsim import elementary, parts
from channelsim.engine.compile import own
from channelsim.engine.compile.jit import inner
from channelsim.engine.compile.pointers import head
from channelsim.engine.kernels import counter_hash, simd
from channelsim.engine.kernels.elementary import log
from channelsim.engine.tables.layouts import OWN_FAILED
from channelsim.extend import PLACES
from channelsim.plan import Plan

BEFORE_THRESHOLD, AFTER_QUANTIZE, BEFORE_DELIVERY = (np.int64(place) for place in range(len(PLACES)))
F, ZERO = np.float32, np.float32(0.0)
WELL, RAISED, NOT_FINITE = own.WELL, own.RAISED, own.NOT_FINITE
seen = own.seen
cos_of_turn = inner()(elementary.cos_of_turn)


def address_of(part: parts.Part) -> int:
    """Where the callback of a stage is."""
    return own.address_of(part, callback)


def room(plan: Plan) -> int:
    """Float64 numbers that a callback may need beside the values: for draws of single values, or a state not kept."""
    sizes = [0]
    for stage in plan.own_stages:
        note, n = parts.stage_of(stage.part), int(plan.channels["n"][stage.channel])
        sizes.append(stage.state_size if note.over == "message" else 2 * note.draws * n)
    return max(sizes)


# --- callbacks -----------------------------------------------------------------------------------------------


@inner()
def uniform(key, index):
    """A draw on [0, 1)."""
    return counter_hash.uniform(counter_hash.word(np.uint64(key), np.int64(index)))


@inner()
def halves(key, index):
    """The two uniform numbers that Box and Muller make a normal of: `hashing.normal`."""
    word = counter_hash.word(np.uint64(key), np.int64(index))
    u = (np.float64(np.int64(word >> np.uint64(32))) + 0.5) * 2.0**-32
    return u, np.float64(np.int64(word & np.uint64(0xFFFFFFFF))) * 2.0**-32


@inner()
def normal(key, index):
    """A standard normal draw: `hashing.normal`."""
    u, v = halves(key, index)
    return math.sqrt(-2.0 * log(u)) * cos_of_turn(v)


@own.compiled
def _uniforms(key, first, u, unused):
    """u = the draws from an index on."""
    for i in range(len(u)):
        u[i] = uniform(key, first + i)


@own.compiled
def _normals(key, first, u, v):
    """The same of standard normal ones: several loops, as only short ones become vector code. v: room for as many."""
    for i in range(len(u)):
        u[i], v[i] = halves(key, first + i)
    for i in range(len(u)):
        u[i] = log(u[i])
    for i in range(len(u)):
        v[i] = cos_of_turn(v[i])
    for i in range(len(u)):
        u[i] = math.sqrt(-2.0 * u[i]) * v[i]


def callback(part: parts.Part, function: Any) -> Any:
    """What `own.address_of` compiles of a stage: (values, n, key, first draw, state) -> WELL, RAISED or NOT_FINITE."""
    note = parts.stage_of(part)
    apply = _with_parameters(function, part)
    draw_all = _normals if note.normal else _uniforms
    if note.over == "message":
        return _over_message(apply, draw_all, note.draws, note.state)
    return _over_values(apply, draw_all, note.draws)


def _with_parameters(function: Any, part: parts.Part) -> Any:
    """The function of all its arguments but `p`."""
    if not parts.takes_parameters(part):
        return function
    return own.compiled(parts.with_parameters(part, function, len(parts.stage_of(part).arguments)))


def _over_values(apply: Any, draw_all: Any, draws: int) -> Any:
    """The stage of each value that is not 0. In the place of a state there is room for draws, two for each value."""
    of_one = own.compiled(_of_one(apply, draws))

    def run(values, n, key, first, state):
        message, broken, active = seen(values, (n,)), 0, 0
        room = seen(state, (2, n * draws))
        u = room[0]
        draw_all(key, first, u, room[1])
        for i in range(n):
            active += message[i] != ZERO
        try:
            if active == n:  # a loop without a branch, which becomes vector code
                for i in range(n):
                    v = message[i]
                    message[i] = F(of_one(np.float64(v), u, i))
                    broken += math.isfinite(v) and not math.isfinite(message[i])
            else:
                for i in range(n):
                    v = message[i]
                    if v != ZERO:
                        message[i] = F(of_one(np.float64(v), u, i))
                        broken += math.isfinite(v) and not math.isfinite(message[i])
        except Exception:
            return RAISED
        return NOT_FINITE if broken > 0 else WELL

    return run


def _of_one(apply: Any, draws: int) -> Any:
    """What becomes of value i, given the draws of all."""
    if draws == 0:
        return lambda v, u, i: apply(v)
    if draws == 1:
        return lambda v, u, i: apply(v, u[i])
    return lambda v, u, i: apply(v, u[i * draws : (i + 1) * draws])


def _over_message(apply: Any, draw_all: Any, draws: int, states: int) -> Any:
    """The stage of a whole message, which it is given with float64 values."""
    give = _given(apply, draw_all, draws, states)

    def run(values, n, key, first, state):
        message, status = seen(values, (n,)), WELL
        wide, was_finite = np.empty(n), True
        for i in range(n):
            wide[i] = message[i]
            was_finite &= math.isfinite(message[i])
        try:
            give(wide, n, key, first, state)
        except Exception:
            status = RAISED
        for i in range(n):
            message[i] = F(wide[i])
            if was_finite and not math.isfinite(message[i]):
                status = max(status, NOT_FINITE)
        return status

    return run


def _given(apply: Any, draw_all: Any, draws: int, states: int) -> Any:
    """The call, with the draws and the state that the stage asked for."""
    if draws == 0 and states == 0:
        give = lambda wide, n, key, first, state: apply(wide)  # noqa: E731
    elif draws == 0:
        give = lambda wide, n, key, first, state: apply(wide, seen(state, (states, n)))  # noqa: E731
    else:
        drawn = own.compiled(_drawn_once(draw_all) if draws == 1 else _drawn(draw_all, draws))
        if states == 0:
            give = lambda wide, n, key, first, state: apply(wide, drawn(key, first, n))  # noqa: E731
        else:
            give = lambda wide, n, key, first, state: apply(  # noqa: E731
                wide, drawn(key, first, n), seen(state, (states, n))
            )
    return own.compiled(give)


def _drawn_once(draw_all: Any) -> Any:
    def drawn(key, first, n):
        u = np.empty(n)
        draw_all(key, first, u, np.empty(n))
        return u

    return drawn


def _drawn(draw_all: Any, draws: int) -> Any:
    def drawn(key, first, n):
        by_value, u = np.empty(n * draws), np.empty((draws, n))
        draw_all(key, first, by_value, np.empty(n * draws))
        for k in range(draws):
            for i in range(n):
                u[k, i] = by_value[i * draws + k]
        return u

    return drawn


# --- where the engine calls them -----------------------------------------------------------------------------


@inner(inlined=True)
def has(net, c, place):
    """Whether channel c has a stage in a place."""
    k = c * len(PLACES) + place
    return net.own_start[k] < net.own_start[k + 1]


@inner()
def apply(net, mem, c, place, values, kept):
    """values = what channel c's stages of a place make of a whole message, 0 where there is no event.

    `kept`: whether they have their state, and keep it; otherwise it is 0.
    """
    k = c * len(PLACES) + place
    for number in range(net.own_start[k], net.own_start[k + 1]):
        stage = net.own_stages[number]
        first, size = stage.state_offset, stage.state_size
        state = mem.own_state[first : first + size]
        if size == 0 or not kept:
            state = mem.own_room
            for i in range(size):
                state[i] = 0.0
        status = own.call(stage.address, values, mem.keys[counter_hash.OWN], stage.first_draw, state)
        if status != WELL and mem.clock.fault_frame < 0:
            mem.clock.fault_frame = OWN_FAILED + 4 * number + status


@inner()
def at_the_sender(net, mem, c, values, kept):
    """The values that the threshold is given: those of the stages before it."""
    changed = head(mem.own_values, len(values))
    simd.copy(values, changed)
    apply(net, mem, c, BEFORE_THRESHOLD, changed, kept)
    return changed


@inner()
def on_the_way(net, mem, c, place, index, value, alive, kept):
    """What a place's stages make of the events of mem.message, in place; the units of its entries are `index`."""
    message = head(mem.own_values, net.channels[c].n)
    if len(index) == len(message):  # all units, in order: loops that become vector code
        for i in range(len(message)):
            message[i] = value[i] if alive[i] else ZERO
        apply(net, mem, c, place, message, kept)
        for i in range(len(message)):
            value[i] = message[i] if alive[i] else value[i]
        return
    for i in range(len(message)):
        message[i] = ZERO
    for k in range(len(index)):
        if alive[k]:
            message[index[k]] = value[k]
    apply(net, mem, c, place, message, kept)
    for k in range(len(index)):
        if alive[k]:
            value[k] = message[index[k]]
