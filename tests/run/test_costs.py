"""Time and memory of a run."""

from __future__ import annotations

import json
from pathlib import Path

import channelsim as cs
from tests.run.runs import PIPELINED, SEQUENTIAL, script, small


def test_training_time_leaves_compilation_out(tmp_path: Path) -> None:
    code = f"""
import json, sys, channelsim as cs
result = cs.run(cs.Scenario(**json.loads(sys.argv[1])), {str(tmp_path / "run.h5")!r})
print(result.training_time_s, result.wall_time_s)
"""
    wanted = small(SEQUENTIAL, trace={"events": "none"})
    training, wall = map(float, script(code, json.dumps(wanted.resolved)).split())
    assert 10 * training < wall  # loading the compiled engine alone takes longer


MEMORY = """
import json, resource, sys
import channelsim as cs
from channelsim.progress import Silent

class Peak(Silent):
    def epoch(self, row):
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)

cs.run(cs.Scenario(**json.loads(sys.argv[1])), sys.argv[2], progress=Peak())
"""


def peaks(wanted: cs.Scenario, out: Path) -> list[float]:
    """Largest resident memory after each epoch, MiB."""
    return [int(line) / 1024 for line in script(MEMORY, json.dumps(wanted.resolved), str(out)).split()]


def test_memory_is_flat_over_epochs(tmp_path: Path) -> None:
    wanted = small(PIPELINED, training={**PIPELINED["training"], "epochs": 40}, trace={"weights": "none"})
    used = peaks(wanted, tmp_path / "run.h5")
    assert used[-1] - used[5] < 8
