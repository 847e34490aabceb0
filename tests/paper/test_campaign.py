"""Which runs a campaign makes, and what becomes of them."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import channelsim as cs
from channelsim.sweeps import points
from scripts.paper import campaign
from scripts.paper.campaign import Cut
from scripts.paper.experiments import Experiment, read_together
from scripts.paper.outcomes import gather
from scripts.paper.studies import CIFAR10, FULL, MNIST
from tests.paper.made_up import SCENARIOS


def nothing_kept(table: pd.DataFrame) -> None:
    return


@contextmanager
def no_cluster(workers: int) -> Iterator[str]:
    yield "nowhere"


def sweeps_that(result: Callable[[dict[str, Any]], dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """In place of `channelsim.sweep`: a table of made-up results. Returns where the sweeps went."""
    folders: list[Path] = []

    def sweep(scenario: cs.Scenario, out: Path, scheduler: str, progress: Any) -> pd.DataFrame:
        folders.append(out)
        found = points(scenario)
        progress.start(scenario.name, len(found), 0, 2)
        nothing = {"status": "done", "reason": "", "learning_bits": 32_000, "updates": 100, "wall_time_s": 1.0}
        nothing |= {"train_accuracy": 0.9}
        rows = [{"point": one.name, **nothing, **result(dict(one.values))} for one in found]
        progress.finish(len(found), 0)
        return pd.DataFrame(rows)

    monkeypatch.setattr(cs, "sweep", sweep)
    monkeypatch.setattr(campaign, "_cluster", no_cluster)
    monkeypatch.setattr(campaign, "_entropy", lambda directory, point: 500.0)
    return folders


def test_rates_are_tuned_on_validation_data_and_then_run_with_other_seeds(
    experiments: list[Experiment], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def result(values: dict[str, Any]) -> dict[str, Any]:
        tuning = values["seed"] == 0
        assert values["training.epochs"] == (2 if tuning else 4)
        good = values["training.learning_rate"] == (1.0 if values.get("learning.rule") == "rbp" else 0.3)
        # On the test set the worst rate would look best: it must not be asked.
        return {"test_accuracy": 0.5 if good else 0.9, "validation_accuracy": 0.9 if good else 0.5}

    folders = sweeps_that(result, monkeypatch)
    chosen = [one for one in experiments if one.name in ("rules", "routes")]
    cut = Cut(epochs=4, tuning_epochs=2, seeds=3)
    kept: list[int] = []
    runs = campaign.carry_out(
        chosen, cut, tmp_path, 2, campaign.Progress(), lambda table: kept.append(sum(table["phase"] == "best"))
    )
    assert kept == [9 * 3, (9 + 3) * 3]
    assert [folder.name for folder in folders] == ["rules", "routes", "rules", "routes"]
    assert len(runs) == 9 * (5 + 3) + 3 * (4 + 3)
    outcomes = gather(chosen, runs)
    assert {one.label: one.rate for one in outcomes.of("rules")} == dict.fromkeys(
        ("bp", "sbp", "srbp", "arbp", "asrbp", "sign", "drtp", "top"), 0.3
    ) | {"rbp": 1.0}
    assert outcomes("rules", "rbp").accuracies.tolist() == [50.0] * 3
    assert outcomes("rules", "rbp").trained.tolist() == [90.0] * 3
    assert set(runs[runs["phase"] != "tuning"]["seed"]) == {1, 2, 3}


def test_all_variants_may_be_run_with_a_seed_before_the_next_one(
    experiments: list[Experiment], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    sweeps_that(lambda values: {"test_accuracy": 0.9, "validation_accuracy": 0.8}, monkeypatch)
    chosen = [one for one in experiments if one.name == "routes"]
    cut, kept = Cut(epochs=4, tuning_epochs=2, seeds=3, by_seed=True), []
    runs = campaign.carry_out(chosen, cut, tmp_path, 2, campaign.Progress(), kept.append)
    counting = runs[runs["phase"] == "best"]
    assert counting["seed"].tolist() == [1] * 3 + [2] * 3 + [3] * 3
    assert [len(table[table["phase"] == "best"]) for table in kept] == [3, 6, 9]
    assert [one.accuracies.tolist() for one in gather(chosen, runs).of("routes")] == [[90.0] * 3] * 3


def test_the_first_of_the_runs_that_count_is_made_again_in_the_arithmetic_code(
    experiments: list[Experiment], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def result(values: dict[str, Any]) -> dict[str, Any]:
        coded = values.get("channels.learning.encoding") == "entropy"
        assert not coded or (values["training.epochs"], values["seed"]) == (4, 1)
        rate = values["training.learning_rate"]
        return {"test_accuracy": 0.9, "validation_accuracy": rate / 10, "learning_bits": 3_000 if coded else 8_000}

    sweeps_that(result, monkeypatch)
    chosen = [one for one in experiments if one.name in ("rules", "error-bits")]
    cut = Cut(epochs=4, tuning_epochs=2, seeds=3, coded=True)
    runs = campaign.carry_out(chosen, cut, tmp_path, 2, campaign.Progress(), nothing_kept)
    coded = runs[runs["phase"] == "coded"]
    assert set(coded["experiment"]) == {"error-bits"} and set(coded["rate"]) == {3.0}
    assert coded["variant"].tolist() == [variant.label for variant in chosen[1].variants]
    assert len(runs) == campaign.estimate(chosen, cut, 2)[0]
    outcomes = gather(chosen, runs)
    assert {(one.bits, one.coded) for one in outcomes.of("error-bits")} == {(80.0, 30.0)}
    uncoded = campaign.carry_out(chosen, replace(cut, coded=False), tmp_path, 2, campaign.Progress(), nothing_kept)
    assert set(uncoded["phase"]) == {"tuning", "best"}


@pytest.mark.parametrize("reason", ["weights are no longer finite after epoch 1", "ValueError: a fault"])
def test_only_divergence_is_a_result(
    experiments: list[Experiment], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, reason: str
) -> None:
    def result(values: dict[str, Any]) -> dict[str, Any]:
        if values["training.learning_rate"] < 1.0:
            return {"test_accuracy": 0.9, "validation_accuracy": 0.8}
        nothing = {"test_accuracy": math.nan, "validation_accuracy": math.nan, "learning_bits": pd.NA, "updates": pd.NA}
        return {"status": "failed", "reason": reason, **nothing}

    sweeps_that(result, monkeypatch)
    chosen = [one for one in experiments if one.name == "routes"]

    def runs() -> pd.DataFrame:
        return campaign.carry_out(chosen, Cut(4, 2, 2), tmp_path, 2, campaign.Progress(), nothing_kept)

    if "fault" in reason:
        with pytest.raises(RuntimeError, match="a fault"):
            runs()
    else:
        assert set(runs()["status"]) == {"done", "diverged"}
        runs().to_csv(tmp_path / "runs.csv", index=False)
        for found in (runs(), pd.read_csv(tmp_path / "runs.csv")):
            for outcome in gather(chosen, found).of("routes"):
                assert (outcome.rate, outcome.bits) == (0.1, 320.0)
                assert math.isnan(outcome.tuning[3.0])


def test_tuning_sees_part_of_cifar10_and_each_variant_runs_at_its_own_best_rate_only(
    convolutional: list[Experiment], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (experiment,) = convolutional
    low, high = min(experiment.rates), max(experiment.rates)
    images: dict[int, set[int | str]] = {}

    def result(values: dict[str, Any]) -> dict[str, Any]:
        images.setdefault(values["training.epochs"], set()).add(values["data.train"])
        rate = values["training.learning_rate"]
        return {"test_accuracy": 0.5, "validation_accuracy": rate if values["learning.rule"] == "bp" else 1.0 - rate}

    sweeps_that(result, monkeypatch)
    CIFAR = CIFAR10.cut
    runs = campaign.carry_out(convolutional, CIFAR, tmp_path, 2, campaign.Progress(), nothing_kept)
    assert CIFAR.tuning_train is not None and CIFAR.tuning_train < experiment.images
    assert images == {CIFAR.tuning_epochs: {CIFAR.tuning_train}, CIFAR.epochs: {"none"}}
    assert set(runs["phase"]) == {"tuning", "best"}
    assert set(runs[runs["phase"] == "tuning"]["seed"]) == {experiment.scenario.seed}
    assert set(runs[runs["phase"] == "best"]["seed"]) == set(experiment.seeds[: CIFAR.seeds])
    at_most, seconds = campaign.estimate(convolutional, CIFAR, 2)
    assert at_most == len(runs) == len(experiment.variants) * (len(experiment.rates) + CIFAR.seeds)
    assert seconds < 30 * 60
    outcomes = gather(convolutional, runs)
    assert {one.label: one.rate for one in outcomes.of("rules")} == {
        variant.label: high if variant.rule == "bp" else low for variant in experiment.variants
    }


def test_one_rate_is_not_tuned_and_frozen_layers_keep_theirs(
    experiments: list[Experiment], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    frozen = next(one for one in experiments if one.name == "frozen")
    rates: set[str] = set()

    def result(values: dict[str, Any]) -> dict[str, Any]:
        assert values["training.learning_rate"] == 0.1
        layers = [values[f"training.learning_rate.{h}"] for h in (1, 2, 3, 4)]
        changed = frozen.scenario.with_({"sweep": {}, **values}).training.learning_rate
        assert changed == {"default": 0.1, **{str(h): layers[h - 1] for h in (1, 2, 3, 4)}}
        rates.add(str(layers))
        return {"test_accuracy": 0.9}

    sweeps_that(result, monkeypatch)
    runs = campaign.carry_out([frozen], Cut(4, 2, 2), tmp_path, 2, campaign.Progress(), nothing_kept)
    assert set(runs["phase"]) == {"best"}
    assert len(rates) == 7 and len(runs) == 2 * 7 * 2
    labels = {outcome.label for outcome in gather([frozen], runs).of("frozen")}
    assert {"rbp, layer 1 frozen", "srbp, layers 1-4 frozen"} < labels


def test_make_paper_takes_under_45_minutes(experiments: list[Experiment]) -> None:
    runs, seconds = campaign.estimate(experiments, MNIST.cut, 2)
    assert runs > 800 and seconds < 45 * 60


def test_a_probe_of_each_variant_tells_how_long_a_campaign_takes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    chosen = [one for one in FULL.experiments(SCENARIOS) if one.name in ("rules", "depth")]
    paces: dict[object, float] = {"top": 1e-6, 30: 30e-6}

    def pace(values: Mapping[str, Any]) -> float:
        return paces.get(values["learning.rule"], paces.get(values.get("model.layers.0.repeat"), 8e-6))

    def result(values: dict[str, Any]) -> dict[str, Any]:
        images = 60_000 if values["data.train"] == "none" else values["data.train"]
        epochs = values["training.epochs"]
        begin = 0.7 if values.get("model.layers.0.repeat") else 9.0  # the first ones read the data
        ends = [begin + epoch * (0.03 + images * pace(values)) for epoch in range(1, epochs + 1)]
        return {"test_accuracy": 0.9, "wall_time_s": ends[-1], "ends": ends}

    sweeps_that(result, monkeypatch)
    monkeypatch.setattr(campaign, "_ends", lambda directory, point: point["ends"])
    foretold = campaign.probed(chosen, FULL.cut, tmp_path, 2, campaign.Progress())
    found = campaign.in_all(foretold, chosen, FULL.cut, 2)
    variants = [variant for one in chosen for variant in one.variants]
    true = sum(5 * (0.7 + 100 * (0.03 + 60_000 * pace(variant.values))) for variant in variants) / 2
    assert found == pytest.approx(true, rel=0.01)
    names = list(foretold)[:2]
    took = [{"experiment": e, "variant": v, "wall_time_s": 2 * foretold[e, v]} for e, v in names]
    other = {"experiment": "rules", "variant": "one that diverged", "wall_time_s": 1.0}
    assert campaign.of_what_they_took(foretold, pd.DataFrame([*took, other])) == pytest.approx(0.5)
    assert campaign.of_what_they_took({}, pd.DataFrame(took)) is None


@pytest.mark.slow
def test_a_campaign_with_a_worker_is_made_once(tmp_path: Path) -> None:
    layers = [{"kind": "dense", "units": 5, "transfer": "tanh"}, {"kind": "dense", "units": 10, "transfer": "softmax"}]
    text = f"""\
# A small network
name = "small"
seed = 1
model = {{ name = "m", input = [64], layers = [{", ".join(table(layer) for layer in layers)}] }}
data = {{ name = "digits", validation = 100 }}
training = {{ learning_rate = 0.1 }}
trace = {{ events = "none" }}
"""
    quantize = 'channels.learning.quantize = { kind = "log2", exponents = 3 }\n'
    for name, more in (("bp", ""), ("srbp", 'learning.rule = "srbp"\n' + quantize)):
        (tmp_path / f"{name}.toml").write_text(text + more)
    paths = [tmp_path / "bp.toml", tmp_path / "srbp.toml"]
    experiment = read_together("rules", "Small", "*.toml", paths, (0.1, 0.3), (2, 3))
    assert [variant.label for variant in experiment.variants] == ["bp", "srbp, 3 bits"]
    cut = Cut(epochs=2, tuning_epochs=1, seeds=2, tuning_train=300)
    tables = []
    for new in (2 * (2 + 2), 0):
        progress = campaign.Progress()
        tables.append(campaign.carry_out([experiment], cut, tmp_path / "runs", 1, progress, nothing_kept))
        assert progress.new == new
    assert tables[0].equals(tables[1])
    updates = tables[0].groupby("phase")["updates"].unique()
    assert updates["tuning"] < updates["best"]
    outcomes = gather([experiment], tables[0])
    assert outcomes("rules", "bp").accuracies.min() > 20.0
    assert math.isnan(outcomes("rules", "bp").entropy)
    assert 0 < outcomes("rules", "srbp, 3 bits").entropy < outcomes("rules", "srbp, 3 bits").bits


def table(values: Mapping[str, Any]) -> str:
    """An inline table of TOML."""
    return "{ " + ", ".join(f"{key} = {json.dumps(value)}" for key, value in values.items()) + " }"
