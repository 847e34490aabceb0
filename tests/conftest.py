"""What all tests share."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

# Before PyTorch and BLAS are loaded: tests run beside each other, and threads that wait for each other spin.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numba
import numpy as np
import pytest
from hypothesis import settings

# A process that ignores SIGHUP, as below nohup, hands that on to those that it starts.
if hasattr(signal, "SIGHUP"):
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

# The same examples in every run, so that a test passes or fails for good; --hypothesis-profile=fresh draws new ones.
# How long an example takes is up to the machine and what else it does.
settings.register_profile("fixed", derandomize=True, deadline=None)
settings.register_profile("fresh", deadline=None)
settings.load_profile("fixed")


@pytest.fixture(scope="session", autouse=True)
def scalars_that_wrap_around() -> Iterator[None]:
    """With NUMBA_DISABLE_JIT=1 kernels run on NumPy scalars, which warn where compiled ones silently wrap around."""
    quiet = "ignore" if numba.config.DISABLE_JIT else None
    with np.errstate(over=quiet, invalid=quiet, divide=quiet, under=quiet):
        yield
