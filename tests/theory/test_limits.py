"""Limits, times and invariants against an independent integration, over random starts and every rule."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.optimize import brentq

from channelsim.theory import Branch, Chain, branch, chain, solve
from channelsim.theory.systems import Array, Rule
from tests.theory.integrated import path

RULES: tuple[Rule, ...] = ("bp", "rbp", "srbp", "arbp", "asrbp")
NUMBERS = st.floats(-1.8, 1.8).map(lambda x: round(x, 3))
"""Of both signs, often small, sometimes 0 or tied."""
FEW = settings(max_examples=25)


@st.composite
def chains(draw: st.DrawFn, rule: Rule) -> Chain:
    depth = draw(st.integers(1, 5))
    a, c = (draw(st.lists(NUMBERS, min_size=n, max_size=n)) for n in (depth, depth - 1))
    alpha, beta, rho = draw(NUMBERS), draw(st.floats(0.3, 2)), draw(st.sampled_from([1.0, 0.5, 2.0]))
    return Chain(rule, np.array(a), np.array(c), alpha, beta, rho)


@st.composite
def branches(draw: st.DrawFn, rule: Rule) -> Branch:
    units = draw(st.integers(1, 4))
    a, b, c = (np.array(draw(st.lists(NUMBERS, min_size=units, max_size=units))) for _ in range(3))
    return Branch(rule, a, b, c, draw(NUMBERS), draw(st.floats(0.3, 2)), draw(st.sampled_from([1.0, 0.5, 2.0])))


def agrees(system: Chain | Branch) -> None:
    """The integration ends at the limit, is within the tolerance from the time on, and keeps the invariants."""
    outcome = solve(system)
    if outcome.outcome != "converges" or not 0.05 < (outcome.rate or 0) < 300:
        reject()  # the others have tests of their own; what is too slow or too stiff takes SciPy too long
    assert outcome.limit is not None and outcome.time is not None and outcome.rate is not None
    limit = np.concatenate(list(outcome.limit.values()))
    end = outcome.time + 25 / outcome.rate
    integrated = path(system, end)
    assert integrated(end) == pytest.approx(limit, rel=1e-9, abs=1e-9)
    if outcome.time > 0:
        assert np.abs(integrated(outcome.time) - limit).max() == pytest.approx(1e-6, rel=1e-4)
    later = np.linspace(outcome.time, end, 200)
    assert np.abs(integrated(later) - limit[:, None]).max() <= 1e-6 * (1 + 1e-4)
    flow = (chain if isinstance(system, Chain) else branch).flow(system)
    for name, invariant in flow.invariants.items():
        for x in integrated(np.linspace(0, end, 20)).T:
            assert invariant(x) == pytest.approx(outcome.invariants[name], rel=1e-9, abs=1e-9), name
    assert any(np.allclose(np.concatenate(list(p.parameters.values())), limit) for p in outcome.fixed_points)


@pytest.mark.parametrize("rule", RULES)
def test_chains_go_where_integration_goes(rule: Rule) -> None:
    FEW(given(chains(rule))(agrees))()


@pytest.mark.parametrize("rule", RULES)
def test_branches_go_where_integration_goes(rule: Rule) -> None:
    FEW(given(branches(rule))(agrees))()


@pytest.mark.parametrize("rule", RULES)
def test_flows_are_as_the_rules_say_and_have_their_jacobians(rule: Rule) -> None:
    from tests.theory.integrated import branch_velocity, chain_velocity

    @FEW
    @given(chains(rule), branches(rule))
    def holds(one: Chain, other: Branch) -> None:
        for flow, velocity in ((chain.flow(one), chain_velocity(one)), (branch.flow(other), branch_velocity(other))):
            x = flow.start + 0.1
            assert flow.velocity(x) == pytest.approx(velocity(0, x), rel=1e-12, abs=1e-12)
            steps = [(flow.velocity(x + h) - flow.velocity(x - h)) / 2e-5 for h in 1e-5 * np.eye(x.size)]
            assert flow.jacobian(x) == pytest.approx(np.array(steps).T, rel=1e-6, abs=1e-6)

    holds()


@pytest.mark.parametrize("rule", RULES)
def test_fixed_points_are_at_rest_on_the_leaf_with_their_rates(rule: Rule) -> None:
    @FEW
    @given(chains(rule))
    def holds(system: Chain) -> None:
        flow, outcome = chain.flow(system), solve(system)
        for point in outcome.fixed_points:
            x = np.concatenate(list(point.parameters.values()))
            assert flow.velocity(x) == pytest.approx(0, abs=1e-9 * max(1, np.abs(flow.jacobian(x)).max()))
            for name, invariant in flow.invariants.items():
                size = max(1, float(np.abs(x).max()) ** 2)
                assert invariant(x) == pytest.approx(outcome.invariants[name], rel=1e-8, abs=1e-8 * size)
            spectrum = np.linalg.eigvals(-flow.jacobian(x))
            for rate in point.rates:
                scale = max(1, float(np.abs(spectrum).max()))
                assert np.abs(spectrum - rate).min() <= 1e-5 * scale
            assert point.stable == all(rate.real > 0 for rate in point.rates)

    holds()


def test_the_cubic_of_two_layers() -> None:
    """Three roots iff K is below -(3/2) ((alpha/beta)^2 / c)^(1/3), and the middle one is unstable."""
    c, ratio = 0.8, 1.3
    edge = -1.5 * (ratio**2 / c) ** (1 / 3)
    for k, roots in ((edge - 0.01, 3), (edge + 0.01, 1)):
        outcome = solve(Chain("rbp", np.array([0.2, k + 0.04 / (2 * c)]), np.array([c]), 2 * ratio, 2.0))
        found = [point.parameters["a"][0] for point in outcome.fixed_points]
        real = np.roots([1 / (2 * c), 0, k, -ratio])
        assert found == pytest.approx(np.sort(real[np.abs(real.imag) < 1e-9].real))
        assert [point.stable for point in outcome.fixed_points] == [True, False, True][:roots]


def test_two_adaptive_layers_follow_cosh_and_sinh() -> None:
    """arbp, L = 2: a1 = A cosh ws + (c/w) sinh ws and a2 - a2(0) its integral."""
    rho, (first, second), c = 1.7, (0.4, -0.3), 0.9
    outcome = solve(Chain("arbp", np.array([first, second]), np.array([c]), 1.0, 1.0, rho))
    w = np.sqrt(rho)

    def a(s: float) -> Array:
        cosh, sinh = np.cosh(w * s), np.sinh(w * s)
        return np.array([first * cosh + c / w * sinh, second + (first * sinh + c / w * (cosh - 1)) / w])

    assert outcome.limit is not None
    s = (outcome.limit["c"][0] - c) / rho + second  # c - rho a2 is constant
    grid = np.linspace(0, 5, 200001)
    at = grid[np.argmin(np.abs(a(grid)[1] - s))]
    assert a(at) == pytest.approx(outcome.limit["a"], abs=1e-4)
    assert np.prod(outcome.limit["a"]) == pytest.approx(1, abs=1e-12)


def test_the_squared_error_over_time_is_the_fall_of_the_potential() -> None:
    system = Chain("rbp", np.array([0.3, -0.5, 0.7]), np.array([0.8, -0.6]), 1.0, 1.5)
    outcome = solve(system)
    integrated = path(system, 60)
    square = quad(lambda t: (1 - 1.5 * np.prod(integrated(t))) ** 2, 0, 60, limit=400, epsabs=1e-10)[0]
    assert f"V falls by {square:.6g}" in outcome.reason


@pytest.mark.parametrize("tolerance", [1e-2, 1e-4, 1e-9])
@pytest.mark.parametrize("rule", RULES)
def test_time_for_other_tolerances(rule: Rule, tolerance: float) -> None:
    system = Chain(rule, np.array([0.6, -0.4, 0.9]), np.array([0.5, -0.7]), 0.9, 1.2)
    outcome = solve(system, tolerance)
    assert outcome.time is not None and outcome.limit is not None
    limit = np.concatenate(list(outcome.limit.values()))
    assert np.abs(path(system, outcome.time)(outcome.time) - limit).max() == pytest.approx(tolerance, rel=2e-3)


def test_time_agrees_to_a_millionth_with_one_weight() -> None:
    """a' = alpha - beta a: t = ln(|a - a*| / tolerance) / beta."""
    outcome = solve(Chain("bp", np.array([3.0]), np.zeros(0), 1.0, 2.0))
    assert outcome.time == pytest.approx(np.log(2.5e6) / 2, rel=1e-12)
    assert outcome.rate == pytest.approx(2.0, rel=1e-14)


@pytest.mark.parametrize("rule", RULES)
def test_units_of_data_and_weights_do_not_matter(rule: Rule) -> None:
    """Targets n times larger and inputs m times: time is in units of beta, P in units of alpha/beta."""
    a, c = np.array([0.6, -0.4, 0.9]), np.array([0.5, -0.7])
    one, other = (solve(Chain(rule, a, c, 0.9 * unit, 1.2 * unit)) for unit in (1.0, 1e-9))
    assert one.limit is not None and other.limit is not None and one.time is not None
    assert other.limit["a"] == pytest.approx(one.limit["a"], rel=1e-10)
    assert other.time == pytest.approx(one.time * 1e9, rel=1e-9)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("start", ["equal", "mixed", "zero"])
def test_fifty_layers(rule: Rule, start: str) -> None:
    """The limit solves P = alpha/beta and keeps the invariants, in a moment."""
    weights = {"equal": np.full(50, 0.9), "mixed": 1 + 0.3 * np.cos(np.arange(50.0) ** 2), "zero": np.zeros(50)}[start]
    c = np.full(49, 0.9) if start != "mixed" else np.sin(1 + np.arange(49.0) ** 2)
    outcome = solve(Chain(rule, weights, c, 1.0, 1.0))
    if start == "zero" and rule == "bp":
        assert outcome.outcome == "stays"
        return
    assert outcome.outcome == "converges" and outcome.limit is not None and outcome.time is not None
    assert np.prod(outcome.limit["a"]) == pytest.approx(1, rel=1e-9)
    assert np.isfinite(outcome.time)
    if rule in ("arbp", "asrbp"):
        kept = outcome.limit["a"][:-1] ** 2 - outcome.limit["c"] ** 2
        assert kept == pytest.approx(weights[:-1] ** 2 - c**2, abs=1e-9 * np.abs(outcome.limit["a"]).max() ** 2)


def test_fifty_adaptive_layers_from_zero_keep_their_invariants() -> None:
    """c_i - a_{i+1} = 0.9 and c_i^2 - a_i^2 = 0.81: a_i^2 = 1.8 a_{i+1} + a_{i+1}^2 from the top down."""

    def weights(top: float) -> Array:
        a = [top]
        for _ in range(49):
            a.append(np.sqrt(1.8 * a[-1] + a[-1] ** 2))
        return np.array(a[::-1])

    top = brentq(lambda log: np.log(weights(np.exp(log))).sum(), -80, 0, xtol=1e-13)
    outcome = solve(Chain("arbp", np.zeros(50), np.full(49, 0.9), 1.0, 1.0))
    assert outcome.limit is not None
    assert outcome.limit["a"] == pytest.approx(weights(np.exp(top)), rel=1e-11, abs=0)


def test_eight_layers_against_integration() -> None:
    system = Chain("rbp", np.linspace(0.7, 1.2, 8), np.linspace(-0.9, 1.1, 7), 1.0, 1.0)
    outcome = solve(system)
    assert outcome.limit is not None and outcome.time is not None and outcome.rate is not None
    end = outcome.time + 25 / outcome.rate
    assert path(system, end)(end) == pytest.approx(outcome.limit["a"], abs=1e-9)
