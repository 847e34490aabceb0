"""What finite learning rates do to what the differential equation keeps constant: the engine beside the formulas."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from channelsim.data import Dataset
from channelsim.theory import stability
from tests import networks
from tests.theory import measured
from tests.theory.measured import Values

SEED = 20170614

# --- invariants of single updates -------------------------------------------------------------------------


def system(rule: str, batch: int | str, momentum: float = 0.0) -> tuple[measured.Run, Any]:
    """A[4, 3, 2] on 24 random samples, and C as in the paper, (N1, N2)."""
    rng = np.random.default_rng(SEED)
    x, t = rng.normal(size=(24, 4)), rng.normal(size=(24, 2))
    a, b, c = (0.5 * rng.normal(size=shape) for shape in ((3, 4), (2, 3), (3, 2)))
    learning: dict[str, Any] = {"rule": rule}
    if rule == "rbp":
        learning["feedback"] = measured.feedback(c.T)
    rate = 0.2 if batch == "all" else 0.05
    scenario = measured.linear(
        a.T, b.T, data={"train_x": x.tolist(), "train_y": t.tolist(), "target": "real"}, learning=learning,
        training={"learning_rate": rate, "batch": batch, "shuffle": True, "epochs": 200, "momentum": momentum},
    )  # fmt: skip
    return measured.started(scenario), np.asarray(c, np.float32).astype(float)


def parts(weights: Values) -> tuple[Values, Values]:
    """A (3, 4) and B (2, 3) of weights that lie by (fan-in, units)."""
    return weights[:12].reshape(4, 3).T, weights[12:].reshape(3, 2).T


@pytest.mark.parametrize("batch", [1, 5, "all"])
@pytest.mark.parametrize("rule", ["rbp", "bp"])
def test_invariants_of_finite_steps(rule: str, batch: int | str) -> None:
    """Each of 200 updates changes them by what the formula says, to float32 (1e-6), and all together to 1e-5."""
    run, c = system(rule, batch)
    total, total_expected = np.zeros((3, 3)), np.zeros((3, 3))
    before = parts(run.weights())
    for frame in range(1, 201):
        after = parts(run.to(frame))
        (a, b), (a1, b1) = before, after
        if rule == "rbp":
            change = (c @ b1 + (c @ b1).T - a1 @ a1.T) - (c @ b + (c @ b).T - a @ a.T)
            expected = stability.invariant_step_rbp(a1 - a)
        else:
            change = (b1.T @ b1 - a1 @ a1.T) - (b.T @ b - a @ a.T)
            expected = stability.invariant_step_bp(a1 - a, b1 - b)
        np.testing.assert_allclose(change, expected, rtol=0, atol=1e-6)
        total += change
        total_expected += expected
        before = after
    np.testing.assert_allclose(total, total_expected, rtol=0, atol=1e-5)
    assert np.abs(total).max() > 1e-2


def test_momentum_breaks_the_invariants_of_single_updates() -> None:
    """The formula is of updates without memory: with momentum the same check fails by far."""
    run, c = system("rbp", "all", momentum=0.5)
    a, b = parts(run.to(3))
    a1, b1 = parts(run.to(4))
    change = (c @ b1 + (c @ b1).T - a1 @ a1.T) - (c @ b + (c @ b).T - a @ a.T)
    assert np.abs(change - stability.invariant_step_rbp(a1 - a)).max() > 1e-3


# --- the shifted cubic ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("a", "c", "alpha"),
    [((0.3, -0.5), 0.8, 1.0), ((1.5, 0.2), 0.6, -0.7), ((-0.8, 0.4), -0.9, 1.2), ((0.2, 1.0), 1.3, 2.0)],
)
def test_the_shifted_cubic_gives_the_limit_to_second_order(a: tuple[float, float], c: float, alpha: float) -> None:
    """Half the rate: a quarter of its error (4 +- 0.8), and half that of the limit that is not shifted (2 +- 0.2).

    I = 1, so beta = 1 and alpha is the target.
    """
    errors, unshifted = [], []
    for rate in (0.1, 0.05, 0.025):
        scenario = measured.linear(
            [[a[0]]], [[a[1]]], data=measured.constant(1.0, alpha),
            learning={"rule": "rbp", "feedback": measured.feedback([[c]])},
            training={"epochs": 2, "learning_rate": rate},
        )  # fmt: skip
        end = measured.started(scenario).to(4000)
        assert end.prod() == pytest.approx(alpha, abs=1e-5)
        for found, shift in ((errors, rate), (unshifted, 0.0)):
            found.append(float(np.abs(end - stability.shifted_limit(np.array(a), c, alpha, 1.0, shift)).max()))
    ratios = [[x[0] / x[1], x[1] / x[2]] for x in (errors, unshifted)]
    assert ratios[0] == pytest.approx([4, 4], abs=0.8)
    assert ratios[1] == pytest.approx([2, 2], abs=0.2)
    assert errors[0] < unshifted[0] / 3


# --- label noise ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("c", [0.8, -0.6])
def test_label_noise_moves_the_invariant_all_the_time(c: float) -> None:
    """K falls (c > 0; rises for c < 0) at the rate of the formula, within 4 %, while the product stays where it is."""
    rate, sigma, frames, every = 0.05, 0.1, 20000, 50
    a = (1.2, 1.0 / 1.2)
    rng = np.random.default_rng(SEED)
    targets = 1 + sigma * rng.normal(size=(frames, 1))
    data: Dataset = networks.dataset(np.ones((frames, 1)), targets, 0)
    scenario = measured.linear(
        [[a[0]]], [[a[1]]], data=measured.constant(1.0, 1.0, samples=1),
        learning={"rule": "rbp", "feedback": measured.feedback([[c]])},
        training={"epochs": 1, "learning_rate": rate},
    )  # fmt: skip
    path = measured.started(scenario, data).path(frames, every)
    a1, a2 = path[20:].T
    k = a2 - a1**2 / (2 * c)
    h = rate * (a1**2 + c * a2)
    expected = [every * stability.label_noise_drift(rate, c, sigma**2, float(x)) for x in h[:-1]]
    assert k[-1] - k[0] == pytest.approx(sum(expected), rel=0.04)
    assert abs(k[-1] - k[0]) > 0.1
    assert float(np.mean(a1 * a2)) == pytest.approx(1, abs=0.02)
