"""Scenarios become experiments, if they are fair."""

from __future__ import annotations

from pathlib import Path

import pytest

import channelsim as cs
from scripts.paper.experiments import Experiment, read, read_together
from tests.paper.made_up import ROOT, SCENARIOS


def test_single_scenarios_of_the_folder_are_no_experiments(experiments: list[Experiment]) -> None:
    assert not any(experiment.name.startswith("cifar10") for experiment in experiments)
    assert len(experiments) == sum("[sweep]" in path.read_text() for path in SCENARIOS.glob("*.toml"))


def test_labels_are_distinct_and_every_file_says_what_to_expect(experiments: list[Experiment]) -> None:
    assert experiments[0].name == "rules"
    for experiment in experiments:
        labels = [variant.label for variant in experiment.variants]
        assert len(set(labels)) == len(labels)
        assert experiment.title and len(experiment.comment) > 100
        assert experiment.scenario.name == f"paper-{experiment.name}"
        assert experiment.scenario.data.validation > 0
        for variant in experiment.variants:
            assert experiment.scenario.with_(variant.values).learning.rule == variant.rule


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("learning_rate = 0.3 ", "learning_rate = 0.2 ", "not in the grid"),
        ("seed = 0 ", "seed = 1 ", "seed of its own"),
        ("seed = [1, 2, 3, 4, 5]", "seed = { range = [1, 5] }", "must be a list"),
    ],
)
def test_experiments_that_would_not_be_fair(tmp_path: Path, old: str, new: str, message: str) -> None:
    text = (SCENARIOS / "rules.toml").read_text().replace("../../models", str(ROOT / "models"))
    assert old in text
    (tmp_path / "rules.toml").write_text(text.replace(old, new))
    with pytest.raises(ValueError, match=message):
        read(tmp_path / "rules.toml")


def test_each_scenario_is_a_variant_of_one_experiment(convolutional: list[Experiment]) -> None:
    (experiment,) = convolutional
    labels = ["bp", "rbp", "srbp", "asrbp", "top", "srbp, 3 bits", "srbp, without f′", "srbp, 2 wires"]
    assert [variant.label for variant in experiment.variants] == labels
    made = {experiment.scenario.with_(variant.values).digest() for variant in experiment.variants}
    assert made == {cs.load(path).digest() for path in SCENARIOS.glob("cifar10-*.toml")}
    assert experiment.axis is None
    assert experiment.scenario.data.validation == 5000


def test_scenarios_of_one_experiment_differ_in_how_they_learn_only(tmp_path: Path) -> None:
    models = str(ROOT / "models")
    for name in ("bp", "rbp"):
        text = (SCENARIOS / f"cifar10-{name}.toml").read_text().replace("../../models", models)
        (tmp_path / f"{name}.toml").write_text(text.replace("shift = 2", "shift = 1") if name == "rbp" else text)
    paths = [tmp_path / "bp.toml", tmp_path / "rbp.toml"]
    with pytest.raises(ValueError, match=r"rbp\.toml: differs from bp\.toml in more than learning\.rule"):
        read_together("rules", "title", "*.toml", paths, (0.02,), (2,))
    with pytest.raises(ValueError, match="seed of its own"):
        read_together("rules", "title", "*.toml", paths[:1], (0.02,), (1, 2))
    with pytest.raises(ValueError, match="not in the grid"):
        read_together("rules", "title", "*.toml", paths[:1], (0.01,), (2,))
