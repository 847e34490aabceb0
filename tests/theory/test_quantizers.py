"""Rest intervals and limit cycles against the recursion e' = e - h Q(e) over many starts."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from channelsim.theory import quantizers

Values = NDArray[np.float64]


def ends(quantize: Callable[[Values], Values], h: float, updates: int = 400, largest: float = 3.0) -> Values:
    e = np.linspace(-largest, largest, 6001) + 1e-4
    for _ in range(updates):
        e = e - h * quantize(e)
    return e


@pytest.mark.parametrize("h", [0.1, 0.35, 0.8])
def test_uniform_comes_to_rest_within_half_a_step(h: float) -> None:
    q = 0.5
    e = np.abs(ends(lambda e: q * np.round(e / q), h)[[0, *range(1, 1500), *range(4500, 6001)]])
    low, high = quantizers.uniform_rest(h, q)
    assert e.min() >= low - 1e-12 and e.max() <= high
    assert e.min() < low + 0.01 and e.max() > high - 0.01


@pytest.mark.parametrize("h", [0.1, 0.8])
def test_ternary_comes_to_rest_within_half_its_scale(h: float) -> None:
    a = 0.7
    e = np.abs(ends(lambda e: a * np.sign(e) * (np.abs(e) >= a / 2), h)[[*range(2500), *range(3500, 6001)]])
    low, high = quantizers.ternary_rest(h, a)
    assert e.min() >= low - 1e-12 and e.max() <= high
    assert e.min() < low + 0.01 and e.max() > high - 0.01


@pytest.mark.parametrize("h", [0.1, 0.5])
def test_stochastic_uniform(h: float) -> None:
    q, draws = 0.5, np.random.default_rng(7)
    e = draws.uniform(-1, 1, 20000)
    total = 0.0
    for n in range(600):
        e = e - h * q * np.floor(e / q + draws.random(e.size))
        total += float(np.mean(e**2)) if n >= 400 else 0.0
    assert total / 200 == pytest.approx(quantizers.stochastic_uniform_mean_square(h, q), rel=0.02)


@pytest.mark.parametrize("h", [0.1, 0.5])
def test_sign_circles(h: float) -> None:
    bound, rms = quantizers.sign_cycle(h, 0.7)
    e = ends(lambda e: 0.7 * np.sign(e), h, largest=2.8)  # whole cycles, so that all phases weigh the same
    assert np.abs(e).max() <= bound + 1e-12
    assert np.sqrt(np.mean(e**2)) == pytest.approx(rms, rel=0.02)


def log2(e: Values, scale: float, exponents: int) -> Values:
    with np.errstate(divide="ignore"):
        power = np.clip(np.round(np.log2(np.abs(e) / scale)), 1 - exponents, 0)
    return scale * np.sign(e) * 2.0**power


@pytest.mark.parametrize("h", [0.1, 0.7, 1.4])
def test_log2_circles_within_its_smallest_power(h: float) -> None:
    bound = quantizers.log2_cycle(h, 1.0, 4)
    e = np.abs(ends(lambda e: log2(e, 1.0, 4), h, 3000))
    assert e.max() <= bound * (1 + 1e-9)
    assert e.max() > 0.8 * bound


def test_log2_contracts_below_the_square_root_of_two_only() -> None:
    e = np.geomspace(2.0**-6, 1.0, 10001)
    rates = (0.999 * quantizers.LOG2_CONTRACTS, 1.001 * quantizers.LOG2_CONTRACTS)
    shrinks = [bool(np.all(np.abs(e - h * log2(e, 1.0, 8)) < e)) for h in rates]
    assert shrinks == [True, False]


@pytest.mark.parametrize("rate", [0.02, 0.05])
def test_signs_to_the_hidden_layer_with_an_exact_top(rate: float) -> None:
    a1, a2, c, scale = 0.6, 1.5, 0.8, 1.0
    values = []
    for n in range(4000):
        e = 1 - a1 * a2
        a1, a2 = a1 + rate * c * scale * np.sign(e), a2 + rate * a1 * e
        if n >= 3990:
            values.append(e)
    expected = quantizers.sign_on_hidden(rate, 1.0, a1, a2, c, scale)
    np.testing.assert_allclose(np.abs(values), expected, rtol=2 * rate)
    assert np.all(np.sign(values[1:]) == -np.sign(values[:-1]))


@pytest.mark.parametrize("h", [0.1, 0.5])
def test_threshold(h: float) -> None:
    low, high = quantizers.threshold_rest(h, 0.3)
    e = np.abs(ends(lambda e: np.where(np.abs(e) > 0.3, e, 0.0), h)[[*range(2500), *range(3500, 6001)]])
    assert e.min() >= low and e.max() <= high
    assert e.min() < low + 0.01 and e.max() > high - 0.01


@pytest.mark.parametrize("h", [0.05, 0.3])
def test_threshold_with_residual(h: float) -> None:
    theta, e = 0.3, np.linspace(-2, 2, 401) + 1e-4
    kept = np.zeros_like(e)
    largest, total = 0.0, np.zeros_like(e)
    for n in range(30000):
        kept = kept + e
        sent = np.abs(kept) > theta
        e = np.where(sent, e - h * kept, e)
        kept = np.where(sent, 0.0, kept)
        if n >= 10000:
            largest = max(largest, float(np.abs(e).max()))
            total += e
    assert largest <= quantizers.threshold_with_residual(h, theta) * (1 + 1e-9)
    assert largest > 0.8 * quantizers.threshold_with_residual(h, theta)
    assert np.abs(total / 20000).max() < 0.05 * largest


@pytest.mark.parametrize("bits", [2, 4])
@pytest.mark.parametrize("flips", [0.0, 0.01, 0.2])
def test_bit_flips_of_uniform_words(bits: int, flips: float) -> None:
    most, q = 2 ** (bits - 1) - 1, 0.25
    for level in range(-most, most + 1):
        word = level + most
        mean = 0.0
        for other in range(2**bits):
            changed = bin(word ^ other).count("1")
            value = 0.0 if other == 2**bits - 1 else (other - most) * q
            mean += flips**changed * (1 - flips) ** (bits - changed) * value
        assert quantizers.uniform_with_flips(level * q, q, bits, flips) == pytest.approx(mean, abs=1e-14)


def test_bit_flips_of_a_sign() -> None:
    assert quantizers.sign_gain(0.2) == pytest.approx(0.8 * 1 + 0.2 * -1)
