"""Units: called by Python and by compiled code, compiled when they are first called, kept in the cache."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest

from channelsim.engine.compile import cache, units
from channelsim.engine.compile.jit import inner
from channelsim.engine.compile.units import FLOAT, INT, NOTHING, unit
from channelsim.engine.compile.views import view_of
from channelsim.engine.tables.handles import MEMORY, handle
from tests.engine import memory

ROOT = Path(__file__).parents[3]
pytestmark = pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="nothing is compiled here")


@unit(INT, INT, needed_by=("a test",))
def doubled(x: int) -> int:
    return 2 * x


@unit(INT, INT, needed_by=("a test",))
def called_by_another(x: int) -> int:
    return doubled(x) + 1


@unit(NOTHING, MEMORY, FLOAT, view_of("f4"), needed_by=("a test",))
def scale(mem: Any, factor: Any, values: Any) -> None:
    for i in range(len(values)):
        values[i] *= factor
    mem.weights[1] = factor


@unit(INT, INT, needed_by=("a test",))
def broken(x: int) -> int:
    return x.nothing  # type: ignore[attr-defined]


@unit(INT, INT, needed_by=("a test",))
def calls_what_is_broken(x: int) -> int:
    return broken(x) if x > 0 else x


for each in (doubled, called_by_another, scale, broken, calls_what_is_broken):
    if each in units.every:
        units.every.remove(each)  # it is in no process but this one


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    return cache.directory()


def forget(*known: Any) -> None:
    """As in a new process."""
    for each in known:
        each._place.value = each._called = None


def test_a_unit_is_compiled_once_and_then_loaded(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forget(doubled)
    assert not doubled.is_compiled()
    assert doubled(21) == 42
    assert [file.name for file in directory.glob("*doubled*")] == [f"{doubled.name}.o"]
    forget(doubled)
    monkeypatch.setattr(units.objects, "compile_module", lambda *_, **__: pytest.fail("compiled again"))
    assert doubled.is_compiled()
    assert doubled(-4) == -8


def test_a_unit_that_another_one_calls_is_compiled_then() -> None:
    forget(doubled, called_by_another)
    called_by_another.load()
    assert not doubled.is_compiled()
    assert called_by_another(3) == 7
    assert doubled.is_compiled()


def test_a_damaged_unit_is_compiled_again(directory: Path) -> None:
    forget(doubled)
    doubled.compile()
    file = directory / f"{doubled.name}.o"
    good = file.read_bytes()
    file.write_bytes(good[:100] + bytes(8) + good[108:])
    assert doubled(4) == 8
    assert file.read_bytes() == good


def test_arguments() -> None:
    values, mem = np.arange(4, dtype=np.float32), memory.memory(weights=np.zeros(3, np.float32))
    scale(handle(mem), 2.5, values)
    assert values.tolist() == [0, 2.5, 5, 7.5]
    assert mem.weights.tolist() == [0, 2.5, 0]


@pytest.mark.parametrize(
    "wrong", [np.zeros(3), np.zeros((2, 2), np.float32), np.zeros(4, np.float32)[::2]], ids=["dtype", "2-D", "strides"]
)
def test_arrays_that_do_not_fit(wrong: Any) -> None:
    with pytest.raises(TypeError, match="scale takes a flat array of float32"):
        scale(handle(memory.memory()), 1.0, wrong)


def test_an_inner_function_is_not_called_from_python() -> None:
    @inner()
    def hidden() -> None: ...

    with pytest.raises(TypeError, match="hidden is called by compiled code only"):
        hidden()


def call_what_is_broken() -> None:
    calls_what_is_broken(-1)
    print("as long as it is not called", flush=True)
    calls_what_is_broken(1)


def test_a_unit_that_cannot_be_compiled_in_the_middle_of_a_run_stops_with_a_message(tmp_path: Path) -> None:
    program = f"from {__name__} import call_what_is_broken as call; call()"
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stdout == "as long as it is not called\n"
    assert "TypingError" in done.stderr
    assert done.stderr.splitlines()[-1] == f"channelsim: {broken.name} could not be compiled in the middle of a run"
