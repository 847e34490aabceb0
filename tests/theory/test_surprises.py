"""What does not converge, or not as fast, or not to a minimum: said so, with the reason."""

from __future__ import annotations

import numpy as np
import pytest

from channelsim.errors import InputError
from channelsim.theory import Branch, Chain, Outcome, chain, solve
from channelsim.theory.systems import Rule
from tests.theory.integrated import path


def solved(
    rule: Rule, a: list[float], c: list[float], alpha: float = 1.0, beta: float = 1.0, rho: float = 1.0
) -> Outcome:
    return solve(Chain(rule, np.array(a, float), np.array(c, float), alpha, beta, rho))


# --- rest at the start ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "a", "c"),
    [
        ("bp", [0, 0], [1]),
        ("bp", [0, 2, 0], [1, 1]),
        ("rbp", [0.3, 0, 0.4], [0.5, 0]),
        ("arbp", [0.3, 0, 0.4], [0.5, 0]),
        ("srbp", [0, 0.3], [0]),
        ("rbp", [0.1, 0.2, 5], [3, 1]),  # 0.1 x 0.2 x 5 is 0.1 to rounding only
    ],
)
def test_a_start_at_rest_stays(rule: Rule, a: list[float], c: list[float]) -> None:
    outcome = solved(rule, a, c, alpha=0.1)
    assert (outcome.outcome, outcome.time, outcome.rate, outcome.period) == ("stays", 0.0, None, None)
    assert outcome.limit is not None and outcome.limit["a"].tolist() == a


@pytest.mark.parametrize("rule", ["rbp", "srbp", "arbp", "asrbp"])
def test_random_backpropagation_leaves_zero(rule: Rule) -> None:
    outcome = solved(rule, [0, 0, 0], [0.5, -0.7])
    assert outcome.outcome == "converges"
    assert outcome.limit is not None and np.prod(outcome.limit["a"]) == pytest.approx(1, rel=1e-12)


def test_one_zero_does_not_hold_back_bp() -> None:
    outcome = solved("bp", [0, 0.5, 0.7], [1, 1], alpha=-1)
    assert outcome.outcome == "converges" and outcome.limit is not None
    assert outcome.limit["a"][0] < 0 and np.prod(outcome.limit["a"]) == pytest.approx(-1, rel=1e-12)


def test_a_start_within_the_tolerance_takes_no_time() -> None:
    assert solved("rbp", [1.0, 1.0 + 1e-8], [0.5]).time == 0
    assert solve(Chain("rbp", np.array([1.0, 1.1]), np.array([0.5]), 1.0, 1.0), tolerance=5).time == 0


# --- dead chains ------------------------------------------------------------------------------------------


def test_a_dead_chain_drifts() -> None:
    """srbp, c2 = a2 = 0: a1 = a1(0) + c1 alpha t."""
    outcome = solved("srbp", [0.3, 0, 0.4], [0.5, 0], alpha=2)
    assert (outcome.outcome, outcome.limit, outcome.time, outcome.rate) == ("diverges", None, None, None)
    assert outcome.asymptote == "a1 ~ 1 t" and "a2 = 0 and C2 = 0" in outcome.reason


def test_the_layers_below_a_dead_one_grow_as_powers() -> None:
    """a1 ~ c1 alpha t and a2 ~ c1 c2 (alpha t)^2 / 2, as integration shows."""
    system = Chain("srbp", np.array([1.0, -1.0, 0.0, 0.3]), np.array([0.5, 0.4, 0.0]), 1.0, 2.0)
    outcome = solve(system)
    assert outcome.outcome == "diverges" and outcome.asymptote == "a1 ~ 0.5 t, a2 ~ 0.1 t^2"
    late = path(system, 1e4)(1e4)
    assert late[:2] == pytest.approx([0.5e4, 0.1e8], rel=1e-3)


def test_a_dead_chain_without_targets_stays() -> None:
    assert solved("srbp", [0.3, 0, 0.4], [0.5, 0], alpha=0).outcome == "stays"


# --- degenerate limits ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("c", "q"), [(1.0, 1.0), (0.8, 1.0), (-0.5, 1.5), (2.0, 0.5)])
def test_a_double_root_is_approached_like_one_over_t(c: float, q: float) -> None:
    """(a + q)^2 (a - 2q) = 0: at a = -q the error is of second order, so the time is like 1/tolerance."""
    sign = np.sign(c)
    a1 = -2 * q * sign
    outcome = solved("rbp", [a1, -1.5 * q * q / c + a1 * a1 / (2 * c)], [c], alpha=sign * q**3 / c)
    assert outcome.outcome == "converges" and outcome.rate == 0
    assert outcome.limit is not None and outcome.limit["a"][0] == pytest.approx(-q * sign, rel=1e-12)
    assert "multiplicity 2" in outcome.reason and "1/t" in outcome.reason
    assert outcome.time is not None and outcome.time > 1e5
    finer = solve(Chain("rbp", outcome_start(a1, q, c), np.array([c]), sign * q**3 / c, 1.0), 1e-8)
    assert finer.time == pytest.approx(100 * outcome.time, rel=1e-3)
    assert [point.stable for point in outcome.fixed_points].count(True) == 1


def outcome_start(a1: float, q: float, c: float) -> np.ndarray:
    return np.array([a1, -1.5 * q * q / c + a1 * a1 / (2 * c)])


def test_the_time_to_a_double_root_is_that_of_integration() -> None:
    system = Chain("rbp", np.array([-2.0, 0.5]), np.array([1.0]), 1.0, 1.0)
    outcome = solve(system, 1e-3)
    assert outcome.time is not None and outcome.limit is not None
    assert np.abs(path(system, outcome.time)(outcome.time) - outcome.limit["a"]).max() == pytest.approx(1e-3, rel=1e-6)


def test_a_triple_root_is_slower_still() -> None:
    """a2 = a1^2 / (2c) without targets: P = a1^3 / (2c)."""
    one, finer = (solve(Chain("rbp", np.array([1.0, 0.5]), np.array([1.0]), 0.0, 1.0), x) for x in (1e-3, 1e-4))
    assert one.outcome == "converges" and one.rate == 0 and one.limit is not None
    assert one.limit["a"] == pytest.approx([0, 0], abs=1e-12)
    assert one.time is not None and finer.time == pytest.approx(100 * one.time, rel=1e-3)


@pytest.mark.parametrize("gap", [1e-4, -1e-4])
def test_next_to_a_double_root_the_gap_decides(gap: float) -> None:
    """The start passes slowly where P stops short of alpha/beta, and stays where it reaches it."""
    outcome = solved("rbp", [-2.0, 0.5], [1.0], alpha=1 + gap)
    assert outcome.outcome == "converges" and outcome.limit is not None and outcome.rate is not None
    assert (outcome.limit["a"][0] > 0) == (gap > 0) and outcome.rate > 0
    system = Chain("rbp", np.array([-2.0, 0.5]), np.array([1.0]), 1 + gap, 1.0)
    assert outcome.time is not None
    late = path(system, outcome.time)(outcome.time)
    assert np.abs(late - outcome.limit["a"]).max() == pytest.approx(1e-6, rel=1e-4)


# --- bp's saddles -----------------------------------------------------------------------------------------


def test_the_smallest_weight_crosses_zero() -> None:
    outcome = solved("bp", [0.5, -0.7, 0.9], [0, 0])
    assert outcome.outcome == "converges" and outcome.limit is not None
    assert np.sign(outcome.limit["a"]).tolist() == [-1, -1, 1] and "crossed zero" in outcome.reason


@pytest.mark.parametrize(("a", "rate"), [([0.5, -0.5, 2.0], np.sqrt(3.75)), ([0.5, -0.5, 0.5], 0.0)])
def test_tied_weights_end_at_a_saddle(a: list[float], rate: float) -> None:
    outcome = solved("bp", a, [0, 0])
    assert outcome.outcome == "saddle" and outcome.limit is not None and outcome.time is not None
    assert outcome.rate == pytest.approx(rate) and outcome.limit["a"][:2].tolist() == [0, 0]
    system = Chain("bp", np.array(a), np.zeros(2), 1.0, 1.0)
    rough = solve(system, 1e-3)
    assert rough.time is not None
    assert np.abs(path(system, rough.time)(rough.time) - outcome.limit["a"]).max() == pytest.approx(1e-3, rel=1e-6)


def test_tied_weights_with_the_right_sign_converge() -> None:
    outcome = solved("bp", [-0.5, -0.5, 2.0], [0, 0])
    assert outcome.outcome == "converges" and outcome.limit is not None
    assert outcome.limit["a"][0] == outcome.limit["a"][1] < -0.5


def test_tied_weights_without_targets_come_to_zero_slowly() -> None:
    outcome = solve(Chain("bp", np.array([0.5, 0.5]), np.zeros(1), 0.0, 1.0), 1e-3)
    assert (outcome.outcome, outcome.rate) == ("converges", 0.0)
    assert outcome.time == pytest.approx((1e6 - 4) / 2, rel=1e-9)  # a' = -a^3


# --- adaptive feedback ------------------------------------------------------------------------------------

ORBIT = dict(a=[0.1, -2.0, 0.3], c=[2.0, 0.2])
"""c1^2 > a1^2, a2^2 > c2^2 and c1 a2 < 0."""


@pytest.mark.parametrize(("alpha", "rho"), [(10.0, 1.0), (-3.0, 1.0), (10.0, 1.5)])
def test_arbp_oscillates(alpha: float, rho: float) -> None:
    outcome = solved("arbp", ORBIT["a"], ORBIT["c"], alpha, rho=rho)
    assert (outcome.outcome, outcome.limit, outcome.time) == ("oscillates", None, None)
    assert outcome.period is not None and "outside P's range" in outcome.reason
    start = [*ORBIT["a"], *ORBIT["c"]]
    integrated = path(Chain("arbp", np.array(ORBIT["a"]), np.array(ORBIT["c"]), alpha, 1.0, rho), outcome.period)
    assert integrated(outcome.period) == pytest.approx(start, abs=1e-9)
    assert np.abs(integrated(outcome.period / 2) - start).max() > 0.1
    assert np.abs(integrated(outcome.period / 3) - start).max() > 0.1


def test_arbp_converges_where_the_orbit_passes_a_solution() -> None:
    outcome = solved("arbp", ORBIT["a"], ORBIT["c"], alpha=0.05)
    assert outcome.outcome == "converges" and outcome.limit is not None
    assert np.prod(outcome.limit["a"]) == pytest.approx(0.05, rel=1e-10)
    assert any(point.stable for point in outcome.fixed_points) and not all(p.stable for p in outcome.fixed_points)


@pytest.mark.parametrize(
    ("a", "c"),
    [([1.1, 0.6, -1.9, 0.3], [-1.4, 1.6, -0.4]), ([0.2, 1.5, 0.1, -0.4, 0.3], [-1.9, 0.3, -1.2, 0.8])],
)
def test_longer_orbits_return_after_their_period(a: list[float], c: list[float]) -> None:
    """Where the curve of the invariants is closed; else some other start must do."""
    outcome = solved("arbp", a, c, alpha=30.0)
    if outcome.outcome == "converges":
        assert outcome.limit is not None and np.prod(outcome.limit["a"]) == pytest.approx(30, rel=1e-9)
        return
    assert outcome.period is not None
    integrated = path(Chain("arbp", np.array(a), np.array(c), 30.0, 1.0), outcome.period)
    assert integrated(outcome.period) == pytest.approx([*a, *c], abs=1e-8)


@pytest.mark.parametrize("rho", [1.0, 0.25])
def test_two_adaptive_layers_end_at_a_saddle_if_they_start_on_its_manifold(rho: float) -> None:
    """w A = -c: a1 = A exp(-ws), so a1 and c vanish and a2 stops at a2(0) + A/w."""
    w = np.sqrt(rho)
    outcome = solved("arbp", [1.0, 0.5], [-w], alpha=2.0, rho=rho)
    assert outcome.outcome == "saddle" and outcome.limit is not None
    assert outcome.rate == pytest.approx(2 * w, rel=1e-9)
    assert outcome.limit["a"] == pytest.approx([0, 0.5 + 1 / w], abs=1e-12) and outcome.limit["c"] == [0]
    nearly = solved("arbp", [1.0, 0.5], [-w * (1 - 1e-6)], alpha=2.0, rho=rho)
    assert nearly.outcome == "converges"


def test_asrbp_on_the_manifold_of_a_lower_layer_diverges() -> None:
    """a2 dies out under a growing a1, so the output stays at 0: the exception to asrbp's convergence."""
    outcome = solved("asrbp", [1.0, 0.5, 0.4], [0.7, -0.5])
    assert outcome.outcome == "diverges" and outcome.asymptote is not None
    late = path(Chain("asrbp", np.array([1.0, 0.5, 0.4]), np.array([0.7, -0.5]), 1.0, 1.0), 3.5)(3.5)
    assert late[0] > 10 and abs(late[1]) < 1e-5


@pytest.mark.parametrize("c", [[0.9, -0.5, 0.3], [0.9, -0.5, -0.8]])
def test_asrbp_may_have_a_lower_layer_on_the_manifold_that_grows(c: list[float]) -> None:
    """c1 = a1 grows, under it a2 = -c2 dies out: that is what decides, though not the lowest weight like it."""
    outcome = solved("asrbp", [0.9, 0.5, 0.8, 0.6], c)
    assert outcome.outcome == "diverges" and outcome.asymptote is not None
    assert "the 2 weights below" in outcome.asymptote
    late = path(Chain("asrbp", np.array([0.9, 0.5, 0.8, 0.6]), np.array(c), 1.0, 1.0), 3)(3)
    assert late[0] > 8 and abs(late[1]) < 1e-3


def test_arbp_ends_at_a_saddle_between_two_invariants() -> None:
    """c1 = 2 is where both a1 and c2 vanish: a1^2 = c1^2 - 4 and c2^2 = (c1 - 1.25)^2 - 0.75^2."""
    outcome = solved("arbp", [-1.5, 1.25, 0.3], [2.5, 1.0], alpha=5.0)
    assert outcome.outcome == "saddle" and outcome.limit is not None
    assert outcome.limit["a"] == pytest.approx([0, 0.75, -0.7]) and outcome.limit["c"] == pytest.approx([2, 0])
    assert outcome.rate == pytest.approx(5 * np.sqrt(1.5), rel=1e-6)


# --- A[1, N, 1] -------------------------------------------------------------------------------------------


def test_a_branch_that_cannot_move_stays() -> None:
    outcome = solve(Branch("rbp", np.zeros(2), np.array([1.0, 2.0]), np.zeros(2), 1.0, 1.0))
    assert outcome.outcome == "stays"
    assert solve(Branch("bp", np.zeros(2), np.zeros(2), np.ones(2), 1.0, 1.0)).outcome == "stays"


def test_a_branch_that_starts_opposed_ends_at_bps_saddle() -> None:
    a = np.array([0.5, 1.0])
    outcome = solve(Branch("bp", a, -a, np.zeros(2), 2.0, 1.0))
    assert outcome.outcome == "saddle" and outcome.rate == pytest.approx(2.0)
    assert outcome.limit is not None and not np.any(outcome.limit["a"])
    assert solve(Branch("bp", a, -a, np.zeros(2), -2.0, 1.0)).outcome == "converges"


# --- numbers ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [1e-100, 1e-12, 1e12])
def test_tiny_and_huge_weights(scale: float) -> None:
    outcome = solved("rbp", [scale, -scale, scale], [0.7, -0.4])
    assert outcome.outcome == "converges" and outcome.limit is not None
    e = 1 - np.prod(outcome.limit["a"])
    slope = np.abs(
        chain.flow(Chain("rbp", outcome.limit["a"], np.array([0.7, -0.4]), 1.0, 1.0)).jacobian(outcome.limit["a"])
    )
    assert abs(e) <= 1e-12 * max(1, slope.max() * np.abs(outcome.limit["a"]).max())


def test_what_float64_cannot_hold_is_refused() -> None:
    with pytest.raises(InputError, match="accepted: numbers"):
        solved("arbp", [1e200, 1e-200, 1e200], [1e200, 1e150])


@pytest.mark.parametrize("tolerance", [0.0, -1.0, float("nan")])
def test_a_tolerance_is_above_zero(tolerance: float) -> None:
    with pytest.raises(InputError, match="accepted: a number above 0"):
        solve(Chain("bp", np.ones(1), np.zeros(0), 1.0, 1.0), tolerance)
