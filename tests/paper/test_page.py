"""The pages, made of made-up numbers, and those that are committed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from scripts.paper import page
from scripts.paper.claims import THE_PAPERS
from scripts.paper.experiments import Experiment
from scripts.paper.mnist import CLAIMS
from scripts.paper.outcomes import gather
from scripts.paper.record import Record
from scripts.paper.studies import CIFAR10, FULL, MNIST, STUDIES, Study
from tests.paper.made_up import CIFAR10_RECORD, RECORD, ROOT, SCENARIOS, cifar10_outcomes, outcomes_of, table_of_runs


def test_the_page_has_every_claim_and_every_variant(experiments: list[Experiment]) -> None:
    text = page.text(MNIST, experiments, outcomes_of(experiments, {("rules", "drtp"): 92.0}), RECORD)
    for claim in CLAIMS:
        assert claim.statement in text
    for experiment in experiments:
        assert f"results/{experiment.name}.svg" in text
        assert experiment.files in text
        for variant in experiment.variants:
            assert f"| {variant.label} |" in text
            assert f"`{variant.settings}`" in text
    assert "Not run yet" not in text and "not run yet" not in text
    assert "a machine" in text
    assert "23 minutes of wall time in 1 sitting; 900 runs that took 43 minutes together" in " ".join(text.split())
    assert "55,000 training images" in text


def test_the_first_screen_has_the_finding_and_the_figure(experiments: list[Experiment]) -> None:
    accuracy = {("rules", "bp"): 98.2, ("rules", "top"): 80.1, ("rules", "rbp"): 90.0}
    first = page.text(MNIST, experiments, outcomes_of(experiments, accuracy), RECORD).split("## ")[0]
    assert "bp 98.2 %, rbp 90.0 %, srbp 97.0 %" in first
    assert "the top layer alone 80.1 %" in first
    assert "Errors of srbp: 1 exponent, words of 1 bit, and more are enough" in first
    assert "results/ranked.svg" in first
    assert "results/bits.svg" not in first
    assert len(first.split()) < 150


def test_the_papers_statements_come_before_ours(experiments: list[Experiment]) -> None:
    text = page.text(MNIST, experiments, outcomes_of(experiments, {}), RECORD)
    papers, ours = text.split("## What was run")[0].split("## Ours")
    for claim in CLAIMS:
        assert (f"| {claim.statement} |" in papers) == (claim.source in THE_PAPERS)
        assert (f"| {claim.statement} |" in ours) == (claim.source not in THE_PAPERS)
    for elsewhere in ("theory.md", "explanations.md", "operations.md"):
        assert (ROOT / "docs" / elsewhere).exists() and f"({elsewhere})" in papers


def test_a_best_rate_at_the_edge_is_told(experiments: list[Experiment]) -> None:
    runs = table_of_runs(experiments, {})
    one = (runs["experiment"] == "rules") & (runs["variant"] == "top") & (runs["phase"] == "best")
    runs.loc[one, "rate"] = 10.0
    text = page.text(MNIST, experiments, gather(experiments, runs), RECORD)
    assert r"| top | 10\* |" in text
    assert "Not tuned well, as the best rate is an end of the grid: top (rules)." in text


def test_what_learns_at_no_rate_is_told_and_is_not_at_an_edge(experiments: list[Experiment]) -> None:
    runs = table_of_runs(experiments, {})
    one = (runs["experiment"] == "rules") & (runs["variant"] == "top")
    runs.loc[one & (runs["phase"] == "best"), "rate"] = 10.0
    runs.loc[one & (runs["phase"] == "tuning"), "validation_accuracy"] = 0.11
    text = page.text(MNIST, experiments, gather(experiments, runs), RECORD)
    assert "| top | 10 |" in text and "Not tuned well" not in text
    assert "Learned nothing at any rate of the grid: top (rules)." in text


def test_a_cut_says_that_it_is_one(experiments: list[Experiment]) -> None:
    cut = replace(RECORD, command="make paper-quick", train=20_000, seeds=3)
    text = page.text(MNIST, experiments, outcomes_of(experiments, {}), cut)
    assert "This is a cut" in text and "15,000 training images" in text


def test_commands_have_what_the_runs_had(experiments: list[Experiment]) -> None:
    """Epochs, images and seeds, where these are not as in the scenario's file."""

    def told(study: Study, experiments: list[Experiment], record: Record) -> str:
        outcomes = outcomes_of(experiments, {})
        return " ".join(page.text(study, experiments, outcomes, record).split("## The experiments")[1].split())

    whole = told(MNIST, experiments, RECORD)
    assert "--set 'sweep={}' --set training.learning_rate=" in whole and "All have" not in whole
    cut = told(MNIST, experiments, replace(RECORD, epochs=3, train=20_000, seeds=3))
    assert "one of the seeds 1, 2, 3. All have `--set training.epochs=3` `--set data.train=20000`." in cut
    assert "--set 'sweep={}' --set training.epochs=3 --set data.train=20000 --set training.learning_rate=" in cut
    full = FULL.experiments(SCENARIOS)
    alone = told(FULL, full, replace(RECORD, epochs=100, seeds=1))
    assert "and seed 1. All have `--set training.epochs=100` `--set data.validation=0`." in alone
    assert "half the 95 % interval" in cut and "half the 95 % interval" not in alone


def test_a_page_says_how_many_seeds_are_missing(experiments: list[Experiment]) -> None:
    text = page.text(MNIST, experiments, outcomes_of(experiments, {}), replace(RECORD, seeds=1, sittings=2))
    assert "so far; the same command goes on to 5." in text
    assert "With one seed there are no intervals" in text
    assert "some versions (the last sitting)" in text
    assert "foretold" not in text
    text = page.text(MNIST, experiments, outcomes_of(experiments, {}), replace(RECORD, foretold=1.234))
    assert "runs that took 43 minutes together. Short runs before had foretold 1.23 of the\n  latter." in text


def test_the_page_of_cifar10(convolutional: list[Experiment], tmp_path: Path) -> None:
    outcomes = cifar10_outcomes(convolutional, {"bp": 60.0, "top": 40.0})
    page.write(CIFAR10, convolutional, outcomes, CIFAR10_RECORD, tmp_path)
    text = (tmp_path / "results-cifar10.md").read_text()
    assert (tmp_path / "results-cifar10" / "overview.svg").stat().st_size > 1000
    assert (tmp_path / "results-cifar10" / "rules.svg").stat().st_size > 1000
    assert "results-cifar10/rules.svg" in text
    for claim in CIFAR10.claims:
        assert claim.statement in text and claim.test in text
    for variant in convolutional[0].variants:
        assert f"| {variant.label} |" in text
    flat = " ".join(text.split())
    assert "45,000 training images, 5,000 others" in flat
    assert "with one seed and 1 epoch of 15,000 images" in flat
    assert "it is run at its best rate with 3 other seeds." in text
    for part in text.split("\n\n"):
        if part.startswith("|"):
            assert len({row.count("|") for row in part.splitlines()}) == 1, part


def test_pages_link_to_each_other_if_they_are_there(
    experiments: list[Experiment], convolutional: list[Experiment], tmp_path: Path
) -> None:
    assert page.others(MNIST, tmp_path) == []
    page.write(CIFAR10, convolutional, cifar10_outcomes(convolutional, {}), CIFAR10_RECORD, tmp_path)
    CIFAR10_RECORD.save(tmp_path / "results-cifar10" / "record.json")
    assert page.others(CIFAR10, tmp_path) == []
    assert page.others(MNIST, tmp_path) == [CIFAR10]
    text = page.text(MNIST, experiments, outcomes_of(experiments, {}), RECORD, [CIFAR10])
    assert "(results-cifar10.md)" in text


@pytest.mark.parametrize("study", STUDIES, ids=lambda study: study.page)
def test_the_committed_page_is_what_the_script_writes(study: Study, tmp_path: Path) -> None:
    docs = ROOT / "docs"
    if not (docs / study.page / "record.json").exists():
        pytest.skip("it has not been run yet")
    experiments = study.experiments(SCENARIOS)
    about, runs = Record.load(docs / study.page / "record.json"), pd.read_csv(docs / study.page / "runs.csv")
    text = page.text(study, experiments, gather(experiments, runs), about, page.others(study, docs))
    assert text == (docs / f"{study.page}.md").read_text()
