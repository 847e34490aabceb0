"""A[1, 1, 1] with a non-linear hidden unit against an independent integration, and the examples with their numbers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from channelsim.errors import InputError
from channelsim.theory.hidden import fixed_points, outcome
from channelsim.theory.monomial import side
from channelsim.theory.nonlinear import flow
from channelsim.theory.outcome import Outcome
from channelsim.theory.systems import Hidden
from tests.theory.ode import ends, hidden_velocity

TOLERANCE = 1e-6
TRANSFERS = ("power 1", "power 2", "power 3", "power 1.5", "tanh", "logistic", "relu")


def system(
    transfer: str,
    a: tuple[float, float],
    c: float,
    inputs: tuple[float, ...] = (0.5, 2.0),
    targets: tuple[float, ...] | None = None,
    rule: str = "rbp",
    derivative: bool = True,
) -> Hidden:
    kind, _, power = transfer.partition(" ")
    i = np.array(inputs)
    t = np.tanh(i) if targets is None else np.array(targets)
    equal = np.full(i.size, 1 / i.size)
    return Hidden(rule, np.array(a), c, i, t, equal, kind, float(power or 1), derivative)  # type: ignore[arg-type]


def check(case: Hidden, found: Outcome) -> None:
    """Limit to 1e-9, time, invariants, against the other integration."""
    assert found.limit is not None and found.time is not None and found.rate
    start, limit = flow(case).start, np.concatenate(list(found.limit.values()))
    times = np.array([0.0, 0.3 * found.time, found.time, 1.01 * found.time + 1e-9, found.time + 12 / found.rate])
    path = ends(lambda x: hidden_velocity(case, x), start, times)
    size = max(1.0, float(np.max(np.abs(limit))))
    assert np.max(np.abs(path[-1] - limit)) < 1e-9 * size
    away = np.max(np.abs(path - limit), axis=1)
    if found.time > 0:
        assert away[2] == pytest.approx(TOLERANCE, rel=1e-3)
    assert away[3] < TOLERANCE
    for f in flow(case).invariants.values():
        for state in [*path, limit]:
            np.testing.assert_allclose(f(state), f(start), atol=1e-9 * size**2)


def drawn(seed: int, transfer: str, rule: str, derivative: bool) -> Hidden:
    draws = np.random.default_rng(seed)
    inputs = draws.uniform(-2, 2, 3)
    a = draws.uniform(-1.5, 1.5, 2)
    if transfer == "power 1.5":
        inputs, a[0] = np.abs(inputs), abs(a[0])
    c, targets = float(draws.uniform(-1.5, 1.5)), tuple(draws.uniform(-1.5, 1.5, 3))
    found = system(transfer, tuple(a), c, tuple(inputs), targets, rule, derivative)
    return replace(found, rho=float(draws.uniform(0.4, 2))) if rule in ("arbp", "asrbp") else found


@settings(max_examples=30)
@given(st.integers(0, 10**6), st.sampled_from(TRANSFERS), st.sampled_from(["bp", "rbp", "srbp", "arbp"]))
def test_random_starts_with_the_derivative(seed: int, transfer: str, rule: str) -> None:
    case = drawn(seed, transfer, rule, True)
    found = outcome(case, TOLERANCE)
    assume(found.outcome == "converges" and found.rate and found.time is not None and found.time * found.rate < 1e3)
    assume(found.time < 200 and found.rate * 20 > 1e-2)  # type: ignore[operator]
    if case.transfer == "relu":  # the other integration stays on one side of the kink
        assume(case.a[0] * found.limit["a"][0] > 0)  # type: ignore[index]
    check(case, found)


@settings(max_examples=10)
@given(st.integers(0, 10**6), st.sampled_from(["power 2", "power 3", "relu"]))
def test_random_starts_without_the_derivative_follow_one_of_two_regimes(seed: int, transfer: str) -> None:
    case = drawn(seed, transfer, "rbp", False)
    found = outcome(case, TOLERANCE)
    assume(found.asymptote is not None)
    first, second = (float(part.split()[2]) for part in str(found.asymptote).split("; "))
    here = side(case, int(np.sign(first)))
    assume(here.beta > 0 and abs(here.gamma / here.delta / (here.alpha / here.beta) - 1) > 0.3)
    path = solve_ivp(
        lambda t, x: hidden_velocity(case, x), (0, 4e3), case.a, "LSODA", t_eval=[2e3, 4e3], rtol=1e-9, atol=1e-12
    ).y
    assert np.all(np.sign(path[0]) == here.sign)
    if "P -> alpha/beta" in found.reason:
        assert (path[0, 1] - path[0, 0]) / 2e3 == pytest.approx(first, rel=0.05)
    else:
        assert (path[1, 1] ** 2 - path[1, 0] ** 2) / 2e3 == pytest.approx(second**2, rel=0.05)


@given(st.integers(0, 10**6), st.sampled_from(TRANSFERS), st.sampled_from(["bp", "rbp", "asrbp"]), st.booleans())
def test_equation_and_jacobian(seed: int, transfer: str, rule: str, derivative: bool) -> None:
    case = drawn(seed, transfer, rule, derivative)
    assume(abs(case.a[0]) > 1e-2)
    equation = flow(case)
    x = equation.start
    np.testing.assert_allclose(equation.velocity(x), hidden_velocity(case, x), atol=1e-12)
    step = 1e-6 * np.eye(x.size)
    slopes = [(equation.velocity(x + d) - equation.velocity(x - d)) / 2e-6 for d in step]
    np.testing.assert_allclose(equation.jacobian(x), np.array(slopes).T, atol=1e-5)


# --- powers ------------------------------------------------------------------------------------------------


def test_a_power_with_the_derivative_comes_to_rest_on_its_invariant() -> None:
    case = system("power 2", (0.3, 0.4), 0.8)
    found = outcome(case, TOLERANCE)
    a1, a2 = found.limit["a"]  # type: ignore[index]
    here = side(case, 1)
    assert a2 * a1**2 == pytest.approx(here.alpha / here.beta, rel=1e-12)
    assert a2 - a1**2 / (4 * 0.8) == pytest.approx(0.4 - 0.09 / 3.2, rel=1e-12)


@pytest.mark.parametrize(("rule", "a", "c"), [("rbp", (0.3, 0.4), -0.8), ("bp", (0.3, -0.4), 0.8)])
def test_a_power_can_lose_its_hidden_unit(rule: str, a: tuple[float, float], c: float) -> None:
    case = system("power 2", a, c, rule=rule)
    found = outcome(case, TOLERANCE)
    assert found.outcome == "converges" and found.limit is not None and found.limit["a"][0] == 0
    assert "not reached" in found.reason
    check(case, found)


def test_an_odd_power_stops_at_zero_from_one_side_only() -> None:
    found = outcome(system("power 3", (0.3, 0.4), -0.8), 1e-3)
    assert found.outcome == "saddle" and found.rate == 0 and found.time is not None
    case = system("power 3", (0.3, 0.4), -0.8)
    path = ends(lambda x: hidden_velocity(case, x), case.a, np.array([0.0, found.time]))
    assert np.max(np.abs(path[-1] - found.limit["a"])) == pytest.approx(1e-3, rel=1e-4)  # type: ignore[index]


def test_a_double_root_is_approached_like_one_over_t() -> None:
    # mu = 2, c = -1, alpha = beta = 1 (one sample): P = K u^2 - u^4/4 has its maximum K^2 = 1.
    case = system("power 2", (2.0, 0.0), -1.0, (1.0,), (1.0,))
    found = outcome(case, 1e-3)
    assert found.outcome == "converges" and found.rate == 0 and found.time is not None
    np.testing.assert_allclose(found.limit["a"], [np.sqrt(2), 0.5], atol=1e-9)  # type: ignore[index]
    path = ends(lambda x: hidden_velocity(case, x), case.a, np.array([0.0, found.time]))
    assert np.max(np.abs(path[-1] - [np.sqrt(2), 0.5])) == pytest.approx(1e-3, rel=1e-3)


def test_regimes_of_a_power_without_the_derivative() -> None:
    # gamma/delta > alpha/beta: the unit grows; the other way round: the top grows, and P is suboptimal.
    grows = system("power 2", (0.3, 0.4), 0.8, derivative=False)
    here = side(grows, 1)
    found = outcome(grows, TOLERANCE)
    speed = 0.8 * (here.gamma - here.delta * here.alpha / here.beta)
    assert here.gamma / here.delta > here.alpha / here.beta
    assert found.outcome == "diverges" and found.asymptote is not None
    assert found.asymptote.startswith(f"a1 ~ {speed:.5g} t")
    path = solve_ivp(lambda t, x: hidden_velocity(grows, x), (0, 1000), grows.a, "LSODA", rtol=1e-8, atol=1e-12)
    assert path.y[0, -1] / path.t[-1] == pytest.approx(speed, rel=0.02)

    top = system("power 2", (0.3, 0.4), 0.8, targets=(0.1, 4.0), derivative=False)
    here = side(top, 1)
    r = here.gamma / here.delta
    assert r < here.alpha / here.beta
    found = outcome(top, TOLERANCE)
    rise = np.sqrt(2 * r * (here.alpha - here.beta * r))
    assert found.asymptote is not None and f"a2 ~ {rise:.5g} t^0.5" in found.asymptote
    path = solve_ivp(lambda t, x: hidden_velocity(top, x), (0, 4000), top.a, "LSODA", rtol=1e-8, atol=1e-12)
    assert path.y[1, -1] / np.sqrt(path.t[-1]) == pytest.approx(rise, rel=0.02)


def test_one_sample_without_the_derivative_converges() -> None:
    case = system("power 2", (0.3, 0.4), 0.8, (1.3,), (0.7,), derivative=False)
    found = outcome(case, TOLERANCE)
    assert found.outcome == "converges"
    check(case, found)


def test_a_hidden_unit_that_vanishes_like_a_power_of_time() -> None:
    """gamma = 0, so a1' = -c delta a2 a1^4: a1 ~ (3 c |delta| a2 t)^(-1/3), and P -> 0."""
    case = system("power 4", (-1.0, 0.5), 1.0, (-1.0, 0.5), (0.5, 1.0), derivative=False)
    found = outcome(case, TOLERANCE)
    assert found.outcome == "converges" and found.rate == 0 and found.limit is not None and found.time is not None
    assert found.limit["a"][0] == 0 and "more slowly than any exponential" in found.reason
    delta = abs(side(case, 1).delta)
    assert found.time == pytest.approx(TOLERANCE**-3 / (3 * delta * found.limit["a"][1]), rel=0.2)


# --- relu ---------------------------------------------------------------------------------------------------


def test_a_relu_dies_where_its_inputs_pull_it_to_zero_from_both_sides() -> None:
    case = system("relu", (0.3, 0.4), 0.8, (-1.0, 2.0), (-0.3, -0.7))
    found = outcome(case, TOLERANCE)
    assert found.outcome == "converges" and found.limit is not None
    np.testing.assert_allclose(found.limit["a"], [0, 0.4 - 0.09 / 1.6], atol=1e-12)
    assert "finite time" in found.reason and found.time is not None
    path = ends(lambda x: hidden_velocity(case, x), case.a, np.array([0.0, found.time]))
    assert np.max(np.abs(path[-1] - found.limit["a"])) == pytest.approx(TOLERANCE, rel=1e-4)


def test_a_relu_without_active_inputs_stays() -> None:
    assert outcome(system("relu", (-0.3, 0.4), 0.8), TOLERANCE).outcome == "stays"
    assert outcome(system("relu", (0.0, 0.4), 0.8), TOLERANCE).outcome == "stays"


def test_a_relu_that_crosses_zero() -> None:
    case = system("relu", (-0.2, 0.1), 0.8, (-1.0, 2.0), (-0.4, 0.9))
    found = outcome(case, TOLERANCE)
    assert found.outcome == "converges" and found.limit is not None and found.limit["a"][0] > 0
    path = ends(lambda x: hidden_velocity(case, x), case.a, np.array([0.0, found.time or 0.0]))
    assert np.max(np.abs(path[-1] - found.limit["a"])) == pytest.approx(TOLERANCE, rel=1e-3)


# --- bounded units ------------------------------------------------------------------------------------------


def test_tanh_with_the_derivative_finds_its_teacher() -> None:
    case = system("tanh", (0.3, 0.4), 0.8)
    found = outcome(case, TOLERANCE)
    np.testing.assert_allclose(found.limit["a"], [1, 1], atol=1e-9)  # type: ignore[index]
    check(case, found)


def test_tanh_without_the_derivative_leaves_its_teacher_on_both_sides() -> None:
    teacher = next(
        p for p in fixed_points(system("tanh", (0.3, 0.4), 0.8, derivative=False)) if p.parameters["a"][0] > 0
    )
    np.testing.assert_allclose(teacher.parameters["a"], [1, 1], atol=1e-12)
    assert min(r.real for r in teacher.rates) < 0 < max(r.real for r in teacher.rates)
    right = outcome(system("tanh", (1.2, 0.8), 0.8, derivative=False), TOLERANCE)
    assert right.outcome == "diverges" and right.limit is None
    assert right.asymptote == "a1 ~ 0.15057 t; a2 -> 0.71307"
    assert f"{np.var(np.tanh([0.5, 2.0])) / 2:.6g}" in right.reason
    left = outcome(system("tanh", (0.3, 3.0), 0.8, derivative=False), TOLERANCE)
    assert left.outcome == "diverges" and left.asymptote is not None
    assert "t^-0.25" in left.asymptote and "t^0.25" in left.asymptote
    # The next order: a2^4 ~ -(4/3) P^3 E((T - P I) I^3) t with P = E(T I)/E(I^2).
    i = np.array([0.5, 2.0])
    p = np.mean(np.tanh(i) * i) / np.mean(i**2)
    rise = (-4 / 3 * p**3 * np.mean((np.tanh(i) - p * i) * i**3)) ** 0.25
    assert float(left.asymptote.split("a2 ~ ")[1].split()[0]) == pytest.approx(rise, rel=2e-3)


def test_the_incongruent_teacher_is_left_along_a_logarithm() -> None:
    found = outcome(system("tanh", (-1.3, -0.95), 0.2), TOLERANCE)
    assert found.outcome == "diverges" and found.asymptote is not None
    assert float(found.asymptote.split()[2]) == pytest.approx(-1, rel=0.01)
    assert "ln t" in found.asymptote


def test_a_logistic_unit_with_one_input_converges() -> None:
    """Also where a scan for its fixed points comes to a1 at which f is next to nothing."""
    case = logistic((1.2, -1.9), 0.3, (-1.1,), (0.8,))
    check(case, outcome(case, TOLERANCE))


@pytest.mark.parametrize(("rule", "a", "c"), [("rbp", (0.3, 0.4), -0.8), ("bp", (0.3, -2.4), 0.0)])
def test_a_logistic_unit_that_goes_to_0_leaves_the_error_to_drive_it(
    rule: str, a: tuple[float, float], c: float
) -> None:
    """f -> 0 for all inputs: a2 comes to rest, and a1' -> c E(T I), for bp a2 E(T I)."""
    case = logistic(a, c, (0.5, 2.0), (1.0, 1.3), rule)
    found = outcome(case, TOLERANCE)
    late = solve_ivp(lambda t, x: hidden_velocity(case, x), (0, 100), case.a, "LSODA", rtol=1e-10, atol=1e-14).y[:, -1]
    speed = 1.55 * (late[1] if rule == "bp" else c)
    assert found.outcome == "diverges" and found.asymptote == f"a1 ~ {speed:.5g} t; a2 -> {late[1]:.5g}"
    assert f"a1' -> {speed:.6g}" in found.reason and f"{(1.0**2 + 1.3**2) / 4:.6g}" in found.reason


def logistic(a: Any, c: float, inputs: Any, targets: Any, rule: str = "rbp") -> Hidden:
    return system("logistic", a, c, inputs, targets, rule, derivative=False)


def test_an_approach_too_slow_to_integrate_is_one_all_the_same() -> None:
    """The unit saturates until the pulls of two inputs balance, at a1 = -13.97, where f' is 1e-7."""
    case = system("tanh", (1.0, -2.0), 2.5, (2.1, -0.7, -0.6), (0.4, 1.4, 0.4))
    found = outcome(case, TOLERANCE)
    assert found.outcome == "converges" and found.limit is not None and found.time is not None
    a1, a2 = found.limit["a"]
    f, slope = np.tanh(a1 * case.inputs), 1 / np.cosh(a1 * case.inputs) ** 2
    error = case.targets - a2 * f
    # Each pull beside their sum: a1' = 0, though its terms are 1e-9.
    pulls = error * slope * case.inputs
    assert abs(pulls.sum()) < 1e-9 * np.abs(pulls).max() and abs(error @ f) < 1e-14
    step = 1e-5 * np.eye(2)
    slopes = np.array([hidden_velocity(case, found.limit["a"] + d) for d in step]) / 1e-5
    assert found.rate == pytest.approx(np.linalg.eigvals(-slopes).real.min(), rel=1e-3)
    assert found.time * found.rate == pytest.approx(13, abs=2)


# --- adaptive feedback --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("transfer", "derivative"), [("tanh", True), ("power 2", True), ("logistic", False)])
def test_an_adaptive_hidden_unit_converges(transfer: str, derivative: bool) -> None:
    i = (1.3,) if not derivative else (0.5, 2.0)
    case = replace(system(transfer, (0.3, 0.4), 0.8, i, rule="arbp", derivative=derivative), rho=1.5)
    found = outcome(case, TOLERANCE)
    check(case, found)
    assert found.limit is not None
    assert found.limit["c"] - 1.5 * found.limit["a"][1] == pytest.approx(0.8 - 1.5 * 0.4, abs=1e-12)
    if transfer == "tanh":
        np.testing.assert_allclose(found.limit["a"], [1, 1], atol=1e-9)


@pytest.mark.parametrize(
    ("transfer", "targets", "told"),
    [("power 2", None, "P -> alpha/beta"), ("power 2", (0.1, 4.0), "P -> gamma/delta"), ("tanh", None, "saturates")],
)
def test_regimes_of_an_adaptive_unit_without_the_derivative(transfer: str, targets: Any, told: str) -> None:
    """The asymptote of each parameter beside an integration, to 2 %."""
    case = replace(system(transfer, (1.3, 0.4), 0.8, targets=targets, rule="asrbp", derivative=False), rho=0.5)
    found = outcome(case, TOLERANCE)
    assert found.outcome == "diverges" and found.asymptote is not None and told in found.reason
    end = 4e4 if transfer != "tanh" else 900.0  # then the square of cosh is still a float64
    late = solve_ivp(lambda t, x: hidden_velocity(case, x), (0, end), flow(case).start, "LSODA", rtol=1e-9, atol=1e-13)
    for words, x in zip(found.asymptote.split("; "), late.y[:, -1], strict=True):
        _, kind, coefficient, *power = words.split()
        if not power:
            assert kind == "->" and float(coefficient) == pytest.approx(x, rel=0.02)
        else:
            assert float(coefficient) * end ** float(power[0][2:] or 1) == pytest.approx(x, rel=0.02)


def test_an_adaptive_channel_can_die_out_at_a_suboptimal_point_that_attracts() -> None:
    """c - rho a2 = 0.55: c is 0 at a2 = -1.1, on the other side of the data from the teacher (1, 1)."""
    case = replace(system("tanh", (-0.7, -1.05), 0.025, rule="arbp"), rho=0.5)
    found = outcome(case, TOLERANCE)
    assert found.limit is not None and found.rate == pytest.approx(0.00290543, rel=1e-5)
    np.testing.assert_allclose(found.limit["a"], [-0.741684, -1.1], atol=1e-6)
    assert found.limit["c"] == pytest.approx(0, abs=1e-12)
    check(case, found)


@pytest.mark.parametrize(
    "case",
    [
        system("logistic", (0.3, 0.4), 0.0, targets=(1.0, -1.1), rule="bp"),
        system("tanh", (0.3, 0.4), 1.5, rule="arbp"),
    ],
)
def test_points_to_which_no_error_passes_are_fixed_points_too(case: Hidden) -> None:
    """a2 where c, or for bp a2, is 0, if the error is orthogonal to f there."""
    found = [np.concatenate(list(point.parameters.values())) for point in fixed_points(case)]
    points = [x for x in found if abs(x[-1]) < 1e-12]
    assert points
    for x in points:
        np.testing.assert_allclose(hidden_velocity(case, x), 0, atol=1e-12)


def test_a_start_at_the_teacher_stays() -> None:
    found = outcome(system("tanh", (1.0, 1.0), 0.8, derivative=False), TOLERANCE)
    assert found.outcome == "stays" and found.rate is None and not found.fixed_points[0].stable


def test_what_has_no_equation_is_refused() -> None:
    with pytest.raises(InputError, match="use power, tanh"):
        outcome(system("sine", (1.0, 1.0), 0.8), TOLERANCE)
    with pytest.raises(InputError, match="1 or more"):
        outcome(system("power 0.5", (1.0, 1.0), 0.8), TOLERANCE)
    with pytest.raises(InputError, match="negative number"):
        outcome(system("power 1.5", (-1.0, 1.0), 0.8), TOLERANCE)
