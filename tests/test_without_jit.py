"""The engine as plain Python (NUMBA_DISABLE_JIT=1) makes the same runs as the compiled one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from tests.without_jit import outcomes

ROOT = Path(__file__).parents[1]


def test_without_jit(tmp_path: Path) -> None:
    """Weights to the last digits (compiled code fuses products and sums), counters and clock exactly."""
    file = tmp_path / "outcomes.npz"
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    command = [sys.executable, "-m", "tests.without_jit", str(file)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    compiled = outcomes()
    with np.load(file) as plain:
        assert set(plain) == set(compiled)
        for name, values in compiled.items():
            if values.dtype == np.float32:
                np.testing.assert_allclose(plain[name], values, atol=1e-6, err_msg=name)
            else:
                np.testing.assert_array_equal(plain[name], values, err_msg=name)
