"""The width of vectors, from the processor and from CHANNELSIM_LANES."""

from __future__ import annotations

from pathlib import Path

import pytest

from channelsim.engine.compile import machine
from channelsim.errors import InputError
from tests.cli.process import SMALL, assert_one_error_line, channelsim

AVX512 = {"avx512f": True, "avx512vl": True, "avx10.1": False, "avx2": True, "avx": True, "fma": True, "sse2": True}
AVX2 = {"avx512f": False, "avx2": True, "avx": True, "fma": True, "sse2": True}
SSE2, NEON = {"avx": False, "sse2": True}, {"neon": True, "fp-armv8": True}


@pytest.mark.parametrize(("features", "lanes"), [(AVX512, 16), (AVX2, 8), (SSE2, 4), (NEON, 4)], ids=str)
def test_the_widest_vectors_of_a_processor(features: dict[str, bool], lanes: int) -> None:
    assert machine._widest(features) == lanes


@pytest.mark.parametrize("widest", machine.WIDTHS)
def test_what_the_variable_may_say(widest: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(machine.VARIABLE, raising=False)
    assert machine._lanes(widest) == widest
    monkeypatch.setenv(machine.VARIABLE, "")
    assert machine._lanes(widest) == widest
    for lanes in machine.WIDTHS:
        monkeypatch.setenv(machine.VARIABLE, str(lanes))
        if lanes <= widest:
            assert machine._lanes(widest) == lanes
        else:
            with pytest.raises(InputError, match=rf"CHANNELSIM_LANES = '{lanes}': .* vectors of {widest}[ ,]"):
                machine._lanes(widest)


@pytest.mark.parametrize("given", ["0", "2", "7", "16.0", " 8", "-1", "wide"])
def test_mistakes(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(machine.VARIABLE, given)
    with pytest.raises(InputError) as mistake:
        machine._lanes(16)
    assert str(mistake.value) == f"CHANNELSIM_LANES = {given!r}: this processor has vectors of 16, 8, 4, 1 values"


def test_narrower_vectors_do_without_the_features_of_wider_ones() -> None:
    """Of all that a processor has, by LLVM's names."""
    has = {name for name, there in AVX512.items() if there}
    left = {lanes: {name for name in has if not name.startswith(machine._WIDER_THAN[lanes])} for lanes in (16, 8, 4)}
    assert left[16] == has
    assert left[8] == {"avx2", "avx", "fma", "sse2"}
    assert left[4] == {"sse2"}


def test_this_process_has_the_features_that_it_names() -> None:
    signs = dict((feature[1:], feature[0] == "+") for feature in machine.FEATURES.split(","))
    assert all(machine.has(name) == there for name, there in signs.items())
    assert machine.LANES in (16, 1) or not machine.has("avx512f")  # scalar code uses what there is
    assert not machine.has("no such feature")


def test_a_mistake_is_one_line_on_the_command_line(tmp_path: Path) -> None:
    scenario = tmp_path / "small.toml"
    scenario.write_text(SMALL)
    outcome = channelsim("run", scenario, cwd=tmp_path, env={"CHANNELSIM_LANES": "7"})
    assert_one_error_line(outcome, "CHANNELSIM_LANES = '7'", "1 values")
