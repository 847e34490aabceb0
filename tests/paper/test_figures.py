"""Figures of made-up numbers."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.paper import figures
from scripts.paper.experiments import Experiment
from tests.paper.made_up import outcomes_of


@pytest.mark.parametrize("name", ["rules", "sparse"])
def test_figures_are_the_same_for_the_same_numbers(tmp_path: Path, experiments: list[Experiment], name: str) -> None:
    outcomes = outcomes_of(experiments, {("rules", "drtp"): 60.0, ("sparse", "rbp, 1 wire"): 70.0})
    experiment = next(one for one in experiments if one.name == name)
    for target in ("a.svg", "b.svg"):
        figures.save(figures.draw(experiment, outcomes), tmp_path / target)
    first, second = ((tmp_path / target).read_bytes() for target in ("a.svg", "b.svg"))
    assert first == second and b"test accuracy" in first
