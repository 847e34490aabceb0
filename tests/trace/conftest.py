"""A trace that is only read."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import traces


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return traces.make(tmp_path_factory.mktemp("traces") / "run.h5")
