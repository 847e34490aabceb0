"""Data sets that are functions of a user's file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import channelsim as cs
from channelsim.data import Dataset, dataset_of, load_each
from channelsim.errors import InputError
from channelsim.scenario import Data
from tests.own.files import written

HEAD = "import numpy as np\nimport channelsim.extend as cx\n\n\n@cx.dataset\n"


def loaded(folder: Path, function: str, **keys: object) -> Dataset:
    file = folder / "mine.py"
    file.write_text(HEAD + function)
    name = function.removeprefix("def ").partition("(")[0]
    return cs.data.load_dataset(Data(dataset={"use": f"{file}:{name}"}, **keys))  # type: ignore[arg-type]


def test_a_function_takes_the_other_keys_and_returns_pairs(tmp_path: Path) -> None:
    found = dataset_of(cs.load(written(tmp_path, "data set"), set=["data.normalize=true"]))
    assert (len(found.train_y), len(found.validation_y), len(found.test_y)) == (50, 10, 60)
    assert found.shape == (16,) and found.classes == 4 and found.name == "mine.py:blobs"
    assert abs(found.train_x.mean()) < 1e-6


@pytest.mark.parametrize(
    ("returned", "expected"),
    [
        ("(np.ones((4, 2)), [0, 1, 1, 0]),", (4, 0, 0)),
        ("[(np.ones((4, 2)), [0, 1, 1, 0]), (np.ones((3, 2)), [0, 1, 1]), (np.ones((2, 2)), [0, 1])]", (4, 3, 2)),
        ("dict(train_x=np.ones((4, 2)), train_y=np.eye(4), test_x=np.ones((1, 2)), test_y=np.eye(4)[:1])", (4, 1, 0)),
    ],
)
def test_what_a_function_may_return(tmp_path: Path, returned: str, expected: tuple[int, int, int]) -> None:
    found = loaded(tmp_path, f"def mine():\n    return {returned}\n")
    assert (len(found.train_y), len(found.test_y), len(found.validation_y)) == expected
    assert found.train_x.dtype == np.float32 and found.train_y.dtype == np.int32


def test_an_autoencoder_needs_no_targets(tmp_path: Path) -> None:
    found = loaded(tmp_path, "def mine():\n    return ((np.ones((4, 2)), None),)\n", target="input")
    assert found.train_y is found.train_x


@pytest.mark.parametrize(
    ("function", "told"),
    [
        ("def mine():\n    return 1 / 0\n", r"data\.dataset: .*mine\.py:7: mine: ZeroDivisionError"),
        ("def mine():\n    return np.ones(3)\n", r"mine\.py:5: mine returns an array of shape \(3,\); accepted: \(tr"),
        ("def mine():\n    return {'x': 1}\n", r"mine\.py:5: mine returns 'x'; accepted: train_x"),
        ("def mine():\n    return ((np.ones((4, 2)), None),)\n", r"mine returns no train_y"),
        ("def mine():\n    return (np.ones((4, 2)), [0, 1]),\n", r"mine\.py:5: mine: train_y has 2 labels for the 4"),
        ("def mine():\n    return ([[1], [1, 2]], [0, 1]),\n", r"mine returns what is no array"),
        ("def mine():\n    raise SystemExit(0)\n", r"data\.dataset: .*mine\.py:7: mine: SystemExit"),
        ("def mine():\n    return {1: 2, 'train_x': [[1.0]], 'train_y': [0]}\n", r"mine returns 1; accepted: train_x"),
        ("def mine(p, q):\n    return 1\n", r"takes \(p, q\); accepted: \(\) or \(p\)"),
    ],
)
def test_what_is_refused(tmp_path: Path, function: str, told: str) -> None:
    with pytest.raises(InputError, match=told):
        loaded(tmp_path, function)


def test_a_stage_is_no_data_set(tmp_path: Path) -> None:
    path = written(tmp_path, "data set")
    (tmp_path / "mine.py").write_text(
        HEAD.replace("@cx.dataset", "@cx.stage(place='after quantize')") + "def blobs(v):\n    return v\n"
    )
    with pytest.raises(InputError, match=r"blobs is no data set; accepted: a function with @cx\.dataset"):
        dataset_of(cs.load(path))


def test_one_source_is_named(tmp_path: Path) -> None:
    use = {"use": f"{tmp_path}/mine.py:blobs"}
    with pytest.raises(InputError, match=r"^dataset is given, and so is name = 'digits'; accepted: one of them"):
        Data(name="digits", dataset=use)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"^train_x is given, and so is dataset; accepted: one of them"):
        Data(train_x=[[1.0]], train_y=[0], dataset=use)  # type: ignore[arg-type]


def test_other_parameters_are_another_source(tmp_path: Path) -> None:
    scenario = cs.load(written(tmp_path, "data set"), set=["data.validation=0"])
    tables = [scenario.with_({"data.dataset.n": n}).data for n in (60, 120)]
    assert [len(found.train_y) for _, found in load_each(tables) if isinstance(found, Dataset)] == [30, 60]


def test_run_check_and_resume_know_the_arrays(tmp_path: Path) -> None:
    scenario = cs.load(written(tmp_path, "data set"))
    assert cs.check(scenario).data == "mine.py:blobs"
    result = cs.run(scenario, tmp_path / "own.h5")
    assert result.test_accuracy > 0.6
    with cs.Trace(tmp_path / "own.h5") as trace:
        assert trace.inputs["train_x"] == dataset_of(scenario).digests["train_x"]
    file = tmp_path / "mine.py"
    file.write_text(file.read_text().replace("default_rng(7)", "default_rng(8)"))
    with pytest.raises(InputError, match=r"train_x was .*mine\.py has other values.*data\.dataset = "):
        cs.run(resume=tmp_path / "own.h5", epochs=3)
