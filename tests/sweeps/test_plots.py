from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from channelsim.cli import main
from channelsim.errors import InputError
from channelsim.sweeps._best import best_over
from channelsim.sweeps._cells import half_interval
from channelsim.sweeps._labels import number, same, short_labels
from channelsim.sweeps.plots import plot_sweep

RATES = [0.001, 0.01, 0.1]


def results(**more: list[Any]) -> pd.DataFrame:
    """As a sweep leaves it: accuracy = rate + seed / 100, for two rules; one point failed."""
    rows = [
        {"point": f"{i:012x}", "status": "done", "reason": "", "learning.rule": rule, "training.learning_rate": rate,
         "seed": seed, "test_accuracy": rate + seed / 100 + (rule == "bp") / 10, "learning_bits": 8 * seed, "trace": ""}
        for i, (rule, rate, seed) in enumerate((r, v, s) for r in ("bp", "srbp") for v in RATES for s in (1, 2, 3))
    ]  # fmt: skip
    table = pd.DataFrame(rows).assign(**more)
    table.loc[table.index[-1], ["status", "test_accuracy"]] = ["failed", math.nan]
    return table


def test_curves_are_means_over_seeds_with_their_intervals() -> None:
    axes = plot_sweep(results(), "training.learning_rate", by="learning.rule").axes[0]
    assert axes.get_xscale() == "log"
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("training.learning_rate", "test accuracy (%)")
    curves = axes.containers
    assert [curve.get_label() for curve in curves] == ["bp", "srbp"]
    line, _, (bars,) = curves[1]
    np.testing.assert_allclose(line.get_xdata(orig=False), RATES)
    np.testing.assert_allclose(line.get_ydata(orig=False), [2.1, 3.0, 11.5])
    low, high = bars.get_segments()[0][:, 1]
    expected = stats.t.interval(0.95, 2, loc=0.021, scale=stats.sem([0.011, 0.021, 0.031]))
    assert low == 0 > expected[0]  # an accuracy cannot be below 0
    np.testing.assert_allclose(high, 100 * expected[1])
    assert "2 to 3 seeds" in axes.get_title(loc="left")


def test_words_stand_side_by_side() -> None:
    axes = plot_sweep(results(), "learning.rule", y="learning_bits", by="training.learning_rate").axes[0]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["bp", "srbp"]
    assert axes.get_ylabel() == "bits sent on the learning channels"


def test_heat_map() -> None:
    axes = plot_sweep(results(), "training.learning_rate", heat="learning.rule").axes[0]
    np.testing.assert_allclose(
        axes.images[0].get_array(), 100 * np.array([[0.121, 0.13, 0.22], [0.021, 0.03, 0.115]]), rtol=1e-12
    )
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["bp", "srbp"]


def test_where_chooses() -> None:
    figure = plot_sweep(results(), "training.learning_rate", where={"learning.rule": "bp", "seed": 1})
    (curve,) = figure.axes[0].containers
    np.testing.assert_allclose(curve[0].get_ydata(orig=False), 100 * (np.array(RATES) + 0.11))


@pytest.mark.parametrize(
    ("asked", "word"),
    [
        ({"x": "training.rate"}, r"did you mean training\.learning_rate"),
        ({"x": "seed", "y": "accuracy"}, "accepted: test_accuracy, learning_bits"),
        ({"x": "training.learning_rate"}, r"learning\.rule varies too \(bp, srbp\)"),
        ({}, "what along the axis"),
        ({"x": "seed", "by": "learning.rule", "heat": "training.learning_rate"}, "one of them"),
        (
            {"x": "seed", "where": {"learning.rule": "top", "seed": 1}},
            r"--where learning\.rule: no point has the value top; accepted: bp, srbp",
        ),
        (
            {"x": "seed", "where": {"seed": 1, "training.learning_rate": "2"}},
            r"no point has the value 2; accepted: 0\.001, 0\.01, 0\.1",
        ),
        (
            {"x": "seed", "by": "training.learning_rate", "best_over": "training.learning_rate"},
            r"leaves one value of it; accepted: another key than training\.learning_rate",
        ),
        ({"x": "seed", "out": "figure.gif"}, "figure.gif"),
    ],
)
def test_mistakes(asked: dict[str, Any], word: str) -> None:
    with pytest.raises(InputError, match=word):
        plot_sweep(results(), **asked)


def test_a_key_that_goes_with_another_is_no_obstacle() -> None:
    zipped = results(**{"training.momentum": [0.0] * 9 + [0.9] * 9})
    plot_sweep(zipped, "training.learning_rate", by="learning.rule")


@pytest.mark.parametrize(
    ("value", "expected"), [(3, 3.0), ("0.5", 0.5), ("20 us", 2e-5), ("10 Mbit/s", 1e7), ("2 pJ", 2e-12), ("bp", None)]
)
def test_numbers(value: Any, expected: float | None) -> None:
    assert number(value) == (None if expected is None else pytest.approx(expected))
    assert same(value, str(value))


@pytest.mark.parametrize(
    ("value", "is_same"),
    [
        ('{use="mine.py:f", s = 0.5}', True),
        ('{"use": "mine.py:f", "s": 0.5}', True),
        ({"use": "mine.py:f", "s": 0.5}, True),
        ('{use="mine.py:f", s = 0.6}', False),
        ("{use=", False),
        ("mine.py:f", False),
    ],
)
def test_tables_are_the_same_in_toml_json_and_python(value: Any, is_same: bool) -> None:
    assert same('{"s": 0.5, "use": "mine.py:f"}', value) is is_same


def test_lists_are_the_same_in_toml_json_and_python() -> None:
    for value in ('["layered","skipped"]', ("layered", "skipped"), "['layered', 'skipped']"):
        assert same('["layered", "skipped"]', value)


def test_interval() -> None:
    assert math.isnan(half_interval(np.array([0.3])))
    assert half_interval(np.array([0.0, 1.0])) == pytest.approx(12.7062 / 2, rel=1e-5)


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    results().to_parquet(tmp_path / "results.parquet")
    out = tmp_path / "figure.svg"
    keys = ["--x", "training.learning_rate", "--by", "learning.rule"]
    assert main(["plot", str(tmp_path), *keys, "-o", str(out)]) == 0
    assert out.read_text().startswith("<?xml")
    assert capsys.readouterr().out.strip() == str(out)
    folder = str(tmp_path)
    for wrong in ([folder], [folder, folder, *keys], ["a.h5", *keys], [f"{folder}/..", *keys]):
        assert main(["plot", *wrong, "-o", str(out)]) == 2
        assert capsys.readouterr().err.startswith("error: ")


def tuned() -> pd.DataFrame:
    """Validation prefers the rate 0.01, the test set 0.1; at 0.1 a point of srbp has failed."""
    table = results()
    table["validation_accuracy"] = [0.9 if rate == 0.01 else rate for rate in table["training.learning_rate"]]
    table["energy_j"] = [1e-3 * (1 + (rule == "bp")) for rule in table["learning.rule"]]
    return table


def test_each_at_its_own_best_value_by_validation() -> None:
    axes = plot_sweep(tuned(), "learning.rule", best_over="training.learning_rate").axes[0]
    assert "each at its own best training.learning_rate, chosen on validation" in axes.get_title(loc="left")
    np.testing.assert_allclose(axes.containers[0][0].get_ydata(orig=False), [13.0, 3.0])
    with pytest.raises(InputError, match=r"the test set must not choose; accepted: a sweep with data\.validation = N"):
        plot_sweep(results(), "learning.rule", best_over="training.learning_rate")


def test_a_value_at_which_a_point_failed_is_not_chosen() -> None:
    table = tuned()
    table["validation_accuracy"] = table["training.learning_rate"]
    best = best_over(table, "training.learning_rate", ["learning.rule", "training.learning_rate", "seed"])
    assert best.groupby("learning.rule")["training.learning_rate"].unique().map(list).to_dict() == {
        "bp": [0.1],
        "srbp": [0.01],
    }


def test_measure_against_measure_with_its_front() -> None:
    figure = plot_sweep(tuned(), "energy", by="learning.rule", best_over="training.learning_rate", pareto=True)
    axes = figure.axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("energy", "test accuracy (%)")
    assert {text.get_text() for text in axes.texts} == {"bp", "srbp"}
    assert (
        plot_sweep(tuned(), "energy", third="learning_bits", pareto=True).axes[1].get_ylabel().startswith("bits sent")
    )


def test_breakdown_of_a_sweep_is_means_over_seeds() -> None:
    columns = {f"energy_{cause}_j": [float(k)] * 18 for k, cause in enumerate(("bits", "macs", "reads", "writes"))}
    table = results(bits=[100 + i for i in range(18)], **columns)
    figure = plot_sweep(table, breakdown=True, where={"training.learning_rate": 0.001})
    bits, joules = figure.axes
    assert [text.get_text() for text in bits.get_yticklabels()] == ["bp", "srbp"]
    forward, learning = bits.containers
    assert [bar.get_width() for bar in learning] == [16.0, 16.0]  # 8 bits times the seed
    assert [bar.get_width() for bar in forward] == [101.0 - 16.0, 110.0 - 16.0]
    assert [[bar.get_width() for bar in cause] for cause in joules.containers] == [[k, k] for k in range(4)]
    with pytest.raises(InputError, match="beside it --where and --best-over"):
        plot_sweep(table, "seed", breakdown=True)
    many = results(bits=[1] * 18, **columns)
    many["training.learning_rate"] = range(18)
    with pytest.raises(InputError, match="of 51 combinations of swept values; accepted: at most 40"):
        plot_sweep(pd.concat([many.assign(**{"learning.rule": rule}) for rule in "abc"]), breakdown=True)


def test_failed_points_are_told() -> None:
    axes = plot_sweep(results(), "training.learning_rate", by="learning.rule").axes[0]
    assert "1 of 18 points failed" in axes.get_title(loc="left")
    failed = results()
    failed["status"] = "failed"
    with pytest.raises(InputError, match=r"no point with a test_accuracy is done \(18 failed\)"):
        plot_sweep(failed, "seed")


def test_each_seed_is_a_dot() -> None:
    axes = plot_sweep(results(), "training.learning_rate", by="learning.rule").axes[0]
    dots = [line for line in axes.lines if line.get_marker() == "."]
    assert sum(len(line.get_xdata(orig=False)) for line in dots) == 17


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        (['{"bits": 8, "kind": "uniform"}', '{"bits": 3, "kind": "uniform"}'], ["bits 8", "bits 3"]),
        (['{"bits": 8, "kind": "uniform"}', '{"kind": "sign"}', "none"], ["uniform, bits 8", "sign", "none"]),
        (['{"noise": {"sigma": 0.5}}', '{"noise": {"sigma": 1}}'], ["sigma 0.5", "sigma 1"]),
        ([0.1, 3], ["0.1", "3"]),
        (["x" * 40 + "a", "x" * 40 + "b"], ["x" * 27 + "… (1)", "x" * 27 + "… (2)"]),
        (["{no json"], ["{no json"]),
    ],
)
def test_tables_get_short_labels(values: list[Any], labels: list[str]) -> None:
    assert list(short_labels(values).values()) == labels


@given(st.lists(st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=30), max_size=4), min_size=1))
def test_labels_tell_values_apart(tables: list[dict[str, Any]]) -> None:
    values = [json.dumps(table, sort_keys=True) for table in tables]
    labels = short_labels(values)
    assert set(labels) == set(values) and len(set(labels.values())) == len(labels)
