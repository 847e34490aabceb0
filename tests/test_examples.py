"""The examples run, and the reference agrees with them."""

from __future__ import annotations

import runpy
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


SCRIPTS = {
    "one_hot": ("one-hot, read as class numbers", "runs/one-hot.h5"),
    "early_stopping": ("interrupted after", "runs/early.h5"),
    "live_plot": ("", "live.png"),
}


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_script(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "agg")
    runpy.run_path(str(path))
    printed, left = SCRIPTS[path.stem]
    assert printed in capsys.readouterr().out and (tmp_path / left).exists()
    assert len(path.read_text().splitlines()) <= 25


def test_a_users_file_is_short() -> None:
    for path in EXAMPLES.rglob("*.py"):
        assert len(path.read_text().splitlines()) <= 30
