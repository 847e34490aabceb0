"""From [sweep] to points: products, zips, ranges and draws, by their properties."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from channelsim import hashing
from channelsim.errors import InputError
from channelsim.scenario import Draw, Scenario
from channelsim.sweeps import points
from channelsim.sweeps._grid import drawn
from channelsim.sweeps._store import record_of
from channelsim.sweeps._table import tabulate
from tests.scenario.documents import small

Grid = Callable[..., Scenario]


def scenario(**sweep: Any) -> Scenario:
    return Scenario(**small(sweep={key.replace("__", "."): value for key, value in sweep.items()}))


numbers = st.lists(st.integers(1, 50), min_size=1, max_size=4, unique=True)


@settings(max_examples=25)
@given(batches=numbers, seeds=numbers, rules=st.lists(st.sampled_from(["bp", "rbp", "srbp"]), min_size=1, unique=True))
def test_a_grid_is_the_full_product_each_point_once(batches: list[int], seeds: list[int], rules: list[str]) -> None:
    found = points(scenario(training__batch=batches, learning__rule=rules, seed=seeds))
    assert [tuple(point.values.values()) for point in found] == list(itertools.product(batches, rules, seeds))
    assert len({point.name for point in found}) == len(found)
    for point in found:
        assert point.scenario is not None
        assert (point.scenario.training.batch, point.scenario.learning.rule, point.scenario.seed) == tuple(
            point.values.values()
        )
        assert point.name == point.scenario.digest()
        assert not point.scenario.sweep


@settings(max_examples=25)
@given(pairs=st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), min_size=1, unique=True), seeds=numbers)
def test_zipped_keys_vary_together(pairs: list[tuple[int, int]], seeds: list[int]) -> None:
    batches, epochs = (list(column) for column in zip(*pairs, strict=True))
    zipped = [["training.batch", "training.epochs"]]
    found = points(scenario(training__batch=batches, seed=seeds, training__epochs=epochs, zip=zipped))
    got = [(p.values["training.batch"], p.values["training.epochs"], p.values["seed"]) for p in found]
    assert got == [(*pair, seed) for pair in pairs for seed in seeds]


@given(first=st.integers(-50, 50), count=st.integers(1, 30), step=st.integers(1, 9), sign=st.sampled_from([1, -1]))
def test_ranges_of_integers(first: int, count: int, step: int, sign: int) -> None:
    last = first + sign * (step * (count - 1))
    (axis,) = scenario(seed={"range": [first, last, sign * step]}).grid().axes
    assert axis.steps == tuple((value,) for value in range(first, last + sign, sign * step))
    assert all(isinstance(value, int) for (value,) in axis.steps)


def values(entry: Any) -> list[Any]:
    (axis,) = scenario(training__learning_rate=entry).grid().axes
    return [value for (value,) in axis.steps]


def test_spaces() -> None:
    assert values({"range": [0.1, 0.5, 0.1]}) == [0.1, 0.2, 0.3, 0.4, 0.5]
    assert values({"range": [1, 2, 0.4]}) == [1.0, 1.4, 1.8]
    assert values({"range": [1, 3]}) == [1, 2, 3]
    assert values({"linspace": [0.1, 0.3, 3]}) == [0.1, 0.2, 0.3]
    assert values({"logspace": [0.001, 10, 5]}) == [0.001, 0.01, 0.1, 1, 10]
    latency = scenario(**{"channels__learning__latency": {"linspace": [0, 30, 4], "unit": "us"}})
    assert [step for (step,) in latency.grid().axes[0].steps] == ["0 us", "10 us", "20 us", "30 us"]
    assert len(points(latency)) == 4


def test_keys_may_be_quoted_or_nested() -> None:
    quoted = points(Scenario(**small(sweep={"learning.rule": ["bp", "rbp"]})))
    nested = points(Scenario(**small(sweep={"learning": {"rule": ["bp", "rbp"]}})))
    assert [point.name for point in quoted] == [point.name for point in nested]
    one = points(Scenario(**small(sweep={'channels."learning.2".latency': ["1 us", "2 us"]})))
    other = points(Scenario(**small(sweep={"channels": {"learning.2": {"latency": ["1 us", "2 us"]}}})))
    assert [point.name for point in one] == [point.name for point in other]


def test_points_are_named_by_what_they_compute() -> None:
    """So sweeps have points in common: in whatever order, beside whatever other keys, with whatever units."""
    one = {point.name for point in points(scenario(seed=[1, 2], learning__rule=["bp", "rbp"]))}
    other = {point.name for point in points(scenario(learning__rule=["rbp", "top"], seed=[2, 3]))}
    assert len(one & other) == 1
    latency = scenario(**{"channels__learning__latency": ["20 us", "0.02 ms", "20000 ns"]})
    assert len(points(latency)) == 1


def test_without_a_sweep_there_is_one_point() -> None:
    (point,) = points(scenario())
    assert point.name == scenario().digest()
    assert point.values == {}


# --- draws --------------------------------------------------------------------------------------------------


def drawing(samples: int, seed: int = 0, **more: Any) -> Scenario:
    return Scenario(**small(seed=seed, sweep={
        "samples": samples,
        "training.learning_rate": {"loguniform": [0.001, 1]},
        "training.batch": {"integers": [1, 8]},
        "learning.rule": {"choice": ["bp", "srbp"]},
        **more,
    }))  # fmt: skip


def test_draws_are_reproducible_and_extend() -> None:
    few, many = points(drawing(5)), points(drawing(9))
    assert [point.values for point in many][:5] == [point.values for point in few]
    wider = points(drawing(5, **{"training.momentum": {"uniform": [0, 0.9]}}))
    assert [{**few_point.values, "training.momentum": point.values["training.momentum"]}
            for few_point, point in zip(few, wider, strict=True)] == [point.values for point in wider]  # fmt: skip
    other = points(drawing(5, seed=1))
    assert all(a.values != b.values for a, b in zip(few, other, strict=True))


def test_draws_are_multiplied_with_the_grid() -> None:
    found = points(drawing(4, **{"training.epochs": [1, 2]}))
    assert len(found) == 8
    first, second = found[:4], found[4:]
    for a, b in zip(first, second, strict=True):
        assert a.values["training.learning_rate"] == b.values["training.learning_rate"]


@pytest.mark.parametrize(
    ("draw", "law"),
    [
        (Draw("k", "uniform", (2.0, 5.0)), stats.uniform(2, 3).cdf),
        (Draw("k", "loguniform", (0.001, 10.0)), stats.loguniform(0.001, 10).cdf),
    ],
)
def test_draws_follow_their_law(draw: Draw, law: Any) -> None:
    sample = np.array([drawn(draw, 7, i) for i in range(2000)])
    assert stats.kstest(sample, law).pvalue > 0.001


def test_whole_numbers_and_choices_are_drawn_evenly() -> None:
    integers = [drawn(Draw("k", "integers", (3, 6)), 1, i) for i in range(2000)]
    words = [drawn(Draw("k", "choice", ("a", "b", "c")), 1, i) for i in range(2000)]
    for sample, possible in ((integers, {3, 4, 5, 6}), (words, {"a", "b", "c"})):
        assert set(sample) == possible
        assert stats.chisquare([sample.count(value) for value in sorted(possible)]).pvalue > 0.001
    assert drawn(Draw("k", "integers", (3, 3), "us"), 0, 0) == "3 us"


def test_integers_beyond_2_to_the_53_are_drawn_exactly(monkeypatch: pytest.MonkeyPatch) -> None:
    low, high = 5, 2**53 + 7
    for word, expected in ((2**64 - 1, high), (0, low), (2**63, low + (high - low + 1) // 2)):
        monkeypatch.setattr(hashing, "bits", lambda key, index, word=word: np.array([word], np.uint64))
        assert drawn(Draw("k", "integers", (low, high)), 0, 0) == expected


# --- mistakes -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sweep", "words"),
    [
        ({"seed": []}, "sweep.seed = []: no values"),
        ({"seed": 3}, "sweep.seed = 3; accepted: a list of values"),
        ({"learning.rool": ["bp"]}, 'sweep."learning.rool" is unknown; accepted in learning: derivative'),
        ({"learning.rules": ["bp"]}, "did you mean learning.rule?"),
        ({"lerning.rule": ["bp"]}, "did you mean learning?"),
        ({"model.layers.0.unit": [3]}, "did you mean model.layers.0.units?"),
        ({"training.batch.size": [3]}, "training.batch is no table"),
        ({"trace.events": ["none"]}, "is nothing that a result depends on"),
        ({"seed": {"rnage": [1, 2]}}, "did you mean range?"),
        ({"seed": {"range": [1]}}, "accepted: range = [first, last] or [first, last, step]"),
        ({"seed": {"range": [1, 5, -1]}}, "is empty"),
        ({"seed": {"range": [1, 5, 0]}}, "is empty"),
        ({"seed": {"range": [1, 10**9]}}, "at most 100,000"),
        ({"seed": {"range": [1, 1000]}, "training.batch": {"range": [1, 1000]}}, "1,000,000 points"),
        ({"training.learning_rate": {"linspace": [0, 1, 0]}}, "a count of 0"),
        ({"training.learning_rate": {"linspace": [0, "x", 2]}}, "numbers"),
        ({"training.learning_rate": {"logspace": [0, 1, 3]}}, "first and last above 0"),
        ({"training.learning_rate": {"uniform": [0, 1]}}, "sweep.samples is missing"),
        ({"samples": 3}, "no key is drawn"),
        ({"samples": 0, "training.learning_rate": {"uniform": [0, 1]}}, "an integer of 1 or more"),
        ({"samples": 3, "training.learning_rate": {"loguniform": [0, 1]}}, "0 < low <= high"),
        ({"samples": 3, "training.batch": {"integers": [1, 2.5]}}, "both whole numbers"),
        ({"samples": 3, "training.batch": {"choice": []}}, "one or more"),
        ({"seed": [1, 2], "training.batch": [1], "zip": [["seed", "training.batch"]]}, "seed has 2 values"),
        ({"seed": [1, 2], "zip": [["seed", "training.batch"]]}, "training.batch is not swept"),
        ({"seed": [1, 2], "zip": [["seed", "seed"]]}, "named twice"),
        ({"seed": [1, 2], "zip": "seed"}, "accepted: lists of swept keys"),
        ({"seed": [1, 2], "zip": [["seed"]]}, "accepted: lists of swept keys"),
        ({"seed": [1], "zip": [["seed", "training.batch"]], "samples": 2, "training.batch": {"integers": [1, 2]}},
         "what is drawn goes together already"),
        ({"learning.rule": ["bp"], "learning": {"rule": ["bp"]}}, "given twice"),
        ({"learning..rule": ["bp"]}, "is no key"),
    ],
)  # fmt: skip
def test_mistakes_name_the_key(sweep: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError) as error:
        Scenario(**small(sweep=sweep))
    assert str(error.value).startswith("sweep")
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_values_that_fit_nowhere_are_mistakes() -> None:
    with pytest.raises(InputError, match=r'sweep: learning\.rule = "rpb" fits nowhere: .* \(did you mean rbp\?\)'):
        points(scenario(learning__rule=["bp", "rpb"], seed=[1, 2]))
    with pytest.raises(InputError, match=r"channels\.lerning is no channel .*\(did you mean learning\?\)"):
        points(scenario(channels__lerning__latency=["1 us"]))
    with pytest.raises(InputError, match="no point can be run"):
        points(scenario(samples=3, training__learning_rate={"uniform": [-2, -1]}))


def test_values_that_fit_somewhere_make_failed_points() -> None:
    found = points(scenario(channels__learning__quantize__kind=["log2", "uniform"],
                            channels__learning__quantize__bits=[1, 2]))  # fmt: skip
    assert [point.scenario is None for point in found] == [False, False, True, False]
    assert "channels.learning.quantize.bits = 1" in found[2].reason
    assert len({point.name for point in found}) == 4
    table = tabulate([record_of(point, "failed") for point in found], list(found[0].values))
    assert table["seed"].dtype == "int64" and set(table["seed"]) == {scenario().seed}
