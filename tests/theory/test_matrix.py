"""A[N0, N1, N2] against an independent integration, and the statements about it with their numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from channelsim.theory.bottleneck import roots
from channelsim.theory.matrix import best_of_rank, outcome, projector
from channelsim.theory.settle import fixed_point
from channelsim.theory.systems import Array, Matrix
from channelsim.theory.two_layers import flow
from tests.theory.ode import ends, matrix_velocity

RULES = ("bp", "rbp", "srbp", "arbp", "asrbp")
KINDS = ("full", "zero row", "zero column", "rank 1", "zero", "negative")
TOLERANCE = 1e-6


def random_system(seed: int, rule: str, sizes: tuple[int, int, int], kind: str = "full") -> Matrix:
    draws = np.random.default_rng(seed)
    n0, n1, n2 = sizes
    c = draws.normal(size=(n1, n2))
    if kind == "zero row":
        c[0] = 0
    elif kind == "zero column":
        c[:, 0] = 0
    elif kind == "rank 1":
        c = np.outer(c[:, 0], draws.normal(size=n2))
    elif kind == "zero":
        c[:] = 0
    elif kind == "negative":
        c = -np.abs(c)
    samples = draws.normal(size=(n0, 3 * n0))
    return Matrix(
        rule,  # type: ignore[arg-type]
        draws.normal(size=(n1, n0)),
        draws.normal(size=(n2, n1)),
        c,
        samples @ samples.T / (3 * n0) + 0.1 * np.eye(n0),
        draws.normal(size=(n2, n0)),
        float(draws.uniform(0.3, 2.0)),
    )


def flat(limit: dict[str, Array]) -> Array:
    return np.concatenate([part.ravel() for part in limit.values()])


def check(system: Matrix, slowest: float | None = None) -> None:
    """Limit to 1e-9, time to 1e-4, invariants to 1e-9, all against the other integration.

    slowest: the longest time that a drawn system is integrated for."""
    found = outcome(system, TOLERANCE)
    assert found.outcome == "converges", found.reason
    assert found.limit is not None and found.time is not None and found.rate
    if slowest is not None:
        assume(found.time < slowest)
    equation = flow(system)
    limit = flat(dict(found.limit))
    times = np.array([0.0, *np.linspace(0.1, 1, 5) * found.time, found.time * 1.01, found.time + 10 / found.rate])
    path = ends(lambda x: matrix_velocity(system, x), equation.start, times)
    size = max(1.0, float(np.max(np.abs(limit))))
    assert np.max(np.abs(path[-1] - limit)) < 1e-9 * size
    away = np.max(np.abs(path - limit), axis=1)
    if found.time > 0:
        assert away[5] == pytest.approx(TOLERANCE, rel=1e-3)
    assert away[6] < TOLERANCE
    for f in equation.invariants.values():
        for state in [*path, limit]:
            np.testing.assert_allclose(f(state), f(equation.start), atol=1e-9 * size**2)


@settings(max_examples=30)
@given(
    st.integers(0, 10**6),
    st.sampled_from(RULES),
    st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(1, 3)),
    st.sampled_from(KINDS),
)
def test_limits_from_random_starts(seed: int, rule: str, sizes: tuple[int, int, int], kind: str) -> None:
    check(random_system(seed, rule, sizes, kind), 300)


@settings(max_examples=25)
@given(st.integers(0, 10**6), st.integers(1, 4), st.integers(1, 3), st.sampled_from(KINDS))
def test_bottlenecks_from_random_starts(seed: int, inputs: int, outputs: int, kind: str) -> None:
    check(random_system(seed, "rbp", (inputs, 1, outputs), kind), 300)


@given(st.integers(0, 10**6), st.sampled_from(RULES), st.tuples(*[st.integers(1, 3)] * 3))
def test_equation_and_jacobian(seed: int, rule: str, sizes: tuple[int, int, int]) -> None:
    system = random_system(seed, rule, sizes)
    equation = flow(system)
    np.testing.assert_allclose(equation.velocity(equation.start), matrix_velocity(system, equation.start), atol=1e-12)
    step = 1e-6 * np.eye(equation.start.size)
    slopes = [(equation.velocity(equation.start + d) - equation.velocity(equation.start - d)) / 2e-6 for d in step]
    np.testing.assert_allclose(equation.jacobian(equation.start), np.array(slopes).T, atol=1e-6)


@settings(max_examples=15)
@given(st.integers(0, 10**6), st.integers(1, 3), st.integers(1, 3))
def test_a_channel_of_full_column_rank_learns_the_regression(seed: int, hidden_extra: int, outputs: int) -> None:
    system = random_system(seed, "rbp", (2, outputs + hidden_extra - 1, outputs))
    found = outcome(system, TOLERANCE)
    assert found.limit is not None
    m = np.linalg.solve(system.sigma_II, system.sigma_TI.T).T
    np.testing.assert_allclose(found.limit["b"] @ found.limit["a"], m, atol=1e-9)


@pytest.mark.parametrize("n1", [1, 2])
def test_the_autoencoder_finds_a_projector_and_no_principal_components(n1: int) -> None:
    system = random_system(3, "rbp", (3, n1, 3))
    system = Matrix("rbp", system.a, system.b, system.c, system.sigma_II, system.sigma_II)
    found = outcome(system, TOLERANCE)
    assert found.outcome == "converges" and found.limit is not None
    product = found.limit["b"] @ found.limit["a"]
    sigma, c = system.sigma_II, system.c
    np.testing.assert_allclose(product, sigma @ c.T @ np.linalg.inv(c @ sigma @ c.T) @ c, atol=1e-9)
    np.testing.assert_allclose(product @ product, product, atol=1e-9)
    np.testing.assert_allclose(product, projector(system), atol=1e-9)
    principal = best_of_rank(system)
    assert np.max(np.abs(product - principal)) > 0.1
    with_bp = outcome(Matrix("bp", system.a, system.b, c, sigma, sigma), TOLERANCE)
    assert with_bp.limit is not None
    np.testing.assert_allclose(with_bp.limit["b"] @ with_bp.limit["a"], principal, atol=1e-9)


def test_rates_for_decorrelated_data_are_sums_of_eigenvalues() -> None:
    system = random_system(11, "rbp", (2, 2, 2))
    system = Matrix("rbp", system.a, system.b, system.c, np.eye(2), system.sigma_TI)
    (point,) = outcome(system, TOLERANCE).fixed_points
    mu = np.linalg.eigvals(point.parameters["b"] @ system.c)
    nu = np.linalg.eigvals(point.parameters["a"].T @ point.parameters["a"])
    expected = np.sort_complex((mu[:, None] + nu[None, :]).ravel())
    np.testing.assert_allclose(np.sort_complex(np.array(point.rates)), expected, atol=1e-7)


def test_complex_rates_are_spirals() -> None:
    turn = np.array([[0.0, -1.0], [1.0, 0.0]])
    system = Matrix("rbp", np.eye(2), 0.2 * np.eye(2), turn, np.eye(2), np.eye(2))
    found = outcome(system, TOLERANCE)
    assert found.outcome == "converges" and "spirals" in found.reason
    check(system)


# --- the bottleneck's saddles -------------------------------------------------------------------------------

W = np.array([0.8, -0.6])


def along(x: float, k: float, sigma: Array, across: float = 0.0) -> Matrix:
    """A[2, 1, 2] with w = W, a start x w (and a part across) and the invariant K = k."""
    c = np.array([[1.0, 0.5]])
    regression = np.outer(c[0], W) / 1.25 + np.outer([-0.5, 1.0], [0.3, 0.2])
    a = x * W + across * np.array([0.6, 0.8])
    b = np.array([[k + a @ a / 2 - 0.5 * 0.7], [0.7]])
    return Matrix("rbp", a[None], b, c, sigma, regression @ sigma)


@given(st.floats(0.1, 5.0), st.floats(-6.0, 3.0))
def test_roots_of_the_cubic(length: float, k: float) -> None:
    found = roots(length, k)
    critical = -1.5 * length ** (2 / 3)
    assert len(found) == (3 if k < critical * (1 + 1e-9) else 1 if k > critical * (1 - 1e-9) else len(found))
    for b in found:
        assert abs(length**2 * b**3 / 2 + k * b - 1) < 1e-12 * (1 + abs(k * b) + abs(b) ** 3 * length**2)
    assert found[0] > 0 and all(b < 0 for b in found[1:])


def test_a_start_along_w_ends_at_the_outer_negative_root_which_is_a_saddle() -> None:
    system = along(-2.5, -2.5, np.eye(2))
    found = outcome(system, TOLERANCE)
    b = roots(1.0, -2.5)[2]
    assert found.outcome == "saddle" and found.limit is not None and found.time is not None
    np.testing.assert_allclose(found.limit["a"], [b * W], atol=1e-9)
    path = ends(lambda x: matrix_velocity(system, x), flow(system).start, np.array([0, found.time]))
    assert np.max(np.abs(path[-1] - flat(dict(found.limit)))) == pytest.approx(TOLERANCE, rel=1e-3)


def test_a_start_slightly_off_the_line_ends_at_the_positive_root_much_later() -> None:
    found = outcome(along(-2.5, -2.5, np.eye(2), 1e-9), TOLERANCE)
    assert found.outcome == "converges" and found.limit is not None and found.time is not None
    np.testing.assert_allclose(found.limit["a"], [roots(1.0, -2.5)[0] * W], atol=1e-9)
    assert found.time > 20


def test_the_line_along_w_is_a_stable_manifold_only_where_w_is_an_eigenvector() -> None:
    turned = np.outer(W, W) + 3 * np.outer([0.6, 0.8], [0.6, 0.8])
    assert outcome(along(-2.5, -2.5, turned), TOLERANCE).outcome == "saddle"
    check(along(-2.5, -2.5, np.diag([1.0, 2.0])))


def test_a_start_above_the_inner_root_leaves_upward() -> None:
    inner = roots(1.0, -2.5)[1]
    check(along(inner + 0.1, -2.5, np.eye(2)))
    assert outcome(along(inner - 0.1, -2.5, np.eye(2)), TOLERANCE).outcome == "saddle"
    assert "inner" in outcome(along(inner, -2.5, np.eye(2)), TOLERANCE).reason


def test_a_double_root_is_approached_like_one_over_t() -> None:
    found = outcome(along(-3.0, -1.5, np.eye(2)), TOLERANCE)
    assert found.outcome == "saddle" and found.rate == 0 and found.limit is not None and found.time is not None
    np.testing.assert_allclose(found.limit["a"], [-W], atol=1e-12)
    # b' = (b + 1)^2 (2 - b)/2, so a small distance takes the time 2/(3 distance); along A it is |w_1| = 0.8 of b's.
    assert found.time == pytest.approx(2 / 3 * 0.8 / TOLERANCE, rel=0.2)


def test_a_double_root_with_one_input_is_a_limit() -> None:
    system = Matrix("rbp", *(np.array([[x]]) for x in (-3.0, 3.0, 1.0, 1.0, 1.0)))
    found = outcome(system, 1e-3)
    assert found.outcome == "converges" and found.rate == 0 and found.time is not None
    assert found.limit is not None and found.limit["a"][0, 0] == pytest.approx(-1, abs=1e-12)
    path = ends(lambda x: matrix_velocity(system, x), flow(system).start, np.array([0, found.time]))
    assert np.max(np.abs(path[-1] + 1)) == pytest.approx(1e-3, rel=1e-3)


def test_with_one_input_the_outer_root_is_stable() -> None:
    check(Matrix("rbp", *(np.array([[x]]) for x in (-3.0, 1.2, 0.8, 1.0, 1.0))))


def test_without_a_signal_to_the_hidden_unit() -> None:
    """w = 0: C is orthogonal to what the targets share with the inputs."""
    targets = np.array([[1.0, 0.5], [0.0, 0.0]])
    c = np.array([[0.0, 1.0]])
    sigma = np.diag([1.0, 2.0])
    for top in (-0.7, 2.0):  # K < 0: A stops where |A|^2 = -2 K; K > 0: A vanishes
        system = Matrix("rbp", np.array([[1.0, 0.4]]), np.array([[0.3], [top]]), c, sigma, targets)
        found = outcome(system, TOLERANCE)
        assert found.outcome == "converges" and found.limit is not None
        k = top - 1.16 / 2
        assert float(np.sum(found.limit["a"] ** 2)) == pytest.approx(max(0.0, -2 * k), abs=1e-9)
        check(system)
    system = Matrix("rbp", np.array([[1.0, 0.4]]), np.array([[0.3], [0.58]]), c, sigma, targets)
    assert outcome(system, TOLERANCE).outcome == "diverges"


def test_an_adaptive_channel_whose_weight_decays_to_zero() -> None:
    """The third target is absent, so b_3 -> 0: its row of the Jacobian has only that one term left."""
    check(
        Matrix(
            "arbp",
            np.array([[-1.0, 0.5]]),
            np.array([[1.0], [0.5], [0.5]]),
            np.array([[1.0, 0.5, 1.0]]),
            0.5 * np.eye(2),
            np.array([[0.5, 0.5], [0.0, 1.0], [0.0, 0.0]]),
        )
    )


@pytest.mark.parametrize(
    ("a", "b", "c"),
    [
        ([[0.3, 0.8], [0.3, -1.3]], [[0.9, 0.4]], [[-0.5], [0.6]]),
        ([[0.0, 0.3], [-0.3, -0.9]], [[-0.5, -1.0]], [[0.1], [1.3]]),
    ],
)
def test_without_targets_the_time_is_that_of_the_modes_that_are_left(a: Any, b: Any, c: Any) -> None:
    """B's limit is found as 1e-30 and not 0, and such entries of the Jacobian must not spoil its eigenvectors."""
    check(Matrix("asrbp", *(np.array(x) for x in (a, b, c)), np.eye(2), np.zeros((1, 2)), 0.5))


# --- starts at zero and at rest -----------------------------------------------------------------------------


def test_zero_weights() -> None:
    for rule, kind in (("rbp", "converges"), ("bp", "stays"), ("arbp", "converges")):
        system = random_system(5, rule, (2, 2, 2))
        zero = Matrix(rule, 0 * system.a, 0 * system.b, system.c, system.sigma_II, system.sigma_TI)  # type: ignore[arg-type]
        found = outcome(zero, TOLERANCE)
        assert found.outcome == kind
        if kind == "stays":
            assert found.time == 0 and found.rate is None and not found.fixed_points[0].stable


def test_a_start_at_the_limit_stays() -> None:
    system = random_system(6, "rbp", (2, 2, 2))
    limit = outcome(system, TOLERANCE).limit
    assert limit is not None
    a = limit["a"]
    exact = Matrix("rbp", a, limit["b"], system.c, system.sigma_II, limit["b"] @ a @ system.sigma_II)
    found = outcome(exact, TOLERANCE)
    assert found.outcome == "stays" and found.time == 0
    np.testing.assert_array_equal(found.limit["a"], a)  # type: ignore[index]


def test_bp_with_opposite_halves_ends_at_the_saddle_at_zero() -> None:
    system = Matrix("bp", np.array([[0.5, -0.3]]), np.array([[-0.5], [0.3]]), np.zeros((1, 2)), np.eye(2), np.eye(2))
    found = outcome(system, TOLERANCE)
    assert found.outcome == "saddle" and found.limit is not None
    np.testing.assert_allclose(found.limit["a"], 0, atol=1e-9)
    assert not fixed_point(flow(system), np.zeros(4)).stable


@pytest.mark.parametrize(
    ("rule", "a", "b", "c"),
    [
        ("bp", [[1e3, 0.1, 0.2]], [[0.1], [0.2]], [[0.3, 0.4]]),
        ("rbp", [[1e4, 0, 0], [0, 1, 0]], [[0.1, 0.3], [0.2, 0.1]], [[0.3, 0.4], [0.1, -0.2]]),
    ],
)
def test_the_slow_part_of_a_stiff_approach_is_no_growth(rule: str, a: Any, b: Any, c: Any) -> None:
    """A large weight makes the error fall within 1e-5 units of time, and the rest last for 1e5 and more."""
    samples = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1.0]])
    targets = np.array([[1, 0], [0, 1], [1, 1], [0.5, 0.5]])
    system = Matrix(
        rule,  # type: ignore[arg-type]
        np.array(a, float), np.array(b), np.array(c), samples.T @ samples / 4, targets.T @ samples / 4,
    )  # fmt: skip
    found = outcome(system, TOLERANCE)
    assert found.outcome == "converges" and found.limit is not None
    velocity = matrix_velocity(system, flat(dict(found.limit)))
    assert np.max(np.abs(velocity)) < 1e-7 * np.max(np.abs(a))
