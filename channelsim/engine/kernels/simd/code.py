"""How loops over the columns of row-contiguous float32 matrices are written as vector instructions.

The compiler's own vectorization of such loops keeps sums in memory, tests at run time whether arrays overlap, and does
the columns behind the last whole vector one at a time: a third of the time of a layer of 100 units. Here the columns
are taken in *strips* of up to BLOCK vectors of LANES values. A strip's sums stay in registers while all rows pass, and
the last vector of a row that is not a whole number of them is masked, and a narrow one where it holds few columns.

The modules `_vector_rows`, `_groups`, `_products`, `_events`, `_draws`, `_sums` and `_memory` are written so. Each
function there has a plain form that says what it does; it is the one that runs where NUMBA_DISABLE_JIT is set. Products
are added by fused multiply-add, where the machine has one, in the order of the rows: neither the width of a vector nor
that of a strip shows in a result, but where a sum runs along a vector. The compiled forms are called by name
(`_named`), so that they are compiled once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import binding, ir
from numba import types

FLOATS, INDICES = types.CPointer(types.float32), types.CPointer(types.int32)  # arrays, as compiled forms get them
FLOAT, WORD = ir.FloatType(), ir.IntType(64)
FUSED = ("contract",)
TREE = ("contract", "reassoc")


def _machine() -> tuple[int, int]:
    """(float32 values in a vector, vectors in a strip: half of the registers or less)."""
    features = binding.get_host_cpu_features()
    if features.get("avx512f"):
        return 16, 8
    return (8, 4) if features.get("avx") else (4, 4)


LANES, BLOCK = _machine()
NARROW = LANES // 4
NARROWS = LANES == 16  # shorter vectors take less time only where whole ones are worked on in halves
VECTOR = ir.VectorType(FLOAT, LANES)
NUMBERS = ir.VectorType(ir.IntType(32), LANES)
ZEROS = ir.Constant(VECTOR, [ir.Constant(FLOAT, 0.0)] * LANES)


class Strip:
    """Code for `vectors` vectors of columns from column `first` on; of the last only `live` columns, if not None.

    Where that one is `narrow` it has a quarter of the lanes, and takes half of the time.
    """

    def __init__(self, builder: Any, first: Any, vectors: int, live: Any, narrow: bool = False):
        self.builder, self.first, self.vectors = builder, first, vectors
        self.lanes = [*[LANES] * (vectors - 1), NARROW if narrow else LANES]
        self.mask: Any = None if live is None else self._mask(live)

    def _mask(self, live: Any) -> Any:
        words = ir.VectorType(WORD, self.lanes[-1])
        lanes = ir.Constant(words, [ir.Constant(WORD, k) for k in range(words.count)])
        return self.builder.icmp_signed("<", lanes, broadcast(self.builder, live, words))

    def _place(self, row: Any, v: int) -> Any:
        column = self.builder.add(self.first, ir.Constant(WORD, v * LANES))
        vector = ir.VectorType(row.type.pointee, self.lanes[v])
        return self.builder.bitcast(self.builder.gep(row, [column]), vector.as_pointer())

    def _is_masked(self, v: int) -> bool:
        return self.mask is not None and v == self.vectors - 1

    def zeros(self) -> list[Any]:
        """A strip of float32 zeros."""
        return [ir.Constant(ir.VectorType(FLOAT, lanes), None) for lanes in self.lanes]

    def load(self, row: Any) -> list[Any]:
        """The strip's values of a row, given the address of its first column; 0 where masked."""
        values = []
        for v in range(self.vectors):
            place = self._place(row, v)
            if self._is_masked(v):
                vector = place.type.pointee
                function = _declared(self.builder, "llvm.masked.load", vector, [place.type, ir.IntType(32),
                                     self.mask.type, vector])  # fmt: skip
                zeros = ir.Constant(vector, None)
                values.append(self.builder.call(function, [place, ir.Constant(ir.IntType(32), 4), self.mask, zeros]))
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
        """factor * values + terms, vector by vector; all lanes of `factor` are equal."""
        return [
            self.builder.fadd(term, self.builder.fmul(self._first(factor, lanes), value, flags=FUSED), flags=FUSED)
            for lanes, value, term in zip(self.lanes, values, terms, strict=True)
        ]

    def _first(self, vector: Any, lanes: int) -> Any:
        if lanes == vector.type.count:
            return vector
        which = ir.VectorType(ir.IntType(32), lanes)(list(range(lanes)))
        return self.builder.shuffle_vector(vector, ir.Constant(vector.type, ir.Undefined), which)


def _declared(builder: Any, name: str, result: Any, arguments: list[Any]) -> Any:
    """An intrinsic that reads or writes a vector in memory; a store's first argument is that vector."""
    vector = result if isinstance(result, ir.VectorType) else arguments[0]
    kind = f"v{vector.count}{'f' if vector.element == FLOAT else 'i'}32"
    return builder.module.declare_intrinsic(f"{name}.{kind}.p0", (), ir.FunctionType(result, arguments))


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


def only_if(builder: Any, condition: Any, values: list[Any], body: Callable[[], list[Any]]) -> list[Any]:
    """What body() makes where the condition holds, else `values`."""
    before = builder.block
    with builder.if_then(condition):
        made = body()
        within = builder.block
    merged = []
    for value, other in zip(values, made, strict=True):
        phi = builder.phi(value.type)
        phi.add_incoming(value, before)
        phi.add_incoming(other, within)
        merged.append(phi)
    return merged


def either(builder: Any, condition: Any, body: Callable[[bool], list[Any]]) -> list[Any]:
    """What body(True) makes where the condition holds, else what body(False) makes."""
    made = []
    with builder.if_else(condition) as branches:
        for which, branch in zip((True, False), branches, strict=True):
            with branch:
                made.append((body(which), builder.block))
    merged = []
    for values in zip(*(values for values, _ in made), strict=True):
        phi = builder.phi(values[0].type)
        for value, (_, block) in zip(values, made, strict=True):
            phi.add_incoming(value, block)
        merged.append(phi)
    return merged


def strips(builder: Any, columns: Any, width: int, emit: Callable[[Strip], None], narrow: bool = NARROWS) -> None:
    """Emits code for all columns: whole strips of `width` vectors, then one of as many vectors as the rest takes.

    With `narrow` the last vector of that one may be.
    """
    wide = ir.Constant(WORD, LANES * width)
    whole = builder.sdiv(columns, wide)

    def one(k: Any, _: list[Any]) -> list[Any]:
        emit(Strip(builder, builder.mul(k, wide), width, None))
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
        live = builder.sub(rest, ir.Constant(WORD, (v - 1) * LANES))
        if narrow:
            with builder.if_else(builder.icmp_signed("<=", live, ir.Constant(WORD, NARROW))) as (few, many):
                with few:
                    emit(Strip(builder, first, v, live, narrow=True))
                with many:
                    emit(Strip(builder, first, v, live))
        else:
            emit(Strip(builder, first, v, live))
        builder.branch(done)
    builder.position_at_end(done)


def intrinsic_code(generate: Callable[..., Any]) -> Any:
    """Numba's form of generate(builder, *values), which gets arrays as addresses."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        result = generate(builder, *values)
        return context.get_dummy_value() if result is None else result

    return codegen


def row_address(builder: Any, matrix: Any, n: Any, r: Any) -> Any:
    """Address of row r of a matrix with n columns."""
    return builder.gep(matrix, [builder.mul(r, n)])


def item(builder: Any, array: Any, k: Any) -> Any:
    """array[k]."""
    return builder.load(builder.gep(array, [k]))


def factor(builder: Any, array: Any, k: Any) -> Any:
    """A vector of values that all equal array[k]."""
    return broadcast(builder, item(builder, array, k), VECTOR)


def row_number(builder: Any, index: Any, k: Any) -> Any:
    """index[k], by which a row can be addressed."""
    return builder.sext(item(builder, index, k), WORD)


def every_vector(builder: Any, n: Any, carried: list[Any], body: Callable[[Strip, list[Any]], list[Any]]) -> list[Any]:
    """Emits code for n values, a vector at a time; what does not fill one is masked. `carried` as in `count_up`."""
    width = ir.Constant(WORD, LANES)
    whole = builder.sdiv(n, width)
    values = count_up(
        builder, whole, carried, lambda k, seen: body(Strip(builder, builder.mul(k, width), 1, None), seen)
    )
    first = builder.mul(whole, width)
    rest = builder.sub(n, first)
    there_is_one = builder.icmp_signed(">", rest, ir.Constant(WORD, 0))
    return only_if(builder, there_is_one, values, lambda: body(Strip(builder, first, 1, rest), values))
