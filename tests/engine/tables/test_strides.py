"""Where the rows of W lie in the engine's memory: translated there and back, and kept out of the results."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from channelsim.engine.tables import strides
from tests.networks import plan_of


@pytest.mark.parametrize("widths", [[5, 4, 3], [20, 100, 17, 10], [3, 1, 2]])
def test_there_and_back(widths: list[int]) -> None:
    plan = plan_of(widths, 12)
    table = strides.lay_out(plan)
    there = strides.spread(table, plan, plan.weights)
    assert there.ctypes.data % 64 == 0 and not (table["w_offset"] % 16).any()
    np.testing.assert_array_equal(strides.gather(table, plan, there), plan.weights)


def test_rows_start_on_cache_lines_where_that_is_cheap() -> None:
    table = strides.lay_out(plan_of([20, 100, 17, 10], 12))
    assert table["row_stride"].tolist() == [0, 112, 32, 16]
    wide = strides.lay_out(plan_of([3000, 33, 10], 12))
    assert wide["row_stride"][1] == 33


@pytest.mark.parametrize(
    "tables", [{"training": {"momentum": 0.9}}, {"synapses": {"weight": {"kind": "sign"}}}], ids=str
)
def test_what_looks_at_w_as_one_buffer_finds_no_gaps(tables: dict[str, Any]) -> None:
    plan = plan_of([20, 100, 10], 12, **tables)
    np.testing.assert_array_equal(strides.lay_out(plan)["row_stride"][1:], [100, 10])


def test_w_that_can_have_one_magnitude() -> None:
    """What does not learn keeps the magnitudes that it is given; a quantizer of two levels gives it one."""

    def found(rule: str, **synapses: Any) -> list[int]:
        plan = plan_of([6, 5, 4, 3], 12, learning={"rule": rule}, synapses=synapses)
        return strides.lay_out(plan)["has_unit"].tolist()

    assert found("top") == [0, 1, 1, 0] and found("bp") == [0, 0, 0, 0]
    for weight in (
        {"kind": "sign"},
        {"kind": "ternary"},
        {"kind": "uniform", "bits": 2},
        {"kind": "log2", "exponents": 1},
    ):
        assert found("bp", weight=weight) == [0, 1, 1, 1]
    for weight in ({"kind": "uniform", "bits": 3}, {"kind": "log2", "exponents": 2}):
        assert found("bp", weight=weight) == [0, 0, 0, 0]
