"""The experiments of scenarios/paper, the verdicts on made-up numbers, and the page."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import channelsim as cs
from channelsim.sweep import points
from scripts.paper import campaign, cifar10, claims, figures, page, record, statistics
from scripts.paper.__main__ import CIFAR
from scripts.paper.campaign import Cut
from scripts.paper.claims import CLAIMS, Comparison
from scripts.paper.experiments import Experiment, read, read_all, read_together
from scripts.paper.outcomes import GUESSING, Outcomes, best_rate, gather
from scripts.paper.record import Record
from scripts.paper.statistics import Interval
from scripts.paper.studies import CIFAR10, MNIST, STUDIES, Study

SCENARIOS = Path(__file__).parent.parent / "scenarios" / "paper"
NOISE = np.array([-0.05, 0.0, 0.02, 0.08, -0.05])


@pytest.fixture(scope="module")
def experiments() -> list[Experiment]:
    return read_all(SCENARIOS)


def test_single_scenarios_of_the_folder_are_no_experiments(experiments: list[Experiment]) -> None:
    assert not any(experiment.name.startswith("cifar10") for experiment in experiments)
    assert len(experiments) == sum("[sweep]" in path.read_text() for path in SCENARIOS.glob("*.toml"))


def table_of_runs(
    experiments: list[Experiment],
    accuracy: Mapping[tuple[str, str], float],
    phases: Sequence[str] = ("common", "best"),
) -> pd.DataFrame:
    """Runs in which every variant has the accuracy (%) of its (experiment, label), 97 if not named, with some noise."""
    rows: list[dict[str, Any]] = []
    for experiment in experiments:
        for variant in experiment.variants:
            value = accuracy.get((experiment.name, variant.label), 97.0)
            common = {"experiment": experiment.name, "variant": variant.label, "status": "done", "updates": 100}
            common |= {"learning_bits": 32_000, "wall_time_s": 1.0}
            for rate in experiment.rates:
                found = {"validation_accuracy": 0.97 - abs(rate - experiment.common_rate) / 100}
                rows.append(common | found | {"phase": "tuning", "rate": rate, "seed": 0, "test_accuracy": math.nan})
            for phase in phases:
                for seed, noise in zip(experiment.seeds, NOISE, strict=True):
                    found = {"rate": experiment.common_rate, "seed": seed, "test_accuracy": (value + noise) / 100}
                    rows.append(common | found | {"phase": phase, "validation_accuracy": math.nan})
    return pd.DataFrame(rows)


def outcomes_of(experiments: list[Experiment], accuracy: Mapping[tuple[str, str], float]) -> Outcomes:
    return gather(experiments, table_of_runs(experiments, accuracy))


RECORD = Record(
    command="make paper", whole="make paper", epochs=6, tuning_epochs=3, seeds=5, train=None, workers=2, wall_s=1400.0,
    sittings=1, runs=900, run_s=2600.0, machine="a machine", software="some versions", date="2024-02-29",
)  # fmt: skip


# --- experiments ----------------------------------------------------------------------------------------------


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
    text = (SCENARIOS / "rules.toml").read_text().replace("../../models", str(SCENARIOS.parent.parent / "models"))
    assert old in text
    (tmp_path / "rules.toml").write_text(text.replace(old, new))
    with pytest.raises(ValueError, match=message):
        read(tmp_path / "rules.toml")


# --- statistics -----------------------------------------------------------------------------------------------


def test_intervals_are_those_of_scipy() -> None:
    a, b = np.array([97.1, 97.3, 97.0, 97.4, 97.2]), np.array([95.0, 96.1, 95.5, 94.9, 95.2])
    low, high = stats.t.interval(0.95, 4, a.mean(), stats.sem(a))
    assert (statistics.mean(a).low, statistics.mean(a).high) == pytest.approx((low, high))
    welch = stats.ttest_ind(a, b, equal_var=False).confidence_interval(0.95)
    found = statistics.difference(a, b)
    assert (found.low, found.high) == pytest.approx((welch.low, welch.high))
    assert found.mean == pytest.approx(a.mean() - b.mean())


def test_intervals_of_one_run_and_of_equal_runs() -> None:
    assert statistics.mean([97.0]) == Interval(97.0, -math.inf, math.inf)
    assert statistics.difference([97.0], [96.0, 96.5]) == Interval(0.75, -math.inf, math.inf)
    assert statistics.difference([97.0, 97.0], [96.0, 96.0]) == Interval(1.0, 1.0, 1.0)


# --- verdicts -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("low", "high", "below", "above"),
    [(0.1, 0.9, "yes", "no"), (1.1, 1.9, "no", "yes"), (0.9, 1.1, "open", "open"), (1.0, 1.0, "no", "no")],
)
def test_an_answer_needs_the_whole_interval(low: float, high: float, below: str, above: str) -> None:
    interval = Interval((low + high) / 2, low, high)
    assert claims.less_than(1.0, interval) == below
    assert claims.more_than(1.0, interval) == above


def comparisons(answers: str) -> list[Comparison]:
    words: dict[str, claims.Answer] = {"y": "yes", "n": "no", "o": "open"}
    return [Comparison("x", Interval(0, 0, 0), words[letter]) for letter in answers]


@pytest.mark.parametrize(
    ("answers", "all_verdict", "most_verdict"),
    [
        ("yyy", "holds", "holds"),
        ("yyn", "holds partly", "holds"),
        ("yno", "holds partly", "holds partly"),
        ("yn", "holds partly", "holds partly"),
        ("oo", "holds partly", "holds partly"),
        ("nnn", "does not hold here", "does not hold here"),
    ],
)
def test_verdicts_from_answers(answers: str, all_verdict: str, most_verdict: str) -> None:
    assert claims.all_of(comparisons(answers)) == all_verdict
    assert claims.most_of(comparisons(answers)) == most_verdict


@pytest.mark.parametrize(
    ("answers", "verdict", "note"),
    [
        ("nnyyyy", "holds", "3 bits and more"),
        ("yyyyyy", "holds", "1 bit and more"),
        ("nnnnny", "holds partly", "6 bits and more"),
        ("yyynyy", "holds partly", "5 bits and more"),
        ("nnnnnn", "does not hold here", "not even 6 bits"),
        ("nnnnno", "holds partly", "not even 6 bits"),
    ],
)
def test_how_few_bits_are_enough(answers: str, verdict: str, note: str) -> None:
    judgement = claims.enough_bits(range(1, 7), comparisons(answers))
    assert judgement.verdict == verdict
    assert note in judgement.note


def verdict(number: int, outcomes: Outcomes) -> str:
    best, common = CLAIMS[number].judge(outcomes, "best"), CLAIMS[number].judge(outcomes, "common")
    assert best == common  # the made-up numbers are the same
    return best.verdict


def test_almost_as_well_and_robustly(experiments: list[Experiment]) -> None:
    assert verdict(0, outcomes_of(experiments, {})) == "holds"
    weak = [("sparse", "rbp, 8 wires"), ("sparse", "srbp, 8 wires"), ("rules", "rbp"), ("rules", "srbp")]
    assert verdict(0, outcomes_of(experiments, dict.fromkeys(weak, 95.5))) == "holds partly"
    assert verdict(1, outcomes_of(experiments, dict.fromkeys(weak, 95.5))) == "holds"
    assert verdict(1, outcomes_of(experiments, dict.fromkeys(weak, 90.0))) == "holds partly"
    assert verdict(0, outcomes_of(experiments, {("rules", "bp"): 99.0})) == "does not hold here"


def test_the_derivative(experiments: list[Experiment]) -> None:
    without = [("derivative", f"{rule}, without f′") for rule in ("bp", "rbp", "srbp", "asrbp")]
    assert verdict(2, outcomes_of(experiments, dict.fromkeys(without, 95.0))) == "holds"
    assert verdict(2, outcomes_of(experiments, dict.fromkeys(without[:2], 95.0))) == "holds partly"
    assert verdict(2, outcomes_of(experiments, {})) == "does not hold here"


def test_few_bits_from_the_table(experiments: list[Experiment]) -> None:
    few = {("error-bits", "srbp, 1 bit"): 50.0, ("error-bits", "srbp, 2 bits"): 90.0}
    judgement = CLAIMS[3].judge(outcomes_of(experiments, few), "best")
    assert (judgement.verdict, judgement.note) == ("holds", "3 bits and more are enough")


def test_every_claim_can_be_judged_and_refers_to_variants_that_exist(experiments: list[Experiment]) -> None:
    outcomes = outcomes_of(experiments, {})
    for claim in CLAIMS:
        assert claim.judge(outcomes, "best").comparisons


def test_the_rate_with_the_highest_validation_accuracy() -> None:
    assert best_rate({0.1: 90.0, 0.3: 95.0, 1.0: math.nan}) == 0.3
    assert best_rate({1.0: 95.0, 0.3: 95.0}) == 0.3
    assert best_rate({0.3: math.nan, 1.0: 9.8}) == 1.0


def test_diverged_runs_count_as_guesses(experiments: list[Experiment]) -> None:
    runs = table_of_runs(experiments, {})
    one = (runs["experiment"] == "rules") & (runs["variant"] == "rbp") & (runs["phase"] == "best") & (runs["seed"] == 2)
    runs["status"] = runs["status"].mask(one, "diverged")
    runs["test_accuracy"] = runs["test_accuracy"].mask(one)
    outcomes = gather(experiments, runs)
    found = outcomes("rules", "rbp")
    assert found.diverged == {"common": 0, "best": 1}
    assert sorted(found.accuracies["best"])[0] == GUESSING
    assert "1 diverged" in page.text(MNIST, experiments, outcomes, RECORD)
    robust = CLAIMS[1].judge(outcomes, "best").comparisons
    assert next(one for one in robust if one.label == "rbp").answer == "no"


# --- the runs -------------------------------------------------------------------------------------------------


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
        rows = [{"point": one.name, **nothing, **result(dict(one.values))} for one in found]
        progress.finish(len(found), 0)
        return pd.DataFrame(rows)

    monkeypatch.setattr(cs, "sweep", sweep)
    monkeypatch.setattr(campaign, "_cluster", no_cluster)
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
    runs = campaign.carry_out(chosen, cut, tmp_path, 2, campaign.Progress())
    assert [folder.name for folder in folders] == ["rules", "routes", "rules", "routes"]
    assert len(runs) == (8 + 2) * (4 + 2 * 3)
    outcomes = gather(chosen, runs)
    assert {one.label: one.rate for one in outcomes.of("rules")} == dict.fromkeys(
        ("bp", "srbp", "arbp", "asrbp", "sign", "drtp", "top"), 0.3
    ) | {"rbp": 1.0}
    assert outcomes("rules", "rbp").accuracies["common"].tolist() == [90.0] * 3
    assert outcomes("rules", "rbp").accuracies["best"].tolist() == [50.0] * 3
    assert set(runs[runs["phase"] != "tuning"]["seed"]) == {1, 2, 3}


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
        return campaign.carry_out(chosen, Cut(4, 2, 2), tmp_path, 2, campaign.Progress())

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


def test_the_time_of_sittings_adds_up(tmp_path: Path) -> None:
    log, progress = tmp_path / "sittings.txt", campaign.Progress()
    with record.sitting(log, progress):
        pass
    assert record.sittings(log) == []
    with pytest.raises(KeyboardInterrupt), record.sitting(log, progress):
        progress.new = 3
        raise KeyboardInterrupt
    with record.sitting(log, progress):
        pass
    assert len(record.sittings(log)) == 2


def test_the_record_comes_back(tmp_path: Path) -> None:
    RECORD.save(tmp_path / "record.json")
    assert Record.load(tmp_path / "record.json") == RECORD
    assert "cores" in record.machine()
    assert "NumPy" in record.software(SCENARIOS)


# --- the page -------------------------------------------------------------------------------------------------


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
    cut = Record(**(vars(RECORD) | {"command": "make paper-quick", "train": 20_000, "seeds": 3}))
    text = page.text(MNIST, experiments, outcomes_of(experiments, {}), cut)
    assert "This is a cut" in text and "15,000 training images" in text


@pytest.mark.parametrize("name", ["rules", "sparse"])
def test_figures_are_the_same_for_the_same_numbers(tmp_path: Path, experiments: list[Experiment], name: str) -> None:
    outcomes = outcomes_of(experiments, {("rules", "drtp"): 60.0, ("sparse", "rbp, 1 wire"): 70.0})
    experiment = next(one for one in experiments if one.name == name)
    for target in ("a.svg", "b.svg"):
        figures.save(figures.draw(experiment, outcomes), tmp_path / target)
    first, second = ((tmp_path / target).read_bytes() for target in ("a.svg", "b.svg"))
    assert first == second and b"test accuracy" in first


# --- CIFAR-10 -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def convolutional() -> list[Experiment]:
    return CIFAR10.experiments(SCENARIOS)


def cifar10_outcomes(experiments: list[Experiment], accuracy: Mapping[str, float]) -> Outcomes:
    named = {("rules", label): value for label, value in accuracy.items()}
    return gather(experiments, table_of_runs(experiments, named, phases=["best"]))


CIFAR10_RECORD = Record(
    **(
        vars(RECORD)
        | {"command": "make paper-cifar", "epochs": 3, "seeds": 3, "tuning_epochs": 1, "tuning_train": 20_000}
    )
)


def test_each_scenario_is_a_variant_of_one_experiment(convolutional: list[Experiment]) -> None:
    (experiment,) = convolutional
    labels = ["bp", "rbp", "srbp", "asrbp", "top", "srbp, 3 bits", "srbp, without f′", "srbp, 2 wires"]
    assert [variant.label for variant in experiment.variants] == labels
    made = {experiment.scenario.with_(variant.values).digest() for variant in experiment.variants}
    assert made == {cs.load(path).digest() for path in SCENARIOS.glob("cifar10-*.toml")}
    assert experiment.axis is None
    assert experiment.scenario.data.validation == 5000


def test_scenarios_of_one_experiment_differ_in_how_they_learn_only(tmp_path: Path) -> None:
    models = str(SCENARIOS.parent.parent / "models")
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


@pytest.mark.parametrize(
    ("number", "accuracy", "expected"),
    [
        (0, {}, "holds"),
        (0, {"rbp": 90.0}, "holds"),
        (0, {"rbp": 90.0, "srbp": 90.0}, "holds partly"),
        (0, {"bp": 99.0, "rbp": 90.0, "srbp": 90.0, "asrbp": 90.0}, "does not hold here"),
        (1, {"rbp": 90.0, "srbp": 90.0}, "holds"),
        (1, {"rbp": 85.0, "srbp": 85.0}, "holds partly"),
        (2, {}, "does not hold here"),
        (2, {"srbp, without f′": 95.0}, "holds"),
        (3, {}, "holds"),
        (3, {"srbp, 3 bits": 94.0}, "does not hold here"),
        (4, {}, "holds partly"),
        (4, {"top": 90.0}, "holds"),
        (4, {"top": 99.0}, "does not hold here"),
        (5, {"srbp": 93.0}, "holds"),
        (5, {"srbp": 90.0}, "does not hold here"),
        (6, {"asrbp": 98.0}, "holds"),
        (6, {"asrbp": 96.0}, "does not hold here"),
        (7, {}, "holds"),
        (7, {"srbp, 2 wires": 94.0}, "does not hold here"),
    ],
)
def test_verdicts_on_cifar10(
    convolutional: list[Experiment], number: int, accuracy: Mapping[str, float], expected: str
) -> None:
    judgement = cifar10.CLAIMS[number].judge(cifar10_outcomes(convolutional, accuracy), "best")
    assert judgement.verdict == expected, judgement


def test_tuning_sees_part_of_cifar10_and_each_variant_runs_at_its_own_best_rate_only(
    convolutional: list[Experiment], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    images: dict[int, set[int | None]] = {}
    sweep_of = points

    def result(values: dict[str, Any]) -> dict[str, Any]:
        return {"test_accuracy": 0.5, "validation_accuracy": 1.0 - values["training.learning_rate"]}

    def seen(scenario: cs.Scenario) -> list[Any]:
        found = sweep_of(scenario)
        for point in found:
            assert point.scenario is not None
            images.setdefault(point.values["training.epochs"], set()).add(point.scenario.data.train)
        return found

    monkeypatch.setattr(f"{__name__}.points", seen)
    sweeps_that(result, monkeypatch)
    runs = campaign.carry_out(convolutional, CIFAR, tmp_path, 2, campaign.Progress())
    assert images == {CIFAR.tuning_epochs: {20_000}, CIFAR.epochs: {None}}
    assert set(runs["phase"]) == {"tuning", "best"}
    assert set(runs[runs["phase"] == "tuning"]["seed"]) == {1}
    assert set(runs[runs["phase"] == "best"]["seed"]) == {2, 3, 4}
    at_most, seconds = campaign.estimate(convolutional, CIFAR, 2)
    assert at_most == len(runs) == 8 * (3 + 3)
    assert seconds < 30 * 60
    outcomes = gather(convolutional, runs)
    assert outcomes.rates == ("best",)
    assert {outcome.rate for outcome in outcomes.of("rules")} == {0.002}


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
    quantize = 'channels.learning.quantize = { kind = "log2", bits = 3 }\n'
    for name, more in (("bp", ""), ("srbp", 'learning.rule = "srbp"\n' + quantize)):
        (tmp_path / f"{name}.toml").write_text(text + more)
    paths = [tmp_path / "bp.toml", tmp_path / "srbp.toml"]
    experiment = read_together("rules", "Small", "*.toml", paths, (0.1, 0.3), (2, 3))
    assert [variant.label for variant in experiment.variants] == ["bp", "srbp, 3 bits"]
    cut = Cut(epochs=2, tuning_epochs=1, seeds=2, tuning_train=300, common=False)
    tables = []
    for new in (2 * (2 + 2), 0):
        progress = campaign.Progress()
        tables.append(campaign.carry_out([experiment], cut, tmp_path / "runs", 1, progress))
        assert progress.new == new
    assert tables[0].equals(tables[1])
    updates = tables[0].groupby("phase")["updates"].unique()
    assert updates["tuning"] < updates["best"]
    assert gather([experiment], tables[0])("rules", "bp").accuracies["best"].min() > 20.0


def table(values: Mapping[str, Any]) -> str:
    """An inline table of TOML."""
    return "{ " + ", ".join(f"{key} = {json.dumps(value)}" for key, value in values.items()) + " }"


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
    docs = SCENARIOS.parent.parent / "docs"
    if not (docs / study.page).exists():
        pytest.skip("it has not been run yet")
    experiments = study.experiments(SCENARIOS)
    about, runs = Record.load(docs / study.page / "record.json"), pd.read_csv(docs / study.page / "runs.csv")
    text = page.text(study, experiments, gather(experiments, runs), about, page.others(study, docs))
    assert text == (docs / f"{study.page}.md").read_text()
