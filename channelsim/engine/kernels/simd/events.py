"""The events of a vector, those of its values that are not zero: counted, listed, sorted out by a threshold.

See `_vector_code` for how.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload

from channelsim.engine.compile.symbols import named
from channelsim.engine.kernels.simd.code import (
    FLOATS,
    INDICES,
    LANES,
    NUMBERS,
    VECTOR,
    WORD,
    ZEROS,
    Strip,
    broadcast,
    either,
    every_vector,
    intrinsic_code,
    only_if,
)


class Events:
    """Code that counts and lists the events of a vector."""

    def __init__(self, builder: Any):
        self.builder = builder

    def count(self, mask: Any) -> Any:
        """How many lanes are set."""
        bits = ir.IntType(LANES)
        function = self.builder.module.declare_intrinsic("llvm.ctpop", (bits,))
        return self.builder.zext(self.builder.call(function, [self.builder.bitcast(mask, bits)]), WORD)

    def append(self, part: Strip, values: Any, mask: Any, out: Any, written: Any) -> Any:
        """The masked ones of a strip of one vector go behind the `written` ones. Returns the new number."""
        found = self.count(mask)
        # what is packed is never more than what has been read: a whole vector fits where a whole one was read
        there = Strip(self.builder, written, 1, None if part.mask is None else found)
        there.store(out, [self._pack(values, mask)])
        return self.builder.add(written, found)

    def append_places(self, part: Strip, mask: Any, out: Any, written: Any) -> Any:
        """The same with their places."""
        lanes = ir.Constant(NUMBERS, [ir.Constant(ir.IntType(32), k) for k in range(LANES)])
        first = broadcast(self.builder, self.builder.trunc(part.first, ir.IntType(32)), NUMBERS)
        return self.append(part, self.builder.add(lanes, first), mask, out, written)

    def append_few_places(self, part: Strip, mask: Any, out: Any, written: Any) -> Any:
        """The same, fast where few lanes of few vectors are set."""
        bits = ir.IntType(LANES)
        is_any = self.builder.icmp_signed("!=", self.builder.bitcast(mask, bits), bits(0))
        return only_if(self.builder, is_any, [written], lambda: [self.append_places(part, mask, out, written)])[0]

    def _pack(self, vector: Any, mask: Any) -> Any:
        kind = "f" if vector.type == VECTOR else "i"
        function = self.builder.module.declare_intrinsic(
            f"llvm.experimental.vector.compress.v{LANES}{kind}32", (),
            ir.FunctionType(vector.type, [vector.type, mask.type, vector.type]),
        )  # fmt: skip
        return self.builder.call(function, [vector, mask, ir.Constant(vector.type, ir.Undefined)])


def count_events(values):
    """How many values are not zero."""
    return np.count_nonzero(values)


@intrinsic
def _count_events_code(typing_context, values, n):
    def generate(builder, values, n):
        seen = Events(builder)

        def block(part, found):
            (x,) = part.load(values)
            return [builder.add(*found, seen.count(builder.fcmp_unordered("!=", x, ZEROS)))]

        return every_vector(builder, n, [ir.Constant(WORD, 0)], block)[0]

    return types.intp(values, n), intrinsic_code(generate)


@named(types.intp, FLOATS, types.intp)
def _count_events(values, n):
    return _count_events_code(values, n)


@overload(count_events)
def _(values):
    return lambda values: _count_events(values.ctypes, len(values))


def compact(values, index, events):
    """Writes the events of `values`, those that are not zero, as a list; returns their number."""
    speaking = np.flatnonzero(values)
    index[: len(speaking)] = speaking
    events[: len(speaking)] = values[speaking]
    return len(speaking)


@intrinsic
def _compact_code(typing_context, values, n, index, events):
    def generate(builder, values, n, index, events):
        listed = Events(builder)

        def block(part, written):
            (x,) = part.load(values)
            speaks = builder.fcmp_unordered("!=", x, ZEROS)
            listed.append(part, x, speaks, events, *written)
            return [listed.append_places(part, speaks, index, *written)]

        return every_vector(builder, n, [ir.Constant(WORD, 0)], block)[0]

    return types.intp(values, n, index, events), intrinsic_code(generate)


@named(types.intp, FLOATS, types.intp, INDICES, FLOATS)
def _compact(values, n, index, events):
    return _compact_code(values, n, index, events)


@overload(compact)
def _(values, index, events):
    return lambda values, index, events: _compact(values.ctypes, len(values), index.ctypes, events.ctypes)


def take_from(places, first, last, values, index, taken):
    """Lists the places k at which `values` is not 0 and first <= places[k] < last, with what is there, and leaves 0.

    Returns their number.
    """
    found = np.flatnonzero((values != 0) & (places >= first) & (places < last))
    index[: len(found)], taken[: len(found)] = found, values[found]
    values[found] = 0
    return len(found)


@intrinsic
def _take_from_code(typing_context, places, first, last, values, n, index, taken):
    def generate(builder, places, first, last, values, n, index, taken):
        listed = Events(builder)
        low, high = (broadcast(builder, builder.trunc(limit, ir.IntType(32)), NUMBERS) for limit in (first, last))

        def block(part, written):
            (x,), (place,) = part.load(values), part.load(places)
            speaks = builder.fcmp_unordered("!=", x, ZEROS)
            is_one = builder.and_(builder.icmp_signed(">=", place, low), builder.icmp_signed("<", place, high))
            found = builder.and_(speaks, is_one)
            part.store(values, [builder.select(found, ZEROS, x)])
            listed.append(part, x, found, taken, *written)
            return [listed.append_places(part, found, index, *written)]

        return every_vector(builder, n, [ir.Constant(WORD, 0)], block)[0]

    return types.intp(places, first, last, values, n, index, taken), intrinsic_code(generate)


@named(types.intp, INDICES, types.intp, types.intp, FLOATS, types.intp, INDICES, FLOATS)
def _take_from(places, first, last, values, n, index, taken):
    return _take_from_code(places, first, last, values, n, index, taken)


@overload(take_from)
def _(places, first, last, values, index, taken):
    return lambda places, first, last, values, index, taken: _take_from(
        places.ctypes, first, last, values.ctypes, len(values), index.ctypes, taken.ctypes
    )


def pass_threshold(source, residual, keep, theta, out):
    """out = the values whose magnitude is above theta, else 0.

    With `keep`, what was kept back before is added to the source first, and what does not pass is kept back in
    `residual`. Returns 2^32 offered + passed, where offered counts the sources that are not zero.
    """
    values = source + residual if keep else source
    speaks = np.abs(values) > theta
    if keep:
        residual[:] = np.where(speaks, 0, values)
    out[:] = np.where(speaks, values, np.float32(0))
    return (np.count_nonzero(source) << 32) + np.count_nonzero(speaks)


@intrinsic
def _pass_threshold_code(typing_context, source, n, residual, keep, theta, out):
    def generate(builder, source, n, residual, keep, theta, out):
        events = Events(builder)
        limit = broadcast(builder, theta, VECTOR)
        magnitude = builder.module.declare_intrinsic(f"llvm.fabs.v{LANES}f32", (), ir.FunctionType(VECTOR, [VECTOR]))

        def sift(keeps):
            def block(part, seen):
                offered, passed = seen
                (x,) = part.load(source)
                value = builder.fadd(x, *part.load(residual)) if keeps else x
                speaks = builder.fcmp_ordered(">", builder.call(magnitude, [value]), limit)
                if keeps:
                    part.store(residual, [builder.select(speaks, ZEROS, value)])
                part.store(out, [builder.select(speaks, value, ZEROS)])
                offered = builder.add(offered, events.count(builder.fcmp_unordered("!=", x, ZEROS)))
                return [offered, builder.add(passed, events.count(speaks))]

            return every_vector(builder, n, [ir.Constant(WORD, 0)] * 2, block)

        offered, passed = either(builder, builder.icmp_signed("!=", keep, ir.Constant(WORD, 0)), sift)
        return builder.add(builder.shl(offered, ir.Constant(WORD, 32)), passed)

    return types.intp(source, n, residual, keep, theta, out), intrinsic_code(generate)


@named(types.intp, FLOATS, types.intp, FLOATS, types.intp, types.float32, FLOATS)
def _pass_threshold(source, n, residual, keep, theta, out):
    return _pass_threshold_code(source, n, residual, keep, theta, out)


@overload(pass_threshold)
def _(source, residual, keep, theta, out):
    return lambda source, residual, keep, theta, out: _pass_threshold(
        source.ctypes, len(source), residual.ctypes, keep, theta, out.ctypes
    )


def mark(values, alive):
    """alive = whether a value is an event, 1 or 0. Returns how many are."""
    alive[:] = values != 0
    return np.count_nonzero(alive)


@intrinsic
def _mark_code(typing_context, values, n, alive):
    def generate(builder, values, n, alive):
        events = Events(builder)

        def block(part, found):
            (x,) = part.load(values)
            speaks = builder.fcmp_unordered("!=", x, ZEROS)
            part.store(alive, [builder.zext(speaks, NUMBERS)])
            return [builder.add(*found, events.count(speaks))]

        return every_vector(builder, n, [ir.Constant(WORD, 0)], block)[0]

    return types.intp(values, n, alive), intrinsic_code(generate)


@named(types.intp, FLOATS, types.intp, INDICES)
def _mark(values, n, alive):
    return _mark_code(values, n, alive)


@overload(mark)
def _(values, alive):
    return lambda values, alive: _mark(values.ctypes, len(values), alive.ctypes)


def deliver(values, alive, divisor, out):
    """out = values / divisor where alive, else 0. Returns how many are alive."""
    out[:] = np.where(alive, values / divisor, np.float32(0))
    return np.count_nonzero(alive)


@intrinsic
def _deliver_code(typing_context, values, n, alive, divisor, out):
    def generate(builder, values, n, alive, divisor, out):
        events, share = Events(builder), broadcast(builder, divisor, VECTOR)

        def block(part, delivered):
            (x,), (flags,) = part.load(values), part.load(alive)
            lives = builder.icmp_signed("!=", flags, ir.Constant(NUMBERS, None))
            part.store(out, [builder.select(lives, builder.fdiv(x, share), ZEROS)])
            return [builder.add(*delivered, events.count(lives))]

        return every_vector(builder, n, [ir.Constant(WORD, 0)], block)[0]

    return types.intp(values, n, alive, divisor, out), intrinsic_code(generate)


@named(types.intp, FLOATS, types.intp, INDICES, types.float32, FLOATS)
def _deliver(values, n, alive, divisor, out):
    return _deliver_code(values, n, alive, divisor, out)


@overload(deliver)
def _(values, alive, divisor, out):
    return lambda values, alive, divisor, out: _deliver(values.ctypes, len(values), alive.ctypes, divisor, out.ctypes)
