"""The table of runs, read as outcomes."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from scripts.paper import page
from scripts.paper.experiments import Experiment
from scripts.paper.mnist import CLAIMS
from scripts.paper.outcomes import GUESSING, NotRun, best_rate, gather
from scripts.paper.studies import MNIST
from tests.paper.made_up import RECORD, table_of_runs


def test_the_rate_with_the_highest_validation_accuracy() -> None:
    assert best_rate({0.1: 90.0, 0.3: 95.0, 1.0: math.nan}) == 0.3
    assert best_rate({1.0: 95.0, 0.3: 95.0}) == 0.3
    assert best_rate({0.3: math.nan, 1.0: 9.8}) == 1.0


def test_a_best_rate_at_either_end_of_the_grid_is_at_its_edge(experiments: list[Experiment]) -> None:
    outcome = gather(experiments, table_of_runs(experiments, {}))("rules", "bp")
    found = {rate: replace(outcome, rate=rate).at_edge for rate in outcome.tuning}
    rates = sorted(found)
    assert len(rates) > 2
    assert found == dict.fromkeys(rates, False) | {rates[0]: True, rates[-1]: True}


def test_diverged_runs_count_as_guesses(experiments: list[Experiment]) -> None:
    runs = table_of_runs(experiments, {})
    one = (runs["experiment"] == "rules") & (runs["variant"] == "rbp") & (runs["phase"] == "best") & (runs["seed"] == 2)
    runs["status"] = runs["status"].mask(one, "diverged")
    runs["test_accuracy"] = runs["test_accuracy"].mask(one)
    outcomes = gather(experiments, runs)
    found = outcomes("rules", "rbp")
    assert found.diverged == 1
    assert sorted(found.accuracies)[0] == GUESSING
    assert "1 diverged" in page.text(MNIST, experiments, outcomes, RECORD)
    robust = CLAIMS[1].judge(outcomes).comparisons
    assert next(one for one in robust if one.label == "worst seed of rbp").answer == "no"


def test_a_diverged_run_is_not_robust_however_little_it_is_behind(experiments: list[Experiment]) -> None:
    """Where bp itself does little better than a guess."""
    runs = table_of_runs(experiments, {("rules", "bp"): GUESSING + 1, ("rules", "rbp"): GUESSING + 1})
    one = (runs["experiment"] == "rules") & (runs["variant"] == "rbp") & (runs["phase"] == "best") & (runs["seed"] == 2)
    for status, answer in (("done", "yes"), ("diverged", "no")):
        runs["status"] = runs["status"].mask(one, status)
        found = CLAIMS[1].judge(gather(experiments, runs)).comparisons
        assert next(each for each in found if each.label == "worst seed of rbp").answer == answer


def test_variants_without_a_run_that_counts_have_no_outcome(experiments: list[Experiment]) -> None:
    runs = table_of_runs(experiments, {})
    run = ~((runs["variant"] == "rbp, mixed") & (runs["phase"] == "best"))
    outcomes = gather(experiments, runs[run])
    assert not outcomes.has("routes", "rbp, mixed")
    assert [one.label for one in outcomes.so_far("routes")] == ["rbp, every second layer", "rbp, cascade"]
    with pytest.raises(NotRun):
        outcomes("routes", "rbp, mixed")
    with pytest.raises(NotRun):
        outcomes.of("routes")
    skipping = next(claim for claim in CLAIMS if claim.statement == "Errors may skip layers.")
    assert skipping.judge(outcomes).verdict == "not run yet"
    text = page.text(MNIST, experiments, outcomes, RECORD)
    assert "| Routes between layered and skipped | `scenarios/paper/routes.toml` | rbp, mixed |" in text


def test_the_arithmetic_code_counts_bits_and_changes_nothing_else(experiments: list[Experiment]) -> None:
    runs = table_of_runs(experiments, {})
    outcomes = gather(experiments, runs)
    assert outcomes("error-bits", "srbp, 1 exponent").coded == 240
    assert math.isnan(outcomes("rules", "srbp").coded)
    text = page.text(MNIST, experiments, outcomes, RECORD)
    assert "| srbp, at the sender, relative to the largest | 75 to 75 | 120 to 120 |" in text
    coded = (runs["experiment"] == "error-bits") & (runs["phase"] == "coded") & (runs["variant"] == "bp, 1 exponent")
    runs.loc[coded, "test_accuracy"] += 0.0001
    with pytest.raises(RuntimeError, match="error-bits, bp, 1 exponent: another code"):
        gather(experiments, runs)


def test_without_runs_in_the_arithmetic_code_the_page_has_no_numbers_of_it(experiments: list[Experiment]) -> None:
    runs = table_of_runs(experiments, {})
    text = page.text(MNIST, experiments, gather(experiments, runs[runs["phase"] != "coded"]), RECORD)
    assert "## Accuracy against bits" in text and "rithmetic" not in text and "oded" not in text
