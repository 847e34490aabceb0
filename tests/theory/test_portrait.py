from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from channelsim.errors import InputError
from channelsim.theory.portrait import portrait
from channelsim.theory.systems import Chain, Matrix
from tests.theory.test_hidden import system


def chain(rule: str, a: tuple[float, ...] = (-3.0, 1.2), c: float = 0.8) -> Chain:
    return Chain(rule, np.array(a), np.full(len(a) - 1, c), 1.0, 1.0)  # type: ignore[arg-type]


@pytest.mark.parametrize("rule", ["bp", "rbp", "arbp"])
def test_a_chain_of_two_layers(rule: str, tmp_path: Path) -> None:
    began = time.perf_counter()
    figure = portrait(chain(rule), tmp_path / "chain.svg")
    assert time.perf_counter() - began < 15  # five seconds on an idle core
    assert (tmp_path / "chain.svg").read_bytes().startswith(b"<?xml")
    (axes,) = figure.axes
    labels = axes.get_legend_handles_labels()[1]
    assert {"start", "its limit", "this start's path"} <= set(labels)
    assert any("stable" in label for label in labels)


def test_the_unstable_optima_are_those_below_the_parabola() -> None:
    (axes,) = portrait(chain("rbp")).axes
    (unstable,) = [line for line in axes.get_lines() if "unstable" in str(line.get_label())]
    a1, a2 = (np.asarray(values, dtype=float) for values in unstable.get_data())
    inside = np.isfinite(a2)
    assert inside.any() and np.all((0.8 * a2 + a1**2)[inside] < 1e-6)


def test_basins_agree_with_the_limits() -> None:
    """Two starts on either side of the separatrix, and the shade under each."""
    (axes,) = portrait(chain("rbp")).axes
    labels = axes.get_legend_handles_labels()[1]
    assert "goes to $a_1 > 0$" in labels and "goes to $a_1 < 0$" in labels
    limits = [
        np.asarray(portrait(chain("rbp", (a1, 1.2))).axes[0].get_lines()[-1].get_xdata())[0] for a1 in (-3.0, -1.0)
    ]
    assert limits[0] < 0 < limits[1]


@pytest.mark.parametrize(
    ("transfer", "derivative", "label"),
    [
        ("tanh", True, "stable point"),
        ("tanh", False, "unstable point"),
        ("power 2", True, "its limit"),
        ("relu", True, "start"),
    ],
)
def test_a_hidden_unit(transfer: str, derivative: bool, label: str, tmp_path: Path) -> None:
    figure = portrait(system(transfer, (0.3, 0.4), 0.8, derivative=derivative), tmp_path / "hidden.png")
    assert (tmp_path / "hidden.png").stat().st_size > 20_000
    assert label in figure.axes[0].get_legend_handles_labels()[1]


def test_other_systems_and_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a chain of 3 layers has 3"):
        portrait(chain("rbp", (1.0, 1.0, 1.0)))
    one = np.ones((1, 2))
    with pytest.raises(InputError, match="this matrix has 4"):
        portrait(Matrix("rbp", one, one.T, one, np.eye(2), np.eye(2)))
    with pytest.raises(InputError, match=r"use \.png, \.svg, \.pdf"):
        portrait(chain("rbp"), tmp_path / "chain.gif")
