"""Law 1: the engine makes the weights of the PyTorch reference, update by update, for any rule, route and modifier.

Each update from the same weights. (Stages with rounding boundaries, where flips are counted apart, are in
`tests/test_exactness.py`.)
"""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channelsim import tolerances
from channelsim._verify import compare, one_thread
from tests.laws.cases import Networks, cases, dense_networks, linear_stages, networks_on_maps, pipelines

UPDATES = 12
SCHEDULES = {"sequential": None, "pipelined": pipelines}


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("networks", [dense_networks, networks_on_maps])
@settings(max_examples=30)
@given(st.data())
def test_weights_equal_the_reference_update_by_update(networks: Networks, schedule: str, data: st.DataObject) -> None:
    smooth = ("tanh", "logistic", "relu")
    case = data.draw(
        cases(
            linear_stages,
            schedules=SCHEDULES[schedule],
            transfers=smooth,
            quantized_synapses=False,
            networks=networks,
        )
    )
    plan = case.plan()
    with one_thread():
        result = compare(plan, case.data(), UPDATES)
    assert len(result.max_weight_difference) == min(UPDATES, plan.frames)
    assert max(result.max_weight_difference) <= tolerances.WEIGHTS, result
    assert not result.disagreements
