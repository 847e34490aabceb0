"""What rounding does to an update: nothing to speak of in a well-conditioned network, and much where sums cancel."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from channelsim import side_by_side, tolerances
from channelsim.reference import stages, words
from channelsim.reference.stages import Encoded
from channelsim.reference.state import records
from channelsim.sensitivity import apart, moved
from tests.networks import dataset, plan_of


def of_first_layer(offset: float) -> float:
    """What rounding may change in the first hidden layer's W in one update, in units of its largest step."""
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (4, 8)) + offset * np.tile([1.0, -1.0], 4)
    plan = plan_of([8, 5, 3], 4, learning={"rule": "bp"}, training={"batch": 4, "epochs": 1})
    weights = plan.weights.copy()
    rows = weights[:40].reshape(8, 5)
    rows[1::2] = rows[::2]  # pairs of inputs that cancel, but for what is beside the offset
    plan = plan.with_weights(weights)
    both = side_by_side.start(plan, dataset(x, rng.integers(3, size=4), 3), 1)
    both.advance(1)
    step = np.abs(both.ours.weights[:40] - plan.weights[:40]).max()
    return float(both.sensitivity.of_weights(1, False).amax()) / float(step)


def test_well_conditioned() -> None:
    assert of_first_layer(0.0) < 1e-3


def test_sums_that_cancel() -> None:
    assert of_first_layer(1e4) > 30 * of_first_layer(0.0)


def test_numbers_move_by_up_to_one_rounding_and_zeros_do_not() -> None:
    both = side_by_side.start(plan_of([3, 2, 2], 4), dataset(np.ones((4, 3)), [0, 1, 0, 1], 2), 1)
    reference, mirrored = (moved(both.theirs, number) for number in (0, 1))
    values = torch.cat([torch.zeros(10), torch.linspace(0.5, 1, 1000)])
    changed = reference.move(values)
    assert float(((changed - values) / values.clamp(min=0.5)).abs().max()) <= 1.5 * tolerances.ROUNDING
    assert torch.equal(changed[:10], values[:10])
    assert bool((changed[10:] != values[10:]).all())
    assert torch.equal((mirrored.move(values) - values).sign(), -(changed - values).sign())


@pytest.mark.parametrize("broken", [torch.nan, torch.inf])
def test_apart(broken: float) -> None:
    one, other = torch.tensor([1.0, 2.0, 5.0]), torch.tensor([1.0, 2.5, 5.25])
    found = apart([one, other]) / tolerances.ROUNDINGS
    assert found.tolist() == [0.25, 0.5, 0.25], "no less than the median"
    columns = apart([one.view(3, 1), other.view(3, 1)], across=0) / tolerances.ROUNDINGS
    assert columns.flatten().tolist() == [0.5, 0.5, 0.5]
    assert apart([one, torch.tensor([broken, 2.0, 5.0])])[0] == torch.inf


def recorded(settings: dict[str, object], values: list[float], sent: list[float]) -> list[Encoded]:
    """What the moved references go on with where the engine sent `sent` for these values."""
    plan = plan_of([len(values), 2], 1, channels={"forward": settings})
    both = side_by_side.start(plan, dataset(np.zeros((1, len(values))), [0], 2), 1)
    both.sensitivity.recorders[0].sent[0, 0, 0] = np.array(sent, np.float32)  # type: ignore[index]
    found = []
    for ref, recorder in zip(both.sensitivity.references, both.sensitivity.recorders, strict=True):
        message = stages.encode_message(ref.channels[0], torch.tensor([values]), None)
        found.append(recorder.message(ref, 0, 0, message, [0]))
    return found


def test_a_value_next_to_0_counts_in_some_references_and_not_in_others() -> None:
    """It is sent as 0, and the noise's rms shows whether it is active: 3 active values or 2."""
    settings = {"quantize": {"kind": "ternary", "scale": 1.0}, "noise": {"sigma": 0.1, "scale": "rms"}}
    messages = recorded(settings, [0.9, 1e-7, 0.0, -0.8], [1.0, 0.0, 0.0, -1.0])
    assert {tuple(message.active[0].tolist()) for message in messages} == {
        (True, True, False, True), (True, False, False, True),
    }  # fmt: skip


def test_code_words_are_of_the_scale_that_was_sent() -> None:
    settings = {"quantize": {"kind": "uniform", "bits": 4}, "bit_errors": {"probability": 0.1}}
    for message in recorded(settings, [0.7, 0.3], [1.4, -0.6]):
        assert message.scale.tolist() == [[pytest.approx(1.4)]]
        assert words.encode(channel_of(settings), message.sent, message.scale).tolist() == [[14, 4]]


def channel_of(settings: dict[str, object]) -> SimpleNamespace:
    return records(plan_of([2, 2], 1, channels={"forward": settings}).channels)[0]
