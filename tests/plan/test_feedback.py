"""C: its wires, where it lies, and its values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from channelsim import hashing
from channelsim.hashing import Stream
from channelsim.plan import Direction, Wiring, draws, feedback
from tests.networks import plan_of


@pytest.mark.parametrize("at_once", [1, 50, 10_000])
def test_each_wire_exists_with_its_probability(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """However few rows are drawn at a time."""
    monkeypatch.setattr(feedback, "DRAWN_AT_ONCE", at_once)
    wires = feedback.sparse_wires((20, 13), 6, 8)
    exists = (hashing.uniform(hashing.bits(8, 20 * 13)) < 6 / 20).reshape(20, 13)
    assert wires.start.tolist() == [0, *np.cumsum(exists.sum(axis=1))]
    assert wires.entries(13).tolist() == np.flatnonzero(exists).tolist()
    assert wires.start.dtype == wires.index.dtype == np.int32


def test_as_many_wires_as_asked_for_on_average() -> None:
    assert feedback.sparse_wires((500, 300), 10, 2).index.size / 300 == pytest.approx(10, rel=0.1)


@pytest.mark.parametrize("distribution", ["normal", "uniform", "sign", "binary"])
def test_sparse_values_are_those_of_the_whole_matrix(distribution: str) -> None:
    settings = {"distribution": distribution, "scale": 0.3, "connections": 3}
    plan = plan_of([5, 9, 8, 4], 7, learning={"rule": "rbp", "feedback": settings}, seed=5)
    learning = [c for c, row in enumerate(plan.channels) if row["direction"] == Direction.LEARNING]
    for c in learning:
        row = plan.channels[c]
        n, n_target = int(row["n"]), int(plan.layers[row["target"]]["n"])
        whole = draws.draw(distribution, 0.3, (n, n_target), hashing.key(5, Stream.FEEDBACK.of(c)))
        start = plan.c_start[row["start_offset"] :][: n + 1]
        index = plan.c_index[row["c_offset"] :][: row["c_size"]]
        wired = whole[np.repeat(np.arange(n), np.diff(start)), index]
        np.testing.assert_array_equal(plan.feedback[row["c_offset"] :][: row["c_size"]], wired)


def test_all_c_lie_one_after_another_also_after_a_change() -> None:
    """Two sparse C and, between them, one without wires: with few wires a unit may have none."""
    changes = {"change": [{"epoch": 2, "channels": {"learning": {"header": 3}}}]}
    learning = {"rule": "srbp", "feedback": {"connections": 1}}
    plan = plan_of([4, 1, 3, 3, 2], 7, learning=learning, schedule=changes, training={"epochs": 2}, seed=1)
    assert (plan.channels["wiring"][plan.top :] == Wiring.SPARSE).all()
    sizes = plan.channels["c_size"]
    assert plan.channels["c_offset"][plan.top :].tolist() == np.cumsum([0, *sizes[plan.top : -1]]).tolist()
    assert plan.channels["start_offset"][plan.top :].tolist() == [0, 3, 6]
    assert plan.feedback.size == plan.c_index.size == sizes.sum()
    for field in ("c_offset", "c_size", "start_offset"):
        np.testing.assert_array_equal(plan.changes[0].channels[field], plan.channels[field])


@pytest.mark.parametrize("rule", ["rbp", "arbp", "sign"])
@pytest.mark.parametrize("connections", ["none", 3])
@pytest.mark.parametrize(
    "keys", [{"distribution": "sign"}, {"distribution": "binary"}, {"bits": 1}, {"bits": 3}], ids=str
)
def test_c_of_few_levels_is_made_of_whole_multiples(rule: str, connections: str | int, keys: dict[str, Any]) -> None:
    learning = {"rule": rule, "feedback": {"scale": 0.3, "connections": connections, **keys}}
    plan = plan_of([5, 9, 8, 4], 7, learning=learning, seed=5)
    for row in plan.channels[plan.top :]:
        values = plan.feedback[row["c_offset"] :][: row["c_size"]]
        counts = np.rint(values / row["c_unit"])
        np.testing.assert_array_equal(counts * row["c_unit"], values)
        assert np.abs(counts).max() == {3: 3}.get(keys.get("bits"), 1)


@pytest.mark.parametrize("distribution", ["normal", "uniform", "orthogonal"])
def test_other_c_have_no_unit(distribution: str) -> None:
    plan = plan_of([5, 9, 4], 7, learning={"rule": "rbp", "feedback": {"distribution": distribution}})
    assert not plan.channels["c_unit"].any()
