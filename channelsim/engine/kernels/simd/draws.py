"""What the hash does to the events of a message, a vector of them at a time: words hit, noise, events lost.

See `_vector_code` for how, and `_hash` for the draws one by one. A draw belongs to a key and to the number of a neuron;
keys are int64, by their bits.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload

from channelsim import hashing
from channelsim.engine.compile.symbols import NOTHING, named
from channelsim.engine.kernels import counter_hash
from channelsim.engine.kernels.simd.code import (
    FLOATS,
    FUSED,
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
)
from channelsim.engine.kernels.simd.events import Events

WORDS = ir.VectorType(WORD, LANES)
SQRT_HALF = int(np.float32(math.sqrt(0.5)).view(np.int32))  # by its bits
MANTISSA_BITS = 23
# Polynomials, the highest power first: ln(1 + x) / x for 1 + x from sqrt(1/2) to sqrt(2), and sin(t) / t in t^2 for |t|
# up to pi/2. They agree with what they stand for at Chebyshev's points (numpy.polynomial.Chebyshev.interpolate): errors
# of 4.7e-9 and 6.6e-9 of the value, a tenth of float32's own.
LOG = [
    -0.07451186274147284, 0.12806610507005745, -0.13266031376391862, 0.14199650087166818, -0.16608369411042173,
    0.20000939440861365, -0.25001579099291976, 0.33333345349800164, -0.4999998849614165, 0.9999999993832555,
]  # fmt: skip
SINE = [
    2.605107634382171e-06, -0.00019809017408218147, 0.008333050170664661, -0.16666657947845623, 0.9999999956988086,
]  # fmt: skip


def _all(vector: Any, value: Any) -> Any:
    """A constant vector of equal values."""
    return ir.Constant(vector, [ir.Constant(vector.element, value)] * LANES)


class _Draws:
    """Code that draws for the neurons of a vector."""

    def __init__(self, builder: Any, key: Any):
        self.builder, self.key = builder, broadcast(builder, key, WORDS)

    def words(self, part: Strip, index: Any, times: int = 1) -> Any:
        """`_hash.word` at `times` the number of each neuron: numbers of `index`, or where that is None places."""
        builder, golden = self.builder, int(counter_hash.GOLDEN)
        if index is None:
            lanes = ir.Constant(WORDS, [(times * k + 1) * golden % 2**64 for k in range(LANES)])
            first = builder.mul(part.first, ir.Constant(WORD, times * golden % 2**64))
            step = builder.add(lanes, broadcast(builder, first, WORDS))
        else:
            (numbers,) = part.load(index)
            neurons = builder.mul(builder.sext(numbers, WORDS), _all(WORDS, times))
            step = builder.mul(builder.add(neurons, _all(WORDS, 1)), _all(WORDS, golden))
        z = builder.add(self.key, step)
        for shift, factor in ((counter_hash.S30, counter_hash.MUL_1), (counter_hash.S27, counter_hash.MUL_2)):
            z = builder.mul(self._fold(z, shift), _all(WORDS, int(factor)))
        return self._fold(z, counter_hash.S31)

    def _fold(self, z: Any, shift: Any) -> Any:
        return self.builder.xor(z, self.builder.lshr(z, _all(WORDS, int(shift))))

    def below(self, words: Any, bound: Any) -> Any:
        """`_hash.is_below`: the upper 53 bits are less than the bound where the word is less than the bound with 11
        zeros behind it, which may be 2^64."""
        builder = self.builder
        last = builder.sub(builder.shl(bound, ir.Constant(WORD, int(counter_hash.S11))), ir.Constant(WORD, 1))
        some = builder.icmp_signed(">", bound, ir.Constant(WORD, 0))
        within = builder.icmp_unsigned("<=", words, broadcast(builder, last, WORDS))
        return builder.and_(within, broadcast(builder, some, within.type))

    def half(self, words: Any, which: int) -> Any:
        """The low (0) or high (1) half of each word: one shuffle, where a truncation takes five instructions."""
        halves = self.builder.bitcast(words, ir.VectorType(NUMBERS.element, 2 * LANES))
        picked = ir.Constant(NUMBERS, list(range(which, 2 * LANES, 2)))
        return self.builder.shuffle_vector(halves, ir.Constant(halves.type, ir.Undefined), picked)

    def normals(self, words: Any) -> Any:
        """Standard normals as float32: Box and Muller from the two halves of each word.

        Logarithm and cosine are polynomials, and cos(2 pi v) = -sin(2 pi (1/4 - |v - 1/2|)). The largest error of a
        million normals is 3e-7 of the value, five roundings to float32.
        """
        builder = self.builder
        away = builder.sub(self.half(words, 0), _all(NUMBERS, 1 << 31))  # v - 1/2, in parts of 2^32
        turn = builder.sub(_all(NUMBERS, 1 << 30), self._magnitude(away))
        t = builder.fmul(builder.sitofp(turn, VECTOR), _all(VECTOR, 2.0 * math.pi * 2.0**-32))
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
        return self._fma(builder.sitofp(exponent, VECTOR), _all(VECTOR, -2.0 * math.log(2.0)), mantissa)

    def _unit(self, numbers: Any) -> Any:
        """(number + 1/2) 2^-32."""
        return self._fma(numbers, _all(VECTOR, 2.0**-32), _all(VECTOR, 2.0**-33))

    def _fma(self, x: Any, y: Any, z: Any) -> Any:
        return self.builder.fadd(self.builder.fmul(x, y, flags=FUSED), z, flags=FUSED)

    def _polynomial(self, coefficients: list[float], x: Any) -> Any:
        total = _all(VECTOR, coefficients[0])
        for coefficient in coefficients[1:]:
            total = self._fma(total, x, _all(VECTOR, coefficient))
        return total

    def _root(self, values: Any) -> Any:
        kind = ir.FunctionType(VECTOR, [VECTOR])
        return self.builder.call(self.builder.module.declare_intrinsic(f"llvm.sqrt.v{LANES}f32", (), kind), [values])

    def _magnitude(self, numbers: Any) -> Any:
        """The magnitude of int32, as unsigned: that of -2^31 is 2^31."""
        negative = self.builder.icmp_signed("<", numbers, _all(NUMBERS, 0))
        return self.builder.select(negative, self.builder.sub(_all(NUMBERS, 0), numbers), numbers)


def _for_each(builder: Any, index: Any, listed: Any, n: Any, carried: list[Any], body: Any) -> list[Any]:
    """`every_vector` over n neurons: body(part, values, index), where `index` is None if none are listed."""

    def loop(is_listed: bool) -> list[Any]:
        numbers = index if is_listed else None
        return every_vector(builder, n, carried, lambda part, values: body(part, values, numbers))

    return either(builder, builder.icmp_signed(">", listed, ir.Constant(WORD, 0)), loop)


def _numbers(index: Any, count: int) -> Any:
    return index.astype(np.int64) if len(index) else np.arange(count)


def round_randomly(key, index, step, top, values):
    """values = step q with q = floor(value / step + u), u uniform on [0, 1), and |q| <= top; 0 stays 0.

    In this and what follows, neurons are those of `index`, or where that is empty 0, 1, ...; step and top are float32.
    """
    neurons = _numbers(index, len(values))
    q = np.floor(values / step + hashing.uniform32(hashing.bits(int(np.uint64(key)), neurons)))
    values[:] = np.where(values == 0, values, np.clip(q, -top, top) * step)


@intrinsic
def _round_randomly_code(typing_context, key, index, listed, step, top, values, n):
    def generate(builder, key, index, listed, step, top, values, n):
        draws = _Draws(builder, key)
        step, top = broadcast(builder, step, VECTOR), broadcast(builder, top, VECTOR)
        bottom = builder.fneg(top)
        floor = builder.module.declare_intrinsic(f"llvm.floor.v{LANES}f32", (), ir.FunctionType(VECTOR, [VECTOR]))
        unused = _all(NUMBERS, int(counter_hash.S40) - 32)  # bits of the high half

        def block(part, _, index):
            (x,) = part.load(values)
            uniform = builder.lshr(draws.half(draws.words(part, index), 1), unused)
            uniform = builder.fmul(builder.sitofp(uniform, VECTOR), _all(VECTOR, 2.0**-24))
            q = builder.call(floor, [builder.fadd(builder.fdiv(x, step), uniform)])
            q = builder.select(builder.fcmp_ordered(">", q, top), top, q)
            q = builder.select(builder.fcmp_ordered("<", q, bottom), bottom, q)
            speaks = builder.fcmp_unordered("!=", x, ZEROS)
            part.store(values, [builder.select(speaks, builder.fmul(q, step), ZEROS)])
            return []

        _for_each(builder, index, listed, n, [], block)

    return types.void(key, index, listed, step, top, values, n), intrinsic_code(generate)


@named(NOTHING, types.int64, INDICES, types.intp, types.float32, types.float32, FLOATS, types.intp)
def _round_randomly(key, index, listed, step, top, values, n):
    _round_randomly_code(key, index, listed, step, top, values, n)


@overload(round_randomly)
def _(key, index, step, top, values):
    return lambda key, index, step, top, values: _round_randomly(
        key, index.ctypes, len(index), step, top, values.ctypes, len(values)
    )


def list_hits(key, bound, index, value, hits):
    """Lists the entries that are not silent, and whose code word a bit error hits first; returns their number.

    Neuron i's first draw is the one at 64 i. `hits` is as long as the entries, and up to 15 more.
    """
    uniform = hashing.uniform(hashing.bits(int(np.uint64(key)), _numbers(index, len(value)) * 64))
    hit = (uniform < bound * 2.0**-53) & (value != 0)
    hits[: np.count_nonzero(hit)] = np.flatnonzero(hit)
    return np.count_nonzero(hit)


@intrinsic
def _list_hits_code(typing_context, key, bound, index, listed, value, n, hits):
    def generate(builder, key, bound, index, listed, value, n, hits):
        draws, events = _Draws(builder, key), Events(builder)

        def block(part, written, index):
            (x,) = part.load(value)
            is_below = draws.below(draws.words(part, index, 64), bound)
            hit = builder.and_(is_below, builder.fcmp_unordered("!=", x, ZEROS))
            return [events.append_few_places(part, hit, hits, *written)]

        return _for_each(builder, index, listed, n, [ir.Constant(WORD, 0)], block)[0]

    return types.intp(key, bound, index, listed, value, n, hits), intrinsic_code(generate)


@named(types.intp, types.int64, types.int64, INDICES, types.intp, FLOATS, types.intp, INDICES)
def _list_hits(key, bound, index, listed, value, n, hits):
    return _list_hits_code(key, bound, index, listed, value, n, hits)


@overload(list_hits)
def _(key, bound, index, value, hits):
    return lambda key, bound, index, value, hits: _list_hits(
        key, bound, index.ctypes, len(index), value.ctypes, len(value), hits.ctypes
    )


def add_noise(key, sigma, index, value):
    """Adds sigma N(0, 1) to each value; sigma is float32."""
    draws = hashing.bits(int(np.uint64(key)), _numbers(index, len(value)))
    value += sigma * hashing.normal(draws).astype(np.float32)


@intrinsic
def _add_noise_code(typing_context, key, sigma, index, listed, value, n):
    def generate(builder, key, sigma, index, listed, value, n):
        draws, scale = _Draws(builder, key), broadcast(builder, sigma, VECTOR)

        def block(part, _, index):
            noise = builder.fmul(scale, draws.normals(draws.words(part, index)))
            (x,) = part.load(value)
            part.store(value, [builder.fadd(x, noise)])
            return []

        _for_each(builder, index, listed, n, [], block)

    return types.void(key, sigma, index, listed, value, n), intrinsic_code(generate)


@named(NOTHING, types.int64, types.float32, INDICES, types.intp, FLOATS, types.intp)
def _add_noise(key, sigma, index, listed, value, n):
    _add_noise_code(key, sigma, index, listed, value, n)


@overload(add_noise)
def _(key, sigma, index, value):
    return lambda key, sigma, index, value: _add_noise(key, sigma, index.ctypes, len(index), value.ctypes, len(value))


def drop(key, bound, index, alive):
    """Loses each event with a probability, of which `bound` is the bound. Returns how many are left alive."""
    draws = hashing.bits(int(np.uint64(key)), _numbers(index, len(alive)))
    alive[hashing.uniform(draws) < bound * 2.0**-53] = 0
    return np.count_nonzero(alive)


@intrinsic
def _drop_code(typing_context, key, bound, index, listed, alive, n):
    def generate(builder, key, bound, index, listed, alive, n):
        draws, events = _Draws(builder, key), Events(builder)
        none = _all(NUMBERS, 0)

        def block(part, left, index):
            lost = draws.below(draws.words(part, index), bound)
            (flags,) = part.load(alive)
            flags = builder.select(lost, none, flags)
            part.store(alive, [flags])
            return [builder.add(*left, events.count(builder.icmp_signed("!=", flags, none)))]

        return _for_each(builder, index, listed, n, [ir.Constant(WORD, 0)], block)[0]

    return types.intp(key, bound, index, listed, alive, n), intrinsic_code(generate)


@named(types.intp, types.int64, types.int64, INDICES, types.intp, INDICES, types.intp)
def _drop(key, bound, index, listed, alive, n):
    return _drop_code(key, bound, index, listed, alive, n)


@overload(drop)
def _(key, bound, index, alive):
    return lambda key, bound, index, alive: _drop(key, bound, index.ctypes, len(index), alive.ctypes, len(alive))
