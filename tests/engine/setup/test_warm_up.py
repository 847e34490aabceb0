"""A machine compiles the engine once, half of it in a second process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
RUN = """
import sys
sys.path.insert(0, {root!r})
from channelsim.engine.compile import cache
from channelsim.engine.setup import warm_up
from channelsim.engine.loop import event_loop
warm_up._cores = lambda: {cores}
print(cache.is_cold(), end=" ")
warm_up.compile_for(False)
event_loop.advance.compile((warm_up.symbols.NET, warm_up.symbols.MEMORY, warm_up.symbols.INT))
print(cache.is_cold(), sum(event_loop.advance.stats.cache_misses.values()))
"""


@pytest.mark.slow
def test_two_processes_compile_what_one_loads(tmp_path: Path) -> None:
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}

    def run(cores: int) -> str:
        command = [sys.executable, "-c", RUN.format(root=str(ROOT), cores=cores)]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip()

    assert run(2) == "True False 1"
    assert run(1) == "False False 0"
