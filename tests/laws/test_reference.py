"""Law 1: the engine makes the weights of the PyTorch reference, update by update, for any rule, route and modifier.

Both run freely from the same start. (Stages with rounding boundaries, where flips are counted apart, are in
`tests/test_exactness.py`.)
"""

from __future__ import annotations

from hypothesis import given, settings

from channelsim import tolerances
from channelsim.verify import compare, one_thread
from tests.laws.cases import Case, cases, linear_stages

UPDATES = 20


@settings(deadline=None, max_examples=60, derandomize=True)
@given(cases(linear_stages, transfers=("tanh", "logistic", "relu"), quantized_synapses=False))
def test_weights_equal_the_reference_update_by_update(case: Case) -> None:
    plan = case.plan()
    with one_thread():
        result = compare(plan, case.data(), UPDATES)
    assert len(result.max_weight_difference) == min(UPDATES, plan.frames)
    assert max(result.max_weight_difference) <= tolerances.WEIGHTS, result
    assert not result.disagreements
