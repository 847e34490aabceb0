"""The page of a sweep: its table, the front, what failed; small, and alone."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

import channelsim as cs
from channelsim.cli import main
from channelsim.reports._columns import columns_of
from channelsim.reports._sweep import answer
from tests.reports.conftest import HOSTILE, Page, directory_of, run, table_of
from tests.timelines.conftest import CASES


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return table_of(codes=3, rates=4, seeds=2)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory, table: pd.DataFrame) -> Page:
    return Page(cs.report(directory_of(tmp_path_factory.mktemp("sweeps") / "codes", table)))


def data_of(page: Page) -> dict[str, list[dict[str, object]]]:
    """What the page's script reads."""
    start = page.html.index('id="data">') + len('id="data">')
    return dict(json.loads(page.html[start : page.html.index("</script>", start)]))


def test_it_is_whole_and_alone(page: Page) -> None:
    page.assert_alone()
    policy = next(one["content"] for tag, one in page.tags if tag == "meta" and "http-equiv" in one)
    assert policy is not None and "default-src 'none'" in policy and "script-src 'sha256-" in policy
    assert "unsafe-inline'; script" not in policy.partition("script-src")[2]


def test_every_point_has_a_row_and_its_numbers(page: Page, table: pd.DataFrame) -> None:
    assert [one for one in page.ids() if one[1:].isdecimal()] == [f"p{i}" for i in range(len(table))]
    for cell in ("bits 1", "bits 3", f"{100 * table['test_accuracy'][0]:.2f} %", "100 kbit", "100 nJ"):
        assert cell in page.text, cell
    columns = {str(one["label"]): one for one in data_of(page)["columns"]}
    assert columns["test accuracy"]["values"] == [
        None if pd.isna(value) else float(f"{value:.6g}") for value in table["test_accuracy"]
    ]
    assert columns["test accuracy"]["high"] and not columns["energy"]["high"]
    assert columns["training.learning_rate"]["labels"] == ["0.1", "0.2", "0.4", "0.8"]


def test_metrics_of_the_users_own_are_measures(table: pd.DataFrame) -> None:
    """On the axes of the front, and shown at first."""
    own = table.assign(test_f1=[0.25 + i / 100 for i in range(len(table))])
    [column] = [one for one in columns_of(own) if one.name == "test_f1"]
    assert (column.kind, column.label, column.shown) == ("measure", "test f1", True)
    assert column.values[:2] == [0.25, 0.26] and column.cells[0] == "0.25"


def test_the_answer_is_the_best_mean(table: pd.DataFrame) -> None:
    """Of the variants of which no point failed."""
    groups = table.groupby(["channels.learning.quantize", "training.learning_rate"])["test_accuracy"]
    mean = groups.mean()[groups.count() == 2]
    text = answer(table, columns_of(table))
    assert text.startswith(f"The best test accuracy is {100 * mean.max():.2f} %")
    assert f"learning_rate = {mean.idxmax()[1]:g}" in text and "(mean of 2 seeds)" in text and "energy" in text


def test_validation_chooses_where_there_is_any(table: pd.DataFrame) -> None:
    """And the test set only tells."""
    chosen = table.assign(validation_accuracy=1 - table["test_accuracy"])
    text = answer(chosen, columns_of(chosen))
    assert text.startswith("The best validation accuracy is") and "test accuracy: " in text


def test_failures_are_told(page: Page, table: pd.DataFrame) -> None:
    failed = int((table["status"] == "failed").sum())
    assert f"{failed} of {len(table)} points failed." in page.text
    assert "1: diverged at update 6" in page.text
    assert f"8 of {len(table)} points warn about something" in page.text


def test_all_points_failed(tmp_path: Path, table: pd.DataFrame) -> None:
    page = Page(cs.report(directory_of(tmp_path / "failed", table[table["status"] == "failed"].reset_index(drop=True))))
    page.assert_alone()
    assert "None of the 3 points is done, so there is no result." in page.text
    assert "No point has a measure" in page.text


def test_names_are_escaped(tmp_path: Path, table: pd.DataFrame) -> None:
    """Of keys, of their values, of reasons and of the directory."""
    own = table.assign(**{HOSTILE: HOSTILE, "reason": HOSTILE, "point": HOSTILE})
    own.loc[0, HOSTILE] = "other"
    page = Page(cs.report(directory_of(tmp_path / HOSTILE.replace("/", "|"), own)))
    page.assert_alone()
    assert "<script>alert" not in page.html and page.text.count(HOSTILE) > 20
    assert [one.get("type") for tag, one in page.tags if tag == "script"] == ["application/json", None]
    assert data_of(page)["columns"][3]["label"] == HOSTILE


def test_500_points_are_small(tmp_path: Path) -> None:
    html = cs.report(directory_of(tmp_path / "many", table_of(codes=25, rates=4, seeds=5)))
    assert html.count('<tr id="p') == 500 and len(html.encode()) < 2_000_000


def test_a_real_sweep_has_a_scenario(tmp_path: Path, table: pd.DataFrame) -> None:
    """In words, from the first trace that can be read."""
    trace = run(tmp_path, "losses", **CASES["losses"])
    own = table.assign(trace=["", "gone.h5", str(trace), *[""] * (len(table) - 3)])
    page = Page(cs.report(directory_of(tmp_path / "real", own)))
    assert "pipelined, a frame every 8 us (poisson)" in page.text and "begun" in page.text


def test_errors_are_one_line(tmp_path: Path, table: pd.DataFrame, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "nothing").mkdir()
    directory_of(tmp_path / "empty", table[:0])
    for name, words in (("nothing", "accepted: the directory of a"), ("empty", "no point is done or failed yet")):
        assert main(["report", str(tmp_path / name), "-o", str(tmp_path / "page.html")]) == 2
        err = capsys.readouterr().err
        assert err.count("\n") == 1 and words in err
