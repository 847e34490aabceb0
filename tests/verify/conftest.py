"""As many updates are compared on a slow machine as on a fast one."""

from __future__ import annotations

import pytest

from channelsim import _verify


@pytest.fixture(autouse=True)
def time_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """How many updates are compared does not depend on the machine."""
    for name in ("SECONDS", "ENGINE_SECONDS"):
        monkeypatch.setattr(_verify, name, 3600.0)
