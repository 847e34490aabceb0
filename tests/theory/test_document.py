"""The [theory] table: what it means, and one line for what it cannot."""

from __future__ import annotations

import string
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channelsim.errors import InputError
from channelsim.theory import Branch, Chain, Hidden, Matrix, load, system_from
from channelsim.theory.samples import realize

CHAIN: dict[str, Any] = dict(system="chain", rule="rbp", a=[0.3, -0.5], c=[0.8], alpha=1.0, beta=1.0)
BRANCH: dict[str, Any] = dict(system="branch", rule="rbp", a=[0.3, 1], b=[1, -2], c=[0.8, 0], alpha=1.0, beta=2.0)
NARROW: dict[str, Any] = dict(
    system="bottleneck",
    rule="rbp",
    a=[1, 2, 3],
    b=[4, 5],
    c=[6, 7],
    I=[[1, 0, 0], [0, 2, 0], [0, 0, 3]],
    T=[[1, 2]] * 3,
)
WIDE: dict[str, Any] = dict(
    system="matrix",
    rule="rbp",
    A=[[1, 2], [3, 4]],
    B=[[5, 6]],
    C=[[7], [8]],
    sigma_II=[[2, 1], [1, 3]],
    sigma_TI=[1, 2],
)
HIDDEN: dict[str, Any] = dict(system="hidden", rule="rbp", transfer="tanh", a=[1, 2], c=0.5, I=[0.5, 2], T=[1, 3])


def test_a_chain() -> None:
    system = system_from(CHAIN)
    assert isinstance(system, Chain)
    assert (system.rule, system.alpha, system.beta, system.rho) == ("rbp", 1.0, 1.0, 1.0)
    assert (system.a.tolist(), system.c.tolist()) == ([0.3, -0.5], [0.8])
    assert system.a.dtype == system.c.dtype == np.float64


@pytest.mark.parametrize(
    "data",
    [
        dict(alpha=3, beta=5),
        dict(sigma_TI=3, sigma_II=[[5]]),
        dict(I=[1, 3], T=[3, 1]),
        dict(I=[[1], [3]], T=[3, 1], weights=[2, 2]),
        dict(I=[1, 3, 7], T=[3, 1, 7], weights=[0.5, 0.5, 0]),
    ],
)
def test_the_data_may_be_moments_or_samples(data: dict[str, Any]) -> None:
    system = system_from(dict(system="chain", rule="bp", a=2) | data)
    assert isinstance(system, Chain)
    assert (system.alpha, system.beta, system.a.tolist(), system.c.tolist()) == (3.0, 5.0, [2.0], [])


def test_scalars_rows_and_columns_stand_for_one_another() -> None:
    assert system_from(CHAIN | dict(c=0.8)).c.tolist() == [0.8]  # type: ignore[union-attr]
    without = {key: value for key, value in NARROW.items() if key not in "abc"}
    systems = [
        system_from(NARROW),
        system_from(without | dict(A=[[1, 2, 3]], B=[[4], [5]], C=[[6, 7]])),
        system_from(without | dict(a=[1, 2, 3], b=[4, 5], c=[[6], [7]])),
    ]
    for system in systems:
        assert isinstance(system, Matrix)
        assert (system.a.tolist(), system.b.tolist(), system.c.tolist()) == ([[1, 2, 3]], [[4], [5]], [[6, 7]])


def test_a_branch_and_its_rate_of_adaptation() -> None:
    system = system_from(BRANCH | dict(rule="arbp", rho=0.5))
    assert isinstance(system, Branch) and system.rho == 0.5
    assert (system.b.tolist(), system.beta) == ([1, -2], 2)


def test_matrix_moments_of_samples() -> None:
    system = system_from(NARROW)
    assert isinstance(system, Matrix)
    assert system.sigma_II == pytest.approx(np.diag([1, 4, 9]) / 3)
    assert system.sigma_TI == pytest.approx(np.array([[1, 2, 3], [2, 4, 6]]) / 3)
    given_moments = system_from(WIDE)
    assert isinstance(given_moments, Matrix) and given_moments.sigma_TI.tolist() == [[1, 2]]


def test_a_bottleneck_of_single_units_may_have_alpha_and_beta() -> None:
    system = system_from(dict(system="bottleneck", rule="rbp", a=1, b=2, c=3, alpha=4, beta=5))
    assert isinstance(system, Matrix) and (system.sigma_TI.item(), system.sigma_II.item()) == (4, 5)


@pytest.mark.parametrize("data", [dict(I=[[1, 0], [0, 2]]), dict(sigma_II=[[0.5, 0], [0, 2]])])
def test_an_autoencoder(data: dict[str, Any]) -> None:
    system = system_from(dict(system="matrix", rule="rbp", a=[1, 2], b=[[3], [4]], c=[5, 6], target="input") | data)
    assert isinstance(system, Matrix)
    assert system.sigma_TI.tolist() == system.sigma_II.tolist() == [[0.5, 0], [0, 2]]


def test_hidden() -> None:
    system = system_from(HIDDEN | dict(derivative=False))
    assert isinstance(system, Hidden)
    assert (system.c, system.derivative, system.weights.tolist()) == (0.5, False, [0.5, 0.5])
    adaptive = system_from(HIDDEN | dict(rule="arbp", rho=0.3))
    assert isinstance(adaptive, Hidden) and (adaptive.rho, system.rho) == (0.3, 1.0)


@settings(max_examples=60)
@given(
    st.sampled_from([1.0, 1.5, 2.0, 3.0]),
    st.lists(st.tuples(st.floats(0.1, 2), st.floats(-2, 2), st.floats(0.1, 1)), min_size=1, max_size=4),
)
def test_moments_are_realized_by_samples(mu: float, law: list[tuple[float, float, float]]) -> None:
    """What data have, samples with the same moments are found for; the weights learn nothing else of them."""
    inputs, targets, weights = np.array(law).T
    weights = weights / weights.sum()
    powers = lambda i, t, w: (w @ (t * i**mu), w @ i ** (2 * mu), w @ (t * i), w @ i ** (mu + 1))  # noqa: E731
    alpha, beta, gamma, delta = powers(inputs, targets, weights)
    if mu == 1:
        gamma, delta = alpha, beta
    found = realize(mu, alpha, beta, gamma, delta)
    size = float(np.abs(found[1]).max()) + 1
    assert powers(*found) == pytest.approx((alpha, beta, gamma, delta), rel=1e-6, abs=1e-9 * size)
    assert found[2].sum() == pytest.approx(1) and found[2].min() >= -1e-12
    assert powers(*realize(mu, alpha, beta))[:2] == pytest.approx((alpha, beta), rel=1e-12, abs=1e-12)


def test_a_power_by_its_moments() -> None:
    table = dict(system="hidden", rule="rbp", transfer="power", power=2, a=[1, 2], c=0.5, alpha=1, beta=2)
    system = system_from(table)
    assert isinstance(system, Hidden) and system.weights @ system.inputs**4 == pytest.approx(2)
    system = system_from(table | dict(derivative=False, gamma=0.3, delta=1))
    assert isinstance(system, Hidden) and system.weights @ system.inputs**3 == pytest.approx(1)


MISTAKES: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    (CHAIN, dict(beta=None), "theory.beta is missing beside theory.alpha; accepted: alpha and beta or"),
    (CHAIN, dict(alpha=None), "theory.alpha is missing beside theory.beta"),
    (
        CHAIN,
        dict(alpha=None, beta=None),
        "theory.alpha is missing; accepted: alpha and beta or sigma_TI and sigma_II or I",
    ),
    (CHAIN, dict(beta=0), "theory.beta = 0; accepted: a number above 0"),
    (CHAIN, dict(beta=-1.0), "theory.beta = -1.0; accepted: a number above 0"),
    (CHAIN, dict(c=[1, 2]), "theory.c has 2 numbers; accepted: 1 number"),
    (CHAIN, dict(c=[]), "theory.c has 0 numbers; accepted: 1 number"),
    (CHAIN, dict(c=None), "theory.c is missing; accepted: 1 number"),
    (CHAIN, dict(a=[]), "theory.a = []; accepted: at least one number"),
    (CHAIN, dict(a=[[1, 2], [3, 4]]), "theory.a = [[1, 2], [3, 4]]; accepted: a list of numbers"),
    (CHAIN, dict(a=[[1], [3, 4]]), "theory.a = [[1], [3, 4]]: rows of different lengths; accepted: a list of numbers"),
    (CHAIN, dict(a=["x", 1]), "theory.a = ['x', 1]: 'x' is no number; accepted: a list of numbers"),
    (CHAIN, dict(a=[True, 1]), "true is no number"),
    (CHAIN, dict(a=[float("nan"), 1]), "not finite, or beyond 1e+100; accepted"),
    (CHAIN, dict(alpha=float("inf")), "theory.alpha = inf: not finite"),
    (CHAIN, dict(A=[1, 2]), "theory.A and theory.a are the same; accepted: one of them"),
    (CHAIN, dict(system="chian"), 'theory.system = \'chian\' (did you mean chain?); accepted: "chain", "branch"'),
    (CHAIN, dict(system=None), 'theory.system is missing; accepted: "chain"'),
    (CHAIN, dict(rule="srpb"), 'theory.rule = \'srpb\' (did you mean srbp?); accepted: "bp", "rbp"'),
    (CHAIN, dict(rule=3), "theory.rule = 3; accepted"),
    (CHAIN, dict(b=[1]), "theory.b is unknown for system chain"),
    (CHAIN, dict(rho=2), "theory.rho: rbp does not adapt c; accepted: rule arbp or asrbp with rho, or no rho"),
    (CHAIN, dict(rule="arbp", rho=0), "theory.rho = 0; accepted: a number above 0"),
    (CHAIN, dict(I=[1], T=[1]), "theory.alpha and theory.I are both given; accepted: either alpha and beta or"),
    (CHAIN, dict(alpha=None, beta=None, I=[1, 2], T=[1]), "theory.T has 1 number; accepted: 2 numbers"),
    (
        CHAIN,
        dict(alpha=None, beta=None, I=[0, 0], T=[1, 1]),
        "theory.I = [0, 0]; accepted: inputs of which some are not 0",
    ),
    (CHAIN, dict(alpha=None, beta=None, weights=[1]), "theory.I is missing beside theory.weights"),
    (CHAIN, dict(alpha=None, beta=None, I=[1, 2], T=[1, 2], weights=[1, -1]), "2 numbers of at least 0, not all 0"),
    (BRANCH, dict(b=[1]), "theory.b has 1 number; accepted: 2 numbers"),
    (NARROW, dict(a=[[1, 2, 3], [4, 5, 6]]), "theory.a is 2 x 3; accepted: rows of numbers, 1 x any number"),
    (NARROW, dict(T=None), "theory.T is missing beside theory.I"),
    (
        NARROW,
        dict(I=[[1, 0, 0]], T=[[1, 2]]),
        "E(I I^T) is singular, 1 samples of 3 inputs; accepted: samples that span",
    ),
    (NARROW, dict(I=None, T=None, alpha=1, beta=1), "3 inputs and 2 outputs; accepted: sigma_II and sigma_TI"),
    (NARROW, dict(target="input", T=None), "3 inputs and 2 outputs; accepted: as many outputs as inputs"),
    (WIDE, dict(B=[[1, 2, 3]]), "theory.b is 1 x 3; accepted: rows of numbers, any number x 2"),
    (WIDE, dict(C=[[1, 2], [3, 4]]), "theory.c is 2 x 2; accepted: rows of numbers, 2 x 1"),
    (WIDE, dict(sigma_II=[[1, 2], [2, 1]]), "accepted: a symmetric positive definite matrix"),
    (WIDE, dict(sigma_II=[[1, 2], [0, 1]]), "accepted: a symmetric positive definite matrix"),
    (WIDE, dict(target="output"), "theory.target = 'output'; accepted: \"input\""),
    (HIDDEN, dict(a=[1, 2, 3]), "theory.a has 3 numbers; accepted: 2 numbers"),
    (HIDDEN, dict(transfer="tan"), 'theory.transfer = \'tan\' (did you mean tanh?); accepted: "power", "tanh"'),
    (HIDDEN, dict(derivative=1), "theory.derivative = 1; accepted: true or false"),
    (HIDDEN, dict(power=2), 'theory.power with transfer = "tanh"'),
    (HIDDEN, dict(transfer="power", power=0.5), "theory.power = 0.5; accepted: a number of at least 1"),
    (HIDDEN, dict(transfer="power", power=1.5, I=[-1, 1]), "theory.power = 1.5 of a negative number; accepted"),
    (HIDDEN, dict(alpha=1), 'theory.alpha with transfer = "tanh"; accepted: samples I and T'),
    (HIDDEN, dict(transfer="power", I=None, T=None, alpha=1, beta=1, gamma=1), "theory.gamma with f'; accepted"),
    (
        HIDDEN,
        dict(transfer="power", power=2, derivative=False, I=None, T=None, alpha=1, beta=1, gamma=1, delta=9),
        "theory.delta = 9: E(I^(mu + 1)) is at most",
    ),
]


@pytest.mark.parametrize(("table", "changes", "words"), MISTAKES)
def test_mistakes_name_the_key_and_what_would_be_accepted(
    table: dict[str, Any], changes: dict[str, Any], words: str
) -> None:
    changed = {key: value for key, value in (table | changes).items() if value is not None}
    with pytest.raises(InputError) as caught:
        system_from(changed)
    assert words in str(caught.value) and "accepted" in str(caught.value) and "\n" not in str(caught.value)


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(string.printable, max_size=5)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3), max_leaves=8)


@settings(max_examples=200)
@given(
    st.sampled_from([CHAIN, BRANCH, NARROW, WIDE, HIDDEN]),
    st.dictionaries(
        st.sampled_from(
            ["system", "rule", "a", "b", "c", "rho", "alpha", "beta", "I", "T", "weights", "sigma_II", "x"]
        ),
        VALUES,
        max_size=3,
    ),
)
def test_every_table_is_a_system_or_one_line(table: dict[str, Any], changes: dict[str, Any]) -> None:
    try:
        system = system_from(table | changes)
    except InputError as error:
        assert "\n" not in str(error) and "accepted" in str(error)
    else:
        numbers = [value for value in vars(system).values() if isinstance(value, np.ndarray)]
        assert all(np.isfinite(value).all() and value.dtype == np.float64 for value in numbers)


TEXT = """
[theory]
system = "chain"
rule = "rbp"
a = [0.3, -0.5]
c = [0.8]
alpha = 1.0
beta = 1.0
"""


def test_a_file_and_what_is_laid_over_it(tmp_path: Path) -> None:
    file = tmp_path / "chain.toml"
    file.write_text(TEXT)
    system = load(file, set=["theory.alpha=2", "theory.rule=arbp", "theory.rho=0.5"])
    assert isinstance(system, Chain) and (system.rule, system.alpha, system.rho) == ("arbp", 2.0, 0.5)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "theory is missing; accepted: a table [theory]"),
        ("theory = 3", "theory is missing; accepted: a table [theory]"),
        ("[theroy]", "theory is missing; accepted: a table [theory]"),
        ("[theory]\nsystem = 'chain'\nrule = 'bp'\na = 1\nalpha = 1\nbeta = 1\n[channel]", "channel is unknown"),
        ("[theory", "accepted: TOML"),
    ],
)
def test_files_that_are_none(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "x.toml"
    file.write_text(text)
    with pytest.raises(InputError) as caught:
        load(file)
    assert str(caught.value).startswith(f"{file}: ") and words in str(caught.value)


def test_an_assignment_that_is_none(tmp_path: Path) -> None:
    file = tmp_path / "x.toml"
    file.write_text(TEXT)
    with pytest.raises(InputError, match=r"--set theory\.alpha: no '='"):
        load(file, set=["theory.alpha"])
