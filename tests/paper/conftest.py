"""The experiments of scenarios/paper, read once."""

from __future__ import annotations

import pytest

from scripts.paper.experiments import Experiment
from scripts.paper.studies import CIFAR10, MNIST
from tests.paper.made_up import SCENARIOS


@pytest.fixture(scope="session")
def experiments() -> list[Experiment]:
    return MNIST.experiments(SCENARIOS)


@pytest.fixture(scope="session")
def convolutional() -> list[Experiment]:
    return CIFAR10.experiments(SCENARIOS)
