"""Stages of the user's own (docs/design.md, section 3): their callbacks, and where the engine calls them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from channelsim import parts
from channelsim.engine.compile import own
from channelsim.engine.compile.jit import inner
from channelsim.engine.compile.pointers import head
from channelsim.engine.kernels import counter_hash, simd
from channelsim.engine.tables.layouts import OWN_FAILED
from channelsim.extend import PLACES, Stage
from channelsim.plan import Plan

BEFORE_THRESHOLD, AFTER_QUANTIZE, BEFORE_DELIVERY = (np.int64(place) for place in range(len(PLACES)))
F, ZERO = np.float32, np.float32(0.0)
WELL, RAISED, NOT_FINITE = own.WELL, own.RAISED, own.NOT_FINITE
seen = own.seen


def address_of(part: parts.Part) -> int:
    """Where the callback of a stage is."""
    return own.address_of(part, callback)


def normals(part: parts.Part) -> int:
    """Standard normal draws of a stage for each value."""
    return _normals(parts.stage_of(part))


def _normals(note: Stage) -> int:
    return note.draws if note.normal else 0


def normals_at_once(plan: Plan) -> int:
    """How many a message takes at most."""
    return max([0, *(normals(own.part) * int(plan.channels["n"][own.channel]) for own in plan.own_stages)])


def room(plan: Plan) -> int:
    """Float64 numbers that a callback may need beside the values: for a value's draws, or a state that is not kept."""
    sizes = [0]
    for stage in plan.own_stages:
        note = parts.stage_of(stage.part)
        sizes.append(stage.state_size if note.over == "message" else note.draws)
    return max(sizes)


# --- callbacks -----------------------------------------------------------------------------------------------


@inner()
def uniform(key, index):
    """A draw on [0, 1)."""
    return counter_hash.uniform(counter_hash.word(np.uint64(key), np.int64(index)))


@inner()
def normal(key, index):
    """A standard normal draw of float64: `hashing.normal`."""
    return counter_hash.normal(counter_hash.word(np.uint64(key), np.int64(index)))


@own.compiled
def _uniform(key, first, normals, i):
    """Draw i of a message."""
    return uniform(key, first + i)


@own.compiled
def _normal(key, first, normals, i):
    """The same of normal ones, which the engine has made."""
    return np.float64(normals[i])


def _draw_of(note: Stage) -> Any:
    return _normal if note.normal else _uniform


def callback(part: parts.Part, function: Any) -> Any:
    """What `own.address_of` compiles of a stage.

    (values, n, key, first draw, normal draws, state) -> WELL, RAISED or NOT_FINITE.
    """
    note = parts.stage_of(part)
    apply = _with_parameters(function, part)
    return (_over_message if note.over == "message" else _over_values)(apply, note)


def _with_parameters(function: Any, part: parts.Part) -> Any:
    """The function of all its arguments but `p`."""
    if not parts.takes_parameters(part):
        return function
    return own.compiled(parts.with_parameters(part, function, len(parts.stage_of(part).arguments)))


def _over_values(apply: Any, note: Stage) -> Any:
    """The stage of each value that is not 0. In the place of a state there is room for a value's draws."""
    of_one, draws, normal_draws = own.compiled(_of_one(apply, note)), note.draws, _normals(note)

    def run(values, n, key, first, normals, state):
        message, drawn, u = seen(values, (n,)), seen(normals, (n * normal_draws,)), seen(state, (draws,))
        broken = active = 0
        for i in range(n):
            active += message[i] != ZERO
        try:
            if active == n:  # a loop without a branch, which becomes vector code
                for i in range(n):
                    v = message[i]
                    message[i] = F(of_one(np.float64(v), i, key, first, drawn, u))
                    broken += math.isfinite(v) and not math.isfinite(message[i])
            else:
                for i in range(n):
                    v = message[i]
                    if v != ZERO:
                        message[i] = F(of_one(np.float64(v), i, key, first, drawn, u))
                        broken += math.isfinite(v) and not math.isfinite(message[i])
        except Exception:
            return RAISED
        return NOT_FINITE if broken > 0 else WELL

    return run


def _of_one(apply: Any, note: Stage) -> Any:
    """What becomes of value i; `u` is room for several draws."""
    draws, draw = note.draws, _draw_of(note)
    if draws == 0:
        return lambda v, i, key, first, normals, u: apply(v)
    if draws == 1:
        return lambda v, i, key, first, normals, u: apply(v, draw(key, first, normals, i))

    def of_one(v, i, key, first, normals, u):
        for d in range(draws):
            u[d] = draw(key, first, normals, i * draws + d)
        return apply(v, u)

    return of_one


def _over_message(apply: Any, note: Stage) -> Any:
    """The stage of a whole message, which it is given with float64 values.

    It is no fault of the stage if what it made of an earlier message that was not finite is still in its state.
    """
    give, states = _given(apply, note), note.state

    def run(values, n, key, first, normals, state):
        message, kept, status = seen(values, (n,)), seen(state, (states * n,)), WELL
        wide, was_finite = np.empty(n), True
        for i in range(n):
            wide[i] = message[i]
            was_finite &= math.isfinite(message[i])
        for i in range(states * n):
            was_finite &= math.isfinite(kept[i])
        try:
            give(wide, n, key, first, normals, state)
        except Exception:
            status = RAISED
        for i in range(n):
            message[i] = F(wide[i])
            if was_finite and not math.isfinite(message[i]):
                status = max(status, NOT_FINITE)
        for i in range(states * n):
            if was_finite and math.isnan(kept[i]):
                status = max(status, NOT_FINITE)
        return status

    return run


def _given(apply: Any, note: Stage) -> Any:
    """The call, with the draws and the state that the stage asked for."""
    states, drawn = note.state, own.compiled(_drawn(note))
    if note.draws == 0 and states == 0:
        give = lambda wide, n, key, first, normals, state: apply(wide)  # noqa: E731
    elif note.draws == 0:
        give = lambda wide, n, key, first, normals, state: apply(wide, seen(state, (states, n)))  # noqa: E731
    elif states == 0:
        give = lambda wide, n, key, first, normals, state: apply(wide, drawn(key, first, normals, n))  # noqa: E731
    else:
        give = lambda wide, n, key, first, normals, state: apply(  # noqa: E731
            wide, drawn(key, first, normals, n), seen(state, (states, n))
        )
    return own.compiled(give)


def _drawn(note: Stage) -> Any:
    """The draws of a message: (n,), or (draws, n) of several."""
    draws, normal_draws, draw = note.draws, _normals(note), _draw_of(note)

    def of_one(key, first, normals, n):
        u, given = np.empty(n), seen(normals, (n * normal_draws,))
        for i in range(n):
            u[i] = draw(key, first, given, i)
        return u

    def of_several(key, first, normals, n):
        u, given = np.empty((draws, n)), seen(normals, (n * normal_draws,))
        for d in range(draws):
            for i in range(n):
                u[d, i] = draw(key, first, given, i * draws + d)
        return u

    return of_one if draws == 1 else of_several


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
        key = mem.keys[counter_hash.OWN]
        normals = mem.own_normals[: stage.normals * len(values)]
        if len(normals) > 0:
            simd.draw_normals(counter_hash.key_from(key, stage.first_draw), normals)
        status = own.call(stage.address, values, key, stage.first_draw, normals, state)
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
