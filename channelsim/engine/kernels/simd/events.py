"""The events of a vector, those of its values that are not zero: counted, listed, sifted by a threshold.

A list is written a vector at a time, so that something stands behind it, up to the length of what was read. That
depends on the processor, and is never read.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir

from channelsim.engine.compile import machine
from channelsim.engine.kernels.simd.code import (
    LANES,
    NEGATIVE_ZEROS,
    NUMBER,
    NUMBERS,
    VECTOR,
    ZEROS,
    Strip,
    broadcast,
    builder_gep,
    either,
    every_vector,
    only_if,
    store_first,
    word,
)
from channelsim.engine.kernels.simd.kernel import FLOATS, INDICES, INT, REAL, vector_kernel

BITS = ir.IntType(LANES)
COMPRESSES = LANES == 16 and machine.has("avx512f")  # packing the set lanes of a vector is one instruction
PERMUTES = LANES == 8 and machine.has("avx2")  # it is a permutation, looked up in a table


class Events:
    """Code that counts and lists the events of a vector."""

    def __init__(self, builder: Any):
        self.builder = builder

    def bits(self, mask: Any) -> Any:
        """The lanes as the bits of a number."""
        return self.builder.bitcast(mask, BITS)

    def count(self, mask: Any) -> Any:
        """How many lanes are set."""
        function = self.builder.module.declare_intrinsic("llvm.ctpop", (BITS,))
        return self.builder.zext(self.builder.call(function, [self.bits(mask)]), word(0).type)

    def append(self, part: Strip, mask: Any, written: Any, *lists: tuple[Any, Any]) -> Any:
        """The masked ones of a strip of one vector go behind the `written` ones of a list. Returns the new number.

        Each of `lists` is a vector, or None for the places of the lanes, and where they go.
        """
        builder = self.builder
        numbers = ir.Constant(NUMBERS, [ir.Constant(NUMBER, k) for k in range(LANES)])
        first = broadcast(builder, builder.trunc(part.first, NUMBER), NUMBERS)
        vectors = [(builder.add(numbers, first) if vector is None else vector, out) for vector, out in lists]
        if not (COMPRESSES or PERMUTES):
            return self._append_one_by_one(mask, written, vectors)
        found = self.count(mask)
        order = self._order(mask) if PERMUTES else None
        for vector, out in vectors:
            packed = self._compressed(vector, mask) if COMPRESSES else self._permuted(vector, order)
            there = builder.bitcast(builder_gep(builder, out, written), packed.type.as_pointer())
            # what is packed is never more than what has been read: a whole vector fits where a whole one was read
            if part.masks[0] is None:
                builder.store(packed, there, align=4)
            else:
                store_first(builder, packed, found, there)
        return builder.add(written, found)

    def append_few(self, part: Strip, mask: Any, written: Any, *lists: tuple[Any, Any]) -> Any:
        """The same, fast where few lanes of few vectors are set."""
        is_any = self.builder.icmp_signed("!=", self.bits(mask), BITS(0))
        return only_if(self.builder, is_any, [written], lambda: [self.append(part, mask, written, *lists)])[0]

    def _append_one_by_one(self, mask: Any, written: Any, vectors: list[tuple[Any, Any]]) -> Any:
        builder = self.builder
        for k in range(LANES):
            lane = ir.Constant(NUMBER, k)

            def one(lane: Any = lane, written: Any = written) -> list[Any]:
                for vector, out in vectors:
                    builder.store(builder.extract_element(vector, lane), builder_gep(builder, out, written))
                return [builder.add(written, word(1))]

            (written,) = only_if(builder, builder.extract_element(mask, lane), [written], one)
        return written

    def _compressed(self, vector: Any, mask: Any) -> Any:
        kind = f"v{LANES}{'f' if vector.type == VECTOR else 'i'}32"
        function = self.builder.module.declare_intrinsic(
            f"llvm.x86.avx512.mask.compress.{kind}", (),
            ir.FunctionType(vector.type, [vector.type, vector.type, mask.type]),
        )  # fmt: skip
        return self.builder.call(function, [vector, ir.Constant(vector.type, None), mask])

    def _order(self, mask: Any) -> Any:
        """For each place of a packed vector, the lane that goes there."""
        module = self.builder.module
        name, byte = "channelsim_simd_orders", ir.IntType(8)
        lanes = ir.VectorType(byte, LANES)
        kind = ir.ArrayType(lanes, 1 << LANES)
        if name not in module.globals:
            table = ir.GlobalVariable(module, kind, name)
            table.linkage, table.global_constant = "internal", True
            table.initializer = ir.Constant(kind, [ir.Constant(lanes, _set_first(bits)) for bits in range(1 << LANES)])
        which = self.builder.zext(self.bits(mask), word(0).type)
        row = self.builder.load(self.builder.gep(module.globals[name], [word(0), which]), align=LANES)
        return self.builder.zext(row, NUMBERS)

    def _permuted(self, vector: Any, order: Any) -> Any:
        name = "llvm.x86.avx2.permps" if vector.type == VECTOR else "llvm.x86.avx2.permd"
        function = self.builder.module.declare_intrinsic(name, (), ir.FunctionType(vector.type, [vector.type, NUMBERS]))
        return self.builder.call(function, [vector, order])


def _set_first(bits: int) -> list[int]:
    """The lanes whose bits are set, in their order, and then the others."""
    return sorted(range(LANES), key=lambda k: not bits >> k & 1)


def _count_events(builder, values):
    seen = Events(builder)

    def block(part, found):
        (x,) = part.load(values)
        return [builder.add(*found, seen.count(builder.fcmp_unordered("!=", x, ZEROS)))]

    return every_vector(builder, values.size, [word(0)], block)[0]


@vector_kernel(_count_events, FLOATS, result=INT)
def count_events(values):
    """How many values are not zero."""
    return np.count_nonzero(values)


def _compact(builder, values, index, events):
    listed = Events(builder)

    def block(part, written):
        (x,) = part.load(values)
        is_event = builder.fcmp_unordered("!=", x, ZEROS)
        return [listed.append(part, is_event, *written, (x, events), (None, index))]

    return every_vector(builder, values.size, [word(0)], block)[0]


@vector_kernel(_compact, FLOATS, INDICES, FLOATS, result=INT)
def compact(values, index, events):
    """Writes the events of `values`, those that are not zero, as a list; returns their number."""
    active = np.flatnonzero(values)
    index[: len(active)] = active
    events[: len(active)] = values[active]
    return len(active)


def _take_from(builder, places, first, last, values, index, taken):
    listed = Events(builder)
    low, high = (broadcast(builder, builder.trunc(limit, NUMBER), NUMBERS) for limit in (first, last))

    def block(part, written):
        (x,), (place,) = part.load(values), part.load(places)
        is_event = builder.fcmp_unordered("!=", x, ZEROS)
        is_one = builder.and_(builder.icmp_signed(">=", place, low), builder.icmp_signed("<", place, high))
        found = builder.and_(is_event, is_one)
        part.store(values, [builder.select(found, ZEROS, x)])
        return [listed.append(part, found, *written, (x, taken), (None, index))]

    return every_vector(builder, values.size, [word(0)], block)[0]


@vector_kernel(_take_from, INDICES, INT, INT, FLOATS, INDICES, FLOATS, result=INT)
def take_from(places, first, last, values, index, taken):
    """Lists the places k at which `values` is not 0 and first <= places[k] < last, with what is there, and leaves 0.

    Returns their number.
    """
    found = np.flatnonzero((values != 0) & (places >= first) & (places < last))
    index[: len(found)], taken[: len(found)] = found, values[found]
    values[found] = 0
    return len(found)


def _pass_threshold(builder, source, residual, keep, theta, out):
    events = Events(builder)
    limit = broadcast(builder, theta, VECTOR)
    magnitude = builder.module.declare_intrinsic(f"llvm.fabs.v{LANES}f32", (), ir.FunctionType(VECTOR, [VECTOR]))

    def sift(keeps):
        def block(part, seen):
            offered, passed = seen
            (x,) = part.load(source)
            value = builder.fadd(x, *part.load(residual)) if keeps else x
            passes = builder.fcmp_ordered(">", builder.call(magnitude, [value]), limit)
            if keeps:
                part.store(residual, [builder.select(passes, ZEROS, value)])
            part.store(out, [builder.select(passes, value, ZEROS)])
            offered = builder.add(offered, events.count(builder.fcmp_unordered("!=", x, ZEROS)))
            return [offered, builder.add(passed, events.count(passes))]

        return every_vector(builder, source.size, [word(0)] * 2, block)

    offered, passed = either(builder, builder.icmp_signed("!=", keep, word(0)), sift)
    return builder.add(builder.shl(offered, word(32)), passed)


@vector_kernel(_pass_threshold, FLOATS, FLOATS, INT, REAL, FLOATS, result=INT)
def pass_threshold(source, residual, keep, theta, out):
    """out = the values whose magnitude is above theta, else 0.

    With `keep`, what was kept back before is added to the source first, and what does not pass is kept back in
    `residual`. Returns 2^32 offered + passed, where offered counts the sources that are not zero.
    """
    values = source + residual if keep else source
    passes = np.abs(values) > theta
    if keep:
        residual[:] = np.where(passes, 0, values)
    out[:] = np.where(passes, values, np.float32(0))
    return (np.count_nonzero(source) << 32) + np.count_nonzero(passes)


def _mark(builder, values, alive):
    events = Events(builder)

    def block(part, found):
        (x,) = part.load(values)
        is_event = builder.fcmp_unordered("!=", x, ZEROS)
        part.store(alive, [builder.zext(is_event, NUMBERS)])
        return [builder.add(*found, events.count(is_event))]

    return every_vector(builder, values.size, [word(0)], block)[0]


@vector_kernel(_mark, FLOATS, INDICES, result=INT)
def mark(values, alive):
    """alive = whether a value is an event, 1 or 0. Returns how many are."""
    alive[:] = values != 0
    return np.count_nonzero(alive)


def _deliver(builder, values, alive, divisor, out):
    events, share = Events(builder), broadcast(builder, divisor, VECTOR)

    def block(part, delivered):
        (x,), (flags,) = part.load(values), part.load(alive)
        lives = builder.icmp_signed("!=", flags, ir.Constant(NUMBERS, None))
        read = builder.fdiv(x, share)
        read = builder.select(builder.fcmp_ordered("==", read, ZEROS), NEGATIVE_ZEROS, read)
        part.store(out, [builder.select(lives, read, ZEROS)])
        return [builder.add(*delivered, events.count(lives))]

    return every_vector(builder, values.size, [word(0)], block)[0]


@vector_kernel(_deliver, FLOATS, INDICES, REAL, FLOATS, result=INT)
def deliver(values, alive, divisor, out):
    """out = values / divisor where alive, else 0. Returns how many are alive.

    A value of 0 that is alive becomes -0.0: that is how it can be told from one that is not.
    """
    read = values / divisor
    out[:] = np.where(alive, np.where(read == 0, np.float32(-0.0), read), np.float32(0))
    return np.count_nonzero(alive)
