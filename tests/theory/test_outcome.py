"""Outcomes as JSON, and what `channelsim.theory` imports."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np

from channelsim.theory import Chain, FixedPoint, Outcome, solve


def test_json_is_strict_and_has_all_keys() -> None:
    point = FixedPoint({"a": np.array([1.0])}, (1 + 2j, np.float64(3.0)), np.True_)  # type: ignore[arg-type]
    outcome = Outcome(
        "saddle",
        {"a": np.array([[1.0, np.nan]]), "c": np.float64(-0.0)},  # type: ignore[dict-item]
        np.inf,
        np.float64(2.0),
        None,
        "why",
        None,
        (point,),
        {"K": np.array([0.5])},
    )
    assert json.loads(json.dumps(outcome.to_json(), allow_nan=False)) == {
        "outcome": "saddle",
        "limit": {"a": [[1.0, None]], "c": 0.0},
        "rate": None,
        "time": 2.0,
        "period": None,
        "reason": "why",
        "asymptote": None,
        "fixed_points": [{"parameters": {"a": [1.0]}, "rates": [1.0, 3.0], "frequencies": [2.0, 0.0], "stable": True}],
        "invariants": {"K": [0.5]},
    }


def test_a_solved_chain_as_json() -> None:
    found = solve(Chain("srbp", np.array([0.3, 0, 0.4]), np.array([0.5, 0]), 1.0, 1.0)).to_json()
    assert found["outcome"] == "diverges" and found["limit"] is None and found["asymptote"] == "a1 ~ 0.5 t"


def test_no_numba_is_needed() -> None:
    """Importing and solving load neither Numba nor the engine nor PyTorch nor HDF5."""
    code = (
        "import sys, numpy as np\n"
        "from channelsim import theory\n"
        "theory.solve(theory.Chain('rbp', np.ones(3), np.ones(2), 0.5, 1.0))\n"
        "print([name for name in sys.modules if name.split('.')[0] in ('numba', 'torch', 'h5py')"
        " or name.startswith('channelsim.engine')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
