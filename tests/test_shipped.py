"""The scenarios that come with the package."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import channelsim as cs
from channelsim import shipped
from channelsim.cli import main

NAMES = [scenario.name for scenario in shipped.scenarios()]


def test_each_says_in_a_sentence_what_it_is() -> None:
    for scenario in shipped.scenarios():
        assert 10 < len(scenario.about) < 200, scenario
    assert "digits-srbp" in NAMES and "paper/rules" in NAMES and NAMES[0] == "digits-autoencoder"


@pytest.mark.parametrize("name", [name for name in NAMES if name != "theory/power"])  # which no engine runs
def test_a_copy_loads_and_means_the_same(name: str, tmp_path: Path) -> None:
    scenario, *_ = shipped.copy(name, tmp_path)
    assert cs.load(scenario).resolved == cs.load(shipped.folder() / "scenarios" / f"{name}.toml").resolved


def test_what_was_changed_is_kept_unless_forced(tmp_path: Path) -> None:
    scenario, model = shipped.copy("digits-bp", tmp_path)
    assert shipped.copy("digits-srbp", tmp_path)[1] == model
    original = scenario.read_text()
    scenario.write_text("name = 'mine'")
    with pytest.raises(cs.InputError, match=r"digits-bp.toml: is there already.*--force"):
        shipped.copy("digits-bp", tmp_path)
    assert scenario.read_text() == "name = 'mine'"
    shipped.copy("digits-bp", tmp_path, force=True)
    assert scenario.read_text() == original


def test_an_unknown_name_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["scenarios", "copy", "digit-bp"]) == 2
    assert "digit-bp is not shipped; accepted: digits-autoencoder, digits-bp" in capsys.readouterr().err


@pytest.mark.timeout(60)
@pytest.mark.parametrize("force", [False, True])
def test_a_fifo_is_neither_waited_for_nor_replaced(tmp_path: Path, force: bool) -> None:
    (tmp_path / "scenarios").mkdir()
    os.mkfifo(tmp_path / "scenarios" / "digits-srbp.toml")
    with pytest.raises(cs.InputError, match=r"digits-srbp\.toml: is a FIFO"):
        shipped.copy("digits-srbp", tmp_path, force)
    assert (tmp_path / "scenarios" / "digits-srbp.toml").is_fifo()
