"""What a campaign took, and on which machine."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from scripts.paper import campaign, record
from scripts.paper.record import Record
from tests.paper.made_up import RECORD, SCENARIOS


def test_the_time_of_sittings_adds_up(tmp_path: Path) -> None:
    log, progress = tmp_path / "sittings.txt", campaign.Progress()
    with record.sitting(log, progress):
        pass
    assert record.sittings(log) == []
    with pytest.raises(KeyboardInterrupt), record.sitting(log, progress) as so_far:
        assert so_far() == []
        progress.new = 3
        assert len(so_far()) == 1
        raise KeyboardInterrupt
    with record.sitting(log, progress):
        pass
    assert len(record.sittings(log)) == 2


def test_a_sitting_that_leaves_its_first_run_half_done_counts(tmp_path: Path) -> None:
    log, progress = tmp_path / "runs" / "sittings.txt", campaign.Progress()
    with pytest.raises(KeyboardInterrupt), record.sitting(log, progress):
        raise KeyboardInterrupt
    assert len(record.sittings(log)) == 1
    with record.sitting(log, progress) as so_far:
        assert len(so_far()) == 1


def test_the_record_comes_back(tmp_path: Path) -> None:
    RECORD.save(tmp_path / "record.json")
    assert Record.load(tmp_path / "record.json") == RECORD
    assert "cores" in record.machine()
    assert "NumPy" in record.software(SCENARIOS)


def test_pages_that_a_campaign_has_written_do_not_make_its_sources_dirty(tmp_path: Path) -> None:
    def git(*arguments: str) -> None:
        who = ["-c", "user.name=n", "-c", "user.email=e@example.org", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", "-C", str(tmp_path), *who, *arguments], check=True, capture_output=True)

    (tmp_path / "docs").mkdir()
    for name in ("docs/page.md", "program.py"):
        (tmp_path / name).write_text("1")
    git("init")
    git("add", ".")
    git("commit", "-m", "all")
    clean = record.software(tmp_path)
    assert " at " in clean and "dirty" not in clean
    (tmp_path / "docs" / "page.md").write_text("2")
    assert record.software(tmp_path) == clean
    (tmp_path / "program.py").write_text("2")
    assert "-dirty, Python" in record.software(tmp_path)
