"""The examples run, and the reference agrees with them."""

from __future__ import annotations

from pathlib import Path

import pytest

import channelsim as cs

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.mark.parametrize("path", sorted(EXAMPLES.rglob("*.toml")), ids=lambda path: path.stem)
def test_example(path: Path, tmp_path: Path) -> None:
    scenario = cs.load(path, set=["training.epochs=1"])
    result = cs.run(scenario, tmp_path / "run.h5")
    assert result.test_accuracy > 0.5
    assert cs.verify(scenario, updates=3).passed


def test_a_users_file_is_short() -> None:
    for path in EXAMPLES.rglob("*.py"):
        assert len(path.read_text().splitlines()) <= 30
