"""The engine beside the theory: systems read out of scenarios, paths beside the equation, stability by bisection."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import channelsim as cs
from channelsim import _theory, theory
from channelsim._theory import _loop, _stability
from tests.cli.process import channelsim
from tests.networks import dense_layers, scenario

SCENARIOS = Path(__file__).parents[1] / "scenarios" / "theory"
RATES = (0.02, 0.01, 0.005)


def case(name: str, **changes: Any) -> _theory.Case:
    return _theory.case_of(cs.load(SCENARIOS / f"{name}.toml").with_(changes))


@pytest.mark.parametrize(
    "name", ["chain-rbp", "chain-five", "arbp-converges", "branch", "bottleneck", "autoencoder", "tanh"]
)
def test_the_system_read_out_of_a_scenario_is_the_one_written(name: str) -> None:
    """To float32, in which the engine has its numbers."""
    written, found = theory.load(SCENARIOS / f"{name}.toml"), case(name).system
    assert type(written) is type(found)
    for key, value in vars(written).items():
        if isinstance(value, str | bool):
            assert vars(found)[key] == value, key
        else:
            np.testing.assert_allclose(vars(found)[key], value, rtol=3e-7, atol=1e-7, err_msg=key)


@pytest.mark.parametrize("name", sorted(path.stem for path in SCENARIOS.glob("*.toml")))
def test_no_shipped_scenario_is_another_system_than_it_says(name: str) -> None:
    try:
        found = case(name).system
    except cs.InputError:  # a system that the engine does not have, such as a power
        return
    _theory.refuse_another(theory.load(SCENARIOS / f"{name}.toml"), found)


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("learning.rule", "arbp", "another rule"),
        ("learning.feedback.C", {"1": [[9.0]]}, "another c"),
        ("data.train_y", [5.0], "another alpha"),
    ],
)
def test_keys_that_make_another_system_are_refused(key: str, value: Any, told: str) -> None:
    described = SCENARIOS / "chain-rbp.toml"
    with pytest.raises(cs.InputError, match=f"theory: the scenario's network has {told} than"):
        _theory.refuse_another(theory.load(described), case("chain-rbp", **{key: value}).system)


@pytest.mark.parametrize("name", ["chain-rbp", "chain-five", "rbp-leaves", "arbp-converges", "branch", "autoencoder"])
def test_half_the_rate_is_half_the_distance(name: str) -> None:
    found = _theory.compare(case(name), RATES, time=2.0)
    distances = [path.distance for path in found.paths]
    for one, half in pairwise(distances):
        assert one / half == pytest.approx(2, abs=0.1)
    assert [path.order for path in found.paths][1:] == pytest.approx([1, 1], abs=0.07)


@pytest.mark.parametrize("time", [0.0, -1.0, float("nan"), float("inf")])
def test_a_comparison_is_over_some_time(time: float) -> None:
    with pytest.raises(cs.InputError, match=r"--time \S+; accepted: a time above 0"):
        _theory.compare(case("chain-rbp"), [0.1], time)


def test_half_the_rate_is_half_the_distance_of_an_adaptive_hidden_unit() -> None:
    tanh = case("tanh", **{"theory.rule": "arbp", "theory.rho": 0.5})
    assert isinstance(tanh.system, theory.Hidden) and tanh.system.rho == pytest.approx(0.5)
    one, half = _theory.compare(tanh, (0.02, 0.01), time=2.0).paths
    assert one.distance / half.distance == pytest.approx(2, abs=0.1)
    assert "c - rho a2" in one.drift


def test_distances_are_of_the_whole_path_and_drift_of_its_end() -> None:
    (path,) = _theory.compare(case("chain-rbp"), [0.01], time=6.0).paths
    assert path.updates == 600 and path.order is None
    assert 0 < path.end <= path.distance < 0.01
    assert 0 < max(path.drift.values()) < 0.01


@pytest.mark.parametrize("latency", [5, 75, *(pytest.param(between, marks=pytest.mark.slow) for between in (15, 35))])
def test_stability_by_formula_and_by_the_engine(latency: int) -> None:
    found = _theory.stability(
        case("delay-stable", **{"channels.learning.latency": f"{latency} us", "schedule.stash": 8})
    )
    assert found.delays == (latency // 10, 0)
    assert found.gains == pytest.approx((0.4, 0.0), abs=1e-6)
    assert found.formula is not None
    assert found.measured == pytest.approx(found.formula, rel=0.01)


def test_a_layer_that_misses_all_its_errors_has_no_stable_rate() -> None:
    late = case("delay-stable", **{"channels.learning.latency": "75 us", "schedule.stash": 2})
    with pytest.raises(cs.InputError, match=r"layer 1 receives no error in time.*schedule.stash"):
        _theory.stability(late)


def test_stability_at_a_limit_with_a_weight_that_is_zero() -> None:
    """alpha = 0: the second weight goes to 0, and the bisection starts beside it."""
    found = _theory.stability(case("chain-rbp", **{"theory.alpha": 0.0}))
    assert found.formula is not None and found.measured == pytest.approx(found.formula, rel=5e-3)


@pytest.mark.parametrize(("name", "told"), [("bp-stuck", "gains 0, 0"), ("bp-tie", "a saddle")])
def test_a_saddle_has_no_stability(name: str, told: str) -> None:
    with pytest.raises(cs.InputError, match=told):
        _theory.stability(case(name))


def test_the_limit_of_an_adaptive_chain_of_three_is_where_the_bisection_starts() -> None:
    """Its channels are not in the order of their layers."""
    described = {"system": "chain", "rule": "arbp", "a": [0.9, 0.8, 0.7], "c": [0.3, 0.2], "alpha": 1.0, "beta": 1.0}
    three = _theory.case_of(cs.load(SCENARIOS / "chain-rbp.toml").with_({"theory": described}))
    found = _theory.stability(three)
    assert found.formula is not None
    assert found.measured == pytest.approx(found.formula, rel=0.02)
    limit = {name: np.asarray(value) for name, value in (theory.solve(three.system).limit or {}).items()}
    start = _theory.parameters(three, _stability._started_at(three, three.plan, limit))
    np.testing.assert_allclose(start["c"], limit["c"], rtol=1e-6)
    np.testing.assert_allclose(start["a"], limit["a"] * (1 + _stability.PERTURBATION), rtol=1e-6)


@pytest.mark.parametrize(("name", "key"), [("sign", "quantize"), ("threshold", "threshold")])
def test_stability_is_of_channels_that_change_no_values(name: str, key: str) -> None:
    with pytest.raises(cs.InputError, match=rf"channels.learning.1.{key} is given.*accepted"):
        _theory.stability(case(f"dead-zone-{name}"))


def test_a_rate_at_which_the_engine_diverges_is_a_stop_and_no_fault(tmp_path: Path) -> None:
    file = str(SCENARIOS / "chain-rbp.toml")
    found = channelsim("theory", file, "--engine", "--rates", "5", "--time", "5000", cwd=tmp_path)
    assert found.status == 1 and "Traceback" not in found.err and found.err.count("\n") == 1


def test_stability_of_a_single_run_under_drop() -> None:
    """k = c a2 = 0.4 under a frozen top, half of the errors lost, rescaled: the mean's limit, and that of the run."""
    changes = {"training.learning_rate": {"default": 0.05, "2": 0.0}, "theory.a": [0.3, 0.5]}
    found = _theory.stability(case("drop-rescaled", **changes), precision=5e-3)
    assert (found.formula, found.single_run) == pytest.approx((5.0, 2.5))
    assert found.mean_square == found.single_run and found.measured == pytest.approx(found.single_run, rel=0.01)


@pytest.mark.parametrize(("rule", "left"), [("rbp", (0.16, 0.4, 1.0)), ("srbp", (0.4, 0.4, 1.0))])
def test_losses_add_up_on_the_way_down_a_layered_channel(rule: str, left: tuple[float, ...]) -> None:
    described = {"system": "chain", "rule": rule, "a": [0.9, 0.8, 0.7], "c": [0.3, 0.2], "alpha": 1.0, "beta": 1.0}
    three = case("drop", theory=described, **{"channels.learning.drop.probability": 0.6})
    found = _loop.losses_of(three, (1.0, 10.0, 100.0))
    assert found.mean == pytest.approx(np.multiply(left, (1.0, 10.0, 100.0)))
    assert found.probabilities.sum() == pytest.approx(1)
    law = {111: 0.16, 110: 0.24, 101: 0.24, 100: 0.36}
    if rule == "rbp":  # what is lost on the way to layer 2 does not come to layer 1
        law = {111: 0.16, 110: 0.24, 100: 0.6}
    for total, probability in law.items():
        assert found.probabilities[np.isclose(found.sums, total)].sum() == pytest.approx(probability)


@pytest.mark.filterwarnings("error")
def test_frozen_layers_that_do_not_come_to_rest_are_one_line() -> None:
    wrong = case("chain-rbp", **{"training.learning_rate": {"default": 0.05, "2": 0.0}})
    with pytest.raises(cs.InputError, match="does not come to rest; accepted"):
        _theory.stability(wrong)


def test_stability_is_not_of_drops_on_the_way_forward() -> None:
    with pytest.raises(cs.InputError, match=r"channels\.forward\.1\.drop is given"):
        _theory.stability(case("chain-rbp", **{"channels.forward.drop.probability": 0.1}))


def test_both_layers_and_momentum() -> None:
    for momentum in (0.0, 0.5):
        found = _theory.stability(case("chain-rbp", **{"training.momentum": momentum}))
        assert found.formula == pytest.approx(2 * (1 + momentum) / sum(found.gains), rel=1e-6)
        assert found.measured == pytest.approx(found.formula, rel=0.01)


LINEAR = {"data": {"train_x": [[1.0], [2.0]], "train_y": [[1.0], [0.5]]}, "learning": {"rule": "rbp"}}


@pytest.mark.parametrize(
    ("units", "transfers", "changes", "told"),
    [
        ([1, 1, 1], ["linear", "linear"], {}, "model.bias = true"),
        ([1, 1, 1], ["linear", "tanh"], {"bias": False}, "a top that is not linear"),
        ([1, 2, 1], ["tanh", "linear"], {"bias": False}, "accepted: 1-1-1"),
        ([1, 2, 2, 1], ["linear"] * 3, {"bias": False}, "a chain of single units, or one hidden layer"),
        ([1, 1, 1], ["linear"] * 2, {"bias": False, "learning": {"rule": "sign"}}, 'learning.rule = "sign"'),
    ],
)
def test_what_is_in_the_way_is_named(units: list[int], transfers: list[str], changes: Any, told: str) -> None:
    tables = {**LINEAR, **changes}
    bias = tables.pop("bias", True)
    described = scenario(units, transfers, **tables)
    model = {"name": "m", "input": units[:1], "layers": dense_layers(units, transfers), "bias": bias}
    with pytest.raises(cs.InputError) as caught:
        _theory.case_of(described.with_({"model": model}))
    assert told in str(caught.value) and "accepted" in str(caught.value)


def test_the_command(tmp_path: Path) -> None:
    file = str(SCENARIOS / "chain-rbp.toml")
    found = channelsim("theory", file, "--engine", "--rates", "0.05,0.025", "--time", "1", "--json", cwd=tmp_path)
    told = json.loads(found.out)
    assert told["outcome"] == "converges" and [path["rate"] for path in told["engine"]["paths"]] == [0.05, 0.025]
    shown = channelsim("theory", file, "--engine", "--portrait", "p.svg", cwd=tmp_path)
    assert shown.status == 0 and "order" in shown.out and (tmp_path / "p.svg").stat().st_size > 5000
    for arguments, words in (
        (["--engine", "--rates", "0.1;0.2"], "--rates 0.1;0.2; accepted: numbers"),
        (["--engine", "--rates", "-1"], "accepted: positive"),
        (["--portrait", "p.txt"], "p.txt"),
        (["--set", "theory.beta=0"], "theory.beta"),
        (["--engine", "--set", "training.momentum=0.5"], "chain-rbp.toml: training: the equation has neither momentum"),
    ):
        outcome = channelsim("theory", file, *arguments, cwd=tmp_path)
        assert outcome.status == 2 and words in outcome.err and outcome.err.count("\n") == 1


def test_the_command_takes_a_scenario_without_the_table(tmp_path: Path) -> None:
    (tmp_path / "plain.toml").write_text(
        'name = "plain"\n[model]\nname = "m"\ninput = [1]\nbias = false\n'
        + "".join(
            f'[[model.layers]]\nkind = "dense"\nunits = 1\ntransfer = "linear"\nW = [[{a}]]\n' for a in (0.3, -0.5)
        )
        + '[data]\ntrain_x = [[1.0]]\ntrain_y = [[1.0]]\n[learning]\nrule = "rbp"\n'
        + "[learning.feedback]\nC = {1 = [[0.8]]}\n"
    )
    found = channelsim("theory", "plain.toml", "--json", cwd=tmp_path).json
    assert found["limit"]["a"] == pytest.approx([1.4200992, 0.7041761], abs=1e-6)
