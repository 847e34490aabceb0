"""What all tests share."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

# Before PyTorch and BLAS are loaded: tests run beside each other, and threads that wait for each other spin.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numba
import numpy as np
import pytest
from hypothesis import settings

TESTS = Path(__file__).parent

# A process that ignores SIGHUP, as below nohup, hands that on to those that it starts.
if hasattr(signal, "SIGHUP"):
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

# The same examples in every run, so that a test passes or fails for good; --hypothesis-profile=fresh draws new ones.
# How long an example takes is up to the machine and what else it does.
settings.register_profile("fixed", derandomize=True, deadline=None)
settings.register_profile("fresh", deadline=None)
settings.load_profile("fixed")


# A worker has a file to itself, so these start first: one that starts last is waited for by all other workers.
LONG = (
    "engine/test_widths.py",
    "trace/test_killed.py",
    "laws/test_reference.py",
    "sweeps/test_command.py",
    "sweeps/test_cluster.py",
    "sweeps/test_workers.py",
    "docs/test_run.py",
    "laws/test_golden.py",
    "cli/test_regression.py",
    "test_exactness.py",
    "test_examples.py",
    "test_rules.py",
    "test_theory.py",
    "own/test_files.py",
    "run/test_killed.py",
    "test_wheel.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    rank = {(TESTS / name).resolve(strict=True): place for place, name in enumerate(LONG)}
    items.sort(key=lambda item: rank.get(item.path, len(LONG)))


@pytest.fixture(scope="session", autouse=True)
def scalars_that_wrap_around() -> Iterator[None]:
    """With NUMBA_DISABLE_JIT=1 kernels run on NumPy scalars, which warn where compiled ones silently wrap around."""
    quiet = "ignore" if numba.config.DISABLE_JIT else None
    with np.errstate(over=quiet, invalid=quiet, divide=quiet, under=quiet):
        yield
