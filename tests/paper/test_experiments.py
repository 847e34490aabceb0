"""Scenarios become experiments, if they are fair."""

from __future__ import annotations

from pathlib import Path

import pytest

import channelsim as cs
from scripts.paper.experiments import Experiment, read, read_all, read_together
from scripts.paper.studies import CIFAR10_NIGHT, FULL, MNIST
from tests.paper.made_up import ROOT, SCENARIOS


def test_single_scenarios_of_the_folder_are_no_experiments(experiments: list[Experiment]) -> None:
    assert not any(experiment.name.startswith("cifar10") for experiment in experiments)
    files = [path for path in SCENARIOS.glob("*.toml") if not path.name.startswith("cifar10")]
    assert len(experiments) == len(files)
    assert [one.name for one in read_all(SCENARIOS, "cifar10")] == ["cifar10-paper"]


def test_labels_are_distinct_and_every_file_says_what_to_expect(experiments: list[Experiment]) -> None:
    assert experiments[0].name == "rules"
    for experiment in experiments:
        labels = [variant.label for variant in experiment.variants]
        assert len(set(labels)) == len(labels)
        assert experiment.title and len(experiment.comment) > 100
        assert experiment.scenario.name == f"paper-{experiment.name}"
        assert experiment.scenario.data.validation == 5000
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
    assert made == {
        cs.load(path).digest() for path in SCENARIOS.glob("cifar10-*.toml") if "[sweep]" not in path.read_text()
    }
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


def test_settings_of_a_variant_are_those_of_the_command_line(experiments: list[Experiment]) -> None:
    routes = next(one for one in experiments if one.name == "routes")
    assert routes.variants[1].settings == """--set learning.route='["layered", "skipped", "layered", "skipped"]'"""
    dropout = next(one for one in experiments if one.name == "dropout")
    assert dropout.variants[0].settings == "--set channels.learning.drop.probability=0.1 --set learning.rule=bp"


def test_the_papers_length_has_the_papers_training() -> None:
    experiments = FULL.experiments(SCENARIOS)
    assert FULL.cut.seeds == 5
    for experiment in experiments:
        training = experiment.scenario.training
        assert (training.epochs, training.batch, training.learning_rate, training.momentum) == (100, 100, 0.1, 0.0)
        assert training.learning_rate_decay.per_update == (0.0 if experiment.name == "update-bits-paper" else 1e-6)
        assert experiment.rates == (0.1,) and not experiment.is_tuned
        assert experiment.scenario.data.validation == 0 and experiment.images == 60_000
    assert {one.name for one in MNIST.experiments(SCENARIOS)} - {one.name for one in experiments} == {"online"}


def test_at_the_papers_length_the_smallest_experiments_come_first() -> None:
    first, *others = FULL.experiments(SCENARIOS)
    sizes = [len(experiment.variants) for experiment in others]
    assert first.name == "rules" and sizes == sorted(sizes) and sizes[-1] > sizes[0]


def test_the_papers_network_for_cifar10() -> None:
    (experiment,) = CIFAR10_NIGHT.experiments(SCENARIOS)
    scenario = experiment.scenario
    kinds = [layer.kind for layer in scenario.model.layers]
    assert kinds == ["conv2d", "maxpool"] * 3 + ["dense"] * 2
    assert (scenario.training.batch, scenario.training.momentum, scenario.training.learning_rate_decay.per_update) == (
        128,
        0.9,
        1e-5,
    )
    assert experiment.rates == (0.01,) and experiment.name == "rules"
