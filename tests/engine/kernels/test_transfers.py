"""Transfer functions: how near to the true function, and what they do at the edges."""

from __future__ import annotations

import math

import numpy as np
import pytest

from channelsim.engine.kernels import transfers as inner_transfers
from tests import naive
from tests.engine.compiled import compiled_module

transfers = compiled_module(inner_transfers)

F = np.float32
KINDS = {"linear": 0, "tanh": 1, "logistic": 2, "relu": 3}
LARGEST_ERROR = {"tanh": 4e-7, "logistic": 2.0**-24}  # of the rational approximation, and of rounding to float32
S = np.arange(-20, 20, 1e-4, dtype=np.float64).astype(F)
EDGES = np.array([0.0, -0.0, 1e-30, -1e-30, 1e-45, 88.0, -88.0, 3e38, -3e38, np.inf, -np.inf], F)


def applied(kind: str, values: naive.Floats) -> naive.Floats:
    out = values.copy()
    transfers.apply(KINDS[kind], out)
    return out


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("values", [S, EDGES, S[:1], S[:0]], ids=["range", "edges", "one", "none"])
def test_transfer_functions(kind: str, values: naive.Floats) -> None:
    limit = LARGEST_ERROR.get(kind, 0.0)
    np.testing.assert_allclose(applied(kind, values), naive.transfer(kind, values), rtol=0.0, atol=limit)


@pytest.mark.parametrize("kind", KINDS)
def test_not_a_number_stays_one(kind: str) -> None:
    assert np.isnan(applied(kind, np.full(9, np.nan, F))).all()


def test_tanh_is_odd_bounded_and_silent_at_zero() -> None:
    out = applied("tanh", S)
    np.testing.assert_array_equal(applied("tanh", -S), -out)
    assert np.abs(out).max() <= 1.0
    assert applied("tanh", np.zeros(1, F))[0] == 0.0


def test_what_is_saturated_has_no_slope() -> None:
    """tanh is 1 from 9.01 on, and not below; logistic is as near to 0 and 1 as float32 can be."""
    edge = F(9.01)
    out = applied("tanh", np.array([edge, -edge, 30, np.nextafter(edge, F(0)), 8], F))
    assert out[:3].tolist() == [1, -1, 1] and (out[3:] < 1).all()
    low, high = applied("logistic", np.array([-20, 20], F))
    assert low == F(1 / (1 + math.exp(20))) and f"{low:.2e}" == "2.06e-09" and high == 1
    for kind, o in (("tanh", out[:1]), ("logistic", np.array([high]))):
        error = np.ones(1, F)
        transfers.times_derivative(KINDS[kind], error, o)
        assert error[0] == 0


@pytest.mark.parametrize("s", [-700.0, -104.0, -87.0, -20.0, -1.0, 0.3, 5.0, 17.0, 90.0])
def test_logistic_is_right_in_every_digit(s: float) -> None:
    assert applied("logistic", np.array([s], F))[0] == F(1 / (1 + math.exp(-float(F(s)))))


@pytest.mark.parametrize(
    "values", [[0.0], [1.0, 2.0, 3.0], [5.0] * 4, [1000.0, 0.0], [-1000.0, -1001.0], [3e38, -3e38]], ids=str
)
def test_softmax(values: list[float]) -> None:
    out = np.array(values, F)
    expected = naive.transfer("softmax", out)
    transfers.softmax(out)
    np.testing.assert_allclose(out, expected, rtol=1e-6, atol=1e-12)


def test_softmax_tells_of_what_is_not_a_number() -> None:
    out = np.array([0.0, np.nan, 1.0], F)
    transfers.softmax(out)
    assert np.isnan(out).any()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", [0, 1, 17])
def test_times_derivative(kind: str, n: int) -> None:
    rng = np.random.default_rng(n)
    output, error = np.tanh(rng.normal(size=n)).astype(F), rng.normal(size=n).astype(F)
    expected = error * naive.derivative(kind, output)
    transfers.times_derivative(KINDS[kind], error, output)
    np.testing.assert_allclose(error, expected, rtol=1e-6, atol=1e-7)
