"""Weights, counts and times are those that every other machine finds, to the last bit.

Where a change is meant to alter them, `python -m tests.laws.golden --write` records them again.
"""

from __future__ import annotations

import pytest

from channelsim import engine
from tests.laws import golden
from tests.laws.golden_scenarios import SCENARIOS


@pytest.fixture(scope="module")
def expected() -> golden.Digests:
    return golden.recorded()


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("name", SCENARIOS)
def test_every_bit_is_as_recorded(name: str, threads: int, expected: golden.Digests) -> None:
    with engine.threads(threads):
        found = golden.digests(SCENARIOS[name])
    assert golden.differences(name, found, expected) == []


def test_the_file_holds_these_scenarios(expected: golden.Digests) -> None:
    assert list(expected) == list(SCENARIOS)
