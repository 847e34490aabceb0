"""Typed handles: `mem.slots[slot].samples` as it is written, compiled and as plain Python."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest
from numba import njit
from numba.core.errors import TypingError

from channelsim.engine.tables.handles import handle
from channelsim.engine.tables.layouts import Memory, Net
from tests.engine import memory

ROOT = Path(__file__).parents[3]
SHAPES = {1: (7,), 2: (3, 5), 3: (2, 4, 3)}
LAST = {1: 6, 2: (2, 4), 3: (1, 3, 2)}  # its last item
MAKE = {Net: memory.net, Memory: memory.memory}


def of_each_kind() -> list[Any]:
    """Of each table, the last attribute of every dtype and number of dimensions, but for single records."""
    found = {}
    for table in MAKE:
        for name, field in memory.fields(table).items():
            dtype = np.dtype(field.dtype)
            if field.dimensions:
                found[table, dtype.names or dtype, field.dimensions] = pytest.param(table, name, id=name)
    return list(found.values())


def filled(table: type, name: str) -> Any:
    """An array for this attribute, all of whose items and fields differ."""
    field = memory.fields(table)[name]
    dtype, shape = np.dtype(field.dtype), SHAPES[field.dimensions]
    array = np.zeros(shape, dtype)
    for k, part in enumerate(dtype.names or [...]):
        array[part] = np.arange(array.size).reshape(shape) * 50 + k
    return array


@pytest.mark.parametrize(("table", "name"), of_each_kind())
def test_read_and_written(table: type, name: str) -> None:
    array = filled(table, name)
    field = (array.dtype.names or [""])[-1]
    made = MAKE[table](**{name: array.copy()})
    own = getattr(made, name)

    @njit
    def exchange(seen: Any, at: Any, value: Any) -> Any:
        values = getattr(seen, name)
        before = values[at]
        values[at] = value
        return values.shape, before

    @njit
    def exchange_field(seen: Any, at: Any, value: Any) -> Any:
        record = getattr(seen, name)[at]
        before = getattr(record, field)
        record[field] = value
        return getattr(seen, name).shape, before

    at = LAST[array.ndim]
    expected = array[field] if field else array
    shape, before = (exchange_field if field else exchange)(handle(made), at, expected.dtype.type(1))
    assert shape == array.shape
    assert before == expected[at]
    expected[at] = 1
    np.testing.assert_array_equal(own.view(np.ndarray), array)  # nothing else has changed


@njit
def step(net: Any, mem: Any) -> int:
    """Single records, whose fields are read and written without an index; and a table that another one indexes."""
    mem.clock.now += net.config.interval
    mem.message.scale = 0.5
    mem.message.events -= 1
    slot = mem.slots[mem.layer_states[1].slot]
    slot.samples += 10
    return slot.samples


def test_single_records() -> None:
    net, mem = memory.net(), memory.memory(slots=filled(Memory, "slots"), layer_states=filled(Memory, "layer_states"))
    net.config["interval"], mem.clock["now"], mem.message["events"], mem.layer_states["slot"] = 40, 2**60, 3, 2
    before = mem.slots["samples"].copy()
    assert step(handle(net), handle(mem)) == before[2] + 10
    np.testing.assert_array_equal(mem.slots["samples"] - before, np.where(np.arange(len(before)) == 2, 10, 0))
    assert mem.clock["now"].tolist() == [2**60 + 40]
    assert (mem.message["scale"][0], mem.message["events"][0]) == (0.5, 2)


@njit
def sizes(mem: Any) -> tuple[int, int, int]:
    return len(mem.weights), mem.inputs.shape[0], mem.inputs.shape[1]


def test_empty_arrays() -> None:
    mem = memory.memory(weights=np.zeros(0, np.float32), inputs=np.zeros((3, 0), np.float32))
    assert sizes(handle(mem)) == (0, 3, 0)


def test_an_attribute_that_is_none() -> None:
    @njit
    def misspelt(mem: Any) -> Any:
        return mem.wieghts

    with pytest.raises((TypingError, AttributeError), match="wieghts"):
        misspelt(handle(memory.memory()))


def test_net_and_memory_are_not_mistaken_for_each_other() -> None:
    @njit
    def weights(mem: Any) -> Any:
        return mem.weights

    with pytest.raises((TypingError, AttributeError), match="weights"):
        weights(handle(memory.net()))


@pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="nothing is compiled here")
def test_the_same_source_runs_uncompiled() -> None:
    """All of the above with NUMBA_DISABLE_JIT=1."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", __file__]
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
