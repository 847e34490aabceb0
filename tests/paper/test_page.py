"""The pages, made of made-up numbers, and those that are committed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from scripts.paper import page
from scripts.paper.claims import CLAIMS
from scripts.paper.experiments import Experiment
from scripts.paper.outcomes import gather
from scripts.paper.record import Record
from scripts.paper.studies import CIFAR10, MNIST, STUDIES, Study
from tests.paper.made_up import CIFAR10_RECORD, RECORD, ROOT, SCENARIOS, cifar10_outcomes, outcomes_of


def test_the_page_has_every_claim_and_every_variant(experiments: list[Experiment]) -> None:
    text = page.text(MNIST, experiments, outcomes_of(experiments, {("rules", "drtp"): 92.0}), RECORD)
    for claim in CLAIMS:
        assert claim.statement in text
    for experiment in experiments:
        assert f"results/{experiment.name}.svg" in text
        for variant in experiment.variants:
            assert f"| {variant.label} |" in text
    assert "a machine" in text
    assert "23 minutes of wall time in 1 sitting; 900 runs that took 43 minutes together" in " ".join(text.split())
    assert "55,000 training images" in text


def test_a_cut_says_that_it_is_one(experiments: list[Experiment]) -> None:
    cut = replace(RECORD, command="make paper-quick", train=20_000, seeds=3)
    text = page.text(MNIST, experiments, outcomes_of(experiments, {}), cut)
    assert "This is a cut" in text and "15,000 training images" in text


def test_the_page_of_cifar10(convolutional: list[Experiment], tmp_path: Path) -> None:
    outcomes = cifar10_outcomes(convolutional, {"bp": 60.0, "top": 40.0})
    page.write(CIFAR10, convolutional, outcomes, CIFAR10_RECORD, tmp_path)
    text = (tmp_path / "results-cifar10.md").read_text()
    assert (tmp_path / "results-cifar10" / "rules.svg").stat().st_size > 1000
    assert "results-cifar10/rules.svg" in text
    for claim in CIFAR10.claims:
        assert claim.statement in text and claim.test in text
    for variant in convolutional[0].variants:
        assert f"| {variant.label} |" in text
    assert "45,000 training images, 5,000 others" in text
    assert "with one seed and 1 epoch of 15,000 images" in text
    assert "3 other seeds, at its own best rate." in text
    assert "common" not in text
    for part in text.split("\n\n"):
        if part.startswith("|"):
            assert len({row.count("|") for row in part.splitlines()}) == 1, part


def test_pages_link_to_each_other_if_they_are_there(
    experiments: list[Experiment], convolutional: list[Experiment], tmp_path: Path
) -> None:
    assert page.others(MNIST, tmp_path) == []
    page.write(CIFAR10, convolutional, cifar10_outcomes(convolutional, {}), CIFAR10_RECORD, tmp_path)
    assert page.others(CIFAR10, tmp_path) == []
    assert page.others(MNIST, tmp_path) == [CIFAR10]
    text = page.text(MNIST, experiments, outcomes_of(experiments, {}), RECORD, [CIFAR10])
    assert "(results-cifar10.md)" in text


@pytest.mark.parametrize("study", STUDIES, ids=lambda study: study.page)
def test_the_committed_page_is_what_the_script_writes(study: Study, tmp_path: Path) -> None:
    docs = ROOT / "docs"
    if not (docs / study.page).exists():
        pytest.skip("it has not been run yet")
    experiments = study.experiments(SCENARIOS)
    about, runs = Record.load(docs / study.page / "record.json"), pd.read_csv(docs / study.page / "runs.csv")
    text = page.text(study, experiments, gather(experiments, runs), about, page.others(study, docs))
    assert text == (docs / f"{study.page}.md").read_text()
