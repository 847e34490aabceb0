"""C, the feedback weights of the learning channels: first the wires of each, then where it lies, then its values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from channelsim import hashing
from channelsim.hashing import Stream
from channelsim.plan import congruent
from channelsim.plan.draws import OF_ONE_MAGNITUDE, InitialWeights, deviation, draw, draw_entries, low_precision
from channelsim.plan.edges import Edge
from channelsim.plan.given import Arrays
from channelsim.plan.layout import SMALLEST_UNIT
from channelsim.plan.shapes import fans
from channelsim.rules import SHAPED_AS_WEIGHTS, SPARSE_WIRINGS, WITHOUT_FEEDBACK, Wiring
from channelsim.scenario import Feedback

DRAWN_AT_ONCE = 2**20  # entries of a sparse matrix, those without a wire included


@dataclass(frozen=True)
class Wires:
    """The wires of a sparse C: those of sending unit j are start[j] .. start[j + 1]; index: their receiving units."""

    start: NDArray[np.int32]  # (n_source + 1,)
    index: NDArray[np.int32]  # (wires,)

    def entries(self, columns: int) -> NDArray[np.int64]:
        """Their places in the matrix (n_source, columns), counted row by row."""
        rows = np.repeat(np.arange(len(self.start) - 1), np.diff(self.start))
        return rows * columns + self.index


@dataclass(frozen=True)
class Place:
    """Where one channel's C lies: entries of `Plan.feedback` and, if sparse, of `Plan.c_start`. And its unit."""

    offset: int = 0
    size: int = 0
    start_offset: int = 0
    unit: float = 0.0  # CHANNEL's c_unit
    deviation: float = 0.0  # CHANNEL's, of the numbers drawn
    p_offset: int = 0  # CHANNEL's, of a low-rank C
    p_size: int = 0


def draw_wires(edges: Sequence[Edge], layers: NDArray[Any], settings: Feedback, seed: int) -> tuple[Wires | None, ...]:
    """The wires of each channel whose C is sparse; None for the others."""
    found: list[Wires | None] = []
    for c, edge in enumerate(edges):
        if edge.wiring in SPARSE_WIRINGS:
            shape = int(layers[edge.source]["n"]), int(layers[edge.target]["n"])
            key = hashing.key(seed, Stream.CONNECTIONS.of(c))
            found.append(sparse_wires(shape, settings.connections or shape[0], key))
        else:
            found.append(None)
    return tuple(found)


def sparse_wires(shape: tuple[int, int], connections: int, key: int) -> Wires:
    """The wires of a matrix (n_source, n_target).

    Each exists with probability connections / n_source, so each receiving unit has `connections` of them on average.
    Rows are drawn some at a time, so the wires that do not exist take no memory.
    """
    rows, columns = shape
    at_once = max(1, DRAWN_AT_ONCE // columns)
    counts, indices = [], []
    for row in range(0, rows, at_once):
        last = min(row + at_once, rows)
        drawn = hashing.bits(key, np.arange(row * columns, last * columns))
        exists = (hashing.uniform(drawn) < connections / rows).reshape(-1, columns)
        counts.append(exists.sum(axis=1))
        indices.append(np.nonzero(exists)[1].astype(np.int32))
    start = np.concatenate([[0], np.cumsum(np.concatenate(counts))]).astype(np.int32)
    return Wires(start, np.concatenate(indices))


def places_of(edges: Sequence[Edge], layers: NDArray[Any], wires: Sequence[Wires | None]) -> tuple[Place, ...]:
    """Where the C of each channel lies, one after another."""
    places = []
    offset = start_offset = 0
    for edge, own in zip(edges, wires, strict=True):
        if edge.wiring in WITHOUT_FEEDBACK:
            places.append(Place())
            continue
        size = math.prod(_shape(edge, layers)) if own is None else own.index.size
        p_size = int(layers[edge.source]["n"]) * edge.rank
        p_offset = offset + size if p_size else 0
        places.append(Place(offset, size, 0 if own is None else start_offset, p_offset=p_offset, p_size=p_size))
        offset += size + p_size
        start_offset += 0 if own is None else own.start.size
    return tuple(places)


def wire_tables(places: Sequence[Place], wires: Sequence[Wires | None]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """`Plan.c_start` and `Plan.c_index`; both empty where no C is sparse, else c_index has an entry for each of C's."""
    sparse = [own for own in wires if own is not None]
    if not sparse:
        return np.zeros(0, np.int32), np.zeros(0, np.int32)
    index = np.zeros(sum(place.size for place in places), np.int32)
    for place, own in zip(places, wires, strict=True):
        if own is not None:
            index[place.offset : place.offset + place.size] = own.index
    return np.concatenate([own.start for own in sparse]), index


def draw_feedback(
    edges: Sequence[Edge],
    layers: NDArray[Any],
    places: Sequence[Place],
    wires: Sequence[Wires | None],
    settings: Feedback,
    initial: InitialWeights,
    given: Arrays,
) -> tuple[NDArray[np.float32], tuple[Place, ...]]:
    """The values of all C, flat, float32: those that are given, and the others drawn; and the places with their units.

    Raises InputError where a C cannot be congruent with the initial weights.
    """
    flat, found = np.zeros(sum(place.size + place.p_size for place in places), np.float32), []
    weights = initial.draw(layers) if settings.congruent else None
    for c, (edge, place, own) in enumerate(zip(edges, places, wires, strict=True)):
        unit = np.float32(0.0)
        spread = _deviation(edge, layers, settings)
        if place.size:
            if (matrix := given.get(f"C_{edge.target}")) is not None:
                values = matrix.ravel()
            else:
                values, unit = _values(c, edge, layers, own, settings, spread, initial.seed)
            if settings.bits is not None:
                values, unit = low_precision(values, settings.bits)
            if weights is not None and matrix is None and edge.wiring not in (Wiring.SIGN, Wiring.SPARSE_SIGN):
                signs = congruent.signs(edge, layers, weights)
                there = signs.ravel() if own is None else signs.ravel()[own.entries(signs.shape[1])]
                values = np.where(there == 0, values, np.abs(values) * there).astype(np.float32)
            flat[place.offset : place.offset + place.size] = values
            flat[place.p_offset : place.p_offset + place.p_size] = _projection(c, edge, layers, settings, initial.seed)
        has_unit = unit >= SMALLEST_UNIT and edge.wiring != Wiring.SYNAPSES
        found.append(replace(place, unit=float(unit) if has_unit else 0.0, deviation=spread))
    return flat, tuple(found)


def _values(
    c: int, edge: Edge, layers: NDArray[Any], wires: Wires | None, settings: Feedback, spread: float, seed: int
) -> tuple[NDArray[np.float32], np.float32]:
    """C of channel c as it is drawn, flat, and the number of which all its values are whole multiples; 0: of none."""
    shape = _shape(edge, layers)
    key = hashing.key(seed, Stream.FEEDBACK.of(c))
    if wires is None:
        values = draw(settings.distribution, spread, shape, key).ravel()
    else:
        values = draw_entries(settings.distribution, spread, key, wires.entries(shape[1]))
    if settings.mean:
        values = values + np.float32(settings.mean)
    if edge.wiring in (Wiring.SIGN, Wiring.SPARSE_SIGN):
        values = np.abs(values)  # the signs are those of W
    return values, np.float32(spread if settings.distribution in OF_ONE_MAGNITUDE and not settings.mean else 0.0)


def _projection(c: int, edge: Edge, layers: NDArray[Any], settings: Feedback, seed: int) -> NDArray[np.float32]:
    """P of a low-rank C of channel c as it is drawn, flat; empty where C has no rank.

    Its standard deviation is 1 / sqrt(rank), so that C = P Q has that of Q.
    """
    if not edge.rank:
        return np.zeros(0, np.float32)
    key = hashing.key(seed, Stream.FEEDBACK.of(c), sample=1)
    shape = int(layers[edge.source]["n"]), edge.rank
    values = draw(settings.distribution, 1.0 / math.sqrt(edge.rank), shape, key).ravel()
    return values if settings.bits is None else low_precision(values, settings.bits)[0]


def _deviation(edge: Edge, layers: NDArray[Any], settings: Feedback) -> float:
    """The standard deviation of C as it is drawn; 0 of a channel without one."""
    if edge.wiring in WITHOUT_FEEDBACK:
        return 0.0
    source, target = layers[edge.source], layers[edge.target]
    ends = int(source["n"]), int(target["n"])
    return deviation(settings.scale, *(fans(source) if edge.wiring in SHAPED_AS_WEIGHTS else ends))


def _shape(edge: Edge, layers: NDArray[Any]) -> tuple[int, int]:
    """Rows and columns of C, or of Q, wires that do not exist included."""
    source = layers[edge.source]
    if edge.wiring in SHAPED_AS_WEIGHTS:
        columns = int(source["w_columns"])
        return int(source["w_size"]) // columns, columns
    target = layers[edge.target]
    receivers = target["w_size"] + target["b_size"] if edge.wiring == Wiring.SYNAPSES else target["n"]
    return edge.rank or int(source["n"]), int(receivers)
