"""Figures of made-up numbers."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.paper import figures
from scripts.paper.experiments import Experiment
from tests.paper.made_up import outcomes_of


@pytest.mark.parametrize("name", ["rules", "sparse", "overview", "ranked", "bits"])
def test_figures_are_the_same_for_the_same_numbers(tmp_path: Path, experiments: list[Experiment], name: str) -> None:
    outcomes = outcomes_of(experiments, {("rules", "drtp"): 60.0, ("sparse", "rbp, 1 wire"): 70.0})
    for target in ("a.svg", "b.svg"):
        if name == "overview":
            figure = figures.overview(experiments, outcomes)
        elif name == "ranked":
            figure = figures.ranked(experiments, outcomes)
        elif name == "bits":
            figure = figures.against_bits(experiments, outcomes)
        else:
            figure = figures.draw(next(one for one in experiments if one.name == name), outcomes)
        figures.save(figure, tmp_path / target)
    first, second = ((tmp_path / target).read_bytes() for target in ("a.svg", "b.svg"))
    assert first == second and b"test accuracy" in first


def test_the_ranks_have_every_variant_and_the_names_of_the_rules(experiments: list[Experiment]) -> None:
    outcomes = outcomes_of(experiments, {("rules", "drtp"): 98.0, ("sparse", "rbp, 1 wire"): 70.0})
    (axes,) = figures.ranked(experiments, outcomes).axes
    points = sorted((x, y) for bars in axes.containers for x, y in zip(*bars.lines[0].get_data(), strict=True))
    number = sum(len(one.variants) for one in experiments)
    assert [rank for rank, _ in points] == list(range(1, number + 1))
    assert [mean for _, mean in points] == sorted((mean for _, mean in points), reverse=True)
    assert (round(points[0][1]), round(points[-1][1])) == (98, 70)
    assert {text.get_text() for text in axes.texts} == {variant.label for variant in experiments[0].variants}


def test_the_overview_has_every_variant_the_best_first(experiments: list[Experiment]) -> None:
    outcomes = outcomes_of(experiments, {("rules", "drtp"): 98.0, ("sparse", "rbp, 1 wire"): 70.0})
    labels = [
        label.get_text() for axes in figures.overview(experiments, outcomes).axes for label in axes.get_yticklabels()
    ]
    assert len(labels) == len(set(labels)) == sum(len(one.variants) for one in experiments)
    assert (labels[0], labels[-1]) == ("drtp", "rbp, 1 wire")
