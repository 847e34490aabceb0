"""scenarios/theory: each goes where its comment says, and all but one run in the engine."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import channelsim as cs
from channelsim import theory

FOLDER = Path(__file__).parents[2] / "scenarios" / "theory"
OUTCOMES = {
    "arbp-converges": "converges", "arbp-oscillates": "oscillates", "autoencoder": "converges",
    "bottleneck": "converges", "bp-stuck": "stays", "bp-tie": "saddle", "branch": "converges",
    "chain-five": "converges", "chain-rbp": "converges", "chain-unstable": "converges", "dead-chain": "diverges",
    "power": "converges", "rbp-leaves": "converges", "tanh": "converges", "tanh-no-derivative": "diverges",
    "dead-zone-sign": "converges", "dead-zone-threshold": "converges", "dead-zone-uniform": "converges",
    "delay-stable": "converges", "delay-unstable": "converges", "drop": "converges", "drop-rescaled": "converges",
}  # fmt: skip


def path(name: str) -> Path:
    return FOLDER / f"{name}.toml"


def test_all_are_here() -> None:
    assert sorted(OUTCOMES) == sorted(file.stem for file in FOLDER.glob("*.toml"))


@pytest.mark.parametrize("name", OUTCOMES)
def test_it_goes_where_it_should(name: str) -> None:
    assert theory.solve(theory.load(path(name))).outcome == OUTCOMES[name]


@pytest.mark.parametrize("name", sorted(OUTCOMES.keys() - {"power", "delay-unstable", "dead-chain"}))
def test_engine_and_reference_agree_on_it(name: str) -> None:
    assert cs.verify(cs.load(path(name)), updates=5).passed


def test_the_engine_has_no_power() -> None:
    with pytest.raises(cs.InputError, match=r'power.toml: theory.transfer = "power".*tanh, logistic, relu'):
        cs.load(path("power"))


def final(name: str, tmp_path: Path, **changes: object) -> dict[str, np.ndarray]:
    result = cs.run(cs.load(path(name)).with_(changes), out=tmp_path / "t.h5")
    with cs.Trace(result.trace) as trace:
        return trace.weights()


@pytest.mark.parametrize("name", ["chain-rbp", "rbp-leaves", "drop-rescaled", "arbp-converges"])
def test_the_engine_goes_to_the_limit_of_a_small_rate(name: str, tmp_path: Path) -> None:
    """To the order of the rate, 0.05; with drops there is scatter of the order of its root."""
    limit = theory.solve(theory.load(path(name))).limit
    assert limit is not None
    weights = final(name, tmp_path)
    found = [weights["W_1"].item(), weights["W_2"].item()]
    np.testing.assert_allclose(found, limit["a"], atol=0.3 if name == "drop-rescaled" else 0.03)
    assert np.prod(found) == pytest.approx(1, abs=1e-5)


def test_backpropagation_stays_at_0(tmp_path: Path) -> None:
    weights = final("bp-stuck", tmp_path)
    assert weights["W_1"].item() == weights["W_2"].item() == 0


def test_the_autoencoder_finds_the_projector_that_c_decides(tmp_path: Path) -> None:
    system = theory.load(path("autoencoder"))
    assert isinstance(system, theory.Matrix)
    c, sigma = system.c, system.sigma_II
    projector = sigma @ c.T @ np.linalg.inv(c @ sigma @ c.T) @ c
    weights = final("autoencoder", tmp_path, **{"training.epochs": 3000})
    np.testing.assert_allclose((weights["W_1"] @ weights["W_2"]).T, projector, atol=1e-4)


@pytest.mark.parametrize(("name", "rest"), [("dead-zone-uniform", 0.05), ("dead-zone-threshold", 0.1)])
def test_a_dead_zone_leaves_an_error(name: str, rest: float, tmp_path: Path) -> None:
    weights = final(name, tmp_path)
    error = abs(1 - weights["W_1"].item() * weights["W_2"].item())
    assert 0.01 < error <= rest + 1e-6


def test_delays_decide_on_stability(tmp_path: Path) -> None:
    errors = {}
    for name in ("delay-stable", "delay-unstable"):
        with cs.Trace(cs.run(cs.load(path(name)), out=tmp_path / f"{name}.h5").trace) as trace:
            loss = trace.metrics("train")["loss"]
            errors[name] = loss[:100].max(), loss[-100:].max()
    first, last = errors["delay-stable"]
    assert last < 1e-6 * first
    first, last = errors["delay-unstable"]
    assert last > 10 * first
