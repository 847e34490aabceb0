"""A machine compiles the engine once, half of it in a second process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RUN = """
import sys
sys.path.insert(0, {root!r})
from channelsim.engine import _cache, _compile, _loop
_compile._cores = lambda: {cores}
print(_cache.is_cold(), end=" ")
_compile.compile_for(False)
_loop.advance.compile((_compile._named.NET, _compile._named.MEMORY, _compile._named.INT))
print(_cache.is_cold(), sum(_loop.advance.stats.cache_misses.values()))
"""


@pytest.mark.slow
def test_two_processes_compile_what_one_loads(tmp_path: Path) -> None:
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}

    def run(cores: int) -> str:
        command = [sys.executable, "-c", RUN.format(root=str(ROOT), cores=cores)]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip()

    assert run(2) == "True False 1"
    assert run(1) == "False False 0"
