"""Threads that share a loop over parts, and wait for one another by flags in memory.

That takes a tenth of a microsecond, where a parallel loop of Numba's takes more than one to begin, two dozen times a
frame, and seconds to compile. The helpers are Python's threads, which run `_help` without the interpreter's lock for as
long as `helpers` lasts. Between two loops they look at the turn, again and again; a thread that has looked in vain for
a while offers its core to others, so that there may be fewer cores than threads.

A task is the address of a compiled function and that of its arguments. Each helper's share of it is claimed, once:
by the helper when it begins, or by the leading thread, which has done its own share and does not wait for one that has
not even begun, because it has no core. Whoever has looked at a flag that another thread has changed sees all that this
thread has written before (release and acquire).
"""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numba
import numpy as np
from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.numpy_support import from_dtype

from channelsim.engine.compile.jit import inner
from channelsim.engine.compile.units import INT, NOTHING, THREADS, declared, unit
from channelsim.engine.config import MOST_THREADS, PATIENCE

LINE = 8  # int64 values in a cache line: what one thread writes and another reads has lines of its own
TURN, TASK, DONE = 0, LINE, 2 * LINE  # where the turn is, the task of this turn, and the last turn each helper has done
CLAIMED = DONE + 1  # the last turn in which each helper's share has been claimed
CODE, ARGUMENTS, PIECES = TASK, TASK + 1, TASK + 2  # of a task: addresses of its code and of what it works on
LEADER, MEMBERS = TASK + 3, TASK + 4  # the thread that has helpers, and how many they are with it

_room = np.zeros(DONE + LINE * MOST_THREADS + LINE, np.int64)
_flags = _room[-_room.ctypes.data // 8 % LINE :]  # starts on a line
_busy = threading.Lock()  # there is one set of flags: the first run that wants helpers has them
_ADDRESS, _WORD, _STATUS = ir.IntType(8).as_pointer(), ir.IntType(64), ir.IntType(32)
_PART = ir.FunctionType(_STATUS, [_ADDRESS, _WORD, _WORD])  # arguments, piece, pieces
_ULONG = from_dtype(np.dtype(ctypes.c_ulong))


def _yielding() -> int:
    """The address of the system's function that lets another thread have the core."""
    if os.name == "nt":
        library, name = ctypes.WinDLL("kernel32"), "SwitchToThread"  # type: ignore[attr-defined]
    else:
        library, name = ctypes.CDLL(None), "sched_yield"
    return int(ctypes.cast(getattr(library, name), ctypes.c_void_p).value or 0)


def _of_system(name: str, address: int | None, result: types.Type) -> types.ExternalFunction:
    binding.add_symbol(name, address)
    return types.ExternalFunction(name, result())


_give_way = _of_system("channelsim_give_way", _yielding(), types.int32)
_identity = _of_system(
    "channelsim_identity", ctypes.cast(ctypes.pythonapi.PyThread_get_thread_ident, ctypes.c_void_p).value, _ULONG
)  # of the thread that asks, as `threading.get_ident`
binding.add_symbol("channelsim_team", _flags.ctypes.data)


@intrinsic
def _team(typing_context):
    """The address of the flags in this process."""

    def generate(context, builder, signature, arguments):
        return builder.ptrtoint(declared(builder.module, "channelsim_team"), _WORD)

    return types.int64(), generate


@intrinsic
def _load(typing_context, place):
    """The value at an address, after all that was stored before another thread stored it."""

    def generate(context, builder, signature, arguments):
        there = builder.inttoptr(arguments[0], _WORD.as_pointer())
        return builder.load_atomic(there, "acquire", 8)

    return types.int64(types.int64), generate


@intrinsic
def _store(typing_context, place, value):
    """Stores a value at an address, after all that was stored before."""

    def generate(context, builder, signature, arguments):
        there = builder.inttoptr(arguments[0], _WORD.as_pointer())
        builder.store_atomic(arguments[1], there, "release", 8)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), generate


@intrinsic
def _claim(typing_context, place, old, new):
    """Stores a new value at an address if the old one is there. Returns whether it was: to one thread only."""

    def generate(context, builder, signature, arguments):
        there = builder.inttoptr(arguments[0], _WORD.as_pointer())
        found = builder.cmpxchg(there, arguments[1], arguments[2], "acq_rel", "acquire")
        return builder.extract_value(found, 1)

    return types.boolean(types.int64, types.int64, types.int64), generate


@intrinsic
def _run(typing_context, code, arguments, piece, pieces):
    """One part of a task."""

    def generate(context, builder, signature, values):
        code, arguments, piece, pieces = values
        there = builder.inttoptr(code, _PART.as_pointer())
        builder.call(there, [builder.inttoptr(arguments, _ADDRESS), piece, pieces])
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64, types.int64), generate


@inner()
def threads_in_use():
    """How many threads share the parts of this thread's loops."""
    team = _team()
    return _load(team + 8 * MEMBERS) if _load(team + 8 * LEADER) == np.int64(_identity()) else np.int64(1)


@inner()
def _wait(place, old):
    """Waits until there is another value at an address, and returns it."""
    looks = 0
    while True:
        value = _load(place)
        if value != old:
            return value
        looks += 1
        if looks > PATIENCE:
            _give_way()


@inner()
def _run_all(code, arguments, pieces):
    """All parts of a task, of which helpers, if there are any, take their shares."""
    threads = threads_in_use()
    if threads == 1:
        _run_some(code, arguments, pieces, 0, 1)
    else:
        _share(code, arguments, pieces, threads)


@unit(NOTHING, INT, INT, INT, INT, needed_by=(THREADS,))
def _share(code, arguments, pieces, threads):
    """All parts of a task, shared with helpers."""
    team = _team()
    turn = _load(team + 8 * TURN) + 1
    _store(team + 8 * CODE, code)
    _store(team + 8 * ARGUMENTS, arguments)
    _store(team + 8 * PIECES, pieces)
    _store(team + 8 * TURN, turn)
    _run_some(code, arguments, pieces, 0, threads)
    for member in range(1, threads):
        done, claimed = team + 8 * _line(DONE, member), team + 8 * _line(CLAIMED, member)
        if _load(done) == turn:
            continue
        if _load(claimed) != turn and _claim(claimed, turn - 1, turn):
            _run_some(code, arguments, pieces, member, threads)
            _store(done, turn)
        else:
            _wait(done, turn - 1)


@inner(inlined=True)
def _line(flag, member):
    """Where a helper's flag is."""
    return flag + LINE * (member - 1)


@inner()
def _run_some(code, arguments, pieces, member, members):
    """The parts that one of so many threads runs."""
    for piece in range(pieces * member // members, pieces * (member + 1) // members):
        _run(code, arguments, piece, pieces)


@unit(NOTHING, INT, INT, INT, needed_by=(THREADS,))
def _help(member, members, turn):
    """What a helper does from the turn on that was the last one before it came; a task without code ends it."""
    team = _team()
    while True:
        turn = _wait(team + 8 * TURN, turn)
        if not _claim(team + 8 * _line(CLAIMED, member), turn - 1, turn):
            continue  # the leading thread has it: it may be turns ahead
        code = _load(team + 8 * CODE)  # of this turn, which does not end before this share is done
        if code == 0:
            return
        _run_some(code, _load(team + 8 * ARGUMENTS), _load(team + 8 * PIECES), member, members)
        _store(team + 8 * _line(DONE, member), turn)


@contextmanager
def helpers(count: int) -> Iterator[None]:
    """So many threads help this one while the context lasts; none if another one has them, or there is no room."""
    count = min(count, MOST_THREADS)
    if count < 1 or numba.config.DISABLE_JIT or not _busy.acquire(blocking=False):
        yield
        return
    hired = []
    try:
        hired = _hire(count)
        _flags[LEADER], _flags[MEMBERS] = threading.get_ident(), 1 + len(hired)
        yield
    finally:
        _flags[LEADER] = 0
        _dismiss(hired)  # after an interrupt here no run has helpers any more: one of these might still look at flags
        _busy.release()


def _hire(count: int) -> list[threading.Thread]:
    turn = int(_flags[TURN])
    _flags[DONE:] = turn
    hired: list[threading.Thread] = []
    try:
        for member in range(1, count + 1):
            helper = threading.Thread(target=_help, args=(member, count + 1, turn), daemon=True)
            helper.start()
            hired.append(helper)
    except RuntimeError:  # the system has no room for another thread
        _dismiss(hired)
        return []
    return hired


@unit(NOTHING, needed_by=(THREADS,))
def _end():
    team = _team()
    _store(team + 8 * CODE, 0)
    _store(team + 8 * TURN, _load(team + 8 * TURN) + 1)


def _dismiss(hired: list[threading.Thread]) -> None:
    _end()
    for helper in hired:
        helper.join()


if numba.config.DISABLE_JIT:

    def in_parts(part, pieces, arguments):
        for piece in range(pieces):
            part(*arguments, piece, pieces)

else:

    @intrinsic
    def in_parts(typing_context, part, pieces, arguments):
        """Calls part(*arguments, piece, pieces) for each of so many pieces, which this thread shares with its helpers.

        A part must not divide its work again.
        """
        called = part.get_call_type(typing_context, (*arguments, types.intp, types.intp), {})

        def generate(context, builder, signature, values):
            _, count, packed = values
            place = cgutils.alloca_once(builder, packed.type)
            code = _entrance(context, builder, part, called, place.type)
            is_one = builder.icmp_signed("==", count, _WORD(1))
            with builder.if_else(is_one) as (one, several):
                with one:
                    _call(context, builder, part, called, packed, _WORD(0), count)
                with several:
                    builder.store(packed, place)
                    addresses = [builder.ptrtoint(address, _WORD) for address in (code, place)]
                    kinds = types.void(types.int64, types.int64, types.int64)
                    context.compile_internal(
                        builder, lambda code, arguments, pieces: _run_all(code, arguments, pieces), kinds,
                        [*addresses, count],
                    )  # fmt: skip
            return context.get_dummy_value()

        return types.void(part, types.intp, arguments), generate


def _entrance(context, builder, part, called, packed):
    """A function of the form that `_run` calls, which calls a part with what lies at an address."""
    name = builder.module.get_unique_name(f"{builder.function.name}.part")
    entrance = ir.Function(builder.module, _PART, name)
    entrance.linkage = "internal"
    address, piece, pieces = entrance.args
    within = ir.IRBuilder(entrance.append_basic_block())
    context.active_code_library.add_linking_library(part.dispatcher.overloads[called.args].library)
    _call(context, within, part, called, within.load(within.bitcast(address, packed)), piece, pieces)
    within.ret(_STATUS(0))
    return entrance


def _call(context, builder, part, called, packed, piece, pieces):
    """Code that calls a part. What it might raise is dropped: kernels raise nothing."""
    arguments = [builder.extract_value(packed, k) for k in range(len(called.args) - 2)]
    compiled = part.dispatcher.overloads[called.args]
    context.call_internal_no_propagate(builder, compiled.fndesc, called, [*arguments, piece, pieces])
