"""Numba as a front end: what `whole` leans on, and what happens where it is not found."""

from __future__ import annotations

import gc
from typing import Any

import numba
import numpy as np
import pytest
from numba import njit
from numba.core import codegen
from numba.core.registry import cpu_target

from channelsim.engine.compile import objects, units, whole
from channelsim.engine.compile.jit import inner
from channelsim.engine.compile.units import INT, unit
from channelsim.engine.compile.views import view_of

pytestmark = pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="nothing is compiled here")


def functions() -> tuple[Any, Any]:
    """(an inner function, one that calls it twice), not compiled yet."""

    @inner()
    def square(x: int) -> int:
        return x * x

    @inner()
    def sum_of_squares(x: Any) -> int:
        total = 0
        for i in range(len(x)):
            total += square(x[i]) + square(-x[i])
        return total

    return square, sum_of_squares


def made(function: Any) -> Any:
    """A unit of a function that takes an int64 array, which no run has."""
    found = unit(INT, view_of("i8"), needed_by=("a test",))(function)
    units.every.remove(found)
    return found


def call(code: bytes, of: Any) -> int:
    """Of an object file of such a unit."""
    [of._place.value] = objects.load(code, [of.symbol])
    return of(np.arange(5))


def test_numba_has_what_this_leans_on() -> None:
    """If this fails, Numba has changed: see the docstring of `whole`."""
    assert whole.is_supported()


def test_each_function_is_lowered_once_and_optimized_only_as_a_part_of_the_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("Numba has optimized a function, or has made machine code for it")

    for name in ("_optimize_functions", "_optimize_final_module", "_finalize_final_module"):
        monkeypatch.setattr(codegen.CPUCodeLibrary, name, refuse)
    square, several = functions()
    example = made(several.py_func)
    with whole.compiling():
        module = units._entrance(example)
        [once] = square.overloads.values()
        units._entrance(made(several.py_func))
        assert list(square.overloads.values()) == [once]
    defined = {f.name: f.linkage.name for f in module.functions if not f.is_declaration}
    assert defined.pop(example.symbol) == "external"
    assert len(defined) >= 2 and set(defined.values()) == {"internal"}
    assert call(objects.compile_module(module, vectorize=True), example) == 60


@pytest.mark.parametrize("ordinary_first", [True, False])
def test_code_that_numba_compiles_by_itself_mixes_with_it(ordinary_first: bool) -> None:
    square, several = functions()
    ordinary, example = njit(lambda x: square(x) + 1), made(several.py_func)
    if ordinary_first:
        assert ordinary(3) == 10
        assert example(np.arange(5)) == 60
    else:
        assert example(np.arange(5)) == 60
        assert ordinary(3) == 10


def test_without_what_it_leans_on_code_does_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whole, "is_supported", lambda: False)
    _, several = functions()
    example = made(several.py_func)
    assert call(example._make(), example) == 60


def test_everything_is_as_it_was_afterwards() -> None:
    maker = cpu_target.target_context.codegen()
    assert gc.isenabled()
    with pytest.raises(ZeroDivisionError), whole.compiling():
        assert maker._library_class is whole._Part
        assert not gc.isenabled()
        raise ZeroDivisionError
    assert maker._library_class is codegen.JITCodeLibrary
    assert gc.isenabled()
