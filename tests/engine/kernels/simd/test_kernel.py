"""The object file of the vector kernels in the cache: loaded, made anew when damaged, done without where it must be."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numba
import numpy as np
import pytest

from channelsim.engine.compile import cache
from channelsim.engine.kernels import simd
from channelsim.engine.kernels.simd import kernel
from tests.engine.compiled import compiled

ROOT = Path(__file__).parents[4]
pytestmark = pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="nothing is compiled here")


def in_a_process(function: str, directory: Path) -> str:
    """What a function of this module prints in a process that has compiled nothing, with a cache of its own."""
    program = f"from {__name__} import {function}; {function}()"
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(directory)}
    command = [sys.executable, "-W", "error", "-c", program]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def call() -> None:
    values = np.arange(70, dtype=np.float32)
    assert compiled(simd.sum_of_squares)(values) == simd.sum_of_squares(values)


def damage_and_provide() -> None:
    file = cache.directory() / "simd.o"
    kernel.VectorCode().compile()
    good = file.read_bytes()
    body, compiles = cache.kept("simd.o", bytes), []
    kernel._compile = lambda: compiles.append(True) or body  # made in no time
    kernel.VectorCode().load()
    assert not compiles
    for bad in (b"", good[: len(good) // 2], good[:-1], good[:9000] + bytes(64) + good[9064:]):
        assert bad != good
        file.write_bytes(bad)
        compiles.clear()
        kernel.VectorCode().load()
        assert compiles and file.read_bytes() == good
    call()
    print("made anew each time")


def do_without_a_cache() -> None:
    assert not cache.directory().exists()
    call()
    print("made without a cache")


def test_damaged_object_files_are_made_anew(tmp_path: Path) -> None:
    assert in_a_process("damage_and_provide", tmp_path) == "made anew each time\n"


def test_a_cache_that_cannot_be_written(tmp_path: Path) -> None:
    """A file stands where its directory should be: not even the superuser may write there."""
    blocked = tmp_path / "cache"
    blocked.write_text("a file")
    assert in_a_process("do_without_a_cache", blocked) == "made without a cache\n"
