"""The scenarios and scripts that come with channelsim: each loads without advice, and runs."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

import channelsim as cs

ROOT = Path(__file__).resolve().parents[1]
THEORY_ONLY = ROOT / "scenarios" / "theory" / "power.toml"  # the engine has no such transfer function
FILES = sorted(set((ROOT / "scenarios").rglob("*.toml")) - {THEORY_ONLY})
PHYSICAL = [path for path in FILES if path.parent.name == "physical"]
WARNED = {"congested-link": ["events lost because they were late"]}  # this is what it shows
SHORT = {"training.epochs": 6, "data.train": 1000, "data.test": 100, "schedule.change": []}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_scenario_loads_and_needs_no_advice(path: Path) -> None:
    scenario = cs.load(path)
    assert scenario.advice() == []
    assert scenario.name.endswith(path.stem)


@pytest.mark.parametrize("path", PHYSICAL, ids=lambda path: path.stem)
def test_every_physical_system_learns(path: Path, tmp_path: Path) -> None:
    scenario = cs.load(path)
    if scenario.data.name != "digits":  # the same channels on data that are always at hand
        model = {**scenario.document()["model"], "input": [64]}
        scenario = scenario.with_({"data": {"name": "digits"}, "model": model})
    batch = min(10, scenario.training.batch)
    result = cs.run(scenario.with_({**SHORT, "training.batch": batch}), out=tmp_path / "x.h5")
    assert result.test_accuracy > 0.4
    assert [text.partition(":")[0] for text in result.warnings] == WARNED.get(path.stem, [])


def test_each_physical_system_is_in_the_readme_and_has_numbers() -> None:
    text = (ROOT / "scenarios/physical/README.md").read_text()
    assert all(text.count(f"[{path.stem}]({path.name})") == 2 for path in PHYSICAL)


def test_a_can_frame_has_at_most_64_bits_of_payload(tmp_path: Path) -> None:
    scenario = cs.load(ROOT / "scenarios/physical/shared-bus.toml").with_(SHORT)
    result = cs.run(scenario, out=tmp_path / "x.h5")
    for name in ("forward.2", "forward.3", "learning.2"):
        total = result.channels[name]
        assert total["bits"] <= (47 + 64) * total["messages"]
    assert result.channels["learning.1"]["bits"] == 0  # it hears what learning.2 pays for
    busy = sum(total["utilisation"] for total in result.channels.values())
    assert busy == pytest.approx((97 + 97 + 107) / 350, abs=0.01)


# --- scripts ------------------------------------------------------------------------------------------------


def script(name: str) -> ModuleType:
    """scenarios/NAME.py as a module."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "scenarios" / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> cs.Scenario:
    monkeypatch.chdir(tmp_path)
    short = {"training.epochs": 3, "data.train": 600, "data.test": 100, "training.batch": 10}
    return cs.load(ROOT / "scenarios/digits-srbp.toml").with_(short)


def test_bits_vs_accuracy(small: cs.Scenario, tmp_path: Path) -> None:
    picture = tmp_path / "bits.svg"
    results = script("bits_vs_accuracy").main(small, bits=(1, 4), rates=(0.1, 0.2), picture=picture)
    # 10 samples a frame, 2 channels, each message with a scale and 10 words of 4 bits.
    assert [round(result.bits_per_update) for result in results][2] == 10 * 2 * (32 + 10 * 4)
    assert picture.stat().st_size > 1000


def test_until_it_fails(small: cs.Scenario) -> None:
    fails = script("until_it_fails")
    assert fails.boundary(lambda x: x < 1.3, start=0.25, steps=3) == (1.25, 1.375)
    good, bad = fails.main(small, start=4.0, steps=0)
    assert bad >= 4.0 and good < bad


def test_mesh(small: cs.Scenario) -> None:
    mesh = script("mesh")
    near, far = mesh.main(small, {"near": [(0, 0), (1, 0), (2, 0)], "far": [(0, 0), (7, 7), (0, 7)]})
    assert near.history == far.history
    # forward 1 -> 2 -> 3, and back from 3: hops of 4 ns on the longest way, less those of the near placement.
    # An update takes 14 + 7 hops forward, then 7 back to both; near it is 1 + 1 hops and 2 back.
    assert (far.simulated_time_s - near.simulated_time_s) / near.updates == pytest.approx((28 - 4) * 4e-9)
