"""In a notebook: progress without ipywidgets, figures that show, and HTML in which nothing of the user's is code."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

import channelsim as cs
from channelsim import notebook
from channelsim.plots import Picture

EVIL = "<script>alert('x')</script>"


class Shown:
    """What a kernel's front end would have: contents of the place below a cell, one after another."""

    def __init__(self) -> None:
        self.contents: list[str] = []

    def display(self, content: str, display_id: bool) -> Shown:
        assert display_id and not self.contents
        self.contents.append(content)
        return self

    def update(self, content: str) -> None:
        self.contents.append(content)


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Shown:
    """A notebook's kernel, as far as it is asked."""
    front = Shown()
    ipython, tools = ModuleType("IPython"), ModuleType("IPython.display")
    ipython.get_ipython = lambda: SimpleNamespace(kernel=None)  # type: ignore[attr-defined]
    tools.HTML, tools.display = str, front.display  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", tools)
    return front


def scenario() -> Any:
    layers = [{"kind": "dense", "units": 4, "transfer": "softmax"}]
    return cs.Scenario(
        name="tiny",
        model={"name": "m", "input": [16], "layers": layers},
        data={"name": "synthetic", "train": 40, "test": 20},
        training={"epochs": 2, "batch": 5},
        channels={"forward": {"latency": "1 us"}},
    )


def test_here_is_no_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not notebook.in_notebook()
    terminal = ModuleType("IPython")
    terminal.get_ipython = lambda: object()  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", terminal)
    assert not notebook.in_notebook()


def test_a_run_shows_a_bar_and_a_line_for_each_epoch(
    shown: Shown, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notebook, "PAUSE", 0.0)
    cs.run(scenario(), tmp_path / "run.h5")
    bars = [content for content in shown.contents if "<progress value=" in content]
    assert bars and "tiny  epoch 1/2" in "".join(bars)
    assert "epoch 2/2  test" in shown.contents[-1] and "<progress" not in shown.contents[-1]


def test_a_listener_that_is_given_takes_its_place(shown: Shown, tmp_path: Path) -> None:
    from channelsim.progress import Silent

    cs.run(scenario(), tmp_path / "run.h5", progress=Silent())
    assert shown.contents == []


def test_a_sweep_shows_a_bar(shown: Shown) -> None:
    listener = notebook.NotebookSweep()
    listener.note(f"starting {EVIL}")
    listener.start("rules", 3, 1, 2)
    listener.point({"status": "failed"}, 2, 4.2)
    listener.finish(1, 2)
    assert "rules: 1 done, 2 failed" in shown.contents[-1]
    assert EVIL not in "".join(shown.contents) and "&lt;script&gt;" in shown.contents[-1]


def test_bars_wait(shown: Shown) -> None:
    panel = notebook.Panel()
    for done in range(100):
        panel.bar(done, 101, "")
    assert len(shown.contents) < 10


def test_figures_show_themselves(tmp_path: Path) -> None:
    cs.run(scenario(), tmp_path / "run.h5")
    trace = tmp_path / "run.h5"
    for figure in (cs.plot(trace), cs.plot(trace, y="train_loss"), cs.plot(trace, breakdown=True), cs.timeline(trace)):
        assert isinstance(figure, Picture)
    assert figure._repr_png_().startswith(b"\x89PNG")


def test_html_has_nothing_of_the_users_as_code(tmp_path: Path) -> None:
    """Names that can hold anything: of data, files and folders."""
    folder = tmp_path / "<b>"
    folder.mkdir()
    np.savez(folder / "<i>.npz", train_x=np.eye(16), train_y=np.arange(16) % 4)
    wanted = scenario().with_({"data": {"name": str(folder / "<i>.npz"), "train": "none", "test": "none"}})
    result = cs.run(wanted, folder / "run.h5")
    with cs.Trace(folder / "run.h5") as trace:
        for each in (wanted, cs.check(wanted), result, trace):
            page = each._repr_html_()
            assert "<b>" not in page and "<i>" not in page and page.startswith("<")
            assert "&lt;i&gt;" in page or "&lt;b&gt;" in page
