"""`check`, `verify`, `trace info`, `plot`, `data list`: one run, looked at in every way."""

from __future__ import annotations

import json
import sys
import tomllib
from pathlib import Path

import jsonschema
import pytest

from tests.cli.process import ROOT, SMALL, assert_one_error_line, channelsim


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with small.toml and the trace of a run of it, runs/small.h5."""
    folder = tmp_path_factory.mktemp("done")
    (folder / "small.toml").write_text(SMALL)
    outcome = channelsim("run", "small.toml", "--quiet", cwd=folder)
    assert outcome.status == 0, outcome.err
    return folder


def test_check_shows_the_layers_and_channels(here: Path) -> None:
    outcome = channelsim("check", "small.toml", cwd=here)
    assert (outcome.status, outcome.err) == (0, "")
    for word in ("small", "forward.1", "forward.2", "learning.1", "bit"):
        assert word in outcome.out
    assert not (here / "runs").exists()


def test_check_of_every_scenario_in_the_repository(tmp_path: Path) -> None:
    files = sorted((ROOT / "scenarios").glob("digits-*.toml"))
    assert len(files) >= 3
    for file in files:
        outcome = channelsim("check", file, cwd=tmp_path)
        assert outcome.status == 0, outcome.err


def test_the_schema_accepts_a_scenario_and_refuses_a_mistake(tmp_path: Path) -> None:
    outcome = channelsim("check", "--schema", cwd=tmp_path)
    assert (outcome.status, outcome.err) == (0, "")
    validator = jsonschema.Draft202012Validator(json.loads(outcome.out))
    document = tomllib.loads(SMALL)
    validator.validate(document)
    document["learning"]["rool"] = "bp"
    with pytest.raises(jsonschema.ValidationError):
        validator.validate(document)


def test_verify_agrees(here: Path) -> None:
    pytest.importorskip("torch")
    outcome = channelsim("verify", "small.toml", "--updates", "5", "--train", "--json", cwd=here)
    assert outcome.status == 0, outcome.err
    found = outcome.json
    assert (found["updates"], found["passed"]) == (5, True)
    assert len(found["max_weight_difference"]) == 5
    assert set(found["test_accuracy"]) == {"engine", "reference"}
    shown = channelsim("verify", "small.toml", "--updates", "2", cwd=here)
    assert shown.status == 0
    assert "agree" in shown.out


def test_verify_without_pytorch_says_how_to_get_it(here: Path) -> None:
    code = "import sys; sys.modules['torch'] = None; from channelsim.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", code]
    outcome = channelsim("verify", "small.toml", cwd=here, command=command)
    assert_one_error_line(outcome, "pip install 'channelsim[reference]'")


def test_trace_info(done: Path) -> None:
    outcome = channelsim("trace", "info", "runs/small.h5", cwd=done)
    assert (outcome.status, outcome.err) == (0, "")
    for word in ("small", "done", "learning.1", "accuracy"):
        assert word in outcome.out
    info = channelsim("trace", "info", "runs/small.h5", "--json", cwd=done).json
    assert (info["name"], info["status"], info["epochs"]) == ("small", "done", 2)


def test_trace_info_of_something_else(here: Path) -> None:
    assert_one_error_line(channelsim("trace", "info", "small.toml", cwd=here), "small.toml")


@pytest.mark.parametrize("name", ["fig.png", "fig.svg", "fig.pdf"])
def test_plot(done: Path, name: str) -> None:
    outcome = channelsim("plot", "runs/small.h5", "runs/small.h5", "-o", name, cwd=done)
    assert (outcome.status, outcome.out.strip(), outcome.err) == (0, name, "")
    assert (done / name).stat().st_size > 1000


def test_plot_of_an_unknown_kind(done: Path) -> None:
    assert_one_error_line(channelsim("plot", "runs/small.h5", "-o", "fig.gif", cwd=done), "fig.gif", ".png")


def test_data_list(tmp_path: Path) -> None:
    outcome = channelsim("data", "list", cwd=tmp_path)
    assert (outcome.status, outcome.err) == (0, "")
    for name in ("digits", "mnist", "fashion-mnist", "synthetic"):
        assert name in outcome.out
    entries = channelsim("data", "list", "--json", cwd=tmp_path).json
    assert entries["digits"]["train"] == 1437
