from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.process import SMALL


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A working directory that holds small.toml."""
    (tmp_path / "small.toml").write_text(SMALL)
    return tmp_path
