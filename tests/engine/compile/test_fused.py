"""Multiply and add with one rounding: compiled, as plain Python, and on a processor that has no instruction for it."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numba import njit

from channelsim.engine.compile.fused import fma

F = np.float32
ROOT = Path(__file__).parents[3]


@njit
def fma_each(x, y, z, out):
    for i in range(len(x)):
        out[i] = fma(x[i], y[i], z[i])


def operands(n: int = 20_000) -> tuple[np.ndarray, ...]:
    """Random float32, half of the products nearly cancelled by the addend, or far larger or smaller than it."""
    rng = np.random.default_rng(2)
    x, y = (rng.normal(size=n).astype(F) for _ in range(2))
    z = (x.astype(np.float64) * -y * (1 + rng.choice([0, 1e-7, 1e-3, 1, 1e8, 1e-9], n) * rng.normal(size=n))).astype(F)
    return x, y, z


def compiled() -> np.ndarray:
    out = np.zeros(len(operands()[0]), F)
    fma_each(*operands(), out)
    return out


def nearest(exact: Fraction) -> np.float32:
    """The float32 nearest to a number, of two the even one."""
    near = F(float(exact))
    candidates = [near, np.nextafter(near, F(-np.inf)), np.nextafter(near, F(np.inf))]
    return min(candidates, key=lambda c: (abs(Fraction(float(c)) - exact), int(c.view(np.int32)) % 2))


def test_rounded_once() -> None:
    x, y, z = (values[:2000] for values in operands())
    exact = [Fraction(float(a)) * Fraction(float(b)) + Fraction(float(c)) for a, b, c in zip(x, y, z, strict=True)]
    expected = np.array([nearest(value) for value in exact])
    np.testing.assert_array_equal(compiled()[:2000], expected)
    twice = x * y + z
    assert np.count_nonzero(twice != expected) > 100


def test_as_plain_python() -> None:
    found = np.array([fma(*given) for given in zip(*operands(), strict=True)])
    np.testing.assert_array_equal(found.view(np.int32), compiled().view(np.int32))


@pytest.mark.parametrize(
    "given", [(np.inf, 1, 1), (np.inf, 1, -np.inf), (np.nan, 1, 1), (0, 1, -0.0), (1, 1, -1)], ids=str
)
def test_edges(given: tuple[float, ...]) -> None:
    x, y, z = (np.array([value], F) for value in given)
    out = np.zeros(1, F)
    fma_each(x, y, z, out)
    with np.errstate(invalid="ignore"):
        np.testing.assert_array_equal(out, x * y + z)
        np.testing.assert_array_equal(fma(x[0], y[0], z[0]), out[0])


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="names a processor of x86-64")
def test_without_an_instruction_for_it(tmp_path: Path) -> None:
    program = (
        "import numpy, sys; from tests.engine.compile import test_fused as t; numpy.save(sys.argv[1], t.compiled());"
        "assert 'fmadd' not in next(iter(t.fma_each.inspect_asm().values()))"
    )
    oldest = {"NUMBA_CPU_NAME": "x86-64", "NUMBA_CPU_FEATURES": "", "NUMBA_CACHE_DIR": str(tmp_path)}
    given = [sys.executable, "-c", program, str(tmp_path / "found.npy")]
    subprocess.run(given, check=True, cwd=ROOT, env={**os.environ, **oldest})
    np.testing.assert_array_equal(np.load(tmp_path / "found.npy"), compiled())
