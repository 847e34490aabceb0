"""Random scenarios, most of them ill-conditioned: they agree, and a wrong sign is found."""

from __future__ import annotations

import numpy as np
import pytest

from channelsim._verify import one_thread
from channelsim.side_by_side import compare
from tests.verify.comparisons import with_rates
from tests.verify.ill_conditioned import random_scenario


def agrees(seed: int) -> None:
    result = compare(*random_scenario(seed), 20)
    assert result.passed, (f"random_scenario({seed})", result)


@pytest.mark.parametrize("seed", range(12))
def test_random_scenarios(seed: int) -> None:
    with one_thread():
        agrees(seed)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_200_random_scenarios() -> None:
    first = int(np.random.default_rng().integers(10**9))
    print(f"seeds {first} to {first + 199}")
    with one_thread():
        for seed in range(first, first + 200):
            agrees(seed)


@pytest.mark.parametrize("first", [0, pytest.param(None, marks=[pytest.mark.slow, pytest.mark.timeout(3600)])])
def test_a_wrong_sign_is_found_in_random_scenarios(first: int | None) -> None:
    """Wherever any step stands above what rounding does, and its sums within float32."""
    number = 6 if first is not None else 100
    first = int(np.random.default_rng().integers(10**9)) if first is None else first
    print(f"seeds {first} to {first + number - 1}")
    missed = []
    with one_thread():
        for seed in range(first, first + number):
            right, given = random_scenario(seed)
            sound = compare(right, given, 20)
            wrong = compare(right, given, 20, reference_plan=with_rates(right, -1))
            if sound.blind < sound.steps and wrong.passed and "may exceed" not in wrong.end:
                missed.append(seed)
    assert not missed, missed
