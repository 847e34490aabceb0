"""C with the signs of the weights that it stands for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import channelsim as cs
from channelsim import alignment, engine
from channelsim.plan import Direction, Plan, Wiring
from channelsim.plan.draws import InitialWeights
from tests.networks import conv, dataset, dense_layers, plan_of, plan_of_chain

UNITS = [7, 6, 5, 4, 3]


def learning_channels(plan: Plan) -> list[Any]:
    return [row for row in plan.channels if row["direction"] == Direction.LEARNING]


def weights(plan: Plan, h: int) -> Any:
    layer = plan.layers[h]
    flat = plan.initial.draw(plan.layers)
    return flat[layer["w_offset"] :][: layer["w_size"]].reshape(-1, int(layer["n"])).astype(float)


@pytest.mark.parametrize("rule", ["rbp", "srbp", "arbp", "asrbp", "drtp"])
def test_the_signs_are_those_of_the_transposed_product_and_magnitudes_stay(rule: str) -> None:
    plan = plan_of(UNITS, 7, learning={"rule": rule, "feedback": {"congruent": True}}, seed=3)
    drawn = plan_of(UNITS, 7, learning={"rule": rule}, seed=3)
    np.testing.assert_array_equal(np.abs(plan.feedback), np.abs(drawn.feedback))
    assert (plan.feedback != drawn.feedback).any()
    for row in learning_channels(plan):
        path = np.eye(int(row["n"]))
        for h in range(int(row["source"]), int(row["target"]), -1):
            path = path @ weights(plan, h).T
        c = plan.feedback[row["c_offset"] :][: row["c_size"]].reshape(path.shape)
        np.testing.assert_array_equal(np.sign(c), np.sign(path))


@pytest.mark.parametrize("rule", ["rbp", "srbp"])
@pytest.mark.parametrize("connections", [None, 2])
def test_at_the_start_all_signs_agree(rule: str, connections: int | None) -> None:
    """As the package's own measure of alignment has it."""
    feedback = {"congruent": True, **({"connections": connections} if connections else {})}
    plan = plan_of(UNITS, 20, learning={"rule": rule, "feedback": feedback}, seed=1)
    data = dataset(np.ones((20, UNITS[0])), np.arange(20) % 3, 3)
    rows = alignment.measure(engine.start(plan, data), alignment.Probe(data, 10))
    agreement = [row.feedback_sign_agreement for row in rows if not np.isnan(row.feedback_sign_agreement)]
    assert len(agreement) >= 2 and set(agreement) == {1.0}


def test_a_bank_has_the_signs_of_the_kernels() -> None:
    layers = [conv(2, 3), conv(3, 3), {"kind": "flatten"}, *dense_layers([0, 4], ["softmax"])]
    plan = plan_of_chain([1, 6, 6], layers, 4, 9, learning={"rule": "rbp", "feedback": {"congruent": True}})
    bank = next(row for row in learning_channels(plan) if row["wiring"] == Wiring.BANK)
    layer = plan.layers[int(bank["source"])]
    kernels = plan.initial.draw(plan.layers)[layer["w_offset"] :][: layer["w_size"]]
    np.testing.assert_array_equal(np.sign(plan.feedback[bank["c_offset"] :][: bank["c_size"]]), np.sign(kernels))


def test_what_c_stands_for_has_to_be_a_matrix() -> None:
    layers = [conv(2, 3), {"kind": "maxpool", "size": 2}, {"kind": "flatten"}, *dense_layers([0, 4], ["softmax"])]
    with pytest.raises(cs.InputError, match=r"learning.feedback.congruent: layer [23].*is not dense.*accepted: false"):
        plan_of_chain([1, 6, 6], layers, 4, 9, learning={"rule": "srbp", "feedback": {"congruent": True}})


def test_where_a_weight_is_0_the_sign_is_as_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = InitialWeights.draw

    def without_negative(initial: InitialWeights, layers: Any) -> Any:
        return np.maximum(draw(initial, layers), 0)

    monkeypatch.setattr(InitialWeights, "draw", without_negative)
    plan = plan_of(UNITS, 7, learning={"rule": "rbp", "feedback": {"congruent": True}}, seed=4)
    drawn = plan_of(UNITS, 7, learning={"rule": "rbp"}, seed=4)
    for row in learning_channels(plan):
        c, before = (p.feedback[row["c_offset"] :][: row["c_size"]] for p in (plan, drawn))
        w = weights(plan, int(row["source"])).T.ravel()
        assert (w == 0).any() and (c[w > 0] > 0).all()
        np.testing.assert_array_equal(c[w == 0], before[w == 0])


def test_sign_has_no_use_for_it() -> None:
    settings = {"rule": "sign", "feedback": {"congruent": True}}
    assert (plan_of(UNITS, 7, learning=settings).feedback >= 0).all()
