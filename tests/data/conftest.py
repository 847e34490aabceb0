"""A machine with no data on it, and tiny sets to put there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from channelsim.data import idx, places


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that CHANNELSIM_DATA names; cache and current directory are empty too."""
    home, work = tmp_path / "home", tmp_path / "work" / "repo"
    home.mkdir()
    work.mkdir(parents=True)
    monkeypatch.setenv(places.VARIABLE, str(home))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(places, "BESIDE_REPOSITORY", tmp_path / "nowhere")
    monkeypatch.chdir(work)
    return home


def tiny_images(samples: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """uint8 images (samples, 4, 3) and labels of ten classes."""
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (samples, 4, 3), np.uint8), rng.integers(0, 10, samples, np.uint8)


def write_mnist(folder: Path, suffix: str = ".gz", train: int = 30, test: int = 10) -> None:
    """The four files of a tiny set in MNIST's format."""
    folder.mkdir(parents=True, exist_ok=True)
    for part, samples in (("train", train), ("t10k", test)):
        images, labels = tiny_images(samples, seed=samples)
        idx.write(folder / f"{part}-images-idx3-ubyte{suffix}", images)
        idx.write(folder / f"{part}-labels-idx1-ubyte{suffix}", labels)
