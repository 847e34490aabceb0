"""A wheel, built from the source tree and installed elsewhere, runs without that tree."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = ("channelsim", "pyproject.toml", "README.md", "LICENSE", "scenarios", "models")
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with the wheel, which borrows the dependencies from this one."""
    folder = tmp_path_factory.mktemp("wheel")
    tree = folder / "tree"  # a copy: what setuptools leaves behind would be in the next wheel
    tree.mkdir()
    for name in SOURCES:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tree / name)
    subprocess.run([*PIP, "wheel", "--no-deps", "--wheel-dir", str(folder), str(tree)], check=True)
    shutil.rmtree(tree)
    venv.create(folder / "env", symlinks=os.name != "nt")
    python = python_of(folder)
    (wheel,) = folder.glob("*.whl")
    subprocess.run([*PIP, "--python", str(python), "install", "--no-deps", str(wheel)], check=True)
    asked = [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    site = subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip()
    (Path(site) / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    return folder


def python_of(folder: Path) -> Path:
    """The environment's interpreter."""
    return folder / "env" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def run(folder: Path, *arguments: str) -> str:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [str(python_of(folder)), "-P", *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)
    return done.stdout


def test_it_is_the_wheel_that_runs(installed: Path) -> None:
    assert run(installed, "-c", "import channelsim; print(channelsim.__file__)").startswith(str(installed / "env"))


def test_the_digits_are_in_it_with_their_licence(installed: Path) -> None:
    program = "import channelsim; print(channelsim.data.load_dataset(name='digits').train_x.shape)"
    assert run(installed, "-c", program).strip() == "(1437, 64)"
    assert len(list((installed / "env").rglob("files/digits.LICENSE"))) == 1


def test_the_templates_of_reports_are_in_it(installed: Path) -> None:
    files = {path.name for path in (ROOT / "channelsim" / "reports" / "files").iterdir()}
    assert {path.name for path in (installed / "env").rglob("reports/files/*")} == files


def test_its_scenarios_are_listed_copied_and_checked(installed: Path) -> None:
    listed = run(installed, "-m", "channelsim", "scenarios", "list")
    shipped = sorted(path.relative_to(ROOT / "scenarios") for path in (ROOT / "scenarios").rglob("*.toml"))
    assert sorted(line.split()[0] for line in listed.splitlines()) == sorted(str(name)[:-5] for name in shipped)
    copied = run(installed, "-m", "channelsim", "scenarios", "copy", "digits-bp").split()
    assert copied == ["scenarios/digits-bp.toml", "models/digits-mlp.toml"]
    assert "1,437" in run(installed, "-m", "channelsim", "check", copied[0])
