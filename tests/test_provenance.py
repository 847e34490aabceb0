"""Where and with what a run was made."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from channelsim import provenance


@pytest.mark.parametrize("error", [subprocess.TimeoutExpired("git", 5), FileNotFoundError("git")])
def test_without_an_answer_of_git_there_is_no_revision(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: Exception
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(subprocess, "run", fail)
    provenance._revision.cache_clear()
    try:
        assert provenance._revision(tmp_path) is None
        assert "revision" not in provenance.collect(3)
    finally:
        provenance._revision.cache_clear()
