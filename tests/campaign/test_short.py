"""A short cut of the campaign (`make campaign`), with the same seeds each time."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.campaign.__main__ import PARTS, counts, read, table
from tests.campaign.outcomes import FAILURES, IDENTICAL, outcome
from tests.campaign.part import Part

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="each case is a fork of the test")


@pytest.mark.parametrize("part", [part for part in PARTS if part.short], ids=lambda part: part.name)
def test_nothing_crashes_hangs_or_is_silently_another(part: Part, tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    made = part.prepare(tmp_path / "made")
    wrong = []
    for seed in range(part.short):
        (tmp_path / str(seed)).mkdir()
        found = part.case(made, seed, tmp_path / str(seed))
        if found.kind in FAILURES:
            wrong.append(f"seed {seed}: {found.kind}: {found.text}")
    assert wrong == []


def test_outcomes_are_told_apart() -> None:
    def crash() -> None:
        signal.raise_signal(signal.SIGKILL)

    def fail() -> None:
        raise KeyError("x")

    def hang() -> None:
        while True:
            pass

    assert outcome(lambda: "text") == ("done", "text")
    assert outcome(crash)[0] == "crash"
    assert outcome(fail)[0] == "traceback"
    assert outcome(hang, seconds=1)[0] == "hang"
    assert outcome(lambda: os._exit(3))[0] == "crash"


def test_the_table_counts_what_is_in_the_file(tmp_path: Path) -> None:
    file = tmp_path / "campaign.jsonl"
    file.write_text(
        '{"part": "kills", "of": "kills", "seed": 5, "kind": "identical", "count": 3, "text": ""}\n'
        '{"part": "kills", "of": "kills", "seed": 6, "kind": "crash", "count": 1, "text": "SIGSEGV"}\n'
        '{"part": "kills", "of": "ki'
    )
    rows = read(file)
    (one,) = counts(rows)
    assert (one[IDENTICAL], one["crash"], one["seeds"]) == (3, 1, [5, 6])
    assert "| kills | 4 kills | 5 | 3 | 0 | 0 | 0 | 1 | 0 | 0 | 0 |" in table(rows)
