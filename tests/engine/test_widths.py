"""The same bits at every width: what this machine runs, and narrower vectors, scalar code, older processors."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest

from channelsim.engine.compile import machine
from tests.engine.everywhere import outcomes

ROOT = Path(__file__).parents[2]
NARROWER = [lanes for lanes in machine.WIDTHS if lanes < machine.LANES]
ON_X86 = pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="names a processor of x86-64")


def _all_but(by_default: Collection[int]) -> dict[int, list[Any]]:
    """The marks of each narrower width: all but these are slow."""
    return {lanes: [] if lanes in by_default else [pytest.mark.slow] for lanes in NARROWER}


# By default kernels of the widest and the narrowest, and runs of the widest, which other processors are likely to have.
KERNELS = [pytest.param(lanes, marks=marks) for lanes, marks in _all_but(NARROWER[:1] + NARROWER[-1:]).items()]
# Other processes, by the variables that make their code another.
OTHERS = [
    *(
        pytest.param({machine.VARIABLE: str(lanes)}, id=f"{lanes} lanes", marks=marks)
        for lanes, marks in _all_but(NARROWER[:1]).items()
    ),
    pytest.param({"NUMBA_CPU_NAME": "x86-64", "NUMBA_CPU_FEATURES": ""}, id="SSE2", marks=[pytest.mark.slow, ON_X86]),
]
pytestmark = [
    pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="nothing is compiled here"),
    pytest.mark.timeout(1200),  # a process with an empty cache compiles the engine
]


def python(*arguments: str, **variables: str) -> None:
    """Another process, with the cache of this one, that must succeed."""
    command = [sys.executable, *arguments]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **variables}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{variables}\n{done.stdout}\n{done.stderr}"


def run_tests(lanes: int, *paths: str) -> None:
    """These tests in a process with vectors of this width."""
    python("-m", "pytest", "-q", "-p", "no:cacheprovider", *paths, **{machine.VARIABLE: str(lanes)})


@pytest.mark.parametrize("lanes", KERNELS)
def test_vector_kernels(lanes: int) -> None:
    run_tests(lanes, "tests/engine/kernels/simd", "--ignore=tests/engine/kernels/simd/test_kernel.py")


@pytest.fixture(scope="module")
def here() -> dict[str, Any]:
    return outcomes()


@pytest.mark.parametrize("other", OTHERS)
def test_runs_are_equal_to_the_last_bit(other: dict[str, str], here: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "outcomes.npz"
    python("-m", "tests.engine.everywhere", str(file), **other)
    with np.load(file) as there:
        assert set(there) == set(here)
        assert [name for name in here if there[name].tobytes() != here[name].tobytes()] == []


@pytest.mark.slow
@pytest.mark.parametrize("lanes", NARROWER)
def test_the_engine(lanes: int) -> None:
    run_tests(lanes, "tests/engine", f"--ignore={Path(__file__).relative_to(ROOT)}")


@pytest.mark.slow
@pytest.mark.parametrize("lanes", NARROWER)
def test_the_laws(lanes: int) -> None:
    run_tests(lanes, "tests/laws")
