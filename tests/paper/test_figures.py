"""Figures of made-up numbers."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.paper import figures
from scripts.paper.experiments import Experiment
from tests.paper.made_up import outcomes_of


@pytest.mark.parametrize("name", ["rules", "sparse", "overview", "bits"])
def test_figures_are_the_same_for_the_same_numbers(tmp_path: Path, experiments: list[Experiment], name: str) -> None:
    outcomes = outcomes_of(experiments, {("rules", "drtp"): 60.0, ("sparse", "rbp, 1 wire"): 70.0})
    for target in ("a.svg", "b.svg"):
        if name == "overview":
            figure = figures.overview(experiments, outcomes)
        elif name == "bits":
            figure = figures.against_bits(experiments, outcomes)
        else:
            figure = figures.draw(next(one for one in experiments if one.name == name), outcomes)
        figures.save(figure, tmp_path / target)
    first, second = ((tmp_path / target).read_bytes() for target in ("a.svg", "b.svg"))
    assert first == second and b"test accuracy" in first


def test_the_overview_has_every_variant_the_best_first(experiments: list[Experiment]) -> None:
    outcomes = outcomes_of(experiments, {("rules", "drtp"): 98.0, ("sparse", "rbp, 1 wire"): 70.0})
    labels = [
        label.get_text() for axes in figures.overview(experiments, outcomes).axes for label in axes.get_yticklabels()
    ]
    assert len(labels) == len(set(labels)) == sum(len(one.variants) for one in experiments)
    assert (labels[0], labels[-1]) == ("drtp", "rbp, 1 wire")
