"""The file of a part, of whatever kind: a trace knows it, a sweep sends it, and elsewhere it needs trust."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import channelsim as cs
from channelsim import parts
from channelsim.errors import InputError
from channelsim.scenario import Scenario
from channelsim.sweeps import points
from tests.own.files import KINDS, elsewhere, written


@pytest.mark.parametrize("kind", KINDS)
def test_a_trace_knows_the_file_and_another_is_refused(tmp_path: Path, kind: str) -> None:
    path, out = written(tmp_path / "here", kind), tmp_path / "own.h5"
    scenario, file = cs.load(path), path.parent / "mine.py"
    assert scenario.with_({"seed": 2}).own_files() == (str(file),)
    result = cs.run(scenario, out)
    with cs.Trace(out) as trace:
        assert trace.inputs["mine.py"].endswith(parts.digest_of(str(file)))
    longer = cs.run(resume=out, epochs=3)
    whole = cs.run(scenario.with_({"training.epochs": 3}), tmp_path / "whole.h5")
    assert longer.updates == whole.updates > result.updates
    for name in ("train_loss", "test_loss", "test_accuracy", "own_history"):
        assert getattr(longer, name) == getattr(whole, name)
    assert all(len(values) == 3 for values in longer.own_history.values())
    file.write_text(file.read_text() + "\n# changed\n")
    with pytest.raises(InputError, match=r"mine\.py has other values"):
        cs.run(resume=out, epochs=4)
    file.unlink()
    with cs.Trace(out) as trace:  # needs no file
        again = Scenario(**trace.resolved)
    assert again.own_files() == (str(file),)
    assert KINDS[kind].told in str(scenario) and KINDS[kind].told in str(again)


@pytest.mark.parametrize("kind", KINDS)
def test_files_elsewhere_need_trust(tmp_path: Path, kind: str) -> None:
    path = elsewhere(tmp_path, kind)
    with pytest.raises(InputError, match=rf"own\.toml: {re.escape(KINDS[kind].key)}\.use .* --trust"):
        cs.load(path)
    assert cs.load(path, trust=True).own_files() == (str(tmp_path / "mine.py"),)


def test_a_run_with_a_file_elsewhere_is_resumed_with_trust(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = elsewhere(tmp_path, "stage")
    cs.run(cs.load(path, trust=True), path.parent / "own.h5")
    monkeypatch.chdir(path.parent)
    with pytest.raises(InputError, match=r"own\.h5: uses .*mine\.py.* --trust"):
        cs.run(resume="own.h5", epochs=3)
    cs.run(resume="own.h5", epochs=3, trust=True)


def swept(path: Path, kind: str) -> Scenario:
    return cs.load(path, set=[f"sweep.'{KINDS[kind].parameter}'={list(KINDS[kind].values)}"])


@pytest.mark.parametrize("kind", KINDS)
def test_points_of_a_sweep_have_the_file_and_vary_a_parameter(tmp_path: Path, kind: str) -> None:
    path, key = written(tmp_path / "here", kind), KINDS[kind].parameter
    file = path.parent / "mine.py"
    found = points(swept(path, kind))
    assert [point.values for point in found] == [{key: value} for value in KINDS[kind].values]
    for point in found:
        assert point.scenario is not None
        assert f"'{key.rpartition('.')[2]}': {point.values[key]}" in str(point.scenario.document())
        assert point.scenario.digest() == cs.load(path, set=[f"{key}={point.values[key]}"]).digest()
        assert point.files == {str(file): file.read_bytes()}
    file.write_text(file.read_text() + "\n# changed\n")
    assert not {point.name for point in found} & {point.name for point in points(swept(path, kind))}


# Each starts a process, so one of them is enough for the default suite. A metric's sweep: see `test_metrics`.
OTHERS = [pytest.param(kind, marks=pytest.mark.slow) for kind in KINDS if kind not in ("stage", "metric")]


@pytest.mark.parametrize("kind", ["stage", *OTHERS])
def test_a_sweep_sends_the_file(tmp_path: Path, kind: str) -> None:
    path, key = written(tmp_path / "here", kind), KINDS[kind].parameter
    table = cs.sweep(swept(path, kind), tmp_path / "out", workers=1)
    assert list(table["status"]) == ["done", "done"]
    for value, loss in zip(table[key], table["test_loss"], strict=True):
        assert cs.run(cs.load(path).with_({key: float(value)}), tmp_path / f"{value}.h5").test_loss == loss
    assert table["test_loss"].nunique() == 2
