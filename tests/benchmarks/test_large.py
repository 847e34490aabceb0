"""A network of 100 million synapses runs within 24 GiB."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from benchmarks.sections import memory
from benchmarks.work import ROOT


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_hundred_million_synapses_fit_into_24_gib():
    command = [sys.executable, "-m", "benchmarks.sections.memory", str(memory.LARGE_BATCH)]
    found = json.loads(subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout)
    assert found["synapses"] >= 100_000_000
    assert found["peak_gib"] < 24
