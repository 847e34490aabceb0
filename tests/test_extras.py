"""Optional extras: what is missing is named, with the command that installs it."""

from __future__ import annotations

import tomllib
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import channelsim as cs
from channelsim import extras
from channelsim.cli import main
from channelsim.sweeps import read_table

ROOT = Path(__file__).parents[1]
PROJECT = ROOT / "pyproject.toml"
SCENARIO = ROOT / "scenarios" / "digits-srbp.toml"


@pytest.fixture
def without_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    find = extras.find_spec
    missing = extras.EXTRAS["sweep"]
    monkeypatch.setattr(extras, "find_spec", lambda name: None if name in missing else find(name))


def test_the_modules_of_each_extra_are_those_of_the_project() -> None:
    """So that none is asked for that the extra does not install."""
    declared = tomllib.loads(PROJECT.read_text())["project"]["optional-dependencies"]
    for extra, modules in extras.EXTRAS.items():
        assert [line.partition(">")[0] for line in declared[extra]] == list(modules)


def test_nothing_is_missing_where_all_is_installed() -> None:
    for extra in extras.EXTRAS:
        extras.require(extra, "test")


MOST_PACKAGES, MOST_BYTES = 40, 450e6


def installed_by(requirements: list[str]) -> dict[str, Distribution]:
    """Everything that comes with these, as it is installed here, by name."""
    found: dict[str, Distribution] = {}
    left = list(requirements)
    while left:
        wanted = Requirement(left.pop())
        if wanted.name not in found and (wanted.marker is None or wanted.marker.evaluate({"extra": ""})):
            found[wanted.name] = distribution(wanted.name)
            left += found[wanted.name].requires or []
    return found


def test_the_base_is_small() -> None:
    """Counted without what pip compiles, with which a fresh environment is about 14 % larger."""
    found = installed_by(tomllib.loads(PROJECT.read_text())["project"]["dependencies"])
    assert len(found) + 1 <= MOST_PACKAGES, sorted(found)
    files = [Path(str(file.locate())) for one in found.values() for file in one.files or () if file.suffix != ".pyc"]
    assert sum(file.stat().st_size for file in files if file.exists()) <= 0.87 * MOST_BYTES


@pytest.mark.usefixtures("without_sweep")
@pytest.mark.parametrize("arguments", [["sweep", str(SCENARIO)], ["plot", ".", "--x", "seed"]])
def test_a_command_names_the_extra_that_it_needs(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    err = capsys.readouterr().err
    assert "needs dask, distributed, cryptography, pandas, pyarrow, scipy: pip install 'channelsim[sweep]'" in err
    assert err.count("\n") == 1


@pytest.mark.usefixtures("without_sweep")
def test_so_does_python() -> None:
    for call in (lambda: cs.sweep(cs.load(SCENARIO)), lambda: read_table("."), lambda: cs.plot_sweep(".", "seed")):
        with pytest.raises(cs.InputError, match=r"channelsim\[sweep\]"):
            call()
