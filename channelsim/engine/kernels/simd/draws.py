"""What the hash does to the events of a message, a vector of them at a time: words hit, noise, events lost.

See `counter_hash` for the draws one by one. A draw belongs to a key and to the number of a neuron; keys are int64, by
their bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from llvmlite import ir

from channelsim import hashing, normals
from channelsim.engine.kernels.simd.code import (
    LANES,
    NUMBERS,
    VECTOR,
    WORD,
    ZEROS,
    Strip,
    broadcast,
    either,
    every_vector,
    fma,
    word,
)
from channelsim.engine.kernels.simd.events import Events
from channelsim.engine.kernels.simd.kernel import FLOATS, INDICES, INT, REAL, vector_kernel
from channelsim.normals import LOG, MANTISSA_BITS, MINUS_TWO_LOG_2, RADIANS, SINE, SQRT_HALF

WORDS = ir.VectorType(WORD, LANES)


def _all(vector: Any, value: Any) -> Any:
    """A constant vector of equal values."""
    return ir.Constant(vector, [ir.Constant(vector.element, value)] * LANES)


class _Draws:
    """Code that draws for the neurons of a vector."""

    def __init__(self, builder: Any, key: Any):
        self.builder, self.key = builder, broadcast(builder, key, WORDS)

    def words(self, part: Strip, index: Any, times: int = 1) -> Any:
        """`counter_hash.word` at `times` each neuron's number: that in `index`, or where that is None its place."""
        builder, golden = self.builder, hashing.GOLDEN
        if index is None:
            lanes = ir.Constant(WORDS, [(times * k + 1) * golden % 2**64 for k in range(LANES)])
            first = builder.mul(part.first, word(times * golden % 2**64))
            step = builder.add(lanes, broadcast(builder, first, WORDS))
        else:
            (numbers,) = part.load(index)
            neurons = builder.mul(builder.sext(numbers, WORDS), _all(WORDS, times))
            step = builder.mul(builder.add(neurons, _all(WORDS, 1)), _all(WORDS, golden))
        z = builder.add(self.key, step)
        for shift, factor in ((30, hashing.MIX_1), (27, hashing.MIX_2)):
            z = builder.mul(self._fold(z, shift), _all(WORDS, factor))
        return self._fold(z, 31)

    def _fold(self, z: Any, shift: Any) -> Any:
        return self.builder.xor(z, self.builder.lshr(z, _all(WORDS, shift)))

    def below(self, words: Any, bound: Any) -> Any:
        """`counter_hash.is_below`: the upper 53 bits are less than the bound where the word is less than the bound with
        11 zeros behind it, which may be 2^64."""
        builder = self.builder
        last = builder.sub(builder.shl(bound, word(64 - 53)), word(1))
        some = builder.icmp_signed(">", bound, word(0))
        within = builder.icmp_unsigned("<=", words, broadcast(builder, last, WORDS))
        return builder.and_(within, broadcast(builder, some, within.type))

    def half(self, words: Any, which: int) -> Any:
        """The low (0) or high (1) half of each word: one shuffle, where a truncation takes five instructions."""
        halves = self.builder.bitcast(words, ir.VectorType(NUMBERS.element, 2 * LANES))
        picked = ir.Constant(NUMBERS, list(range(which, 2 * LANES, 2)))
        return self.builder.shuffle_vector(halves, ir.Constant(halves.type, ir.Undefined), picked)

    def normals(self, words: Any) -> Any:
        """Standard normals as float32: `channelsim.normals`, step for step."""
        builder = self.builder
        away = builder.sub(self.half(words, 0), _all(NUMBERS, 1 << 31))  # v - 1/2, in parts of 2^32
        turn = builder.sub(_all(NUMBERS, 1 << 30), self._magnitude(away))
        t = builder.fmul(builder.sitofp(turn, VECTOR), _all(VECTOR, RADIANS))
        sine = builder.fmul(t, self._polynomial(SINE, builder.fmul(t, t)))
        high = self.half(words, 1)
        return builder.fneg(builder.fmul(self._root(self._minus_two_log(high)), sine))

    def _minus_two_log(self, high: Any) -> Any:
        """-2 ln u for u = (high + 1/2) 2^-32 = m 2^exponent, with m within a factor sqrt(2) of 1."""
        builder = self.builder
        bits = builder.bitcast(self._unit(builder.uitofp(high, VECTOR)), NUMBERS)
        exponent = builder.ashr(builder.sub(bits, _all(NUMBERS, SQRT_HALF)), _all(NUMBERS, MANTISSA_BITS))
        m = builder.bitcast(builder.sub(bits, builder.shl(exponent, _all(NUMBERS, MANTISSA_BITS))), VECTOR)
        # Near 1, where the logarithm is small, u is not as float32 has it: u - 1 is exact, or rounded by itself. There
        # the number's first bit is set, which as a sign takes 2^32 away.
        near = builder.icmp_signed(">=", exponent, _all(NUMBERS, 0))
        exact = self._unit(builder.sitofp(high, VECTOR))
        x = builder.select(near, exact, builder.fadd(m, _all(VECTOR, -1.0)))
        mantissa = builder.fmul(x, self._polynomial([-2.0 * c for c in LOG], x))
        return fma(self.builder, builder.sitofp(exponent, VECTOR), _all(VECTOR, MINUS_TWO_LOG_2), mantissa)

    def _unit(self, numbers: Any) -> Any:
        """(number + 1/2) 2^-32."""
        return fma(self.builder, numbers, _all(VECTOR, 2.0**-32), _all(VECTOR, 2.0**-33))

    def _polynomial(self, coefficients: Sequence[float], x: Any) -> Any:
        total = _all(VECTOR, coefficients[0])
        for coefficient in coefficients[1:]:
            total = fma(self.builder, total, x, _all(VECTOR, coefficient))
        return total

    def _root(self, values: Any) -> Any:
        kind = ir.FunctionType(VECTOR, [VECTOR])
        return self.builder.call(self.builder.module.declare_intrinsic(f"llvm.sqrt.v{LANES}f32", (), kind), [values])

    def _magnitude(self, numbers: Any) -> Any:
        """The magnitude of int32, as unsigned: that of -2^31 is 2^31."""
        negative = self.builder.icmp_signed("<", numbers, _all(NUMBERS, 0))
        return self.builder.select(negative, self.builder.sub(_all(NUMBERS, 0), numbers), numbers)


def _for_each(builder: Any, index: Any, n: Any, carried: list[Any], body: Any) -> list[Any]:
    """`every_vector` over n neurons: body(part, values, index), where `index` is None if none are listed."""

    def loop(is_listed: bool) -> list[Any]:
        numbers = index if is_listed else None
        return every_vector(builder, n, carried, lambda part, values: body(part, values, numbers))

    return either(builder, builder.icmp_signed(">", index.size, word(0)), loop)


def _numbers(index: Any, count: int) -> Any:
    return index.astype(np.int64) if len(index) else np.arange(count)


def _round_randomly(builder, key, index, a, top, values):
    draws = _Draws(builder, key)
    a, top = broadcast(builder, a, VECTOR), broadcast(builder, top, VECTOR)
    step = builder.fdiv(a, top)
    bottom = builder.fneg(top)
    floor = builder.module.declare_intrinsic(f"llvm.floor.v{LANES}f32", (), ir.FunctionType(VECTOR, [VECTOR]))
    unused = _all(NUMBERS, 32 - 24)  # bits of the high half

    def block(part, _, index):
        (x,) = part.load(values)
        uniform = builder.lshr(draws.half(draws.words(part, index), 1), unused)
        uniform = builder.fmul(builder.sitofp(uniform, VECTOR), _all(VECTOR, 2.0**-24))
        steps = builder.fdiv(builder.fmul(x, top), a)
        q = builder.call(floor, [builder.fadd(steps, uniform)])
        q = builder.select(builder.fcmp_ordered(">", q, top), top, q)
        q = builder.select(builder.fcmp_ordered("<", q, bottom), bottom, q)
        is_event = builder.fcmp_unordered("!=", x, ZEROS)
        part.store(values, [builder.select(is_event, builder.fmul(q, step), ZEROS)])
        return []

    _for_each(builder, index, values.size, [], block)


@vector_kernel(_round_randomly, INT, INDICES, REAL, REAL, FLOATS)
def round_randomly(key, index, a, top, values):
    """values = (a / top) q with q = floor(value top / a + u), u uniform on [0, 1), and |q| <= top; 0 stays 0.

    In this and what follows, neurons are those of `index`, or where that is empty 0, 1, ...; a and top are float32.
    """
    neurons = _numbers(index, len(values))
    q = np.floor(values * top / a + hashing.uniform32(hashing.bits(int(np.uint64(key)), neurons)))
    values[:] = np.where(values == 0, values, np.clip(q, -top, top) * (a / top))


def _list_hits(builder, key, bound, index, value, hits):
    draws, events = _Draws(builder, key), Events(builder)

    def block(part, written, index):
        (x,) = part.load(value)
        is_below = draws.below(draws.words(part, index, 64), bound)
        hit = builder.and_(is_below, builder.fcmp_unordered("!=", x, ZEROS))
        return [events.append_few(part, hit, *written, (None, hits))]

    return _for_each(builder, index, value.size, [word(0)], block)[0]


@vector_kernel(_list_hits, INT, INT, INDICES, FLOATS, INDICES, result=INT)
def list_hits(key, bound, index, value, hits):
    """Lists the entries that are not zero, and whose code word a bit error hits first; returns their number.

    Neuron i's first draw is the one at 64 i. `hits` is as long as the entries.
    """
    uniform = hashing.uniform(hashing.bits(int(np.uint64(key)), _numbers(index, len(value)) * 64))
    hit = (uniform < bound * 2.0**-53) & (value != 0)
    hits[: np.count_nonzero(hit)] = np.flatnonzero(hit)
    return np.count_nonzero(hit)


def _add_noise(builder, key, sigma, index, value):
    draws, scale = _Draws(builder, key), broadcast(builder, sigma, VECTOR)

    def block(part, _, index):
        noise = builder.fmul(scale, draws.normals(draws.words(part, index)))
        (x,) = part.load(value)
        part.store(value, [builder.fadd(x, noise)])
        return []

    _for_each(builder, index, value.size, [], block)


@vector_kernel(_add_noise, INT, REAL, INDICES, FLOATS)
def add_noise(key, sigma, index, value):
    """Adds sigma N(0, 1) to each value; sigma is float32."""
    draws = hashing.bits(int(np.uint64(key)), _numbers(index, len(value)))
    value += sigma * normals.normal32(draws)


def _draw_normals(builder, key, out):
    draws = _Draws(builder, key)

    def block(part, _):
        part.store(out, [draws.normals(draws.words(part, None))])
        return []

    every_vector(builder, out.size, [], block)


@vector_kernel(_draw_normals, INT, FLOATS)
def draw_normals(key, out):
    """out = the standard normal numbers 0, 1, ... of a key."""
    out[:] = normals.normal32(hashing.bits(int(np.uint64(key)), len(out)))


def _drop(builder, key, bound, index, alive):
    draws, events = _Draws(builder, key), Events(builder)
    none = _all(NUMBERS, 0)

    def block(part, left, index):
        lost = draws.below(draws.words(part, index), bound)
        (flags,) = part.load(alive)
        flags = builder.select(lost, none, flags)
        part.store(alive, [flags])
        return [builder.add(*left, events.count(builder.icmp_signed("!=", flags, none)))]

    return _for_each(builder, index, alive.size, [word(0)], block)[0]


@vector_kernel(_drop, INT, INT, INDICES, INDICES, result=INT)
def drop(key, bound, index, alive):
    """Loses each event with a probability, of which `bound` is the bound. Returns how many are left alive."""
    draws = hashing.bits(int(np.uint64(key)), _numbers(index, len(alive)))
    alive[hashing.uniform(draws) < bound * 2.0**-53] = 0
    return np.count_nonzero(alive)
