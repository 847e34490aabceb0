"""Networks that do not fit into the machine's memory are refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import channelsim as cs
from channelsim import memory
from tests.networks import chain, conv, dataset, dense_layers, tables_of

LARGE = [
    *(conv(64, 3, padding=1), {"kind": "maxpool", "size": 2}),
    *(conv(64, 3, padding=1), {"kind": "maxpool", "size": 8}),
    *dense_layers([1, 3]),
]


def refused(monkeypatch: pytest.MonkeyPatch, **learning: Any) -> str:
    monkeypatch.setattr(memory, "machine_bytes", lambda: 16 * memory.GIB)
    scenario = chain((3, 64, 64), LARGE, learning=learning)
    with pytest.raises(cs.InputError) as error:
        memory.refuse_excess(scenario, tables_of(scenario), 1000)
    return str(error.value)


def test_a_matrix_between_maps_that_does_not_fit_is_refused_with_the_figure_and_the_remedy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    route = ["from 3", "layered", "layered", "layered"]
    told = refused(monkeypatch, rule="rbp", route=route)
    wires = 64 * 32 * 32 * 64 * 64 * 64
    assert f"(C of learning.1 has {wires:,} wires, from 65,536 units to 262,144: 704.0 GiB)" in told
    assert "but this machine has 16.0 GiB" in told
    assert "accepted: learning.feedback.connections = k (so many wires for each unit that receives)" in told
    assert 'a "layered" learning.route' in told and told.endswith("or fewer units")


def test_both_remedies_help(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "machine_bytes", lambda: 16 * memory.GIB)
    route = ["from 3", "layered", "layered", "layered"]
    for learning in ({"rule": "rbp"}, {"rule": "rbp", "route": route, "feedback": {"connections": 8}}):
        scenario = chain((3, 64, 64), LARGE, learning=learning)
        memory.refuse_excess(scenario, tables_of(scenario), 1000)


def test_connections_that_are_too_many_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    route = ["from 3", "layered", "layered", "layered"]
    told = refused(monkeypatch, rule="rbp", route=route, feedback={"connections": 4096})
    assert "learning.feedback.connections = less than 4096" in told


def test_wires_to_each_synapse_that_do_not_fit_are_told_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "machine_bytes", lambda: 2**20)
    learning = {"rule": "srbp", "feedback": {"per": "synapse"}}
    scenario = chain((100,), dense_layers([100, 50, 10]), learning=learning)
    with pytest.raises(cs.InputError) as error:
        memory.refuse_excess(scenario, tables_of(scenario), 1000)
    wires = 10 * (100 * 50 + 50)
    assert f"(C of learning.1 has {wires:,} wires, from 10 units to 5,050 synapses: 0.0 GiB)" in str(error.value)
    assert str(error.value).endswith('accepted: learning.feedback.per = "neuron", or fewer units')


def test_too_many_synapses_are_no_matter_of_feedback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "machine_bytes", lambda: 1000)
    scenario = chain((1, 10, 10), [conv(4, 3), *dense_layers([1, 3])])
    with pytest.raises(cs.InputError, match=r"layers: W and C would take .* has 0\.0 GiB; accepted: fewer units$"):
        memory.refuse_excess(scenario, tables_of(scenario), 1000)


@pytest.mark.parametrize("simulate", ["run", "verify"])
def test_a_run_is_refused_before_anything_is_drawn(
    simulate: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(memory, "machine_bytes", lambda: 1000)
    data = dataset([[0.0] * 9], [0], 3)
    scenario = chain((9,), dense_layers([9, 3]))
    with pytest.raises(cs.InputError, match="W and C would take"):
        getattr(cs, simulate)(scenario, dataset=data)
    assert not list(tmp_path.iterdir())
