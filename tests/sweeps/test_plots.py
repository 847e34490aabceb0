from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from channelsim.cli import main
from channelsim.errors import InputError
from channelsim.sweeps.plots import half_interval, number, plot_sweep, same

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
    np.testing.assert_allclose((low, high), 100 * np.array(expected))
    assert "2 to 3 seeds" in axes.get_title(loc="left")


def test_words_stand_side_by_side() -> None:
    axes = plot_sweep(results(), "learning.rule", y="learning_bits", by="training.learning_rate").axes[0]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["bp", "srbp"]
    assert axes.get_ylabel() == "learning bits (bit)"


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
        ({"x": "seed", "by": "learning.rule", "heat": "training.learning_rate"}, "one of them"),
        ({"x": "seed", "where": {"learning.rule": "top"}}, "no point with a test_accuracy is done"),
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
