"""Loops over the columns of row-contiguous float32 matrices, written as vector instructions.

The compiler's own vectorization of such loops keeps sums in memory, tests at run time whether arrays overlap, and does
the columns behind the last whole vector one at a time: a third of the time of a layer of 100 units. Here the columns
are taken in *strips* of up to BLOCK vectors. A strip's sums stay in registers while all rows pass, and the last vector
of a row that is not a whole number of them is masked.

Each function has a plain form that says what it does; it is the one that runs where NUMBA_DISABLE_JIT is set. Products
are added by fused multiply-add, where the machine has one, in the order of the rows: neither the width of a vector nor
that of a strip shows in a result (but in that of `dot_rows`, whose sums run along the columns).

The compiled forms are C functions that other compiled code finds by name, as it finds those of BLAS: Numba would
optimize a copy of them within each function that calls them, and within each that calls those.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import binding, ir
from numba import cfunc, config, types
from numba.extending import intrinsic, overload

FLOAT, WORD, BIT = ir.FloatType(), ir.IntType(64), ir.IntType(1)
FUSED = ("contract",)
TREE = ("contract", "reassoc")


def _machine() -> tuple[int, int]:
    """(float32 values in a vector, vectors in a strip: half of the registers or less)."""
    features = binding.get_host_cpu_features()
    if features.get("avx512f"):
        return 16, 8
    return (8, 4) if features.get("avx") else (4, 4)


LANES, BLOCK = _machine()
VECTOR = ir.VectorType(FLOAT, LANES)
ZEROS = ir.Constant(VECTOR, [ir.Constant(FLOAT, 0.0)] * LANES)


class _Strip:
    """Code for `vectors` vectors of columns from column `first` on; of the last only `live` columns, if not None."""

    def __init__(self, builder: Any, first: Any, vectors: int, live: Any):
        self.builder, self.first, self.vectors = builder, first, vectors
        self.mask: Any = None if live is None else self._mask(live)

    def _mask(self, live: Any) -> Any:
        lanes = ir.Constant(ir.VectorType(WORD, LANES), [ir.Constant(WORD, k) for k in range(LANES)])
        return self.builder.icmp_signed("<", lanes, broadcast(self.builder, live, ir.VectorType(WORD, LANES)))

    def _place(self, row: Any, v: int) -> Any:
        column = self.builder.add(self.first, ir.Constant(WORD, v * LANES))
        vector = ir.VectorType(row.type.pointee, LANES)
        return self.builder.bitcast(self.builder.gep(row, [column]), vector.as_pointer())

    def _is_masked(self, v: int) -> bool:
        return self.mask is not None and v == self.vectors - 1

    def load(self, row: Any) -> list[Any]:
        """The strip's values of a row, given the address of its first column; 0 where masked."""
        values = []
        for v in range(self.vectors):
            place = self._place(row, v)
            if self._is_masked(v):
                function = _declared(self.builder, "llvm.masked.load", VECTOR, [place.type, ir.IntType(32),
                                     self.mask.type, VECTOR])  # fmt: skip
                values.append(self.builder.call(function, [place, ir.Constant(ir.IntType(32), 4), self.mask, ZEROS]))
            else:
                values.append(self.builder.load(place, align=4))
        return values

    def store(self, row: Any, values: list[Any]) -> None:
        for v, value in enumerate(values):
            place = self._place(row, v)
            if self._is_masked(v):
                function = _declared(self.builder, "llvm.masked.store", ir.VoidType(), [value.type, place.type,
                                     ir.IntType(32), self.mask.type])  # fmt: skip
                self.builder.call(function, [value, place, ir.Constant(ir.IntType(32), 4), self.mask])
            else:
                self.builder.store(value, place, align=4)

    def fma(self, factor: Any, values: list[Any], terms: list[Any]) -> list[Any]:
        """factor * values + terms, vector by vector; `factor` is one vector, or one for each."""
        factors = factor if isinstance(factor, list) else [factor] * self.vectors
        return [
            self.builder.fadd(term, self.builder.fmul(f, value, flags=FUSED), flags=FUSED)
            for f, value, term in zip(factors, values, terms, strict=True)
        ]


def _declared(builder: Any, name: str, result: Any, arguments: list[Any]) -> Any:
    """An intrinsic that reads or writes a vector of LANES values in memory; a store's first argument is that vector."""
    vector = result if isinstance(result, ir.VectorType) else arguments[0]
    kind = "f" if vector.element == FLOAT else "i"
    return builder.module.declare_intrinsic(f"{name}.v{LANES}{kind}32.p0", (), ir.FunctionType(result, arguments))


def broadcast(builder: Any, value: Any, vector: Any) -> Any:
    """A vector of equal values."""
    one = builder.insert_element(ir.Constant(vector, ir.Undefined), value, ir.Constant(ir.IntType(32), 0))
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), vector.count), [0] * vector.count)
    return builder.shuffle_vector(one, ir.Constant(vector, ir.Undefined), zeros)


def count_up(builder: Any, count: Any, carried: list[Any], body: Callable[[Any, list[Any]], list[Any]]) -> list[Any]:
    """A loop over 0..count-1 that hands values from turn to turn: body(k, values) -> values. Returns the last ones."""
    before = builder.block
    head = builder.append_basic_block("head")
    turn = builder.append_basic_block("turn")
    after = builder.append_basic_block("after")
    builder.branch(head)
    builder.position_at_end(head)
    k = builder.phi(WORD)
    k.add_incoming(ir.Constant(WORD, 0), before)
    values = []
    for value in carried:
        phi = builder.phi(value.type)
        phi.add_incoming(value, before)
        values.append(phi)
    builder.cbranch(builder.icmp_signed("<", k, count), turn, after)
    builder.position_at_end(turn)
    new = body(k, values)
    k.add_incoming(builder.add(k, ir.Constant(WORD, 1)), builder.block)
    for phi, value in zip(values, new, strict=True):
        phi.add_incoming(value, builder.block)
    builder.branch(head)
    builder.position_at_end(after)
    return values


def strips(builder: Any, columns: Any, width: int, emit: Callable[[_Strip], None]) -> None:
    """Emits code for all columns: whole strips of `width` vectors, then one of as many vectors as the rest takes."""
    wide = ir.Constant(WORD, LANES * width)
    whole = builder.sdiv(columns, wide)

    def one(k: Any, _: list[Any]) -> list[Any]:
        emit(_Strip(builder, builder.mul(k, wide), width, None))
        return []

    count_up(builder, whole, [], one)
    first = builder.mul(whole, wide)
    rest = builder.sub(columns, first)
    vectors = builder.sdiv(builder.add(rest, ir.Constant(WORD, LANES - 1)), ir.Constant(WORD, LANES))
    done = builder.append_basic_block("done")
    switch = builder.switch(vectors, done)
    for v in range(1, width + 1):
        case = builder.append_basic_block(f"strip{v}")
        switch.add_case(ir.Constant(WORD, v), case)
        builder.position_at_end(case)
        emit(_Strip(builder, first, v, builder.sub(rest, ir.Constant(WORD, (v - 1) * LANES))))
        builder.branch(done)
    builder.position_at_end(done)


def _code(generate: Callable[..., Any]) -> Any:
    """Numba's form of generate(builder, *values), which gets arrays as addresses."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        result = generate(builder, *values)
        return context.get_dummy_value() if result is None else result

    return codegen


FLOATS, INDICES = types.CPointer(types.float32), types.CPointer(types.int32)
_kept: list[Any] = []  # machine code lives as long as the object that it came with


def _named(*arguments: Any, result: Any = types.void) -> Callable[[Any], Any]:
    """Compiles a function of these arguments, gives its machine code a name, and returns what calls that name."""
    signature = result(*arguments)

    def compile_and_name(function: Any) -> Any:
        name = f"channelsim{function.__name__}"
        if not config.DISABLE_JIT:
            code = cfunc(signature, cache=True)(function)
            binding.add_symbol(name, code.address)
            _kept.append(code)
        return types.ExternalFunction(name, signature)

    return compile_and_name


def _row(builder: Any, matrix: Any, n: Any, r: Any) -> Any:
    """Address of row r of a matrix with n columns."""
    return builder.gep(matrix, [builder.mul(r, n)])


def _item(builder: Any, array: Any, k: Any) -> Any:
    return builder.load(builder.gep(array, [k]))


def _row_of(builder: Any, index: Any, k: Any) -> Any:
    return builder.sext(_item(builder, index, k), WORD)


# --- sums of rows -------------------------------------------------------------------------------------


def add_rows(matrix, pitch, index, value, out):
    """out += sum_k value[k] * row(index[k]) of a flat matrix whose rows start every `pitch` values."""
    out += value @ matrix.reshape(-1, pitch)[index, : len(out)]


@intrinsic
def _add_rows_code(typing_context, matrix, pitch, index, value, count, out, n):
    def generate(builder, matrix, pitch, index, value, count, out, n):
        def strip(part):
            def add(k, sums):
                factor = broadcast(builder, _item(builder, value, k), VECTOR)
                row = _row(builder, matrix, pitch, _row_of(builder, index, k))
                return part.fma(factor, part.load(row), sums)

            part.store(out, count_up(builder, count, part.load(out), add))

        strips(builder, n, BLOCK, strip)

    return types.void(matrix, pitch, index, value, count, out, n), _code(generate)


@_named(FLOATS, types.intp, INDICES, FLOATS, types.intp, FLOATS, types.intp)
def _add_rows(matrix, pitch, index, value, count, out, n):
    _add_rows_code(matrix, pitch, index, value, count, out, n)


@overload(add_rows)
def _(matrix, pitch, index, value, out):
    return lambda matrix, pitch, index, value, out: _add_rows(
        matrix.ctypes, pitch, index.ctypes, value.ctypes, len(index), out.ctypes, len(out)
    )


def update_and_add_rows(matrix, pitch, index, value, step, old, out):
    """Row r of the list grows by old[r] * step, then counts in `out` as in `add_rows`."""
    update_rows(matrix, pitch, index, step, old)
    add_rows(matrix, pitch, index, value, out)


@intrinsic
def _update_and_add_rows_code(typing_context, matrix, pitch, index, value, count, step, old, out, n):
    def generate(builder, matrix, pitch, index, value, count, step, old, out, n):
        def strip(part):
            steps = part.load(step)

            def grow_and_add(k, sums):
                r = _row_of(builder, index, k)
                row = _row(builder, matrix, pitch, r)
                grown = part.fma(broadcast(builder, _item(builder, old, r), VECTOR), steps, part.load(row))
                part.store(row, grown)
                return part.fma(broadcast(builder, _item(builder, value, k), VECTOR), grown, sums)

            part.store(out, count_up(builder, count, part.load(out), grow_and_add))

        strips(builder, n, BLOCK, strip)

    return types.void(matrix, pitch, index, value, count, step, old, out, n), _code(generate)


@_named(FLOATS, types.intp, INDICES, FLOATS, types.intp, FLOATS, FLOATS, FLOATS, types.intp)
def _update_and_add_rows(matrix, pitch, index, value, count, step, old, out, n):
    _update_and_add_rows_code(matrix, pitch, index, value, count, step, old, out, n)


@overload(update_and_add_rows)
def _(matrix, pitch, index, value, step, old, out):
    return lambda matrix, pitch, index, value, step, old, out: _update_and_add_rows(
        matrix.ctypes, pitch, index.ctypes, value.ctypes, len(index), step.ctypes, old.ctypes, out.ctypes, len(out)
    )


def update_rows(matrix, pitch, index, step, old):
    """Row r of the list grows by old[r] * step; rows do not occur twice."""
    matrix.reshape(-1, pitch)[index, : len(step)] += old[index, None] * step


@intrinsic
def _update_rows_code(typing_context, matrix, pitch, index, count, step, old, n):
    def generate(builder, matrix, pitch, index, count, step, old, n):
        def strip(part):
            steps = part.load(step)

            def grow(k, _):
                r = _row_of(builder, index, k)
                x = _item(builder, old, r)
                with builder.if_then(builder.fcmp_unordered("!=", x, ir.Constant(FLOAT, 0.0))):
                    row = _row(builder, matrix, pitch, r)
                    part.store(row, part.fma(broadcast(builder, x, VECTOR), steps, part.load(row)))
                return []

            count_up(builder, count, [], grow)

        strips(builder, n, BLOCK, strip)

    return types.void(matrix, pitch, index, count, step, old, n), _code(generate)


@_named(FLOATS, types.intp, INDICES, types.intp, FLOATS, FLOATS, types.intp)
def _update_rows(matrix, pitch, index, count, step, old, n):
    _update_rows_code(matrix, pitch, index, count, step, old, n)


@overload(update_rows)
def _(matrix, pitch, index, step, old):
    return lambda matrix, pitch, index, step, old: _update_rows(
        matrix.ctypes, pitch, index.ctypes, len(index), step.ctypes, old.ctypes, len(step)
    )


# --- products -----------------------------------------------------------------------------------------


def dot_rows(matrix, pitch, message, out):
    """out[r] = sum_j W[r, j] message[j] for every row r."""
    out[:] = matrix.reshape(-1, pitch)[: len(out), : len(message)] @ message


@intrinsic
def _dot_rows_code(typing_context, matrix, pitch, message, n, out, rows):
    def generate(builder, matrix, pitch, message, n, out, rows):
        name = f"llvm.vector.reduce.fadd.v{LANES}f32"
        total = builder.module.declare_intrinsic(name, (), ir.FunctionType(FLOAT, [FLOAT, VECTOR]))

        def clear(r, _):
            builder.store(ir.Constant(FLOAT, 0.0), builder.gep(out, [r]))
            return []

        def strip(part):
            said = part.load(message)

            def dot(r, _):
                values = part.load(_row(builder, matrix, pitch, r))
                products = builder.fmul(said[0], values[0], flags=TREE)
                for m, w in zip(said[1:], values[1:], strict=True):
                    products = builder.fadd(products, builder.fmul(m, w, flags=TREE), flags=TREE)
                place = builder.gep(out, [r])
                builder.store(builder.call(total, [builder.load(place), products], fastmath=TREE), place)
                return []

            count_up(builder, rows, [], dot)

        count_up(builder, rows, [], clear)
        strips(builder, n, BLOCK, strip)

    return types.void(matrix, pitch, message, n, out, rows), _code(generate)


@_named(FLOATS, types.intp, FLOATS, types.intp, FLOATS, types.intp)
def _dot_rows(matrix, pitch, message, n, out, rows):
    _dot_rows_code(matrix, pitch, message, n, out, rows)


@overload(dot_rows)
def _(matrix, pitch, message, out):
    return lambda matrix, pitch, message, out: _dot_rows(
        matrix.ctypes, pitch, message.ctypes, len(message), out.ctypes, len(out)
    )


TILE = 24  # sums of a product in registers at a time
INNER = 256  # terms summed in one pass: so many rows of a strip of `b` stay in the cache


def matmul(a, row_step, step, b, b_pitch, rows, inner, columns, scale, add, c, c_pitch):
    """c[i, j] = scale * sum_k a[i * row_step + k * step] * b[k, j], plus what c holds if `add`.

    b is (inner, columns) and c (rows, columns), flat, with rows that start every b_pitch and c_pitch values.
    """
    left = np.lib.stride_tricks.as_strided(a, (rows, inner), (row_step * a.itemsize, step * a.itemsize))
    right = np.lib.stride_tricks.as_strided(b, (inner, columns), (b_pitch * b.itemsize, b.itemsize))
    result = np.lib.stride_tricks.as_strided(c, (rows, columns), (c_pitch * c.itemsize, c.itemsize))
    result[:] = scale * (left @ right) + (result if add else 0)


@intrinsic
def _matmul_code(typing_context, a, row_step, step, b, b_pitch, rows, inner, columns, scale, add, c, c_pitch):
    def generate(builder, a, row_step, step, b, b_pitch, rows, inner, columns, scale, add, c, c_pitch):
        nil = ir.Constant(WORD, 0)
        factor = broadcast(builder, scale, VECTOR)
        passes = builder.sdiv(builder.add(inner, ir.Constant(WORD, INNER - 1)), ir.Constant(WORD, INNER))

        def strip(part):
            def one_pass(p, _):
                first = builder.mul(p, ir.Constant(WORD, INNER))
                rest = builder.sub(inner, first)
                terms = builder.select(builder.icmp_signed("<", rest, ir.Constant(WORD, INNER)), rest,
                                       ir.Constant(WORD, INNER))  # fmt: skip
                keep = builder.or_(builder.icmp_signed("!=", add, nil), builder.icmp_signed("!=", p, nil))
                left = builder.gep(a, [builder.mul(first, step)])
                right = builder.gep(b, [builder.mul(first, b_pitch)])

                def tile(i, height):
                    """Rows i .. i + height - 1 of c."""
                    heads = []
                    for r in range(height):
                        row = builder.add(i, ir.Constant(WORD, r))
                        heads.append((builder.gep(left, [builder.mul(row, row_step)]), _row(builder, c, c_pitch, row)))

                    def add_term(k, sums):
                        values = part.load(_row(builder, right, b_pitch, k))
                        new = []
                        for r, (head, _) in enumerate(heads):
                            x = builder.load(builder.gep(head, [builder.mul(k, step)]))
                            new += part.fma(broadcast(builder, x, VECTOR), values,
                                            sums[r * part.vectors : (r + 1) * part.vectors])  # fmt: skip
                        return new

                    sums = count_up(builder, terms, [ZEROS] * (height * part.vectors), add_term)
                    for r, (_, place) in enumerate(heads):
                        held = [builder.select(keep, old, ZEROS) for old in part.load(place)]
                        part.store(place, part.fma(factor, sums[r * part.vectors : (r + 1) * part.vectors], held))

                height = min(8, TILE // part.vectors)
                tiles = builder.sdiv(rows, ir.Constant(WORD, height))
                done = builder.mul(tiles, ir.Constant(WORD, height))
                count_up(builder, tiles, [], lambda t, _: tile(builder.mul(t, ir.Constant(WORD, height)), height) or [])
                count_up(builder, builder.sub(rows, done), [], lambda t, _: tile(builder.add(done, t), 1) or [])
                return []

            count_up(builder, passes, [], one_pass)

        strips(builder, columns, BLOCK // 2, strip)

    signature = types.void(a, row_step, step, b, b_pitch, rows, inner, columns, scale, add, c, c_pitch)
    return signature, _code(generate)


@_named(
    FLOATS, types.intp, types.intp, FLOATS, types.intp, types.intp, types.intp, types.intp, types.float32, types.intp,
    FLOATS, types.intp,
)  # fmt: skip
def _matmul(a, row_step, step, b, b_pitch, rows, inner, columns, scale, add, c, c_pitch):
    _matmul_code(a, row_step, step, b, b_pitch, rows, inner, columns, scale, add, c, c_pitch)


@overload(matmul)
def _(a, row_step, step, b, b_pitch, rows, inner, columns, scale, add, c, c_pitch):
    return lambda a, row_step, step, b, b_pitch, rows, inner, columns, scale, add, c, c_pitch: _matmul(
        a.ctypes, row_step, step, b.ctypes, b_pitch, rows, inner, columns, scale, add, c.ctypes, c_pitch
    )


# --- events -------------------------------------------------------------------------------------------


def compact(values, index, events):
    """Writes the events of `values`, those that are not zero, as a list; returns their number."""
    speaking = np.flatnonzero(values)
    index[: len(speaking)] = speaking
    events[: len(speaking)] = values[speaking]
    return len(speaking)


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

    def append(self, part: _Strip, values: Any, mask: Any, written: Any) -> Any:
        """The masked ones of a strip of one vector go behind the `written` ones. Returns the new number."""
        builder = self.builder
        lanes = ir.Constant(self.numbers, [ir.Constant(ir.IntType(32), k) for k in range(LANES)])
        first = broadcast(builder, builder.trunc(part.first, ir.IntType(32)), self.numbers)
        found = self.count(mask)
        # what is packed is never more than what has been read: a whole vector fits where a whole one was read
        there = _Strip(builder, written, 1, None if part.mask is None else found)
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


def _vectors(builder: Any, n: Any, carried: list[Any], body: Callable[[_Strip, list[Any]], list[Any]]) -> list[Any]:
    """Emits code for n values, a vector at a time; the last one is masked. `carried` as in `count_up`."""
    width = ir.Constant(WORD, LANES)
    whole = builder.sdiv(n, width)
    values = count_up(
        builder, whole, carried, lambda k, seen: body(_Strip(builder, builder.mul(k, width), 1, None), seen)
    )
    first = builder.mul(whole, width)
    return body(_Strip(builder, first, 1, builder.sub(n, first)), values)


@intrinsic
def _compact_code(typing_context, values, n, index, events):
    def generate(builder, values, n, index, events):
        listed = _Events(builder, index, events)

        def block(part, written):
            (x,) = part.load(values)
            return [listed.append(part, x, builder.fcmp_unordered("!=", x, ZEROS), *written)]

        return _vectors(builder, n, [ir.Constant(WORD, 0)], block)[0]

    return types.intp(values, n, index, events), _code(generate)


@_named(FLOATS, types.intp, INDICES, FLOATS, result=types.intp)
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

        offered, written = _vectors(builder, n, [ir.Constant(WORD, 0)] * 2, block)
        return builder.add(builder.shl(offered, ir.Constant(WORD, 32)), written)

    return types.intp(source, n, residual, keep, theta, index, events), _code(generate)


@_named(FLOATS, types.intp, FLOATS, types.intp, types.float32, INDICES, FLOATS, result=types.intp)
def _pass_threshold(source, n, residual, keep, theta, index, events):
    return _pass_threshold_code(source, n, residual, keep, theta, index, events)


@overload(pass_threshold)
def _(source, residual, keep, theta, index, events):
    return lambda source, residual, keep, theta, index, events: _pass_threshold(
        source.ctypes, len(source), residual.ctypes, keep, theta, index.ctypes, events.ctypes
    )
