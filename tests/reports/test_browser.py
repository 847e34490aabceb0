"""Pages in a real browser: no errors, no requests, and all that one can do on them, by mouse and by keyboard."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import channelsim as cs
from channelsim.plots import front
from channelsim.sweeps._best import best_over
from tests.reports.browser import PROGRAM, Browser, browser
from tests.reports.conftest import Page, directory_of, table_of

pytestmark = [pytest.mark.slow, pytest.mark.skipif(PROGRAM is None, reason="no Chromium is installed")]

ORDER = "[...document.querySelectorAll('#table tbody tr')].filter(row => !row.hidden).map(row => row.id)"
ON_FRONT = "[...document.querySelectorAll('#best a')].map(a => a.hash)"
CHOSEN = "[...document.querySelectorAll('tr.chosen')].map(row => row.id)"
FOCUSED = "document.activeElement.getAttribute('href')"


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    """What does best on the validation samples is not what does best on the test set."""
    made = table_of(codes=7, rates=4, seeds=2)
    return made.assign(validation_accuracy=made["test_accuracy"] - 0.1 * (made["training.learning_rate"] - 0.2).abs())


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory, table: pd.DataFrame) -> Path:
    folder = directory_of(tmp_path_factory.mktemp("sweeps") / "codes", table)
    cs.report(folder, folder / "page.html")
    return folder / "page.html"


def click(tab: Browser, selector: str) -> None:
    event = "new MouseEvent('click', {bubbles: true, cancelable: true})"
    tab.value(f"document.querySelector({selector!r}).dispatchEvent({event})")


def choose(tab: Browser, selector: str, value: str) -> None:
    one = f"document.querySelector({selector!r})"
    tab.value(f"{one}.value = {value!r}; {one}.dispatchEvent(new Event('input', {{bubbles: true}}))")


@pytest.mark.parametrize("width", [1200, 400])
def test_pages_open_without_errors_and_fit(
    tab: Browser, pages: dict[str, tuple[Path, Page]], sweep: Path, tmp_path: Path, width: int
) -> None:
    files = [sweep]
    for name, (_, page) in pages.items():
        files.append(tmp_path / f"{name}.html")
        files[-1].write_text(page.html, encoding="utf-8")
    for file in files:
        tab.open(file, width)
        assert tab.value("document.documentElement.scrollWidth") <= width, file
        assert tab.troubles == [], file


def test_the_front_is_that_of_the_plots(tab: Browser, sweep: Path, table: pd.DataFrame) -> None:
    tab.open(sweep)
    choose(tab, "#best-over", "")
    keys = ["channels.learning.quantize", "training.learning_rate"]
    done = table[table["test_accuracy"].notna()]
    means = done.groupby(keys, sort=False)[["learning_bits", "test_accuracy"]].mean()
    counts = table.groupby(keys, sort=False)["test_accuracy"].count()
    whole = means[counts[means.index] == 2]  # what fails with some seed is not on it
    on = whole[front(whole.to_numpy(float), (False, True))]
    firsts = {tuple(row[keys]): i for i, row in reversed(list(done.iterrows()))}
    assert tab.value(ON_FRONT) == [f"#p{firsts[key]}" for key in on.sort_values("learning_bits").index]
    assert tab.value("document.querySelectorAll('#chart .mark').length") == len(means)
    click(tab, "#means")
    assert tab.value("document.querySelectorAll('#chart .mark').length") == len(done)
    assert tab.troubles == []


def test_each_at_its_own_best_rate(tab: Browser, sweep: Path, table: pd.DataFrame) -> None:
    """At first, and chosen by validation as `plot --best-over` chooses."""
    tab.open(sweep)
    key = "channels.learning.quantize"
    chosen = best_over(table, "training.learning_rate", [key, "training.learning_rate", "seed"])
    means = chosen.groupby(key, sort=False)[["learning_bits", "test_accuracy"]].mean()
    on = means[front(means.to_numpy(float), (False, True))].sort_values("learning_bits").index
    firsts = [int(chosen.index[chosen[key] == value][0]) for value in on]
    assert tab.value("document.querySelectorAll('#chart .mark').length") == len(means)
    assert tab.value(ON_FRONT) == [f"#p{i}" for i in firsts]


def test_a_point_leads_to_its_row_and_back(tab: Browser, sweep: Path) -> None:
    tab.open(sweep)
    click(tab, "#chart a")
    point = tab.value("document.querySelector('#chart a').getAttribute('href')")
    chosen = tab.value(CHOSEN)
    assert f"#{chosen[0]}" == point and len(chosen) == 2  # both seeds
    assert tab.value("document.activeElement.closest('tr').id") == chosen[0]
    tab.press("Enter")
    assert tab.value("document.activeElement.closest('svg') !== null") and tab.value(FOCUSED) == point
    tab.press("Escape")
    assert tab.value(CHOSEN) == []


def test_by_keyboard(tab: Browser, sweep: Path) -> None:
    """The first Tab skips to the content; of the points one takes part in tabbing, and arrows lead to the others."""
    tab.open(sweep)
    tab.press("Tab")
    assert tab.value(FOCUSED) == "#content"
    assert tab.value("document.querySelectorAll('#chart a[tabindex=\"0\"]').length") == 1
    tab.value("document.querySelector('#chart a[tabindex=\"0\"]').focus()")
    tab.press("ArrowRight")
    second = tab.value("document.querySelectorAll('#chart a')[1].getAttribute('href')")
    assert tab.value(FOCUSED) == second
    assert "test accuracy" in tab.value("document.getElementById('told').textContent")
    tab.press("Enter")
    assert f"#{tab.value(CHOSEN)[0]}" == second


def test_sorting(tab: Browser, sweep: Path, table: pd.DataFrame) -> None:
    tab.open(sweep)
    column = "[...document.querySelectorAll('#table thead button')].find(b => b.textContent === 'test accuracy')"
    for expected in ("ascending", "descending"):
        tab.value(f"{column}.click()")
        assert tab.value(f"{column}.closest('th').getAttribute('aria-sort')") == expected
        numbers = table["test_accuracy"].to_numpy()[[int(one[1:]) for one in tab.value(ORDER)]]
        there = numbers[np.isfinite(numbers)]
        steps = np.diff(there) * (1 if expected == "ascending" else -1)
        assert (steps >= 0).all() and np.isnan(numbers[len(there) :]).all()


def test_filters(tab: Browser, sweep: Path, table: pd.DataFrame) -> None:
    """They hold for the table and for the picture."""
    tab.open(sweep)
    everything = tab.value(ORDER)
    assert len(everything) == len(table)
    choose(tab, "select[data-key]", "0")
    some = tab.value(ORDER)
    assert len(some) == 8 and tab.value("document.getElementById('count').textContent") == "8 of 56 points"
    assert tab.value("document.querySelectorAll('#chart .mark').length") <= 4
    choose(tab, "#search", "nothing like that")
    assert tab.value(ORDER) == [] and "no point is shown" in tab.value("document.getElementById('chart').textContent")
    click(tab, "#filters button")
    tab.wait(f"{ORDER}.length === {len(table)}")
    click(tab, "#only")
    front_rows = tab.value(ORDER)
    assert {one[1:] for one in tab.value(ON_FRONT)} <= set(front_rows) and len(front_rows) < len(table)
    assert tab.troubles == []


def test_columns_can_be_shown(tab: Browser, sweep: Path) -> None:
    tab.open(sweep)
    box = "[...document.querySelectorAll('#columns input')].find(b => !b.checked)"
    cell = "document.querySelector(`#table tbody tr :nth-child(${Number(n) + 2})`)"
    shown = f"(n => getComputedStyle({cell}).display)"
    n = tab.value(f"{box}.dataset.column")
    assert tab.value(f"{shown}({n})") == "none"
    tab.value(f"{box}.click()")
    assert tab.value(f"{shown}({n})") == "table-cell"


def test_print_has_no_controls(tab: Browser, sweep: Path) -> None:
    tab.open(sweep)
    tab.send("Emulation.setEmulatedMedia", media="print")
    hidden = tab.value(
        "[...document.querySelectorAll('.controls, nav')].every(e => getComputedStyle(e).display === 'none')"
    )
    tab.send("Emulation.setEmulatedMedia", media="")
    assert hidden
