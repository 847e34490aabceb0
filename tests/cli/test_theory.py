"""`channelsim theory` as a process."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.process import assert_one_error_line, channelsim

CHAIN = """
[theory]
system = "chain"
rule = "rbp"
a = [0.3, -0.5]
c = [0.8]
alpha = 1.0
beta = 1.0
"""


@pytest.fixture
def chain(tmp_path: Path) -> Path:
    file = tmp_path / "chain.toml"
    file.write_text(CHAIN)
    return file


def test_json(chain: Path) -> None:
    done = channelsim("theory", chain, "--json", cwd=chain.parent)
    assert (done.status, done.err) == (0, "")
    keys = ["outcome", "limit", "rate", "time", "period", "reason", "asymptote", "fixed_points", "invariants"]
    assert list(done.json) == keys
    a1, a2 = done.json["limit"]["a"]
    assert done.json["outcome"] == "converges" and a1 * a2 == pytest.approx(1, rel=1e-12)
    assert a2 - a1**2 / 1.6 == pytest.approx(-0.5 - 0.09 / 1.6, rel=1e-12)


def test_tolerance_and_set(chain: Path) -> None:
    times = [
        channelsim("theory", chain, "--json", "--tolerance", x, "--set", "theory.alpha=2", cwd=chain.parent).json[
            "time"
        ]
        for x in ("1e-3", "1e-6")
    ]
    assert 0 < times[0] < times[1]


@pytest.mark.parametrize(
    ("setting", "warns"),
    [
        ("training.learning_rate={ default = 0.1, 2 = 0.0 }", True),
        ("training={ learning_rate = { default = 0.1, 2 = 0.0 } }", True),
        ("training.learning_rate=0.1", False),
        ("theory.beta=1.0", False),
    ],
)
def test_rates_of_single_layers_are_warned_about(chain: Path, setting: str, warns: bool) -> None:
    outcome = channelsim("theory", chain.name, "--set", setting, cwd=chain.parent)
    assert outcome.status == 0
    assert ("training.learning_rate differs by layer" in outcome.err) == warns


def test_in_words(chain: Path) -> None:
    done = channelsim("theory", chain, cwd=chain.parent)
    assert (done.status, done.err) == (0, "")
    for word in (
        "chain: converges",
        "limit",
        "rate",
        "time",
        "reason",
        "invariant",
        "fixed point",
        "a = [1.4201, 0.704176]",
    ):
        assert word in done.out
    oscillating = ["theory.rule=arbp", "theory.a=[0.1, -2.0, 0.3]", "theory.c=[2.0, 0.2]", "theory.alpha=10"]
    done = channelsim("theory", chain, *(part for one in oscillating for part in ("--set", one)), cwd=chain.parent)
    assert "chain: oscillates" in done.out and "period" in done.out


def test_mistakes_are_one_line(chain: Path) -> None:
    wrong = channelsim("theory", chain, "--set", "theory.c=[1, 2]", cwd=chain.parent)
    assert_one_error_line(wrong, "chain.toml: theory.c has 2 numbers; accepted: 1 number")
    wrong = channelsim("theory", chain, "--tolerance", "0", cwd=chain.parent)
    assert_one_error_line(wrong, "tolerance = 0.0; accepted: a number above 0")
