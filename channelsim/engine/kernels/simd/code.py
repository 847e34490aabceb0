"""How loops over row-contiguous float32 matrices are written as vector instructions: LLVM's, by llvmlite.

The compiler's own vectorization of such loops keeps sums in memory, tests at run time whether arrays overlap, and does
the columns behind the last whole vector one at a time: a third of the time of a layer of 100 units. Here the columns
are taken in *strips* of some vectors of LANES values. A strip's sums stay in registers while all rows pass, and the
last vector of a row is masked where the row is not a whole number of them, and a narrow one where it holds few columns.

The width of a vector shows in no result. Products are added by fused multiply-adds, in software where the processor
has none, in the order of the rows. A sum that runs along a row is made of PARTIALS partial sums, whatever the width,
and `total` joins them: see docs/design.md, section 8.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from llvmlite import ir

from channelsim.engine.compile import machine

LANES = machine.LANES
PARTIALS = 16  # partial sums of a sum along a row
NARROW = 4 if LANES > 4 else 0  # lanes of a narrow vector; 0: there is none
HAS_MASKS = machine.has("avx512f") and LANES == 16  # whether a masked store is one quick instruction
FLOAT, WORD, NUMBER, BIT = ir.FloatType(), ir.IntType(64), ir.IntType(32), ir.IntType(1)
VECTOR, NUMBERS = ir.VectorType(FLOAT, LANES), ir.VectorType(NUMBER, LANES)
ZEROS = ir.Constant(VECTOR, [ir.Constant(FLOAT, 0.0)] * LANES)
NEGATIVE_ZEROS = ir.Constant(VECTOR, [ir.Constant(FLOAT, -0.0)] * LANES)
ALIGNED = ir.Constant(NUMBER, 4)  # bytes: that of a float32


class Array(NamedTuple):
    """A flat array, as code gets it."""

    address: Any  # of its first value
    size: Any  # values


def address_of(array: Any) -> Any:
    """The address of an array, or an address as it is."""
    return array.address if isinstance(array, Array) else array


def word(value: int) -> Any:
    return ir.Constant(WORD, value)


class Strip:
    """Code for vectors of columns from column `first` on.

    `lanes` are the values in each vector. Of all columns from `first` on `live` exist, if not None: vectors from
    number `masked` on are masked, the others are whole.
    """

    def __init__(self, builder: Any, first: Any, lanes: list[int], live: Any = None, masked: int = 0):
        self.builder, self.first, self.lanes, self.vectors = builder, first, lanes, len(lanes)
        self.masks: list[Any] = [None] * len(lanes)
        self.left: list[Any] = [None] * len(lanes)  # columns that exist from each vector's first one on
        for v in range(masked, len(lanes) if live is not None else 0):
            self.left[v] = builder.sub(live, word(v * LANES))
            numbers = ir.VectorType(NUMBER, lanes[v])
            places = ir.Constant(numbers, [ir.Constant(NUMBER, k) for k in range(lanes[v])])
            limit = broadcast(builder, builder.trunc(self.left[v], NUMBER), numbers)
            self.masks[v] = builder.icmp_signed("<", places, limit)

    def _place(self, row: Any, v: int) -> Any:
        row = address_of(row)
        there = builder_gep(self.builder, row, self.builder.add(self.first, word(v * LANES)))
        return self.builder.bitcast(there, ir.VectorType(row.type.pointee, self.lanes[v]).as_pointer())

    def zeros(self) -> list[Any]:
        """A strip of float32 zeros."""
        return [ir.Constant(ir.VectorType(FLOAT, lanes), None) for lanes in self.lanes]

    def load(self, row: Any) -> list[Any]:
        """The strip's values of a row, given the row or the address of its first column; 0 where masked."""
        values = []
        for v, mask in enumerate(self.masks):
            place = self._place(row, v)
            if mask is None:
                values.append(self.builder.load(place, align=4))
            else:
                vector = place.type.pointee
                load = _memory(self.builder, "llvm.masked.load", vector, [place.type, NUMBER, mask.type, vector])
                values.append(self.builder.call(load, [place, ALIGNED, mask, ir.Constant(vector, None)]))
        return values

    def store(self, row: Any, values: list[Any]) -> None:
        for v, value in enumerate(values):
            place = self._place(row, v)
            if self.masks[v] is None:
                self.builder.store(value, place, align=4)
            elif HAS_MASKS:
                kinds = [value.type, place.type, NUMBER, self.masks[v].type]
                store = _memory(self.builder, "llvm.masked.store", ir.VoidType(), kinds)
                self.builder.call(store, [value, place, ALIGNED, self.masks[v]])
            else:
                store_first(self.builder, value, self.left[v], place)

    def fma(self, factor: Any, values: list[Any], terms: list[Any]) -> list[Any]:
        """factor * values + terms, vector by vector; all lanes of `factor` are equal."""
        return [
            fma(self.builder, first_lanes(self.builder, factor, lanes), value, term)
            for lanes, value, term in zip(self.lanes, values, terms, strict=True)
        ]


def builder_gep(builder: Any, array: Any, k: Any) -> Any:
    """The address of array[k]."""
    return builder.gep(address_of(array), [k])


def _memory(builder: Any, name: str, result: Any, arguments: list[Any]) -> Any:
    """An intrinsic that reads or writes a vector in memory; a store's first argument is that vector."""
    vector = result if isinstance(result, ir.VectorType) else arguments[0]
    kind = f"v{vector.count}{'f' if vector.element == FLOAT else 'i'}32"
    return builder.module.declare_intrinsic(f"{name}.{kind}.p0", (), ir.FunctionType(result, arguments))


def store_first(builder: Any, value: Any, count: Any, place: Any) -> None:
    """Stores the first `count` values of a vector, all of them if there are as many: in pieces of 8, 4, 2 and 1.

    Where there are no mask registers, a masked store takes a dozen cycles on some processors.
    """
    lanes, element = value.type.count, value.type.element
    place = builder.bitcast(place, element.as_pointer())
    everything = builder.icmp_signed(">=", count, word(lanes))
    with builder.if_else(everything) as (whole, pieces):
        with whole:
            builder.store(value, builder.bitcast(place, value.type.as_pointer()), align=4)
        with pieces:
            at, left = word(0), value
            while lanes > 1:
                half = lanes // 2
                low, high = (_part(builder, left, first, half) for first in (0, half))
                takes = builder.icmp_signed("!=", builder.and_(count, word(half)), word(0))
                is_there = builder.icmp_signed(">", count, word(0))
                takes = builder.and_(takes, is_there)
                with builder.if_then(takes):
                    there = builder.gep(place, [at])
                    builder.store(low, builder.bitcast(there, low.type.as_pointer()), align=4)
                left = builder.select(takes, high, low)
                at = builder.select(takes, builder.add(at, word(half)), at)
                lanes = half


def _part(builder: Any, vector: Any, first: int, count: int) -> Any:
    which = ir.VectorType(NUMBER, count)([first + k for k in range(count)])
    return builder.shuffle_vector(vector, ir.Constant(vector.type, ir.Undefined), which)


def first_lanes(builder: Any, vector: Any, lanes: int) -> Any:
    return vector if lanes == vector.type.count else _part(builder, vector, 0, lanes)


def fma(builder: Any, x: Any, y: Any, z: Any) -> Any:
    """x y + z, rounded once."""
    kind = f"v{x.type.count}{'f32' if x.type.element == FLOAT else 'f64'}"
    function = builder.module.declare_intrinsic(f"llvm.fma.{kind}", (), ir.FunctionType(x.type, [x.type] * 3))
    return builder.call(function, [x, y, z])


def total(builder: Any, partials: list[Any]) -> Any:
    """Partial sums, in vectors of equal width, joined by a tree: the upper half of them added to the lower half."""
    while len(partials) > 1:
        half = len(partials) // 2
        partials = [builder.fadd(low, high) for low, high in zip(partials[:half], partials[half:], strict=True)]
    (left,) = partials
    while left.type.count > 1:
        half = left.type.count // 2
        left = builder.fadd(_part(builder, left, 0, half), _part(builder, left, half, half))
    return builder.extract_element(left, ir.Constant(NUMBER, 0))


def broadcast(builder: Any, value: Any, vector: Any) -> Any:
    """A vector of equal values."""
    one = builder.insert_element(ir.Constant(vector, ir.Undefined), value, ir.Constant(NUMBER, 0))
    zeros = ir.Constant(ir.VectorType(NUMBER, vector.count), [0] * vector.count)
    return builder.shuffle_vector(one, ir.Constant(vector, ir.Undefined), zeros)


def count_up(
    builder: Any, count: Any, carried: list[Any], body: Callable[[Any, list[Any]], list[Any]], step: int = 1
) -> list[Any]:
    """A loop over 0, step, .. below `count` that carries values along: body(k, values) -> values. Returns the last
    ones."""
    before = builder.block
    head = builder.append_basic_block("head")
    turn = builder.append_basic_block("turn")
    after = builder.append_basic_block("after")
    builder.branch(head)
    builder.position_at_end(head)
    k = builder.phi(WORD)
    k.add_incoming(word(0), before)
    values = []
    for value in carried:
        phi = builder.phi(value.type)
        phi.add_incoming(value, before)
        values.append(phi)
    builder.cbranch(builder.icmp_signed("<", k, count), turn, after)
    builder.position_at_end(turn)
    new = body(k, values)
    k.add_incoming(builder.add(k, word(step)), builder.block)
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


def strips(builder: Any, columns: Any, width: int, emit: Callable[[Strip], None]) -> None:
    """Emits code for all columns: whole strips of `width` vectors, then one of as many vectors as the rest takes.

    The last vector of that one is masked, and narrow where few columns are left.
    """
    wide = word(LANES * width)
    whole = builder.sdiv(columns, wide)

    def one(k: Any, _: list[Any]) -> list[Any]:
        emit(Strip(builder, builder.mul(k, wide), [LANES] * width))
        return []

    count_up(builder, whole, [], one)
    first = builder.mul(whole, wide)
    rest = builder.sub(columns, first)
    vectors = builder.sdiv(builder.add(rest, word(LANES - 1)), word(LANES))
    done = builder.append_basic_block("done")
    switch = builder.switch(vectors, done)
    for v in range(1, width + 1):
        case = builder.append_basic_block(f"strip{v}")
        switch.add_case(word(v), case)
        builder.position_at_end(case)
        before = [LANES] * (v - 1)
        if NARROW:
            few = builder.icmp_signed("<=", builder.sub(rest, word((v - 1) * LANES)), word(NARROW))
            with builder.if_else(few) as (is_few, are_many):
                with is_few:
                    emit(Strip(builder, first, [*before, NARROW], rest, v - 1))
                with are_many:
                    emit(Strip(builder, first, [*before, LANES], rest, v - 1))
        else:
            emit(Strip(builder, first, [*before, LANES], rest, v - 1))
        builder.branch(done)
    builder.position_at_end(done)


def row_address(builder: Any, matrix: Any, stride: Any, r: Any) -> Any:
    """Address of row r of a matrix whose rows start every `stride` values."""
    return builder_gep(builder, matrix, builder.mul(r, stride))


def item(builder: Any, array: Any, k: Any) -> Any:
    """array[k]."""
    return builder.load(builder_gep(builder, array, k))


def factor(builder: Any, array: Any, k: Any) -> Any:
    """A vector of values that all equal array[k]."""
    return broadcast(builder, item(builder, array, k), VECTOR)


def row_number(builder: Any, index: Any, k: Any) -> Any:
    """index[k], by which a row can be addressed."""
    return builder.sext(item(builder, index, k), WORD)


Body = Callable[[Strip, list[Any]], list[Any]]


def every_vector(builder: Any, n: Any, carried: list[Any], body: Body) -> list[Any]:
    """Emits code for n values, a vector at a time; what does not fill one is masked. `carried` as in `count_up`."""
    return _every(builder, n, 1, carried, body)


def every_partial(builder: Any, n: Any, carried: list[Any], body: Body) -> list[Any]:
    """The same, PARTIALS values at a time: in as many vectors as that takes."""
    return _every(builder, n, PARTIALS // LANES, carried, body)


def _every(builder: Any, n: Any, vectors: int, carried: list[Any], body: Body) -> list[Any]:
    lanes, width = [LANES] * vectors, word(LANES * vectors)
    whole = builder.sdiv(n, width)
    values = count_up(builder, whole, carried, lambda k, seen: body(Strip(builder, builder.mul(k, width), lanes), seen))
    first = builder.mul(whole, width)
    rest = builder.sub(n, first)
    there_is_one = builder.icmp_signed(">", rest, word(0))
    return only_if(builder, there_is_one, values, lambda: body(Strip(builder, first, lanes, rest), values))
