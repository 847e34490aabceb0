from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from channelsim.errors import InputError, printable
from channelsim.plots import MEASURES, plot
from channelsim.trace import Trace, create
from tests import traces


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("traces")
    return [
        traces.make(folder / "bp.h5", name="bp", plan=traces.small_plan(rule="bp")),
        traces.make(folder / "srbp.h5", name="srbp", epochs=5, pace=0.7),
    ]


@pytest.mark.parametrize(("extension", "start"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_kinds_of_picture(two: list[Path], tmp_path: Path, extension: str, start: bytes) -> None:
    out = tmp_path / f"fig.{extension}"
    plot(two, out)
    first = out.read_bytes()
    assert first.startswith(start)
    plot(two, out)
    assert out.read_bytes() == first


def test_the_page_on_traces_names_all_measures() -> None:
    page = (Path(__file__).parents[1] / "docs" / "trace.md").read_text()
    drawn = set(MEASURES) - {"staleness"}  # is measured over the whole run
    assert [name for name in drawn if f"`{name}`" not in page] == []


def test_what_is_drawn(two: list[Path]) -> None:
    figure = plot(two)
    accuracy, accuracy_by_bits, loss, loss_by_bits = figure.axes
    assert accuracy.get_ylabel() == "test accuracy (%)"
    assert loss.get_ylabel() == "test loss"
    assert loss.get_xlabel() == "epoch"
    assert loss_by_bits.get_xlabel() == "bits sent on the learning channels"
    assert [line.get_label() for line in accuracy.lines] == ["bp", "srbp"]
    with Trace(two[1]) as trace:
        np.testing.assert_array_equal(accuracy.lines[1].get_xdata(), [1, 2, 3, 4, 5])
        np.testing.assert_allclose(accuracy.lines[1].get_ydata(), 100 * trace.metrics("test")["accuracy"])
        np.testing.assert_array_equal(accuracy_by_bits.lines[1].get_xdata(), trace.learning_bits())
        np.testing.assert_allclose(loss_by_bits.lines[1].get_ydata(), trace.metrics("test")["loss"])
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["bp", "srbp"]


def test_accuracy_as_deployed_is_drawn_beside_the_other(two: list[Path], tmp_path: Path) -> None:
    """In the colour of its trace, and named."""
    plan = traces.small_plan()
    with create(tmp_path / "queue.h5", traces.TEXT, {**traces.RESOLVED, "name": "queue"}, plan, {}) as writer:
        for epoch in (1, 2):
            traces.add_epoch(writer, plan, epoch)
            row = {"epoch": epoch, "frames": 2 * epoch, "updates": 2 * epoch, "simulated_time": epoch, "wall_time": 1.0}
            writer.deployed_row({**row, "loss": 3.0, "accuracy": 0.25 * epoch})
        writer.finish("done", {})
    accuracy, accuracy_by_bits, loss, _ = plot([two[0], tmp_path / "queue.h5"]).axes
    assert accuracy.get_ylabel() == "test accuracy (%)"
    assert [line.get_label() for line in accuracy.lines] == ["bp", "queue", "queue as deployed"]
    _, trained, deployed = accuracy.lines
    np.testing.assert_allclose(deployed.get_ydata(), [25, 50])
    np.testing.assert_array_equal(deployed.get_xdata(), [1, 2])
    np.testing.assert_allclose(loss.lines[2].get_ydata(), [3, 3])
    assert len(accuracy_by_bits.lines) == 3
    assert deployed.get_color() == trained.get_color() and deployed.get_alpha() < 1


def test_curves_differ_without_colour(two: list[Path]) -> None:
    lines = plot(two * 10).axes[0].lines
    looks = {(line.get_linestyle(), str(line._dash_pattern), line.get_marker()) for line in lines}
    assert len(looks) == 20
    assert len({line.get_color() for line in lines}) == 7


def test_open_traces_and_one_trace(two: list[Path]) -> None:
    with Trace(two[0]) as trace:
        assert len(plot([trace, two[1]]).axes[0].lines) == 2
        assert len(plot(trace).axes[0].lines) == 1
        assert trace.status == "done"  # still open
    assert len(plot(str(two[0])).axes[0].lines) == 1


def test_traces_of_one_name_are_told_apart(tmp_path: Path) -> None:
    same = [traces.make(tmp_path / "a.h5"), traces.make(tmp_path / "b.h5")]
    labels = [line.get_label() for line in plot(same).axes[0].lines]
    assert labels == [f"synthetic ({path})" for path in same]


def test_no_learning_channel(tmp_path: Path) -> None:
    top = traces.make(tmp_path / "top.h5", plan=traces.small_plan(rule="top"))
    by_bits = plot(top).axes[1]
    assert not by_bits.lines
    assert len(plot([top, traces.make(tmp_path / "srbp.h5")]).axes[1].lines) == 1


def test_no_gui(two: list[Path], tmp_path: Path) -> None:
    code = "import sys; from channelsim.plots import plot; plot(*sys.argv[1:]); "
    code += "assert 'matplotlib.pyplot' not in sys.modules"
    subprocess.run([sys.executable, "-c", code, str(two[0]), str(tmp_path / "fig.png")], check=True)
    with Image.open(tmp_path / "fig.png") as picture:
        assert picture.size == (1350, 960)


@pytest.mark.parametrize("name", ["fig.jpg", "fig", "fig.h5"])
def test_other_kinds_are_refused(two: list[Path], tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"use \.png, \.svg, \.pdf"):
        plot(two, tmp_path / name)


def test_bad_input(two: list[Path], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no trace given"):
        plot([])
    with pytest.raises(InputError, match="no such trace"):
        plot(tmp_path / "none.h5")
    with pytest.raises(InputError, match="no epoch is done yet"):
        plot(traces.make(tmp_path / "new.h5", epochs=0, status=None))
    with pytest.raises(InputError, match="cannot write the picture: No such file"):
        plot(two, tmp_path / "missing" / "fig.png")


def test_a_trace_that_cannot_be_drawn_leaves_the_others(two: list[Path], tmp_path: Path) -> None:
    bad, told = tmp_path / "bad.h5", []
    bad.write_bytes(b"no trace")
    figure = plot([two[0], bad, tmp_path / "none.h5", two[1]], note=told.append)
    assert [line.get_label() for line in figure.axes[0].lines] == ["bp", "srbp"]
    assert len(told) == 2 and all(line.startswith("warning: not drawn: ") for line in told)
    assert "bad.h5" in told[0] and "none.h5" in told[1]
    with pytest.raises(InputError, match=r"bad.h5"):
        plot([bad, tmp_path / "none.h5"])


@pytest.mark.parametrize("name", [r"$\frac{1$", "a$b$c", "red\x1b[31m"])
def test_names_are_no_formulas(tmp_path: Path, name: str) -> None:
    trace = traces.make(tmp_path / "odd.h5", name=name)
    figure = plot([trace, trace], tmp_path / "odd.svg")
    (label, _) = (text.get_text() for text in figure.legends[0].get_texts())
    assert label.startswith(printable(name))
