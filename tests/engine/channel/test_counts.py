"""What units sent is counted within the channel's own counts, also where a run diverges."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from channelsim.engine.channel import counts as inner_counts
from channelsim.engine.tables.handles import handle
from channelsim.plan import Quantizer, units_counted
from tests.engine import memory
from tests.engine.compiled import compiled_module
from tests.engine.records import channel

counts = compiled_module(inner_counts)
F = np.float32
GUARD = 600  # counts of other channels, before and behind
STRANGE = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-38, -3e38, 1.0, -0.5]


@pytest.mark.parametrize(
    ("quantizer", "levels"), [(Quantizer.LOG2, 1), (Quantizer.LOG2, 8), (Quantizer.UNIFORM, 7), (Quantizer.SIGN, 1)]
)
@pytest.mark.parametrize("scale", [np.nan, np.inf, 0.0, 1e-40, 1.0, 3e38])
def test_no_other_counts_are_touched(quantizer: Quantizer, levels: int, scale: float) -> None:
    for values in itertools.combinations(STRANGE, 3):
        own = units_counted(levels)
        unit_counts = np.zeros(2 * GUARD + own, np.int64)
        work = memory.memory(message_value=np.array(values, F), unit_counts=unit_counts)
        work.message[0]["entries"], work.message[0]["scale"] = 3, scale
        counts.count(handle(work), channel(5, quantizer, levels, count_offset=GUARD))
        assert unit_counts[GUARD : GUARD + own].sum() == 5 == unit_counts.sum()
        assert (unit_counts >= 0).all()


def test_levels_have_counts_of_their_own() -> None:
    """In the order of `units_counted`: silence, then each magnitude with minus and with plus, from the smallest on."""
    unit_counts = np.zeros(units_counted(3), np.int64)
    values = np.array([0.25, -0.25, -0.5, 1.0, 1.0], F)
    work = memory.memory(message_value=values, unit_counts=unit_counts)
    work.message[0]["entries"], work.message[0]["scale"] = 5, 1.0
    counts.count(handle(work), channel(7, Quantizer.LOG2, 3))
    assert unit_counts.tolist() == [2, 1, 1, 1, 0, 0, 2]
