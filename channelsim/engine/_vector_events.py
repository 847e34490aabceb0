"""The events of a vector, those of its values that are not zero: counted, listed, sorted out by a threshold.

See `_vector_code` for how.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload

from channelsim.engine._named import named
from channelsim.engine._vector_code import (
    FLOATS,
    INDICES,
    LANES,
    VECTOR,
    WORD,
    ZEROS,
    Strip,
    broadcast,
    every_vector,
    intrinsic_code,
)


class _Events:
    """Code that writes lists of events, vector after vector of neurons."""

    def __init__(self, builder: Any, index: Any, events: Any):
        self.builder, self.index, self.events = builder, index, events
        self.numbers = ir.VectorType(ir.IntType(32), LANES)

    def count(self, mask: Any) -> Any:
        """How many lanes are set."""
        bits = ir.IntType(LANES)
        function = self.builder.module.declare_intrinsic("llvm.ctpop", (bits,))
        return self.builder.zext(self.builder.call(function, [self.builder.bitcast(mask, bits)]), WORD)

    def append(self, part: Strip, values: Any, mask: Any, written: Any) -> Any:
        """The masked ones of a strip of one vector go behind the `written` ones. Returns the new number."""
        builder = self.builder
        lanes = ir.Constant(self.numbers, [ir.Constant(ir.IntType(32), k) for k in range(LANES)])
        first = broadcast(builder, builder.trunc(part.first, ir.IntType(32)), self.numbers)
        found = self.count(mask)
        # what is packed is never more than what has been read: a whole vector fits where a whole one was read
        there = Strip(builder, written, 1, None if part.mask is None else found)
        there.store(self.events, [self._pack(values, mask)])
        there.store(self.index, [self._pack(builder.add(lanes, first), mask)])
        return builder.add(written, found)

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
        seen = _Events(builder, None, None)

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
        listed = _Events(builder, index, events)

        def block(part, written):
            (x,) = part.load(values)
            return [listed.append(part, x, builder.fcmp_unordered("!=", x, ZEROS), *written)]

        return every_vector(builder, n, [ir.Constant(WORD, 0)], block)[0]

    return types.intp(values, n, index, events), intrinsic_code(generate)


@named(types.intp, FLOATS, types.intp, INDICES, FLOATS)
def _compact(values, n, index, events):
    return _compact_code(values, n, index, events)


@overload(compact)
def _(values, index, events):
    return lambda values, index, events: _compact(values.ctypes, len(values), index.ctypes, events.ctypes)


def pass_threshold(source, residual, keep, theta, index, events):
    """Lists the values whose magnitude is above theta; with `keep`, of what was kept back before as well as the source.

    With `keep`, what is not listed is kept back in `residual`. Returns 2^32 offered + listed, where offered counts the
    sources that are not zero.
    """
    values = source + residual if keep else source
    speaks = np.abs(values) > theta
    if keep:
        residual[:] = np.where(speaks, 0, values)
    listed = compact(np.where(speaks, values, np.float32(0)), index, events)
    return (np.count_nonzero(source) << 32) + listed


@intrinsic
def _pass_threshold_code(typing_context, source, n, residual, keep, theta, index, events):
    def generate(builder, source, n, residual, keep, theta, index, events):
        listed = _Events(builder, index, events)
        keeps = builder.icmp_signed("!=", keep, ir.Constant(WORD, 0))
        limit = broadcast(builder, theta, VECTOR)
        magnitude = builder.module.declare_intrinsic(f"llvm.fabs.v{LANES}f32", (), ir.FunctionType(VECTOR, [VECTOR]))

        def block(part, seen):
            offered, written = seen
            (x,), (kept,) = part.load(source), part.load(residual)
            value = builder.fadd(x, builder.select(keeps, kept, ZEROS))
            speaks = builder.fcmp_ordered(">", builder.call(magnitude, [value]), limit)
            left = builder.select(speaks, ZEROS, value)
            part.store(residual, [builder.select(keeps, left, kept)])
            offered = builder.add(offered, listed.count(builder.fcmp_unordered("!=", x, ZEROS)))
            return [offered, listed.append(part, value, speaks, written)]

        offered, written = every_vector(builder, n, [ir.Constant(WORD, 0)] * 2, block)
        return builder.add(builder.shl(offered, ir.Constant(WORD, 32)), written)

    return types.intp(source, n, residual, keep, theta, index, events), intrinsic_code(generate)


@named(types.intp, FLOATS, types.intp, FLOATS, types.intp, types.float32, INDICES, FLOATS)
def _pass_threshold(source, n, residual, keep, theta, index, events):
    return _pass_threshold_code(source, n, residual, keep, theta, index, events)


@overload(pass_threshold)
def _(source, residual, keep, theta, index, events):
    return lambda source, residual, keep, theta, index, events: _pass_threshold(
        source.ctypes, len(source), residual.ctypes, keep, theta, index.ctypes, events.ctypes
    )
