"""A wheel, built from the source tree, runs without it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = ("channelsim", "pyproject.toml", "README.md", "LICENSE", "scenarios", "models")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder into which the wheel's files are unpacked."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in SOURCES:  # in a folder of its own: what setuptools leaves behind would be in the next wheel
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, folder / name)
    build = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--disable-pip-version-check"]
    subprocess.run([*build, "--wheel-dir", str(folder), str(folder)], check=True)
    (wheel,) = folder.glob("*.whl")
    with ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def run(installed: Path, *arguments: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    command = [sys.executable, "-P", *arguments]
    done = subprocess.run(command, cwd=installed.parent, env=environment, capture_output=True, text=True, check=True)
    return done.stdout


def test_it_is_the_wheel_that_runs(installed: Path) -> None:
    assert run(installed, "-c", "import channelsim; print(channelsim.__file__)").startswith(str(installed))


def test_the_digits_are_in_it_with_their_licence(installed: Path) -> None:
    assert (installed / "channelsim/data/files/digits.LICENSE").is_file()
    program = "import channelsim; print(channelsim.data.load_dataset(name='digits').train_x.shape)"
    assert run(installed, "-c", program).strip() == "(1437, 64)"
